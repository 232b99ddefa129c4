//! A peer with another network card than before (R15).
//!
//! No frame alone puts another hardware address in the place of the known one: anybody can send it,
//! and a host that answers for everything would pass for a silent peer, so that its addresses stayed
//! dark. But a card can be exchanged, and a bond or an operator can give it another address, also
//! while the peer is heard. So a new address is taken if the peer's datagrams arrive, with the right
//! code, and the known address does not answer beside the new one for a while.
//!
//! Until that is known, frames for announced addresses from a card that nobody knows wait for the
//! verdict: they are the peer's, or a foreign host's.

use std::time::Duration;

use super::Heard;
use crate::names::Mac;
use crate::time::Moment;

/// A datagram is so long a sign that the peer is there.
const PRESENT: Duration = Duration::from_secs(1);
/// Some questions to both, which go out while it is not known. Our kernel sends heartbeats to the
/// known address meanwhile, so it is not longer than it takes to suspect somebody.
const ALONE: Duration = Duration::from_millis(100);
/// Frames wait for the verdict at most so long.
const WAITS: Duration = Duration::from_secs(1);
/// And so many of them; what comes then is judged at once.
const WAITING_MAX: usize = 8;
/// An address that was found not to be the peer's is not asked about again for so long.
const REFUTED: Duration = Duration::from_secs(10);

/// What is known of a change.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hardware {
    datagram_at: Option<Moment>,
    candidate: Option<(Mac, Moment)>,
    waiting: Vec<(Heard, Moment)>,
    refuted: Option<(Mac, Moment)>,
}

impl Hardware {
    /// A datagram of the peer, with the right code.
    pub(super) fn handle_datagram(&mut self, now: Moment) {
        self.datagram_at = Some(now);
    }

    /// The known address answered: what waited is not the peer's.
    pub(super) fn handle_known(&mut self, now: Moment) -> Vec<Heard> {
        if let Some((mac, _)) = self.candidate.take() {
            self.refuted = Some((mac, now));
        }
        let waited = std::mem::take(&mut self.waiting);
        if let Some((heard, _)) = waited.last() {
            self.refuted = Some((heard.mac, now));
        }
        waited.into_iter().map(|(heard, _)| heard).collect()
    }

    /// Another address answered: whether it has replaced the known one.
    pub(super) fn handle_other(&mut self, mac: Mac, now: Moment) -> bool {
        let is_present = self.datagram_at.is_some_and(|at| now.since(at) < PRESENT);
        match self.candidate {
            Some((known, since)) if known == mac => is_present && now.since(since) >= ALONE,
            Some(_) | None => {
                self.candidate = Some((mac, now));
                false
            }
        }
    }

    /// The peer has this address from now on: what waited from it is the peer's.
    pub(super) fn handle_replaced(&mut self, mac: Mac) {
        self.candidate = None;
        self.waiting.retain(|(heard, _)| heard.mac != mac);
    }

    /// A frame for an address that the peer holds, from a card that nobody knows: whether it waits
    /// until it is known whether that is the peer's.
    pub(super) fn defer(&mut self, heard: Heard, now: Moment) -> bool {
        let is_refuted = self
            .refuted
            .is_some_and(|(mac, at)| mac == heard.mac && now.since(at) < REFUTED);
        let waits = !is_refuted && self.waiting.len() < WAITING_MAX;
        if waits {
            self.waiting.push((heard, now));
        }
        waits
    }

    /// What waited for too long.
    pub(super) fn overdue(&mut self, now: Moment) -> Vec<Heard> {
        let is_overdue = |at: Moment| now.since(at) >= WAITS;
        if !self.waiting.iter().any(|(_, at)| is_overdue(*at)) {
            return Vec::new();
        }
        let waited = std::mem::take(&mut self.waiting);
        let (overdue, waiting) = waited.into_iter().partition(|(_, at)| is_overdue(*at));
        self.waiting = waiting;
        let overdue: Vec<(Heard, Moment)> = overdue;
        overdue.into_iter().map(|(heard, _)| heard).collect()
    }

    /// Whether the peer has to be asked which card it has.
    pub(super) fn is_open(&self, now: Moment) -> bool {
        let is_young = |at: Moment| now.since(at) < WAITS;
        !self.waiting.is_empty() || self.candidate.is_some_and(|(_, since)| is_young(since))
    }
}

#[cfg(test)]
mod tests;
