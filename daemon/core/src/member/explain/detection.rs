//! Why a peer is, or was, suspected: the numbers, and a sentence that a person can read.

use std::time::Duration;

use super::Member;
use super::Peer;
use crate::report::{Clause, DetectionReport, Liveness, SuspicionReport};
use crate::time::Moment;

/// What is kept of the last time that a peer was suspected.
#[derive(Debug, Clone)]
pub(in crate::member) struct Suspicion {
    /// When it was last heard before.
    pub(in crate::member) silent_since: Moment,
    /// The interval that it had stated.
    pub(in crate::member) expected: Duration,
    /// The silence that was allowed, and what gave it.
    pub(in crate::member) threshold: Duration,
    pub(in crate::member) clause: Clause,
    /// What its kernel said.
    pub(in crate::member) kernel: &'static str,
    /// Another node that hears it.
    pub(in crate::member) friend: Option<String>,
    /// What it was taken for in the end, and when.
    pub(in crate::member) verdict: Option<(Liveness, Moment)>,
}

impl Suspicion {
    /// For status.
    pub(super) fn report(&self, now: Moment) -> SuspicionReport {
        let until = self.verdict.map_or(now, |(_, at)| at);
        let observed = until.since(self.silent_since);
        let verdict = match self.verdict {
            None | Some((Liveness::Suspect, _)) => "it is being asked",
            Some((Liveness::Alive | Liveness::Unknown | Liveness::Held, _)) => {
                "then it was heard again"
            }
            Some((Liveness::Hung, _)) => "so its daemon hangs",
            Some((Liveness::Dead, _)) => "so it was taken for dead",
        };
        let others = match &self.friend {
            Some(friend) => format!("{friend} hears it"),
            None => "no other node hears it".to_owned(),
        };
        SuspicionReport {
            silent_since: self.silent_since,
            expected: self.expected,
            observed,
            threshold: self.threshold,
            clause: self.clause,
            explanation: format!(
                "a heartbeat was expected each {} ms and none came for {} ms, {} ms are allowed ({}); \
                 its kernel {}, {others}, {verdict}",
                self.expected.as_millis(),
                observed.as_millis(),
                self.threshold.as_millis(),
                words(self.clause),
                self.kernel
            ),
        }
    }
}

impl Member {
    pub(super) fn explain_detection(&self, peer: &Peer) -> DetectionReport {
        let (threshold, clause) = self.threshold_with_clause(peer);
        let interval = peer.stated.interval;
        let learned = peer.detector.learned();
        let confirm = self.confirm_with(peer);
        let silence = match learned {
            None => "no longer silence is known".to_owned(),
            Some((silence, age)) => {
                format!(
                    "its longest silence is {} ms, {}",
                    silence.as_millis(),
                    words_of_age(age)
                )
            }
        };
        DetectionReport {
            interval,
            learned,
            clause,
            confirm,
            last_gap: peer.detector.last_gap(),
            explanation: format!(
                "a heartbeat each {} ms is expected, {silence}; after {} ms ({}) it is suspected and \
                 asked for {} ms",
                interval.as_millis(),
                threshold.as_millis(),
                words(clause),
                confirm.as_millis()
            ),
        }
    }
}

fn words(clause: Clause) -> &'static str {
    match clause {
        Clause::Floor => "the least for its interval",
        Clause::Wireless => "the least with a wireless end",
        Clause::Learned => "from a silence that it survived",
        Clause::Ceiling => "the most",
    }
}

fn words_of_age(age: u8) -> &'static str {
    match age {
        0 => "in the last 8 h",
        1 => "8 to 16 h ago",
        _ => "16 to 24 h ago",
    }
}
