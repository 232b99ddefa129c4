//! What goes out: heartbeats with facts until they are acknowledged, hellos, replies, pings.

use std::net::{IpAddr, Ipv6Addr};

use super::claims::Claim;
use super::peer::Peer;
use super::rules::{self, Rule};
use super::wire::{
    self, ClaimKind, Datagram, Entry, Facts, Flags, Greeting, Kind, ListedPeer, MAX_PEERS, Observed,
};
use super::{Member, Output};
use crate::names::NodeId;
use crate::report::{Liveness, NodeState};
use crate::time::Moment;

/// Every node of the link (RFC 4291 section 2.7.1).
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

impl Member {
    /// States the present facts: a new version goes out at once, everything else with the beat.
    pub(super) fn publish(&mut self, now: Moment) {
        let facts = self.state_facts(now);
        let stamp = (self.state, self.gateway_seen(now));
        if facts != self.facts || self.watch.stated != Some(stamp) {
            self.facts = facts;
            self.watch.stated = Some(stamp);
            self.facts_version = self.facts_version.saturating_add(1);
            self.watch.is_unsent = true;
        }
        let is_beat = now >= self.next_beat;
        if is_beat {
            self.next_beat = now + self.beat();
        }
        let is_urgent = std::mem::take(&mut self.watch.is_unsent);
        let ids: Vec<NodeId> = self.peers.keys().copied().collect();
        for id in ids {
            let Some(mut peer) = self.peers.remove(&id) else {
                continue;
            };
            let is_news = is_urgent && peer.session.last != 0;
            if is_beat || is_news || peer.is_owed_ack {
                peer.is_owed_ack = false;
                self.send_beat(&mut peer, is_news, now);
            }
            self.peers.insert(id, peer);
        }
        if let Some(mut double) = self.double.take() {
            if is_beat {
                self.send_beat(&mut double, false, now);
            }
            self.double = Some(double);
        }
        self.send_hellos(is_beat, now);
    }

    /// The heartbeat interval with the nodes that are known.
    pub(super) fn beat(&self) -> std::time::Duration {
        self.timers.beat_for(self.peers.len() + 1)
    }

    /// By broadcast while joining or isolated and now and then afterwards; by unicast with every
    /// beat to configured peers that were never heard, so that a heal is noticed as fast as any.
    fn send_hellos(&mut self, is_beat: bool, now: Moment) {
        let hello = self.header(Kind::Hello, None);
        if is_beat {
            for to in self.expected.clone() {
                self.transmit(to, &hello);
            }
        }
        if now < self.next_hello {
            return;
        }
        let is_settled = !matches!(self.state, NodeState::Joining | NodeState::Isolated);
        let pause = if is_settled {
            self.timers.hello
        } else {
            self.timers.hello_joining
        };
        self.next_hello = now + pause;
        let everyone = match self.plan.own {
            IpAddr::V4(_) => self.plan.subnet.broadcast().map(IpAddr::V4),
            IpAddr::V6(_) => Some(IpAddr::V6(ALL_NODES)),
        };
        if let Some(to) = everyone {
            self.transmit(to, &hello);
        }
    }

    /// A heartbeat, with the facts as long as the peer has not acknowledged them; a hello while it
    /// has not acknowledged anything, since it does not know our name then.
    ///
    /// One that is not heard may still hear this node (R12), and cannot acknowledge: it gets the
    /// facts now and then.
    fn send_beat(&mut self, peer: &mut Peer, is_news: bool, now: Moment) {
        let is_verified = peer.session.verified.is_some();
        let mut datagram = self.header(Kind::Heartbeat, Some(peer));
        let pause = self.timers.hello_joining;
        let is_due = is_news || peer.stated_to_at.is_none_or(|at| now.since(at) >= pause);
        if (is_verified && peer.acked != self.facts_version)
            || (!is_verified && peer.session.last != 0 && is_due)
        {
            peer.stated_to_at = Some(now);
            datagram.facts = Some(self.facts.clone());
        }
        self.transmit(peer.address, &datagram);
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

    fn header(&self, kind: Kind, peer: Option<&mut Peer>) -> Datagram {
        let identity = &self.settings.identity;
        let greeting = Greeting {
            name: identity.name.clone(),
            version: identity.version.clone(),
            config_hash: identity.config_hash,
        };
        let interval_ms = u16::try_from(self.beat().as_millis()).unwrap_or(u16::MAX);
        let hold_10ms = u16::try_from(self.timers.hold.as_millis() / 10).unwrap_or(u16::MAX);
        let mut datagram = Datagram {
            kind,
            sender: identity.id,
            session: self.session,
            receiver_session: 0,
            sequence: 0,
            interval_ms,
            challenge: 0,
            echo: 0,
            facts_version: self.facts_version,
            acked_version: 0,
            follows: 0,
            state: self.state,
            flags: Flags {
                wireless: self.plan.is_wireless,
                gateway_seen: self.watch.stated.is_some_and(|(_, is_seen)| is_seen),
                busy: false,
            },
            hold_10ms: if self.state == NodeState::Restarting {
                hold_10ms
            } else {
                0
            },
            facts: None,
            observed: Vec::new(),
            hello: matches!(kind, Kind::Hello | Kind::Reply).then_some(greeting),
        };
        if let Some(peer) = peer {
            datagram.receiver_session = peer.session.verified.unwrap_or(peer.session.last);
            datagram.sequence = peer.next_sequence();
            datagram.challenge = peer.session.my_challenge;
            datagram.echo = peer.session.its_challenge;
            datagram.acked_version = peer.stated.version;
        }
        datagram
    }

    fn transmit(&mut self, to: IpAddr, datagram: &Datagram) {
        let bytes = wire::encode(datagram, &self.keys);
        self.outputs.push_back(Output::Send { to, bytes });
    }

    /// What this node states of itself now.
    fn state_facts(&self, now: Moment) -> Facts {
        let known = self.peers.values().filter(|peer| peer.is_known);
        let peers: Vec<ListedPeer> = known
            .take(MAX_PEERS)
            .map(|peer| ListedPeer {
                id: peer.id,
                direct: matches!(peer.liveness, Liveness::Alive),
                heard: matches!(peer.liveness, Liveness::Alive),
                held: peer.liveness == Liveness::Held,
            })
            .collect();
        let index_of = |id: NodeId| {
            let index = peers.iter().position(|listed| listed.id == id)?;
            u8::try_from(index).ok()
        };
        let addresses = self.addresses.values().map(|own| {
            let (claim, term) = match own.claim {
                Claim::None => (ClaimKind::None, own.highest),
                Claim::Active(term) => (ClaimKind::Active, term),
                Claim::Wish(term) => (ClaimKind::Wish, term),
            };
            Entry {
                key: own.key,
                term,
                highest: own.highest.max(term),
                level: self.level(own, now),
                claim,
                moved: own.is_moved,
                offer: own.offer.and_then(|(to, _since)| index_of(to)),
            }
        });
        let addresses = addresses.collect();
        Facts {
            default_level: 0,
            peers,
            addresses,
        }
    }
}
