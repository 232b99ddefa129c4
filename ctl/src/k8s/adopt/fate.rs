//! What becomes of each Service, in the words of sovnet's own allocation.

use std::net::IpAddr;

use serde_json::Value;
use sovnet_core::allocate::{Verdict, allocate, shown};
use sovnet_core::config::Config;
use sovnet_core::facts::cluster::{ClusterFacts, permit};
use sovnet_core::names::ServiceName;

use super::services::Found;
use super::{ConfigFile, Problem, elsewhere};

/// What becomes of what a Service has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It keeps its addresses.
    Keeps,
    /// It has others, or fewer, afterwards.
    Changes,
    /// It has none, and gets some.
    Gets,
    /// It has none, and gets none.
    Waits,
    /// It is another controller's.
    Left,
}

impl Fate {
    /// One word.
    pub(super) fn word(self) -> &'static str {
        match self {
            Fate::Keeps => "keeps",
            Fate::Changes => "changes",
            Fate::Gets => "gets one",
            Fate::Waits => "waits",
            Fate::Left => "not ours",
        }
    }
}

/// One Service.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) name: ServiceName,
    /// What it has.
    pub(super) has: Vec<IpAddr>,
    /// The pool of what it has or gets.
    pub(super) pool: Option<String>,
    pub(super) fate: Fate,
    /// Why, one clause.
    pub(super) why: String,
    /// What makes sovnet the owner of the addresses in its status; none if nobody else is.
    pub(super) handover: Option<Value>,
    /// Its class.
    class: Option<String>,
    /// What it asks for.
    asks: Vec<IpAddr>,
}

/// Every Service, in the order of their names.
pub(super) fn lines(config: &Config, cluster: &ClusterFacts, services: &[Found]) -> Vec<Line> {
    let verdicts = allocate(config, cluster, &elsewhere(cluster));
    let mut services: Vec<&Found> = services.iter().collect();
    services.sort_by(|one, other| one.name.cmp(&other.name));
    let lines = services.into_iter().filter_map(|found| {
        let verdict = verdicts.get(&found.name)?;
        Some(line(config, cluster, found, verdict))
    });
    lines.collect()
}

fn line(config: &Config, cluster: &ClusterFacts, found: &Found, verdict: &Verdict) -> Line {
    let has = &found.service.assigned;
    let (fate, why) = judge(config, cluster, found, verdict);
    let pool = match verdict {
        Verdict::Assigned { pool, .. } => pool.clone(),
        Verdict::Refused { .. } | Verdict::Waiting | Verdict::Former | Verdict::Foreign { .. } => {
            let mut pools = has.iter().filter_map(|at| permit::pool_of(config, *at));
            pools.next().map(|pool| pool.name.clone())
        }
    };
    Line {
        name: found.name.clone(),
        has: has.clone(),
        pool,
        fate,
        why,
        handover: found.handover.clone(),
        class: found.service.class.clone(),
        asks: found
            .service
            .request
            .addresses
            .iter()
            .map(|(at, _)| *at)
            .collect(),
    }
}

/// The fate with its reason.
fn judge(
    config: &Config,
    cluster: &ClusterFacts,
    found: &Found,
    verdict: &Verdict,
) -> (Fate, String) {
    let service = &found.service;
    let mut had = service.assigned.clone();
    had.sort_unstable();
    match verdict {
        Verdict::Assigned {
            addresses,
            reason,
            complaint,
            ..
        } => {
            if had.is_empty() {
                return (Fate::Gets, format!("{}: {reason}", shown(addresses)));
            }
            if *addresses == had {
                let more = complaint
                    .as_ref()
                    .map(|why| format!("; not what it asks for: {why}"));
                return (
                    Fate::Keeps,
                    reason.clone() + more.as_deref().unwrap_or_default(),
                );
            }
            let lost = had.iter().filter(|at| !addresses.contains(at));
            let lost = lost.filter_map(|at| lost_for(config, cluster, found, *at));
            let mut why = format!("has {} then: {reason}", shown(addresses));
            for lost in lost {
                why = format!("{lost}; {why}");
            }
            (Fate::Changes, why)
        }
        Verdict::Refused { reason } if had.is_empty() => (Fate::Waits, reason.clone()),
        Verdict::Refused { reason } => (Fate::Changes, format!("has none then: {reason}")),
        Verdict::Waiting => (Fate::Waits, "it has no cluster IP yet".to_owned()),
        Verdict::Former => (Fate::Left, "it is no load balancer any more".to_owned()),
        Verdict::Foreign { class } => {
            let why = match class {
                Some(class) => format!("its class is {class}"),
                None => "it has no class, and [kubernetes] classless is false".to_owned(),
            };
            (Fate::Left, why)
        }
    }
}

