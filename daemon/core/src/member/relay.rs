//! R13: what this node hears directly goes on to those who do not hear it, under its own session,
//! so that two nodes with a common neighbour are never strangers.
//!
//! Never relays what is late, nor what was relayed to it. A relay carries the header of the original
//! and one page of what it stated; pages go round and round, since nobody acknowledges them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use super::peer::{Peer, Probe};
use super::rules::{self, Rule};
use super::wire::{Datagram, Greeting, Kind};
use super::{LogLine, Member, Output};
use crate::names::NodeId;
use crate::report::{Liveness, NodeState};
use crate::time::Moment;

/// So many of the common neighbours of two nodes relay between them: the other covers for one that
/// fails.
const RELAYING: usize = 2;
/// Every so many relays carry the name and the address in place of a page.
const GREETING_EVERY: usize = 16;

/// Whom this node relays to whom.
#[derive(Debug, Default)]
pub(super) struct Relays(BTreeMap<NodeId, BTreeMap<NodeId, Relaying>>);

/// From one node to one other.
#[derive(Debug, Clone, Copy, Default)]
struct Relaying {
    /// It was wanted for a whole beat: after a start or a heal most lists are behind for a moment.
    is_due: bool,
    sent: usize,
    pages: usize,
}

impl Member {
    /// Looks at who does not hear whom, with each beat.
    pub(super) fn renew_relays(&mut self) {
        let is_able = |peer: &&Peer| peer.is_direct() && peer.stated.is_complete();
        let direct: Vec<&Peer> = self.peers.values().filter(is_able).collect();
        let mut wanted = BTreeMap::new();
        for origin in &direct {
            let is_deaf = |to: &&&Peer| to.id != origin.id && !to.lists(origin.id);
            let to = direct.iter().filter(is_deaf);
            let to = to.filter(|to| self.is_relay_between(origin.id, to, &direct));
            let former = self.relays.0.get(&origin.id);
            let to: BTreeMap<NodeId, Relaying> = to
                .map(|to| {
                    let former = former.and_then(|former| former.get(&to.id));
                    let relaying = former.map_or_else(Relaying::default, |former| Relaying {
                        is_due: true,
                        ..*former
                    });
                    (to.id, relaying)
                })
                .collect();
            if !to.is_empty() {
                wanted.insert(origin.id, to);
            }
        }
        self.relays.0 = wanted;
    }

