//! Hosts that answer for everything (proxy ARP, RFC 1027): told from a host that has an address of
//! ours by asking for addresses that are nobody's.
//!
//! Owns the hosts under question and what they answered. An answer to a question counts as a
//! conflict only once its sender has been found to be no proxy, so that no address stays dark for a
//! router. What a host announces without being asked needs no such question.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use crate::names::Mac;
use crate::time::Moment;

/// How many addresses that are nobody's are asked for.
pub(super) const DECOYS: usize = 3;

/// So many answers for them are no chance.
const PROVEN_BY: usize = 2;

/// How long the host has for its answers. Linux delays those of a proxy by up to 0.8 s
/// (`neigh/proxy_delay`).
const WAIT: Duration = Duration::from_millis(1_000);

/// How long a verdict is believed.
const BELIEVED: Duration = Duration::from_secs(600);

/// Hosts under question or judged, at most.
const MAX_HOSTS: usize = 16;

/// Addresses that one host answered for while it is under question, at most.
const MAX_PENDING: usize = 32;

/// What is known of a host that answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Open,
    Host,
    Proxy,
}

#[derive(Debug)]
struct Check {
    verdict: Verdict,
    since: Moment,
    /// When it last answered for an address of ours.
    last: Moment,
    decoys: BTreeSet<IpAddr>,
    answered: BTreeSet<IpAddr>,
    /// What it answered for meanwhile.
    pending: BTreeSet<IpAddr>,
}

/// What an answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// Somebody has the address.
    Host,
    /// The sender answers for everything: it means nothing.
    Proxy,
    /// The sender is under question.
    Wait,
    /// The sender is to be put to the question.
    Ask,
}

/// The hosts that answered for addresses of ours.
#[derive(Debug, Default)]
pub(super) struct Proxies {
    checks: BTreeMap<Mac, Check>,
}

impl Proxies {
    /// An answer of `mac` for an address of ours.
    pub(super) fn answer(&mut self, mac: Mac, address: IpAddr, now: Moment) -> Answer {
        self.checks
            .retain(|_, check| check.verdict == Verdict::Open || now.since(check.since) < BELIEVED);
        let Some(check) = self.checks.get_mut(&mac) else {
            // With so many at once the honest reading is the cautious one.
            let is_full = self.checks.len() >= MAX_HOSTS;
            return if is_full { Answer::Host } else { Answer::Ask };
        };
        check.last = now;
        match check.verdict {
            Verdict::Host => Answer::Host,
            Verdict::Proxy => Answer::Proxy,
            Verdict::Open => {
                if check.pending.len() < MAX_PENDING {
                    check.pending.insert(address);
                }
                Answer::Wait
            }
        }
    }

    /// Puts a host to the question: these are nobody's addresses, and are asked for now.
    pub(super) fn begin(
        &mut self,
        mac: Mac,
        address: IpAddr,
        decoys: BTreeSet<IpAddr>,
        now: Moment,
    ) {
        let check = Check {
            verdict: Verdict::Open,
            since: now,
            last: now,
            decoys,
            answered: BTreeSet::new(),
            pending: BTreeSet::from([address]),
        };
        self.checks.insert(mac, check);
    }

    /// A frame of `mac` with this sender: true if it answers for an address that is nobody's.
    pub(super) fn hear(&mut self, mac: Mac, sender: IpAddr) -> bool {
        let check = self.checks.get_mut(&mac);
        let check = check.filter(|check| check.decoys.contains(&sender));
        check.is_some_and(|check| {
            check.answered.insert(sender);
            true
        })
    }

    /// Ends what is due: the hosts that have what they answered for.
    pub(super) fn settle(&mut self, now: Moment) -> Vec<(Mac, IpAddr)> {
        let mut found = Vec::new();
        for (mac, check) in &mut self.checks {
            let is_proven = check.answered.len() >= PROVEN_BY;
            let is_due = is_proven || now.since(check.since) >= WAIT;
            if check.verdict != Verdict::Open || !is_due {
                continue;
            }
            check.since = now;
            let pending = std::mem::take(&mut check.pending);
            if is_proven {
                check.verdict = Verdict::Proxy;
            } else {
                check.verdict = Verdict::Host;
                found.extend(pending.into_iter().map(|address| (*mac, address)));
            }
        }
        found
    }

    /// When [`Proxies::settle`] has something to do.
    pub(super) fn next_at(&self) -> Option<Moment> {
        let open = self.checks.values();
        let open = open.filter(|check| check.verdict == Verdict::Open);
        open.map(|check| check.since + WAIT).min()
    }

    /// Hosts that answer for everything, and when each did so last.
    pub(super) fn found(&self) -> impl Iterator<Item = (Mac, Moment)> {
        let found = self.checks.iter();
        let found = found.filter(|(_, check)| check.verdict == Verdict::Proxy);
        found.map(|(mac, check)| (*mac, check.last))
    }
}

#[cfg(test)]
mod tests;