/// Why the config takes an address away from a Service.
fn lost_for(
    config: &Config,
    cluster: &ClusterFacts,
    found: &Found,
    address: IpAddr,
) -> Option<String> {
    let service = cluster.services.get(&found.name)?;
    permit::refusal(config, &found.name, service, address)
}

/// What has to be decided about Services.
pub(super) fn problems(
    config: &Config,
    file: &ConfigFile,
    lines: &[Line],
    problems: &mut Vec<Problem>,
) {
    for line in lines {
        let mut told = false;
        for entry in &config.addresses {
            if line.has.contains(&entry.address) || line.asks.contains(&entry.address) {
                problems.push(claimed(line, entry.address, file));
                told = true;
            }
        }
        if line.fate == Fate::Left && !line.has.is_empty() && line.pool.is_some() {
            problems.push(of_another_class(line, file));
            told = true;
        }
        if line.fate == Fate::Changes && !told {
            problems.push(changed(config, line));
        }
    }
}

/// An `[[address]]` of the config that a Service has or asks for.
fn claimed(line: &Line, address: IpAddr, file: &ConfigFile) -> Problem {
    let (name, path) = (&line.name, &file.path);
    let verb = match line.has.contains(&address) {
        true => "has",
        false => "asks for",
    };
    let (namespace, service) = (name.namespace(), name.name());
    Problem::open(
        format!("the Service {name} {verb} {address}, which is an [[address]] of {path}"),
        format!(
            "if sovnet shall have it: `kubectl -n {namespace} patch service {service} --type=merge \
             -p '{{\"spec\":{{\"type\":\"ClusterIP\"}}}}'`, which empties its status, and on every \
             node `conntrack -D -d {address}`, both right before sovnetd starts; if the Service \
             shall keep it: take the [[address]] out of {path}"
        ),
    )
}

fn of_another_class(line: &Line, file: &ConfigFile) -> Problem {
    let (name, has, path) = (&line.name, shown(&line.has), &file.path);
    let remedy = match &line.class {
        Some(class) => {
            format!("if sovnet shall serve it: `class = \"{class}\"` in [kubernetes] of {path}")
        }
        None => format!("if sovnet shall serve it: `classless = true` in [kubernetes] of {path}"),
    };
    let why = &line.why;
    Problem::open(
        format!("sovnet would not announce {has} of the Service {name}: {why}"),
        remedy,
    )
}

fn changed(config: &Config, line: &Line) -> Problem {
    let (name, has) = (&line.name, shown(&line.has));
    let is_known = |at: &IpAddr| permit::pool_of(config, *at).is_some();
    if line.has.iter().any(is_known) {
        return Problem::open(
            format!("the Service {name} would not keep {has}: {}", line.why),
            "change the Service or the config so that it may, or accept it",
        );
    }
    Problem::open(
        format!("the Service {name} has {has}, which is of no pool"),
        "another controller wrote it, as k3s's ServiceLB does (start k3s with --disable=servicelb), \
         or its pool is gone: add a [[pool]] or a [[reserve]] for it, or accept that it changes",
    )
}
