//! From MetalLB's `IPAddressPool` to `[[pool]]`, and how that goes with the config that there is.
//!
//! A text is offered only if the config's own parser takes it. What cannot be said is a problem.

use std::net::IpAddr;

use serde_json::Value;
use sovnet_core::config::{self, Config, Pool};
use sovnet_core::facts::cluster::{ClusterFacts, permit};
use sovnet_core::metallb::Draft;
use sovnet_core::metallb::json::{name, namespace};

use super::Problem;
use super::file::ConfigFile;
use crate::words::one_line;

/// Every pool that the config can say; what it can't is told.
pub(super) fn drafts(
    objects: &[Value],
    home: Option<&str>,
    problems: &mut Vec<Problem>,
) -> Vec<Draft> {
    if objects.is_empty() {
        problems.push(Problem::open(
            "there is no IPAddressPool in this cluster",
            "is it the right cluster, and MetalLB 0.13 or newer? Then write the pools by hand",
        ));
    }
    let mut drafts: Vec<Draft> = Vec::new();
    for object in objects {
        let id = format!("{}/{}", namespace(object), name(object));
        if home.is_some_and(|home| home != namespace(object)) {
            let what = format!("the IPAddressPool {} is left out", one_line(&id));
            let why = "MetalLB reads those of its own namespace only";
            problems.push(Problem::note(what, why));
            continue;
        }
        match Draft::read(object) {
            Ok(draft) => {
                problems.extend(
                    draft
                        .odd_priority
                        .as_deref()
                        .map(|odd| no_priority(&draft, odd)),
                );
                drafts.push(draft);
            }
            Err(why) => problems.push(left_out(&id, &why)),
        }
    }
    drafts
}

fn no_priority(draft: &Draft, odd: &str) -> Problem {
    let name = &draft.pool.name;
    Problem::open(
        format!("the priority of the IPAddressPool {name} is {odd}, and it is left out"),
        "add `priority`, a number from 0 on, to its [[pool]]: the lowest comes first",
    )
}

fn left_out(id: &str, why: &str) -> Problem {
    Problem::open(
        format!(
            "the IPAddressPool {} can't be taken over: {why}",
            one_line(id)
        ),
        "write a [[pool]] for its addresses by hand, or move its Services to another pool first",
    )
}

/// The config once the plan is followed, and what is to be added to the file for that.
#[derive(Debug)]
pub(super) struct Merged {
    pub(super) toml: String,
    pub(super) config: Config,
}

/// Adds the drafts to the config. Of two that cannot stand together, the draft counts.
pub(super) fn merge(drafts: &[Draft], file: &ConfigFile, problems: &mut Vec<Problem>) -> Merged {
    let mut config = file.config.clone();
    let mut texts = Vec::new();
    let mut is_whole = true;
    if config.kubernetes.is_none() {
        texts.push("[kubernetes]\n");
    }
    for draft in drafts {
        if config.pools.iter().any(|known| draft.is_said_by(known)) {
            continue;
        }
        config.pools.retain(|known| {
            let collides = draft.pool.collides_with(known);
            if collides {
                is_whole = false;
                problems.push(in_the_way(known, draft, file));
            }
            !collides
        });
        config.pools.push(draft.pool.clone());
        texts.push(&draft.text);
    }
    let toml = texts.join("\n");
    if is_whole && !toml.is_empty() {
        let before = file.text.as_deref().unwrap_or_default();
        if let Err(wrong) = config::parse(&format!("{before}\n{toml}")) {
            let what = format!(
                "the config with what is added has an error: {}",
                config::first(&wrong)
            );
            let remedy = format!("correct {} before you go on", file.path);
            problems.push(Problem::open(what, remedy));
        }
    }
    Merged { toml, config }
}

fn in_the_way(known: &Pool, draft: &Draft, file: &ConfigFile) -> Problem {
    let (path, known, new) = (&file.path, &known.name, &draft.pool.name);
    Problem::open(
        format!("the [[pool]] {known} of {path} is not MetalLB's pool {new}, and the two overlap"),
        format!("take the [[pool]] {known} out of {path}: what is to be added replaces it"),
    )
}

/// Addresses of the pools that no Service can have, and no Service has.
pub(super) fn overlaps(
    drafts: &[Draft],
    config: &Config,
    cluster: &ClusterFacts,
    problems: &mut Vec<Problem>,
) {
    let has = |address: IpAddr| {
        let mut services = cluster.services.values();
        services.any(|service| service.assigned.contains(&address))
    };
    let is_in = |address: IpAddr| drafts.iter().any(|draft| draft.pool.contains(address));
    let statics = config.addresses.iter().map(|entry| entry.address);
    let statics = statics.map(|address| (address, "an [[address]] of the config".to_owned()));
    let nodes = cluster.nodes.iter();
    let nodes = nodes.flat_map(|(node, addresses)| {
        let of = format!("the node {node}'s own");
        addresses.iter().map(move |address| (*address, of.clone()))
    });
    for (address, whose) in statics.chain(nodes) {
        if is_in(address)
            && !has(address)
            && let Some(pool) = permit::pool_of(config, address)
        {
            let what = format!("{address}, which is of the pool {}, is {whose}", pool.name);
            problems.push(Problem::note(what, "no Service gets it: nothing to do"));
        }
    }
}
