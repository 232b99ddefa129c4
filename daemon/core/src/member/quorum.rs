//! Quorum (ELECTION R20, off by default): a node that hears too few of the configured ones serves
//! nothing, so that the smaller part of a divided segment is silent.
//!
//! Owns the count only; the level that follows from it is `state`'s.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use super::Member;
use super::rules::{self, Rule};
use crate::report::{Liveness, Problem, Severity};

/// How many of the configured nodes are heard, this one included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Company {
    /// Heard now.
    pub(super) heard: usize,
    /// Configured on this segment.
    pub(super) of: usize,
}

impl fmt::Display for Company {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "this node hears {} of {} configured nodes, itself included, which is no majority",
            self.heard, self.of
        )
    }
}

impl Company {
    /// Whether that is more than half.
    fn is_enough(self) -> bool {
        self.heard * 2 > self.of
    }
}

impl Member {
    /// Whether too few nodes are heard to serve anything, and how many they are. Never without the
    /// config's word.
    pub(super) fn lacks_quorum(&self) -> Option<Company> {
        if !self.settings.policy.has_quorum || !rules::applies(Rule::R20Quorum) {
            return None;
        }
        let company = self.company();
        (!company.is_enough()).then_some(company)
    }

    /// One that is suspected was heard a moment ago, and the question runs; one that hangs or is
    /// held for its restart is not heard.
    fn company(&self) -> Company {
        let own = self.plan.own;
        let is_here = |peer: &IpAddr| self.plan.subnet.contains(*peer) && !self.plan.is_own(*peer);
        let configured = self.settings.peers.iter().copied();
        let configured: BTreeSet<IpAddr> = configured.filter(is_here).chain([own]).collect();
        let is_heard = |address: &IpAddr| {
            *address == own
                || self.peers.values().any(|peer| {
                    peer.address == *address
                        && matches!(peer.liveness, Liveness::Alive | Liveness::Suspect)
                })
        };
        Company {
            heard: configured.iter().filter(|at| is_heard(at)).count(),
            of: configured.len(),
        }
    }

    /// The lack of a quorum, for status.
    pub(super) fn quorum_problem(&self) -> Option<Problem> {
        let company = self.lacks_quorum()?;
        Some(Problem {
            severity: Severity::Unhealthy,
            code: "no-quorum",
            what: format!("{company}, so it serves nothing on {}", self.plan.link),
            remedy: "look at the cables and at the other nodes; with more than half of them it \
                     serves again by itself"
                .to_owned(),
        })
    }
}
