//! How the nodes of a segment come to know the same pins.
//!
//! A notice says some of the pins and the digest of all; who gets one takes over what is later, and
//! answers with its own digest, and with its pins if that is another one. A peer is told again
//! until its digest is this node's, and never afterwards, so that nothing travels at rest. What a
//! peer is not told directly, because the two do not hear each other, comes through a third node.

use std::time::Duration;

use super::super::Member;
use super::super::peer::Peer;
use super::super::wire::{Kind, PinNotice, pin_parts};
use crate::names::NodeId;
use crate::time::Moment;

/// A notice that is not answered goes out again after this.
const AGAIN: Duration = Duration::from_millis(500);

/// What is known of a peer's pins.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told {
    /// The digest that it said last, and in which life.
    said: Option<(u64, u64)>,
    is_owed_answer: bool,
    sent_at: Option<Moment>,
}

impl Told {
    fn agrees(&self, session: u64, digest: u64) -> bool {
        self.said == Some((session, digest))
    }
}

impl Member {
    /// Tells the peers what they do not know yet; at the end of each turn.
    pub(in super::super) fn spread_pins(&mut self, now: Moment) {
        if self.pins.all().is_empty() {
            return;
        }
        let is_news = self.pins.take_news();
        let digest = self.pins.digest();
        let is_due = |peer: &Peer| {
            let Some(session) = peer.session.verified.filter(|_| peer.is_direct()) else {
                return false;
            };
            let waited = peer.told.sent_at.map(|at| now.since(at) >= AGAIN);
            let is_time = is_news || waited.unwrap_or(true);
            peer.told.is_owed_answer || (is_time && !peer.told.agrees(session, digest))
        };
        let due = self.peers.values().filter(|peer| is_due(peer));
        let due: Vec<NodeId> = due.map(|peer| peer.id).collect();
        for id in due {
            if let Some(mut peer) = self.peers.remove(&id) {
                self.tell_pins(&mut peer, now);
                self.peers.insert(id, peer);
            }
        }
    }

    fn tell_pins(&mut self, peer: &mut Peer, now: Moment) {
        let digest = self.pins.digest();
        let is_answer = std::mem::take(&mut peer.told.is_owed_answer);
        let session = peer.session.verified.unwrap_or_default();
        let parts = if peer.told.agrees(session, digest) {
            vec![Vec::new()]
        } else {
            peer.told.sent_at = Some(now);
            pin_parts(self.pins.all().iter())
        };
        for pins in parts {
            let mut datagram = self.header(Kind::Pins, Some(peer));
            datagram.pins = Some(PinNotice {
                is_answer,
                digest,
                pins,
            });
            self.transmit(peer.address, &datagram);
        }
    }

    /// What a peer knows.
    pub(in super::super) fn take_pins(&mut self, peer: &mut Peer, notice: PinNotice) {
        let session = peer.session.verified.unwrap_or_default();
        peer.told.said = Some((session, notice.digest));
        peer.told.is_owed_answer |= !notice.is_answer;
        for (address, pin) in notice.pins {
            if self.pins.merge(address, pin.clone()) {
                let told = format!("an operator said so, {} tells", peer.label());
                self.follow_pin(address, &pin, &told);
            }
        }
    }
}