    /// Whether this node is among those that relay between two: the first in an order that differs
    /// from pair to pair.
    fn is_relay_between(&self, origin: NodeId, to: &Peer, direct: &[&Peer]) -> bool {
        let place = |id: NodeId| {
            let number = |id: NodeId| u64::from_be_bytes(id.0);
            let mixed = number(id) ^ number(origin).rotate_left(21) ^ number(to.id).rotate_left(42);
            (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15), id)
        };
        let mine = place(self.settings.identity.id);
        let others = direct.iter().filter(|other| {
            let is_third = other.id != origin && other.id != to.id;
            is_third && other.lists(origin) && to.lists(other.id) && place(other.id) < mine
        });
        others.count() < RELAYING
    }

    /// A believed datagram of `peer` goes on, with its page or with the next one of all pages.
    pub(super) fn relay(&mut self, peer: &Peer, datagram: &Datagram) {
        let Some(mut wanted) = self.relays.0.remove(&peer.id) else {
            return;
        };
        for (to, relaying) in wanted.iter_mut().filter(|(_, relaying)| relaying.is_due) {
            let Some(mut to) = self.peers.remove(to) else {
                continue;
            };
            if to.session.verified.is_some() && rules::applies(Rule::R13Relay) {
                let mut relay = self.header(Kind::Relay, Some(&mut to));
                relay.interval_ms = datagram.interval_ms;
                relay.challenge = datagram.session;
                relay.echo = u64::from_be_bytes(peer.id.0);
                relay.acked_version = 0;
                relay.state = datagram.state;
                relay.flags = datagram.flags;
                relay.hold_10ms = datagram.hold_10ms;
                (relay.facts_version, relay.facts, relay.hello) = (0, None, None);
                relaying.fill(&mut relay, peer, datagram);
                self.transmit(to.address, &relay);
                self.count("relayed");
            }
            self.peers.insert(to.id, to);
        }
        self.relays.0.insert(peer.id, wanted);
    }

    /// What `via`, which is believed, has heard of a third node.
    pub(super) fn receive_relay(&mut self, via: NodeId, datagram: Datagram, now: Moment) {
        let Some((id, session)) = datagram.origin() else {
            return;
        };
        if id == via || id == self.settings.identity.id {
            return self.count("relay-impossible");
        }
        let address = datagram.hello.as_ref().and_then(|hello| hello.address);
        let address = address.filter(|address| self.plan.subnet.contains(*address));
        let found = self.peers.remove(&id);
        let found = found.or_else(|| self.take_peer(id, address?, now));
        let Some(mut peer) = found else {
            return self.count("relay-of-unknown");
        };
        if peer.accepts_relay(via, session, datagram.sequence, now) {
            self.believe_relay(&mut peer, datagram, (via, session), now);
        } else {
            self.count("relay-not-needed");
        }
        self.peers.insert(id, peer);
    }

    fn believe_relay(
        &mut self,
        peer: &mut Peer,
        datagram: Datagram,
        (via, session): (NodeId, u64),
        now: Moment,
    ) {
        // Another path or another life is no silence to learn from.
        let is_same_way = peer.stated.session == session && peer.relayed.via.is_some();
        if peer.stated.session != session {
            peer.relayed.end(peer.stated.session);
            self.forget_stated(peer);
            peer.stated.session = session;
            // Else the session that has ended would pass for one that is heard, and keep the new
            // life from being believed directly (S4) as long as it is relayed.
            if peer
                .session
                .verified
                .is_some_and(|former| former != session)
            {
                peer.forget_session(self.rng.next(), now);
                peer.session.last = session;
            }
        }
        peer.relayed.sequence = datagram.sequence;
        peer.relayed.via = Some(via);
        peer.heard_at = Some(now);
        if peer.stands() && is_same_way {
            peer.detector.handle_sign_of_life(peer.stated.interval, now);
        } else {
            peer.detector.forget_gap(now);
        }
        peer.apply_header(&datagram);
        self.follow_relayed_state(peer, &datagram, now);
        if peer.stands() {
            self.apply_page(peer, &datagram);
        }
        if let Some(greeting) = datagram.hello {
            self.take_relayed_greeting(peer, greeting);
        }
        if !peer.is_known {
            peer.is_known = true;
            self.watch.has_met_anyone = true;
            self.outputs.push_back(Output::Remember);
        }
    }

    fn take_relayed_greeting(&mut self, peer: &mut Peer, greeting: Greeting) {
        peer.version = Some(greeting.version);
        peer.weight = greeting.weight.max(1);
        peer.name = Some(greeting.name);
        let is_elsewhere = |at: &IpAddr| *at != peer.address && self.plan.subnet.contains(*at);
        if let Some(address) = greeting.address.filter(is_elsewhere) {
            peer.address = address;
            peer.mac = None;
            self.outputs.push_back(Output::NeighboursChanged);
        }
        self.expected.remove(&peer.address);
    }

    /// What a relayed state means for the peer's liveness. It is not answered: the peer would not
    /// hear it.
    fn follow_relayed_state(&mut self, peer: &mut Peer, datagram: &Datagram, now: Moment) {
        let label = |id: NodeId| self.peers.get(&id).map(Peer::label);
        let via = peer.relayed.via.and_then(label);
        // The relaying node is out of the table while its datagram is looked at.
        let via = via.unwrap_or_else(|| "a common neighbour".to_owned());
        let (liveness, reason) = match datagram.state {
            NodeState::Restarting => {
                let hold = Duration::from_millis(u64::from(datagram.hold_10ms) * 10);
                let hold = hold.min(self.timers.hold * 2);
                if peer.liveness != Liveness::Held {
                    peer.probe = Probe::default();
                    peer.probe.held_until = Some(now + hold);
                }
                (Liveness::Held, format!("restarts, as {via} says"))
            }
            NodeState::Gone => (Liveness::Dead, format!("has stopped, as {via} says")),
            NodeState::Joining
            | NodeState::Active
            | NodeState::Draining
            | NodeState::Stopping
            | NodeState::Isolated
            | NodeState::Mute => {
                peer.probe = Probe::default();
                (Liveness::Alive, format!("is heard through {via}"))
            }
        };
        let text = format!("{} {reason}", peer.label());
        if peer.turn(liveness, reason, now) {
            self.log(LogLine {
                is_warning: false,
                address: None,
                peer: peer.name.clone(),
                text,
            });
        }
        if liveness == Liveness::Dead {
            peer.relayed.end(peer.stated.session);
            self.forget_stated(peer);
            peer.forget_session(self.rng.next(), now);
        }
    }
}

impl Relaying {
    /// Puts the body into a relay: a page that has just changed, a greeting, or the next page.
    fn fill(&mut self, relay: &mut Datagram, peer: &Peer, datagram: &Datagram) {
        let number = self.sent;
        self.sent += 1;
        if let Some(page) = &datagram.facts {
            relay.facts_version = datagram.facts_version;
            relay.facts = Some(page.clone());
            return;
        }
        if let (Some(name), true) = (&peer.name, number.is_multiple_of(GREETING_EVERY)) {
            relay.hello = Some(Greeting {
                name: name.clone(),
                version: peer.version.clone().unwrap_or_default(),
                config_hash: 0,
                weight: peer.weight,
                address: Some(peer.address),
            });
            return;
        }
        if let Some((version, page)) = peer.stated.page(self.pages) {
            relay.facts_version = version;
            relay.facts = Some(page);
            self.pages += 1;
        }
    }
}

impl Peer {
    /// Whether what a neighbour has heard of this peer counts now.
    fn accepts_relay(&self, via: NodeId, session: u64, sequence: u64, now: Moment) -> bool {
        let has_ended = self.relayed.has_ended(session);
        if self.is_direct() || (has_ended && rules::applies(Rule::R13Ended)) {
            return false;
        }
        let is_late = self.relayed.via == Some(via) && sequence < self.relayed.sequence;
        // S4: another life counts only when this one has ended or is silent.
        let is_other = self.stated.session != session && self.stands();
        let is_heard = |at: Moment| now.since(at) <= self.stated.interval * 2;
        let is_leaving = matches!(self.stated.state, NodeState::Restarting | NodeState::Gone);
        let is_busy = is_other && !is_leaving && self.heard_at.is_some_and(is_heard);
        !is_late && !is_busy
    }
}
