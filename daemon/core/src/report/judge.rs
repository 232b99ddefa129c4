//! The problems that follow from the parts of a status alone; only `build` calls this.

use std::time::Duration;

use super::{
    AddressReport, DnsReport, Holder, LanReport, Liveness, NodeInfo, NodeState, PeerReport,
    Problem, SegmentReport, Severity,
};
use crate::time::Moment;

/// How long after the start a missing segment is not yet a problem.
const START: Duration = Duration::from_secs(5);

/// How long an address may be held here without being local: the kernel's acknowledgement, and
/// one retry.
const MAKE_LOCAL: Duration = Duration::from_secs(5);

/// A state other than active is worth a word.
pub(super) fn state_problem(segment: &SegmentReport) -> Option<Problem> {
    let (severity, code, remedy) = match segment.state {
        NodeState::Active => return None,
        NodeState::Joining => (
            Severity::Note,
            "joining",
            "wait: joining takes less than a second",
        ),
        NodeState::Draining => (
            Severity::Degraded,
            "draining",
            "run `sovnetctl undrain` when this node shall take part again",
        ),
        NodeState::Stopping | NodeState::Gone | NodeState::Restarting => (
            Severity::Degraded,
            "stopping",
            "wait: the service manager stops or restarts the daemon",
        ),
        NodeState::Isolated => (
            Severity::Unhealthy,
            "isolated",
            "check this node's cable, switch port and router: it hears neither peers nor gateway",
        ),
        NodeState::Mute => (
            Severity::Unhealthy,
            "identity-in-use",
            "give each machine its own /etc/machine-id, then restart sovnetd on this one",
        ),
    };
    Some(Problem {
        severity,
        code,
        what: format!(
            "{} on {}: {}",
            segment.state, segment.link, segment.state_reason
        ),
        remedy: remedy.to_owned(),
    })
}

/// An address without a holder, or held here without being local.
pub(super) fn address_problem(
    segment: &SegmentReport,
    address: &AddressReport,
    now: Moment,
) -> Option<Problem> {
    // A node that joins, goes or hears nobody cannot know whether an address is vacant.
    let is_settled = matches!(segment.state, NodeState::Active | NodeState::Draining);
    let held_for = now.since(address.since);
    match address.holder {
        Holder::Nobody if is_settled => Some(Problem {
            severity: Severity::Unhealthy,
            code: "no-holder",
            what: format!("nobody speaks for {}: {}", address.address, address.reason),
            remedy: "see WHY for this address, on every node".to_owned(),
        }),
        Holder::This if !address.is_forwarded && !address.is_local && held_for > MAKE_LOCAL => {
            Some(Problem {
                severity: Severity::Unhealthy,
                code: "not-local",
                what: format!(
                    "{} is held here but is not a local address, so nothing listens there",
                    address.address
                ),
                remedy: "check that sovnetd has CAP_NET_ADMIN: journalctl -u sovnetd".to_owned(),
            })
        }
        Holder::Nobody | Holder::This | Holder::Peer(_) => None,
    }
}

/// A peer that could not take over.
pub(super) fn peer_problem(segment: &SegmentReport, peer: &PeerReport) -> Option<Problem> {
    let label = label(peer);
    let (severity, code, remedy) = match peer.liveness {
        Liveness::Dead => (
            Severity::Degraded,
            "peer-dead",
            format!("look at {label}: power, cable, `systemctl status sovnetd` there"),
        ),
        Liveness::Hung => (
            Severity::Degraded,
            "peer-hung",
            format!("restart sovnetd on {label}: its kernel answers, its daemon does not"),
        ),
        Liveness::Unknown if segment.state != NodeState::Joining => (
            Severity::Degraded,
            "peer-unknown",
            format!("start sovnetd on {label}, or take it out of `peers` in the config"),
        ),
        Liveness::Alive if peer.state == Some(NodeState::Draining) => (
            Severity::Note,
            "peer-draining",
            format!("run `sovnetctl undrain` on {label} when it shall take part again"),
        ),
        Liveness::Unknown | Liveness::Alive | Liveness::Suspect | Liveness::Held => return None,
    };
    let what = match severity {
        Severity::Note => format!("peer {label} is draining"),
        Severity::Degraded | Severity::Unhealthy => {
            format!("peer {label} is {}: {}", peer.liveness, peer.reason)
        }
    };
    Some(Problem {
        severity,
        code,
        what,
        remedy,
    })
}

/// "box-01 (192.168.8.218)", or the address alone.
fn label(peer: &PeerReport) -> String {
    match &peer.name {
        Some(name) => format!("{name} ({})", peer.address),
        None => peer.address.to_string(),
    }
}

/// What the sockets and upstreams say, if the shell did not say it better itself.
pub(super) fn dns_problem(dns: &DnsReport) -> Option<Problem> {
    if dns.problems.iter().any(|p| p.severity > Severity::Note) {
        return None;
    }
    if let Some(listener) = dns.listeners.iter().find(|listener| !listener.is_bound) {
        return Some(Problem {
            severity: Severity::Unhealthy,
            code: "dns-not-listening",
            what: format!(
                "DNS does not listen on {} ({})",
                listener.address, listener.transport
            ),
            remedy: "find out why: journalctl -u sovnetd".to_owned(),
        });
    }
    let is_lost = |state: &str| state == "failing" || state == "redirected";
    let upstreams = &dns.upstreams;
    if !upstreams.is_empty() && upstreams.iter().all(|upstream| is_lost(upstream.state)) {
        return Some(Problem {
            severity: Severity::Degraded,
            code: "upstreams-lost",
            what: "no DNS upstream answers, so only the names of this LAN resolve".to_owned(),
            remedy: "check the way to the internet, and `upstreams` in the config".to_owned(),
        });
    }
    None
}

/// Addresses are configured, but no link announces any, and nobody said why.
pub(super) fn no_segment_problem(
    node: &NodeInfo,
    lan: &LanReport,
    problems: &[Problem],
    now: Moment,
) -> Option<Problem> {
    let is_expected = node.idle.is_none() && !node.configured.is_empty();
    let is_said = problems.iter().any(|p| p.severity > Severity::Note);
    if !is_expected || !lan.segments.is_empty() || is_said {
        return None;
    }
    let is_starting = now.since(node.started_at) <= START;
    Some(Problem {
        severity: if is_starting {
            Severity::Note
        } else {
            Severity::Unhealthy
        },
        code: "no-link",
        what: "no link of this node announces addresses".to_owned(),
        remedy: "check that an Ethernet link is up with an address in the subnet: ip address"
            .to_owned(),
    })
}
