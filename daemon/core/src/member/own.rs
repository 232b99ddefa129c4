//! One address as this node stands to it: what it claims, what it is about to, what it has noted.
//!
//! Owned by the member's table of addresses; the rules that decide are in [`super::claims`],
//! [`super::vacancy`] and their neighbours.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use super::damping::Damper;
use super::evidence::Rival;
use super::moves::{Handover, Moves};
use super::placement::{self, DEFAULT_WEIGHT};
use super::state::Question;
use super::view::View;
use super::wire::AddressKey;
use crate::decide::Ability;
use crate::names::NodeId;
use crate::report::Holder;
use crate::time::Moment;

/// What this node claims of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    /// Nothing.
    None,
    /// It speaks for it, at this term.
    Active(u64),
    /// It spoke for it at this term in a former life.
    Wish(u64),
}

/// Why an address is being made local in order to be claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pursuit {
    /// What the claim's reason will be.
    pub(super) reason: String,
    /// Since when.
    pub(super) started: Moment,
    /// Whether it is taken because nobody else took it (R11).
    pub(super) is_patience: bool,
    /// Whether the wire has to be asked first (R11).
    pub(super) needs_ask: bool,
    /// What it is taken with.
    pub(super) handover: Handover,
}

impl Pursuit {
    /// Of a vacancy: the wire is asked first who answers for the address.
    pub(super) fn after_asking(reason: String, now: Moment) -> Pursuit {
        Pursuit {
            reason,
            started: now,
            is_patience: false,
            needs_ask: true,
            handover: Handover::default(),
        }
    }
}

/// One address as this node stands to it.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) address: IpAddr,
    pub(super) key: AddressKey,
    /// This node's rendezvous score for it.
    pub(super) score: u64,
    pub(super) ability: Ability,
    pub(super) damper: Damper,
    /// Until when it is known that nobody has it: it was probed while it was free.
    pub(super) free_until: Option<Moment>,
    /// Whether its packets are passed on, so that it never becomes local.
    pub(super) is_forwarded: bool,
    pub(super) unable_until: Option<Moment>,
    pub(super) claim: Claim,
    /// Highest term ever seen.
    pub(super) highest: u64,
    pub(super) moves: Moves,
    pub(super) offer: Option<(NodeId, Moment)>,
    pub(super) excluded: BTreeMap<NodeId, Moment>,
    pub(super) pursuit: Option<Pursuit>,
    /// The round of questions for this address on the wire.
    pub(super) ask: Option<Question>,
    pub(super) ask_again_at: Option<Moment>,
    pub(super) linger_until: Option<Moment>,
    pub(super) vacant_since: Option<Moment>,
    pub(super) patience: Duration,
    pub(super) taken_by_patience_at: Option<Moment>,
    /// Lower claims of others that were answered with an announcement (R6).
    pub(super) contested: BTreeSet<NodeId>,
    pub(super) rival: Option<Rival>,
    /// Since when a MAC of a peer answers for it that does not answer for the peer (R11).
    pub(super) doubted_at: Option<Moment>,
    /// To whom it was given up last (R5): the reason is the better one of the two then.
    pub(super) gave_way_to: Option<NodeId>,
    pub(super) holder: Holder,
    pub(super) since: Moment,
    pub(super) reason: String,
    /// What the peers state of it, as of this turn.
    pub(super) view: View,
}

impl Own {
    /// An address of which nothing is known yet but what this node remembers.
    pub(super) fn new(address: IpAddr, me: NodeId, memory: (Claim, u64), now: Moment) -> Own {
        let key = AddressKey::of(address);
        let (claim, highest) = memory;
        Own {
            address,
            key,
            score: placement::score(key, me, DEFAULT_WEIGHT),
            ability: Ability::Cannot,
            damper: Damper::default(),
            free_until: None,
            is_forwarded: false,
            unable_until: None,
            claim,
            highest,
            moves: Moves::default(),
            offer: None,
            excluded: BTreeMap::new(),
            pursuit: None,
            ask: None,
            ask_again_at: None,
            linger_until: None,
            vacant_since: None,
            patience: Duration::ZERO,
            taken_by_patience_at: None,
            contested: BTreeSet::new(),
            rival: None,
            doubted_at: None,
            gave_way_to: None,
            holder: Holder::Nobody,
            since: now,
            reason: "nobody was heard to claim it yet".to_owned(),
            view: View::default(),
        }
    }

    /// Whether this node speaks for it.
    pub(super) fn is_active(&self) -> bool {
        matches!(self.claim, Claim::Active(_))
    }

    /// Whether it shall be local: claimed, about to be, or given up a moment ago.
    pub(super) fn wants_local(&self) -> bool {
        if self.is_forwarded {
            return false;
        }
        let is_asked = self.ask.is_some() && self.ability > Ability::Cannot;
        self.is_active() || self.pursuit.is_some() || is_asked || self.linger_until.is_some()
    }

    /// Whether nothing changes for it before something is heard or its surroundings change.
    pub(super) fn is_at_rest(&self) -> bool {
        let is_spoken_for = self.is_active() || self.view.best.is_some();
        let is_pursued = self.pursuit.is_some() || self.ask.is_some();
        let is_offered = self.offer.is_some() || !self.excluded.is_empty();
        let is_waiting = self.linger_until.is_some() || self.unable_until.is_some();
        let is_timed = self.moves.back.is_some() || self.damper.is_waiting();
        is_spoken_for && !is_pursued && !is_offered && !is_waiting && !is_timed
    }

    /// Whether the wire need not be asked (R11): the silence after probes showed that nobody has it,
    /// and nobody spoke for it since.
    pub(super) fn is_known_free(&self, now: Moment) -> bool {
        self.free_until.is_some_and(|until| now < until)
    }

    /// Begins to ask the wire who answers for it, unless a round is running.
    pub(super) fn begin_ask(&mut self, now: Moment) {
        if self.ask.is_none() && self.ask_again_at.is_none_or(|at| now >= at) {
            self.ask = Some(Question {
                started: now,
                sent: 0,
            });
            self.ask_again_at = None;
        }
    }
}
