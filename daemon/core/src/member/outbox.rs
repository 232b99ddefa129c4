//! What goes out: heartbeats with facts until they are acknowledged, hellos, replies, pings.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use super::own::Claim;
use super::pages::Statement;
use super::peer::Peer;
use super::rules::{self, Rule};
use super::wire::{
    self, ClaimKind, Datagram, Entry, Flags, Greeting, Kind, ListedPeer, MAX_PEERS, Observed,
};
use super::{Member, Output};
use crate::names::NodeId;
use crate::report::{Liveness, NodeState};
use crate::time::Moment;

/// Every node of the link (RFC 4291 section 2.7.1).
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// Pages that one peer is sent in one interval at most.
const PAGES_PER_BEAT: usize = 8;

impl Member {
    /// States the present facts: a new version goes out at once, everything else with the beat.
    pub(super) fn publish(&mut self, now: Moment) {
        let stamp = (self.state, self.gateway_seen(now));
        self.state_addresses(now);
        if self.pages.renew(self.list_peers(), stamp) {
            self.watch.is_unsent = true;
        }
        let is_beat = now >= self.next_beat;
        if is_beat {
            self.last_beat = now;
            self.next_beat = now + self.beat();
            self.renew_relays();
        }
        let is_urgent = std::mem::take(&mut self.watch.is_unsent);
        let needs = |peer: &&Peer| is_beat || is_urgent || peer.is_owed_ack;
        let needing = self.peers.values().filter(needs);
        let ids: Vec<NodeId> = needing.map(|peer| peer.id).collect();
        for id in ids {
            let Some(mut peer) = self.peers.remove(&id) else {
                continue;
            };
            let is_news = is_urgent && peer.session.last != 0;
            if is_beat || is_news || peer.is_owed_ack {
                self.renew_challenge(&mut peer, now);
                let is_owed = std::mem::take(&mut peer.is_owed_ack);
                if is_beat {
                    peer.sent = (peer.acked, 0);
                }
                self.send_beat(&mut peer, is_news, is_owed, now);
            }
            self.peers.insert(id, peer);
        }
        if let Some(mut double) = self.double.take() {
            if is_beat {
                self.send_beat(&mut double, false, false, now);
            }
            self.double = Some(double);
        }
        self.send_hellos(is_beat, now);
    }

    /// The heartbeat interval with the nodes that are known.
    pub(super) fn beat(&self) -> Duration {
        self.timers.beat_for(self.peers.len() + 1)
    }

    /// Whether a routine heartbeat may lie until the next turn: that one is due within a heartbeat,
    /// and reads what has arrived before it looks at a silence (R1), so that nobody is suspected for
    /// it. Not while a peer is being asked for, or is waited for.
    pub fn may_lie(&self) -> bool {
        let is_settled = |peer: &Peer| match peer.liveness {
            Liveness::Unknown | Liveness::Alive | Liveness::Dead => true,
            Liveness::Suspect | Liveness::Hung | Liveness::Held => false,
        };
        self.is_taking_part() && self.double.is_none() && self.peers.values().all(is_settled)
    }

    /// Whether a heartbeat without a page tells this peer nothing but that this node lives. One that
    /// does not say that it hears this node waits for exactly that.
    fn is_routine_for(&self, peer: &Peer) -> bool {
        self.is_taking_part()
            && peer.session.verified.is_some()
            && peer.liveness == Liveness::Alive
            && peer.acked == self.pages.version()
            && peer.stated.hears(self.settings.identity.id)
    }

    fn is_taking_part(&self) -> bool {
        matches!(self.state, NodeState::Active | NodeState::Draining)
    }

