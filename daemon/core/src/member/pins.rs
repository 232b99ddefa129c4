//! Pins (ELECTION R21): an address that belongs to one node, as long as that one can serve it.
//!
//! The others state that they are the last resort while the pinned node serves. So a holder that is
//! not the pinned node offers it (R8), and nothing is touched before that. Once the pinned node is
//! gone, drained or held back, the others are as able as ever.
//!
//! The config's pins are the default; an operator's, given at run time to any node, stand above
//! them until they are taken back. Those every node knows: [`table`] holds them, [`spread`] tells
//! them to the peers, [`order`] is what an operator can say.

pub(super) mod order;
pub(super) mod spread;
pub(super) mod table;

use std::net::IpAddr;

use super::own::Own;
use super::rules::{self, Rule};
use super::wire::Pin;
use super::{LogLine, Member, Output};
use crate::decide::Ability;
use crate::names::NodeName;
use crate::report::{Liveness, NodeState, PinnedBy};

impl Member {
    /// The node that an address is pinned to.
    pub(super) fn pin_of(&self, own: &Own) -> Option<&NodeName> {
        self.pinned(own.address).map(|(node, _by)| node)
    }

    /// The node that an address is pinned to, and where that was said: the operator's word counts
    /// before the config's.
    pub(super) fn pinned(&self, address: IpAddr) -> Option<(&NodeName, PinnedBy)> {
        let ordered = self.pins.to(address);
        let ordered = ordered.map(|node| (node, PinnedBy::Operator));
        let configured = self.settings.policy.pins.get(&address);
        ordered.or_else(|| Some((configured?, PinnedBy::Config)))
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

    /// The pin of an address is another one now: here an order was given, or a peer told of one.
    fn follow_pin(&mut self, address: IpAddr, pin: &Pin, told: &str) {
        self.outputs.push_back(Output::Remember);
        let is_mine = pin.to.as_ref() == Some(&self.settings.identity.name);
        if let Some(mut own) = self.addresses.remove(&address) {
            if is_mine {
                // The later word counts: it does not go back from here any more.
                own.moves.back = None;
            }
            own.excluded.clear();
            self.addresses.insert(address, own);
        }
        let text = match (&pin.to, self.settings.policy.pins.get(&address)) {
            (Some(node), _) => format!("{address} is pinned to {node} now: {told}"),
            (None, Some(node)) => {
                format!("{address} is pinned by the config again, to {node}: {told}")
            }
            (None, None) => format!("{address} is not pinned any more: {told}"),
        };
        self.log(LogLine {
            is_warning: false,
            address: Some(address),
            peer: None,
            text,
        });
    }
}

#[cfg(test)]
mod tests;
