//! An operator's order to pin or unpin an address, and why it can not be followed.

use std::net::IpAddr;

use thiserror::Error;

use super::super::Member;
use super::super::own::Own;
use super::super::peer::Peer;
use super::super::wire::Pin;
use super::table::MAX_PINS;
use crate::decide::Ability;
use crate::names::NodeName;
use crate::report::{Holder, Liveness, NodeState, PinnedBy};
use crate::time::Moment;

/// Pin an address to a node, or take that back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinOrder {
    /// Which address.
    pub address: IpAddr,
    /// To which node; none = it is unpinned.
    pub to: Option<NodeName>,
}

/// Why a pin is as it was, one sentence each with what to do.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PinRefusal {
    /// Nobody announces it on this segment.
    #[error("{0} is none of the addresses that are announced here: sovnetctl status lists them")]
    Unknown(IpAddr),
    /// No node of this name was heard.
    #[error("no node is called {to}; known are: {known}")]
    NoSuchNode {
        /// The name that was given.
        to: NodeName,
        /// The names that are known.
        known: String,
    },
    /// This node does not take part now, so the others might not hear of it.
    #[error("this node is {0}: give the order on a node that is active")]
    State(NodeState),
    /// Too many.
    #[error(
        "{MAX_PINS} addresses are pinned already: unpin one first, or use [[pin]] in sovnet.toml"
    )]
    Full,
    /// The config says so, and only it can take that back.
    #[error(
        "{address} is pinned to {node} by the config: take its section [[pin]] out of sovnet.toml on every node, and restart sovnetd there"
    )]
    Configured {
        /// Which address.
        address: IpAddr,
        /// Where the config wants it.
        node: NodeName,
    },
    /// There is nothing to take back.
    #[error("{0} is not pinned")]
    NotPinned(IpAddr),
}

impl Member {
    /// An operator pins an address to a node, or unpins it. The result says what happens now.
    ///
    /// # Errors
    /// One sentence: why nothing changes.
    pub fn handle_pin(&mut self, order: &PinOrder, now: Moment) -> Result<String, PinRefusal> {
        let address = order.address;
        if !self.addresses.contains_key(&address) && self.pins.to(address).is_none() {
            return Err(PinRefusal::Unknown(address));
        }
        if !matches!(self.state, NodeState::Active | NodeState::Draining) {
            return Err(PinRefusal::State(self.state));
        }
        match &order.to {
            Some(to) => self.pin(address, to, now),
            None => self.unpin(address),
        }
    }

    fn pin(&mut self, address: IpAddr, to: &NodeName, now: Moment) -> Result<String, PinRefusal> {
        if !self.addresses.contains_key(&address) {
            return Err(PinRefusal::Unknown(address));
        }
        if *to != self.settings.identity.name && self.peer_named(to).is_none() {
            let (to, known) = (to.clone(), self.known_names());
            return Err(PinRefusal::NoSuchNode { to, known });
        }
        if self.pins.to(address) != Some(to) {
            let me = self.settings.identity.id;
            let pin = self.pins.next(address, Some(to.clone()), me);
            self.order_pin(address, pin)?;
        }
        let own = self.addresses.get(&address);
        let then = own.map(|own| self.what_follows(own, to, now));
        Ok(format!(
            "{address} is pinned to {to}: {}",
            then.unwrap_or_default()
        ))
    }

    fn unpin(&mut self, address: IpAddr) -> Result<String, PinRefusal> {
        let former = self.pinned(address);
        let former = former.map(|(node, by)| (node.clone(), by));
        let Some((node, by)) = former else {
            return Err(PinRefusal::NotPinned(address));
        };
        if by == PinnedBy::Config {
            return Err(PinRefusal::Configured { address, node });
        }
        let pin = self.pins.next(address, None, self.settings.identity.id);
        self.order_pin(address, pin)?;
        Ok(match self.pinned(address) {
            Some((default, _config)) => format!(
                "{address} is not pinned to {node} any more: the config pins it to {default}"
            ),
            None => format!("{address} is not pinned to {node} any more, and stays where it is"),
        })
    }

    fn order_pin(&mut self, address: IpAddr, pin: Pin) -> Result<(), PinRefusal> {
        if !self.pins.merge(address, pin.clone()) {
            return Err(PinRefusal::Full);
        }
        self.follow_pin(address, &pin, "an operator said so here");
        Ok(())
    }

    /// Where the address goes now, as the end of a sentence.
    fn what_follows(&self, own: &Own, to: &NodeName, now: Moment) -> String {
        let target = self.peer_named(to);
        let is_here = target.is_none() && own.is_active();
        let is_there = target.is_some_and(|peer| own.holder == Holder::Peer(peer.id));
        if is_here || is_there {
            return "it is there already, and stays".to_owned();
        }
        let obstacle = match target {
            Some(peer) => why_not(peer, own),
            None => self.why_not_here(own, now),
        };
        match obstacle {
            Some(why) => format!("it goes there as soon as that node can serve it, which {why}"),
            None => "it goes there now".to_owned(),
        }
    }

    fn why_not_here(&self, own: &Own, now: Moment) -> Option<String> {
        if self.state != NodeState::Active {
            return Some(format!("is {}", self.state));
        }
        let level = self.level(own, now);
        (level < Ability::Serves.level()).then(|| "is only a last resort for it now".to_owned())
    }

    /// The names of all nodes that are known, for an error.
    pub(in super::super) fn known_names(&self) -> String {
        let names = self.peers.values().filter_map(|peer| peer.name.as_ref());
        let names = names.chain([&self.settings.identity.name]);
        names
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    }
}

/// Why a peer can not serve an address that is pinned to it now. What it states as a last resort
/// may follow from a former pin, which it has not been told of yet.
fn why_not(peer: &Peer, own: &Own) -> Option<String> {
    if peer.liveness != Liveness::Alive {
        return Some(format!("is {}: {}", peer.liveness, peer.reason));
    }
    if peer.stated.state != NodeState::Active {
        return Some(format!("is {}", peer.stated.state));
    }
    let is_unable = peer.level(own.key) < Ability::LastResort.level();
    is_unable.then(|| "can not serve it now".to_owned())
}
