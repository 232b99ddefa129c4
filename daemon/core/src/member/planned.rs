//! What is planned for an address, for status (ELECTION R18, R19, R21).

use super::Member;
use super::own::Own;
use super::peer::Peer;
use crate::names::NodeId;
use crate::report::Planned;
use crate::time::Moment;

impl Member {
    /// What is planned for an address.
    pub(super) fn planned(&self, own: &Own, now: Moment) -> Planned {
        let label = |id: NodeId| {
            let peer = self.peers.get(&id);
            peer.map_or_else(|| id.to_string(), Peer::label)
        };
        let back = own.moves.back.filter(|_| own.is_active());
        let pinned = self.pinned(own.address);
        let home = own.moves.elsewhere.filter(|_| own.is_active());
        Planned {
            is_moved: self.is_moved(own),
            pinned: pinned.map(|(node, by)| (node.clone(), by)),
            returns: back.map(|back| (label(back.to), back.at.since(now))),
            fails_back: home.map(|(home, _since)| (label(home), self.fail_back_in(own, now))),
            held_back: self.held_back(&own.damper, now),
        }
    }
}
