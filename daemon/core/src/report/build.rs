//! Joins the parts of a status and judges them: pure, total, called by whoever shows a status.
//!
//! Every problem that follows from the parts alone (an address without a holder, a dead peer) is
//! found by [`super::judge`], so that the table, the exit code and the service manager's line never
//! disagree. What only a shell can see (a port is taken) it reports itself.

use std::fmt;
use std::net::IpAddr;

use super::cluster::{is_explained, kubernetes_problem, service_problem};
use super::judge::{address_problem, dns_problem, no_segment_problem, peer_problem, state_problem};
use super::{
    ConfiguredAddress, DnsReport, Holder, KubernetesReport, LanReport, Liveness, PeerReport,
    Problem, SegmentReport, ServiceReport, Severity,
};
use crate::config::Purpose;
use crate::names::{NodeId, NodeName};
use crate::time::Moment;

/// How many addresses a summary names.
const SUMMARY_ADDRESSES: usize = 4;

/// What does not change while the process lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeInfo {
    /// The node's name.
    pub name: NodeName,
    /// Its identity.
    pub id: NodeId,
    /// Program version.
    pub version: String,
    /// The config file that is in force; empty while idle.
    pub config_file: String,
    /// When the process started.
    pub started_at: Moment,
    /// Why there is nothing to do (no config); none in normal life.
    pub idle: Option<String>,
    /// The addresses of the config, for what each is for.
    pub configured: Vec<ConfiguredAddress>,
}

/// The latest snapshot of every shell.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    /// The LAN side.
    pub lan: &'a LanReport,
    /// DNS; none if it is switched off.
    pub dns: Option<&'a DnsReport>,
    /// Kubernetes; none if it is switched off.
    pub kubernetes: Option<&'a KubernetesReport>,
    /// What others found: the decision, the kernel, the store.
    pub others: &'a [&'a [Problem]],
}

/// The judgement in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// Everything that was asked for is done.
    Healthy,
    /// Done, but an operator should look.
    Degraded,
    /// Something that was asked for is not done.
    Unhealthy,
    /// Nothing was asked for: no config.
    Idle,
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Health::Healthy => "healthy",
            Health::Degraded => "degraded",
            Health::Unhealthy => "unhealthy",
            Health::Idle => "idle",
        })
    }
}

/// The whole status of one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Who reports.
    pub node: NodeInfo,
    /// The judgement.
    pub health: Health,
    /// What stands behind it, one sentence without a full stop.
    pub health_reason: String,
    /// Announcing links.
    pub segments: Vec<SegmentReport>,
    /// DNS.
    pub dns: Option<DnsReport>,
    /// Kubernetes.
    pub kubernetes: Option<KubernetesReport>,
    /// Every problem of every part, worst first, each once.
    pub problems: Vec<Problem>,
}

/// Joins the parts and judges them. Durations are judged at `now`.
pub fn build(node: &NodeInfo, parts: &Parts<'_>, now: Moment) -> Report {
    let problems = all_problems(node, parts, now);
    let health = match (&node.idle, problems.first().map(|worst| worst.severity)) {
        (Some(_), _) => Health::Idle,
        (None, Some(Severity::Unhealthy)) => Health::Unhealthy,
        (None, Some(Severity::Degraded)) => Health::Degraded,
        (None, Some(Severity::Note) | None) => Health::Healthy,
    };
    Report {
        node: node.clone(),
        health,
        health_reason: health_reason(node, parts.lan, &problems),
        segments: parts.lan.segments.clone(),
        dns: parts.dns.cloned(),
        kubernetes: parts.kubernetes.cloned(),
        problems,
    }
}

impl Report {
    /// What a configured address is for; none if it does not stand in this node's config.
    pub fn purpose_of(&self, address: IpAddr) -> Option<Purpose> {
        let configured = &self.node.configured;
        let found = configured.iter().find(|known| known.address == address);
        found.map(|known| known.purpose)
    }

    /// The Services that have this address.
    pub fn services_of(&self, address: IpAddr) -> Vec<&ServiceReport> {
        let services = self.kubernetes.iter().flat_map(|part| &part.services);
        services
            .filter(|service| service.addresses.contains(&address))
            .collect()
    }

    /// One line for the service manager.
    pub fn summary(&self) -> String {
        format!("{}: {}", self.health, self.health_reason)
    }
}

/// One sentence on what stands behind the health: the worst problem, or what is being done.
fn health_reason(node: &NodeInfo, lan: &LanReport, problems: &[Problem]) -> String {
    if let Some(reason) = &node.idle {
        return reason.clone();
    }
    match problems {
        [worst, rest @ ..] if worst.severity > Severity::Note => match rest.len() {
            0 => worst.what.clone(),
            more => format!("{} (and {more} more)", worst.what),
        },
        _ => format!("{}; {}", speaking(lan), company(lan)),
    }
}

/// "speaking for 192.168.8.240 and 192.168.8.241".
fn speaking(lan: &LanReport) -> String {
    let addresses = lan.segments.iter().flat_map(|segment| &segment.addresses);
    let held = addresses.filter(|address| address.holder == Holder::This);
    let held: Vec<String> = held.map(|address| address.address.to_string()).collect();
    match held.as_slice() {
        [] => "speaking for no address".to_owned(),
        [only] => format!("speaking for {only}"),
        [most @ .., last] if most.len() < SUMMARY_ADDRESSES => {
            format!("speaking for {} and {last}", most.join(", "))
        }
        many => {
            let (named, rest) = many.split_at(SUMMARY_ADDRESSES);
            let (named, rest) = (named.join(", "), rest.len());
            format!("speaking for {named} and {rest} more")
        }
    }
}

/// "1 of 1 peers alive".
fn company(lan: &LanReport) -> String {
    let peers = || lan.segments.iter().flat_map(|segment| &segment.peers);
    let is_alive = |peer: &&PeerReport| peer.liveness == Liveness::Alive;
    match peers().count() {
        0 => "no peers".to_owned(),
        all => format!("{} of {all} peers alive", peers().filter(is_alive).count()),
    }
}

fn all_problems(node: &NodeInfo, parts: &Parts<'_>, now: Moment) -> Vec<Problem> {
    let mut problems = parts.lan.problems.clone();
    for segment in &parts.lan.segments {
        problems.extend(segment.problems.iter().cloned());
        problems.extend(state_problem(segment));
        let addresses = segment.addresses.iter();
        let unexplained = addresses.filter(|address| {
            address.holder != Holder::Nobody || !is_explained(parts.kubernetes, address.address)
        });
        problems.extend(unexplained.filter_map(|address| address_problem(segment, address, now)));
        let peers = segment.peers.iter();
        problems.extend(peers.filter_map(|peer| peer_problem(segment, peer)));
    }
    for other in parts.others {
        problems.extend(other.iter().cloned());
    }
    if let Some(dns) = parts.dns {
        problems.extend(dns.problems.iter().cloned());
        problems.extend(dns_problem(dns));
    }
    if let Some(kubernetes) = parts.kubernetes {
        problems.extend(kubernetes.problems.iter().cloned());
        problems.extend(kubernetes_problem(kubernetes, now));
        problems.extend(kubernetes.services.iter().filter_map(service_problem));
    }
    problems.extend(no_segment_problem(node, parts.lan, &problems, now));
    problems.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.cmp(b)));
    problems.dedup();
    problems
}

#[cfg(test)]
mod tests;