    /// By broadcast while joining or isolated and less and less often afterwards; by unicast with every
    /// beat to configured peers that were never heard, so that a heal is noticed as fast as any.
    fn send_hellos(&mut self, is_beat: bool, now: Moment) {
        if is_beat && !self.expected.is_empty() {
            let hello = self.header(Kind::Hello, None);
            for to in self.expected.clone() {
                self.transmit(to, &hello);
            }
        }
        let is_joining = matches!(self.state, NodeState::Joining | NodeState::Isolated);
        if !self.hellos.take(is_joining, &self.timers, now) {
            return;
        }
        let hello = self.header(Kind::Hello, None);
        let everyone = match self.plan.own {
            IpAddr::V4(_) => self.plan.subnet.broadcast().map(IpAddr::V4),
            IpAddr::V6(_) => Some(IpAddr::V6(ALL_NODES)),
        };
        if let Some(to) = everyone {
            self.transmit(to, &hello);
        }
        for to in self.nodes_to_greet() {
            self.transmit(to, &hello);
        }
    }

    /// A heartbeat, with pages as long as the peer has not acknowledged them; a hello while it has
    /// not acknowledged anything, since it may not know our name then (S3).
    ///
    /// One that is not heard may still hear this node (R12), and cannot acknowledge: it gets the
    /// pages now and then, round and round.
    fn send_beat(&mut self, peer: &mut Peer, is_news: bool, is_owed: bool, now: Moment) {
        let is_verified = peer.session.verified.is_some();
        let pause = self.timers.hello_joining;
        let is_due = is_news || peer.stated_to_at.is_none_or(|at| now.since(at) >= pause);
        let (cursor, sent) = peer.sent;
        let room = PAGES_PER_BEAT.saturating_sub(sent);
        let mut pages = Vec::new();
        if is_verified {
            pages = self.pages.above(cursor.max(peer.acked), room);
        } else if peer.session.last != 0 && is_due {
            peer.stated_to_at = Some(now);
            pages = self.pages.above(peer.unheard_cursor, room);
            if pages.is_empty() {
                pages = self.pages.above(0, room);
            }
            peer.unheard_cursor = pages.last().map_or(0, |page| page.version);
        }
        if let Some(last) = pages.last() {
            peer.sent = (last.version, sent + pages.len());
        }
        if pages.is_empty() || peer.path.is_lagging(self.beat(), now) {
            let mut datagram = self.header(Kind::Heartbeat, Some(peer));
            datagram.flags.routine = !is_news && !is_owed && self.is_routine_for(peer);
            self.transmit(peer.address, &datagram);
        }
        for dispatch in pages {
            let mut datagram = self.header(Kind::Heartbeat, Some(peer));
            datagram.facts_version = dispatch.version;
            datagram.follows = dispatch.follows;
            datagram.facts = Some(dispatch.page);
            self.transmit(peer.address, &datagram);
        }
        if is_verified && peer.acked == 0 {
            self.greet(peer, peer.address);
        }
    }

    /// A hello to a verified peer: name and version.
    pub(super) fn greet(&mut self, peer: &mut Peer, to: IpAddr) {
        let datagram = self.header(Kind::Hello, Some(peer));
        self.transmit(to, &datagram);
    }

    /// A datagram without a body: ping or pong.
    pub(super) fn send_plain(&mut self, peer: &mut Peer, kind: Kind) {
        let datagram = self.header(kind, Some(peer));
        self.transmit(peer.address, &datagram);
    }

    /// What was observed on the wire, to every peer that is heard.
    pub(super) fn send_observed(&mut self, observed: &[Observed]) {
        let heard = self.peers.values();
        let heard = heard.filter(|peer| peer.liveness == Liveness::Alive);
        let ids: Vec<NodeId> = heard.map(|peer| peer.id).collect();
        for id in ids {
            let Some(mut peer) = self.peers.remove(&id) else {
                continue;
            };
            let mut datagram = self.header(Kind::Observed, Some(&mut peer));
            datagram.observed = observed.to_vec();
            self.transmit(peer.address, &datagram);
            self.peers.insert(id, peer);
        }
    }

