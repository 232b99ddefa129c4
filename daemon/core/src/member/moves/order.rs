//! An operator's order to move an address, and why it can not be followed.

use std::net::IpAddr;
use std::time::Duration;

use thiserror::Error;

use super::super::own::Own;
use super::super::peer::Peer;
use super::super::wire::{ClaimKind, Lease};
use super::super::{Member, Output};
use super::Cause;
use crate::names::NodeName;
use crate::report::NodeState;
use crate::time::Moment;

/// Move an address to a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoveOrder {
    /// Which address.
    pub address: IpAddr,
    /// To which node.
    pub to: NodeName,
    /// For how long, in whole seconds; none = until somebody moves it again.
    pub length: Option<Duration>,
}

/// Why an address is not moved, one sentence each with what to do.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MoveRefusal {
    /// Nobody announces it on this segment.
    #[error("{0} is none of the addresses that are announced here: sovnetctl status lists them")]
    Unknown(IpAddr),
    /// Only the holder can hand it over.
    #[error(
        "{address} is held by {holder}, and only the holder can hand it over: run this there: sovnetctl move {address} --to {to}"
    )]
    Elsewhere {
        /// Which address.
        address: IpAddr,
        /// Who holds it.
        holder: String,
        /// Where it shall go.
        to: NodeName,
    },
    /// It is where it shall go already, at another node.
    #[error("{address} is held by {to} already")]
    Done {
        /// Which address.
        address: IpAddr,
        /// Where it is.
        to: NodeName,
    },
    /// Nobody speaks for it.
    #[error("nobody speaks for {0} now: sovnetctl status says why")]
    Vacant(IpAddr),
    /// No node of this name was heard.
    #[error("no node is called {to}; known are: {known}")]
    NoSuchNode {
        /// The name that was given.
        to: NodeName,
        /// The names that are known.
        known: String,
    },
    /// The target can not take it.
    #[error("{address} stays here: {to} {why}")]
    Obstacle {
        /// Which address.
        address: IpAddr,
        /// The target.
        to: NodeName,
        /// The end of the sentence.
        why: String,
    },
    /// This node does not take part now.
    #[error("this node is {0}: it moves nothing on purpose now")]
    State(NodeState),
    /// One at a time: an offer is decided within a moment.
    #[error("another move for a time is under way: try again")]
    Busy,
    /// Too short or too long.
    #[error("a move lasts at least 1 s and at most 30 days")]
    Length,
}

impl Member {
    /// An operator wants an address to move. The result says what happens now.
    ///
    /// # Errors
    /// One sentence: why it stays where it is.
    pub fn handle_move(&mut self, order: &MoveOrder, now: Moment) -> Result<String, MoveRefusal> {
        let address = order.address;
        let Some(mut own) = self.addresses.remove(&address) else {
            return Err(MoveRefusal::Unknown(address));
        };
        let result = self.try_move(&mut own, order, now);
        self.addresses.insert(address, own);
        result
    }

    fn try_move(
        &mut self,
        own: &mut Own,
        order: &MoveOrder,
        now: Moment,
    ) -> Result<String, MoveRefusal> {
        let (address, to) = (order.address, order.to.clone());
        if !own.is_active() {
            return Err(self.not_held(own, order));
        }
        if !matches!(self.state, NodeState::Active | NodeState::Draining) {
            return Err(MoveRefusal::State(self.state));
        }
        if to == self.settings.identity.name {
            own.moves.is_moved = true;
            own.moves.back = None;
            self.outputs.push_back(Output::Remember);
            return Ok(format!("{address} is here already, and stays"));
        }
        let longest = Duration::from_secs(u64::from(Lease::MAX_SECS));
        let is_possible = |length: Duration| length.as_secs() > 0 && length <= longest;
        if !order.length.is_none_or(is_possible) {
            return Err(MoveRefusal::Length);
        }
        let is_under_way = self
            .addresses
            .values()
            .any(|own| own.moves.lease().is_some());
        if order.length.is_some() && is_under_way {
            return Err(MoveRefusal::Busy);
        }
        let Some(peer) = self.peer_named(&to).map(|peer| peer.id) else {
            return Err(self.no_such_node(to));
        };
        if let Some(why) = self.obstacle(own, peer) {
            return Err(MoveRefusal::Obstacle { address, to, why });
        }
        own.excluded.remove(&peer);
        self.begin_errand(own, peer, Cause::Order(order.length), now);
        Ok(match order.length {
            None => format!("{address} moves to {to}"),
            Some(length) => format!(
                "{address} moves to {to}, and comes back here in {} s",
                length.as_secs()
            ),
        })
    }

    fn not_held(&self, own: &Own, order: &MoveOrder) -> MoveRefusal {
        let (address, to) = (order.address, order.to.clone());
        let holder = self.view(own.key).best.map(|best| best.node);
        match holder.and_then(|holder| self.peers.get(&holder)) {
            None => MoveRefusal::Vacant(address),
            Some(peer) if peer.name.as_ref() == Some(&to) => MoveRefusal::Done { address, to },
            Some(peer) => MoveRefusal::Elsewhere {
                address,
                holder: peer.label(),
                to,
            },
        }
    }

    fn no_such_node(&self, to: NodeName) -> MoveRefusal {
        let known = self.known_names();
        MoveRefusal::NoSuchNode { to, known }
    }

    /// What comes with the offer that a peer makes of an address.
    pub(in super::super) fn handover_of(&self, own: &Own, from: &Peer) -> super::Handover {
        let entry = from.entry(own.key);
        let entry = entry.filter(|entry| entry.claim == ClaimKind::Active);
        super::Handover {
            is_moved: entry.is_some_and(|entry| entry.moved),
            lease: entry.and_then(|entry| Some((from.id, entry.lease?))),
        }
    }
}
