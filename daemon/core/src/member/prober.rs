//! Asks for the free addresses of the pools in the background (RFC 5227 section 2.1.1, RFC 4862
//! section 5.4), so that who has one is known before a Service gets it.
//!
//! Owns when which address is probed, and which were found free; never sends. Each address is
//! probed by one node, the first of the living in its rendezvous order, so that more nodes are not
//! more questions.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use super::rng::Rng;
use super::wire::AddressKey;
use crate::time::Moment;

/// RFC 5227 section 1.1.
const PROBE_NUM: u32 = 3;
const PROBE_WAIT: Duration = Duration::from_secs(1);
const PROBE_MIN: Duration = Duration::from_secs(1);
const PROBE_MAX: Duration = Duration::from_secs(2);
const ANNOUNCE_WAIT: Duration = Duration::from_secs(2);

/// Each address is probed about this often, give or take a tenth.
const EVERY: Duration = Duration::from_secs(600);

/// What silence showed counts for so long: until the next round, which may come a tenth late.
const FREE_LASTS: Duration = Duration::from_secs(670);

/// Two addresses are not begun closer together: 15 probes a second at most.
const START_GAP: Duration = Duration::from_millis(200);

/// An address that is another node's to probe is looked at again after this: that one may die.
const OTHERS: Duration = Duration::from_secs(60);

/// Somebody else asked whether the address is free: it is taken by then.
const AFTER_INTEREST: Duration = Duration::from_secs(10);

/// What is known of one free address.
#[derive(Debug, Clone, Copy)]
struct Probed {
    /// When its next round begins.
    due: Moment,
    /// Probes of the running round that went out, and when the next one goes, or the round ends.
    round: Option<(u32, Moment)>,
    /// When silence last showed that nobody has it.
    free_at: Option<Moment>,
}

/// The free addresses of a segment.
#[derive(Debug, Default)]
pub(super) struct Prober {
    table: BTreeMap<IpAddr, Probed>,
    keys: BTreeMap<AddressKey, IpAddr>,
    next_start: Moment,
    /// When there is something to do; cached, since every frame asks.
    next_at: Option<Moment>,
}

impl Prober {
    /// These are free from now on, those that are given next first.
    pub(super) fn set(&mut self, free: &[IpAddr], rng: &mut Rng, now: Moment) {
        let is_same = free.len() == self.table.len()
            && free.iter().all(|address| self.table.contains_key(address));
        if is_same {
            return;
        }
        let former = std::mem::take(&mut self.table);
        let mut wait = random(rng, Duration::ZERO, PROBE_WAIT);
        for address in free {
            let probed = former.get(address).copied().unwrap_or_else(|| {
                wait += START_GAP;
                Probed {
                    due: now + wait,
                    round: None,
                    free_at: None,
                }
            });
            self.table.insert(*address, probed);
        }
        let keys = free
            .iter()
            .map(|address| (AddressKey::of(*address), *address));
        self.keys = keys.collect();
        self.plan_ahead();
    }

    /// The one that is called so on the wire.
    pub(super) fn address_of(&self, key: AddressKey) -> Option<IpAddr> {
        self.keys.get(&key).copied()
    }

    /// Whether it is one of them.
    pub(super) fn contains(&self, address: IpAddr) -> bool {
        self.table.contains_key(&address)
    }

    /// Somebody has it: it is asked for no more until the next round.
    pub(super) fn note_taken(&mut self, address: IpAddr, now: Moment) {
        if let Some(probed) = self.table.get_mut(&address) {
            probed.round = None;
            probed.free_at = None;
            probed.due = now + EVERY;
            self.plan_ahead();
        }
    }

    /// Somebody was heard to use it, whoever that is: it is not known to be free any more.
    pub(super) fn note_heard(&mut self, address: IpAddr) {
        if let Some(probed) = self.table.get_mut(&address) {
            probed.free_at = None;
        }
    }

    /// Somebody else asked whether it is free.
    pub(super) fn note_interest(&mut self, address: IpAddr, now: Moment) {
        if let Some(probed) = self.table.get_mut(&address)
            && probed.round.is_none()
        {
            probed.due = probed.due.min(now + AFTER_INTEREST);
            self.plan_ahead();
        }
    }

    /// Until when the silence of the last round shows that nobody has this address, if this node
    /// probed it and nobody was heard since.
    pub(super) fn free_until(&self, address: IpAddr) -> Option<Moment> {
        let free_at = self.table.get(&address)?.free_at?;
        Some(free_at + FREE_LASTS)
    }

    /// How many were found free the last time that they were probed, by this node.
    pub(super) fn found_free(&self) -> usize {
        let found = self.table.values();
        found.filter(|probed| probed.free_at.is_some()).count()
    }

    /// The addresses to probe now. `is_mine` says which ones this node probes.
    pub(super) fn run(
        &mut self,
        is_mine: impl Fn(IpAddr) -> bool,
        rng: &mut Rng,
        now: Moment,
    ) -> Vec<IpAddr> {
        if self.next_at.is_none_or(|at| now < at) {
            return Vec::new();
        }
        let mut probes = Vec::new();
        for (address, probed) in &mut self.table {
            match probed.round {
                Some((_, at)) if now < at => {}
                Some((PROBE_NUM, _)) => {
                    probed.round = None;
                    probed.free_at = Some(now);
                    probed.due = now + random(rng, EVERY * 9 / 10, EVERY * 11 / 10);
                }
                Some((sent, _)) => {
                    probes.push(*address);
                    probed.round = Some((sent + 1, now + pause_after(sent + 1, rng)));
                }
                None if now < probed.due || now < self.next_start => {}
                None if is_mine(*address) => {
                    probes.push(*address);
                    self.next_start = now + START_GAP;
                    probed.round = Some((1, now + pause_after(1, rng)));
                }
                None => probed.due = now + OTHERS,
            }
        }
        self.plan_ahead();
        probes
    }

    /// When [`Prober::run`] has something to do.
    pub(super) fn next_at(&self) -> Option<Moment> {
        self.next_at
    }

    fn plan_ahead(&mut self) {
        let slot = self.next_start;
        let due = self.table.values().map(|probed| match probed.round {
            Some((_, at)) => at,
            None => probed.due.max(slot),
        });
        self.next_at = due.min();
    }
}

/// The time to the next probe, or after the last one to the verdict.
fn pause_after(sent: u32, rng: &mut Rng) -> Duration {
    if sent >= PROBE_NUM {
        ANNOUNCE_WAIT
    } else {
        random(rng, PROBE_MIN, PROBE_MAX)
    }
}

/// A length between two, to the millisecond.
fn random(rng: &mut Rng, from: Duration, to: Duration) -> Duration {
    let span = u64::try_from((to - from).as_millis()).unwrap_or(u64::MAX);
    from + Duration::from_millis(rng.next() % (span + 1))
}

#[cfg(test)]
mod tests;