    /// The reply that somebody earns who is not believed yet (S3).
    pub(super) fn send_reply(
        &mut self,
        peer: &mut Peer,
        to: IpAddr,
        datagram: &Datagram,
        is_busy: bool,
    ) {
        let mut reply = self.header(Kind::Reply, Some(peer));
        reply.receiver_session = datagram.session;
        reply.echo = datagram.challenge;
        if rules::applies(Rule::S5ReplyAcknowledgesNothing) {
            reply.acked_version = 0;
        }
        reply.flags.busy = is_busy;
        self.transmit(to, &reply);
    }

    pub(super) fn header(&self, kind: Kind, peer: Option<&mut Peer>) -> Datagram {
        let interval_ms = u16::try_from(self.beat().as_millis()).unwrap_or(u16::MAX);
        let hold_10ms = u16::try_from(self.timers.hold.as_millis() / 10).unwrap_or(u16::MAX);
        let mut datagram = Datagram {
            kind,
            sender: self.settings.identity.id,
            session: self.session,
            receiver_session: 0,
            sequence: 0,
            interval_ms,
            challenge: 0,
            echo: 0,
            facts_version: self.pages.version(),
            acked_version: 0,
            follows: 0,
            state: self.state,
            flags: Flags {
                wireless: self.plan.is_wireless,
                gateway_seen: self.pages.stamp().is_some_and(|(_, is_seen)| is_seen),
                busy: false,
                routine: false,
            },
            hold_10ms: if self.state == NodeState::Restarting {
                hold_10ms
            } else {
                0
            },
            facts: None,
            observed: Vec::new(),
            pins: None,
            hello: matches!(kind, Kind::Hello | Kind::Reply).then(|| self.greeting()),
        };
        if let Some(peer) = peer {
            datagram.receiver_session = peer.session.verified.unwrap_or(peer.session.last);
            datagram.sequence = peer.next_sequence();
            datagram.challenge = peer.session.my_challenge;
            datagram.echo = peer.session.its_challenge;
            datagram.acked_version = peer.acknowledged();
        }
        datagram
    }

    fn greeting(&self) -> Greeting {
        let identity = &self.settings.identity;
        Greeting {
            name: identity.name.clone(),
            version: identity.version.clone(),
            config_hash: identity.config_hash,
            weight: self.weight(),
            address: None,
        }
    }

    pub(super) fn transmit(&mut self, to: IpAddr, datagram: &Datagram) {
        let bytes = wire::encode(datagram, self.keys.used());
        self.outputs.push_back(Output::Send { to, bytes });
    }

    /// Whom this node hears.
    fn list_peers(&self) -> Vec<ListedPeer> {
        let known = self.peers.values().filter(|peer| peer.is_known);
        let listed = known.take(MAX_PEERS).map(|peer| ListedPeer {
            id: peer.id,
            direct: peer.is_direct(),
            heard: peer.liveness == Liveness::Alive,
            held: peer.liveness == Liveness::Held,
        });
        listed.collect()
    }

    /// What this node states of its addresses now.
    fn state_addresses(&mut self, now: Moment) {
        let scope = self.addresses.scope();
        for own in scope.iter().filter_map(|one| self.addresses.get(one)) {
            let (claim, term) = match own.claim {
                Claim::None => (ClaimKind::None, own.highest),
                Claim::Active(term) => (ClaimKind::Active, term),
                Claim::Wish(term) => (ClaimKind::Wish, term),
            };
            let entry = Entry {
                key: own.key,
                term,
                highest: own.highest.max(term),
                level: self.level(own, now),
                claim,
                moved: own.moves.states_moved(own.offer.is_some()),
                lease: own.moves.lease(),
                offer: None,
            };
            let offer = own.offer.map(|(to, _since)| to);
            self.pages.state(own.key, Some(Statement { entry, offer }));
        }
        if self.pages.len() != self.addresses.len() {
            let keys = self.addresses.values().map(|own| own.key).collect();
            self.pages.keep(&keys);
        }
    }
}
