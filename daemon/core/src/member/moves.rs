//! Planned moves to a node that was chosen on purpose (ELECTION R8, R18, R21): an operator's, the
//! way back from one, and fail-back.
//!
//! Owns what an address remembers of them and the offers that they lead to. Only the holder offers,
//! and the target takes like any other offer (R9), so that no instant is without a speaker.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use super::own::{Claim, Own};
use super::peer::Peer;
use super::rules::{self, Rule};
use super::wire::{AddressKey, Lease};
use super::{LogLine, Member, Output, RememberedLease};
use crate::decide::Ability;
use crate::names::{NodeId, NodeName};
use crate::report::{Liveness, NodeState};
use crate::time::Moment;

mod failback;
mod order;

pub(super) use failback::Watch as FailBackWatch;
pub use order::{MoveOrder, MoveRefusal};

/// What waits to be written again is so this often, while a way back waits.
const REMEMBER_EVERY: Duration = Duration::from_secs(60);

/// What an address remembers of planned moves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Moves {
    /// An operator placed it here: fail-back leaves it alone.
    pub(super) is_moved: bool,
    /// It goes back later.
    pub(super) back: Option<Back>,
    /// It is being offered to a chosen node.
    pub(super) errand: Option<Errand>,
    /// The node that placement from scratch gives it to, and since when.
    pub(super) elsewhere: Option<(NodeId, Moment)>,
}

/// The way back of a move for a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Back {
    /// Where it came from.
    pub(super) to: NodeId,
    /// When it goes back.
    pub(super) at: Moment,
    /// Whether an operator had placed it there, too.
    pub(super) was_moved: bool,
}

/// An offer to a chosen node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Errand {
    pub(super) to: NodeId,
    pub(super) cause: Cause,
}

/// Who chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// An operator, perhaps for a time.
    Order(Option<Duration>),
    /// The time of a move is over; whether it stays there for an operator.
    Return { was_moved: bool },
    /// Placement from scratch.
    FailBack,
}

/// What comes with an offer that is taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Handover {
    pub(super) is_moved: bool,
    pub(super) lease: Option<(NodeId, Lease)>,
}

impl Handover {
    /// Why the address is here now, as a sentence.
    pub(super) fn reason(&self, from: &str) -> String {
        match self.lease {
            Some((_, lease)) => {
                format!("an operator moved it here from {from} for {} s", lease.secs)
            }
            None if self.is_moved => format!("an operator moved it here from {from}"),
            None => format!("{from} handed it over"),
        }
    }
}

impl Moves {
    /// What the address was placed here with.
    pub(super) fn begin(&mut self, handover: Handover, now: Moment) {
        *self = Moves {
            is_moved: handover.is_moved,
            back: handover.lease.map(|(to, lease)| Back {
                to,
                at: now + Duration::from_secs(u64::from(lease.secs)),
                was_moved: lease.was_moved,
            }),
            ..Moves::default()
        };
    }

    /// It is not spoken for any more; a wish keeps what it would come back with.
    pub(super) fn end(&mut self, claim: Claim) {
        self.errand = None;
        self.elsewhere = None;
        if !matches!(claim, Claim::Wish(_)) {
            *self = Moves::default();
        }
    }

    /// Whether the address is, or is about to be, where an operator wants it: what the entry says.
    pub(super) fn states_moved(&self, is_offered: bool) -> bool {
        match self.errand.map(|errand| errand.cause) {
            Some(Cause::Order(_)) => true,
            Some(Cause::Return { was_moved }) => was_moved,
            Some(Cause::FailBack) => false,
            None => self.is_moved && !is_offered,
        }
    }

    /// For how long it is offered.
    pub(super) fn lease(&self) -> Option<Lease> {
        let Some(Cause::Order(Some(length))) = self.errand.map(|errand| errand.cause) else {
            return None;
        };
        Some(Lease {
            secs: u32::try_from(length.as_secs()).unwrap_or(Lease::MAX_SECS),
            was_moved: self.is_moved,
        })
    }
}

impl Member {
    /// Carries on the offers to chosen nodes, and begins those that are due; once a turn, before
    /// the hash picks successors for the rest.
    pub(super) fn renew_errands(&mut self, addresses: &[IpAddr], now: Moment) {
        for address in addresses {
            let is_planned = |own: &Own| own.moves.errand.is_some() || own.moves.back.is_some();
            if !self.addresses.get(address).is_some_and(is_planned) {
                continue;
            }
            let Some(mut own) = self.addresses.quiet().remove(address) else {
                continue;
            };
            self.renew_errand(&mut own, now);
            self.addresses.quiet().insert(*address, own);
        }
        self.fail_back(now);
        self.remember_leases(now);
    }

