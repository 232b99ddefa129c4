//! A silent peer that comes back with another network card (R15).
//!
//! While a peer is silent, no frame may put another hardware address in the place of the known one:
//! a host that answers for everything would pass for it, and its addresses stayed dark. But a
//! machine can come back with a new card, and our answers to its first datagrams would go to the
//! old one. So a new address is taken if the peer's datagrams arrive, with the right code, and the
//! known address does not answer beside the new one for a while.

use std::time::Duration;

use crate::names::Mac;
use crate::time::Moment;

/// A datagram is so long a sign that the peer is there.
const PRESENT: Duration = Duration::from_secs(1);
/// Two questions, which go out with the answers to its datagrams, ten in a second.
const ALONE: Duration = Duration::from_millis(200);

/// What is known of a change.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hardware {
    datagram_at: Option<Moment>,
    candidate: Option<(Mac, Moment)>,
}

impl Hardware {
    /// A datagram of the peer, with the right code, that is not believed yet.
    pub(super) fn handle_datagram(&mut self, now: Moment) {
        self.datagram_at = Some(now);
    }

    /// The known address answered.
    pub(super) fn handle_known(&mut self) {
        self.candidate = None;
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
}

#[cfg(test)]
mod tests;
