//! Pins (ELECTION R21): an address that belongs to one node, as long as that one can serve it.
//!
//! The others state that they are the last resort while the pinned node serves. So a holder that is
//! not the pinned node offers it (R8), and nothing is touched before that. Once the pinned node is
//! gone, drained or held back, the others are as able as ever.

use super::Member;
use super::claims::Own;
use super::rules::{self, Rule};
use crate::decide::Ability;
use crate::names::NodeName;
use crate::report::{Liveness, NodeState};

impl Member {
    /// The node that an address is pinned to.
    pub(super) fn pin_of(&self, own: &Own) -> Option<&NodeName> {
        self.settings.policy.pins.get(&own.address)
    }

    /// Whether it is pinned to another node, which serves.
    pub(super) fn is_pinned_elsewhere(&self, own: &Own) -> bool {
        let Some(node) = self.pin_of(own) else {
            return false;
        };
        if *node == self.settings.identity.name || !rules::applies(Rule::R21Pin) {
            return false;
        }
        self.peers.values().any(|peer| {
            peer.name.as_ref() == Some(node)
                && peer.liveness == Liveness::Alive
                && peer.stated.state == NodeState::Active
                && peer.level(own.key) == Ability::Serves.level()
        })
    }
}