    fn renew_errand(&mut self, own: &mut Own, now: Moment) {
        let Some(errand) = own.moves.errand else {
            return self.return_if_due(own, now);
        };
        let label = self.peers.get(&errand.to).map(Peer::label);
        let label = label.unwrap_or_else(|| "a node that is not known any more".to_owned());
        let since = own.offer.map_or(now, |(_to, since)| since);
        let failed = if now.since(since) >= self.timers.offer {
            Some("did not take it in time".to_owned())
        } else {
            self.obstacle(own, errand.to)
        };
        let Some(why) = failed else { return };
        own.excluded.insert(errand.to, now + self.timers.exclusion);
        own.moves.errand = None;
        own.offer = None;
        self.log(LogLine {
            is_warning: matches!(errand.cause, Cause::Order(_)),
            address: Some(own.address),
            peer: None,
            text: format!("{} stays here: {label} {why}", own.address),
        });
    }

    /// The time of a move is over.
    fn return_if_due(&mut self, own: &mut Own, now: Moment) {
        let Some(back) = own.moves.back.filter(|back| now >= back.at) else {
            return;
        };
        let is_possible = own.is_active()
            && rules::applies(Rule::R21Return)
            && self.state == NodeState::Active
            && own.excluded.get(&back.to).is_none_or(|until| now >= *until)
            && self.obstacle(own, back.to).is_none();
        if is_possible {
            let was_moved = back.was_moved;
            self.begin_errand(own, back.to, Cause::Return { was_moved }, now);
        }
    }

    fn begin_errand(&mut self, own: &mut Own, to: NodeId, cause: Cause, now: Moment) {
        let label = self.peers.get(&to).map(Peer::label).unwrap_or_default();
        let why = match cause {
            Cause::Order(_) => "an operator moves it",
            Cause::Return { .. } => "its time here is over",
            Cause::FailBack => "placement gives it to that node",
        };
        own.moves.errand = Some(Errand { to, cause });
        own.offer = Some((to, now));
        self.log(LogLine {
            is_warning: false,
            address: Some(own.address),
            peer: None,
            text: format!("{} is offered to {label}: {why}", own.address),
        });
    }

    /// Why this peer can not be given the address now, as the end of a sentence that begins with its
    /// name; none = it can.
    fn obstacle(&self, own: &Own, to: NodeId) -> Option<String> {
        let Some(peer) = self.peers.get(&to) else {
            return Some("is not known here".to_owned());
        };
        if peer.liveness != Liveness::Alive {
            return Some(format!("is {}: {}", peer.liveness, peer.reason));
        }
        if !peer.lists(self.settings.identity.id) {
            return Some("does not hear this node".to_owned());
        }
        if peer.stated.state != NodeState::Active {
            return Some(format!("is {}", peer.stated.state));
        }
        if peer.level(own.key) == Ability::Serves.level() {
            return None;
        }
        Some(match self.pin_of(own) {
            Some(node) if peer.name.as_ref() != Some(node) => {
                format!("can serve it as a last resort only: it is pinned to {node}")
            }
            Some(_) | None if peer.level(own.key) == 0 => "can not serve it".to_owned(),
            Some(_) | None => "can serve it as a last resort only".to_owned(),
        })
    }

    /// Whether an operator placed the address where it is, here or at a peer.
    pub(super) fn is_moved(&self, own: &Own) -> bool {
        let is_claimed_so = |peer: &Peer| is_moved_by(peer, own.key);
        own.moves.is_moved || self.peers.values().any(is_claimed_so)
    }

    /// What remains of a move for a time is written now and then, so that a crash makes it longer
    /// by little.
    fn remember_leases(&mut self, now: Moment) {
        let is_due = now.since(self.failback.remembered_at) >= REMEMBER_EVERY;
        if !is_due {
            return;
        }
        self.failback.remembered_at = now;
        if self.addresses.values().any(|own| own.moves.back.is_some()) {
            self.outputs.push_back(Output::Remember);
        }
    }

    /// The peer with this name.
    pub(super) fn peer_named(&self, name: &NodeName) -> Option<&Peer> {
        let mut peers = self.peers.values();
        peers.find(|peer| peer.name.as_ref() == Some(name))
    }
}

impl Member {
    /// What an operator placed here, for the disk.
    pub(super) fn remembered_moves(&self) -> BTreeMap<IpAddr, Option<RememberedLease>> {
        let now = self.last_run;
        let moved = self.addresses.values().filter(|own| own.moves.is_moved);
        let lease = |back: Back| RememberedLease {
            to: back.to,
            left: back.at.since(now),
            was_moved: back.was_moved,
        };
        moved
            .map(|own| (own.address, own.moves.back.map(lease)))
            .collect()
    }
}

impl Moves {
    /// Of an address that was moved, as the disk says.
    pub(super) fn of_memory(lease: Option<RememberedLease>, now: Moment) -> Moves {
        Moves {
            is_moved: true,
            back: lease.map(|lease| Back {
                to: lease.to,
                at: now + lease.left,
                was_moved: lease.was_moved,
            }),
            ..Moves::default()
        }
    }
}

/// Whether a peer claims the address and says that an operator placed it there.
fn is_moved_by(peer: &Peer, key: AddressKey) -> bool {
    peer.claim(key).is_some() && peer.entry(key).is_some_and(|entry| entry.moved)
}
