//! Who is believed (ELECTION section 3, S1-S7): datagrams in, applied facts out.

use std::net::IpAddr;
use std::time::Duration;

use super::peer::Peer;
use super::rules::{self, Rule};
use super::timers::MAX_PEERS;
use super::wire::{self, Datagram, Kind, Reject};
use super::{LogLine, Member, Output};
use crate::names::NodeId;
use crate::report::{Liveness, NodeState};
use crate::time::Moment;

/// How a datagram with a right authentication code stands to the session layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Believed, and new.
    Believed,
    /// It echoes my present challenge: its session is verified now.
    Verified,
    /// Seen before.
    Replayed,
    /// A new session of a peer whose old one was heard just now (S4).
    Busy,
    /// Neither; it earns one reply.
    Stranger,
}

/// Where and when a datagram arrived, and how it stands.
#[derive(Debug, Clone, Copy)]
struct Arrival {
    source: IpAddr,
    standing: Standing,
    now: Moment,
}

impl Member {
    /// A UDP datagram from `source` on this segment. `now` is when it arrived: it may have lain
    /// until this turn ([`Member::may_lie`]).
    pub fn handle_datagram(&mut self, source: IpAddr, bytes: &[u8], now: Moment) {
        if !self.plan.subnet.contains(source) {
            return self.count("heartbeat-from-outside");
        }
        match wire::decode(bytes, &self.keys.accepted()) {
            Ok(datagram) => {
                let sender = datagram.sender;
                self.receive(source, datagram, now);
                let believed = self.peers.get_mut(&sender);
                if let Some(peer) = believed.filter(|peer| peer.heard_at == Some(now)) {
                    peer.key = wire::key_id(bytes);
                }
            }
            Err(Reject::Version(foreign)) => self.receive_foreign_version(foreign, now),
            Err(Reject::Key(_id)) => {
                self.count("heartbeat-wrong-key");
                self.note_wrong_key(source, now);
            }
            Err(Reject::Mac) => self.count("heartbeat-wrong-mac"),
            Err(Reject::Truncated) => self.count("heartbeat-truncated"),
            Err(Reject::TooLong) => self.count("heartbeat-too-long"),
            Err(Reject::NotOurs(_magic)) => self.count("heartbeat-not-ours"),
            Err(Reject::Malformed) => self.count("heartbeat-malformed"),
        }
    }

    /// A peer of a newer program: alive, and what it last stated stands.
    fn receive_foreign_version(&mut self, foreign: wire::Foreign, now: Moment) {
        self.count("heartbeat-other-version");
        let session = self.session;
        let Some(peer) = self.peers.get_mut(&foreign.sender) else {
            return;
        };
        let is_current =
            peer.session.verified == Some(foreign.session) && foreign.receiver_session == session;
        if is_current && peer.session.window.accept(foreign.sequence) {
            peer.is_foreign_version = true;
            peer.heard_at = Some(now);
            peer.detector.handle_sign_of_life(peer.stated.interval, now);
        }
    }

    fn receive(&mut self, source: IpAddr, datagram: Datagram, now: Moment) {
        let id = datagram.sender;
        if id == self.settings.identity.id {
            return self.receive_own_identity(source, datagram, now);
        }
        let Some(mut peer) = self.take_peer(id, source, now) else {
            return self.count("heartbeat-too-many-peers");
        };
        let standing = self.judge_session(&mut peer, &datagram, now);
        let arrival = Arrival {
            source,
            standing,
            now,
        };
        match standing {
            Standing::Believed => self.believe(&mut peer, datagram, arrival),
            // A relay has no challenge of its own and earns no reply.
            _ if datagram.kind == Kind::Relay => self.count("relay-not-believed"),
            Standing::Verified => self.believe(&mut peer, datagram, arrival),
            Standing::Replayed => self.count("heartbeat-replayed"),
            Standing::Busy | Standing::Stranger => {
                self.answer_stranger(&mut peer, &datagram, arrival);
            }
        }
        self.peers.insert(id, peer);
    }

    /// Takes a peer out of the table, a new one if there is room.
    pub(super) fn take_peer(
        &mut self,
        id: NodeId,
        source: IpAddr,
        now: Moment,
    ) -> Option<Box<Peer>> {
        if let Some(peer) = self.peers.remove(&id) {
            return Some(peer);
        }
        if self.peers.len() >= MAX_PEERS {
            let is_droppable = |peer: &&Peer| {
                let is_old = now.since(peer.since) > self.timers.grace;
                !peer.stands() && (peer.liveness == Liveness::Dead || is_old)
            };
            let oldest = self
                .peers
                .values()
                .filter(is_droppable)
                .min_by_key(|peer| peer.since)?;
            let oldest = oldest.id;
            self.peers.remove(&oldest);
        }
        Some(Box::new(Peer::new(id, source, self.rng.next(), now)))
    }

    fn judge_session(&self, peer: &mut Peer, datagram: &Datagram, now: Moment) -> Standing {
        let is_for_me =
            datagram.receiver_session == self.session || !rules::applies(Rule::S2Receiver);
        let is_current = peer.session.verified == Some(datagram.session);
        if is_for_me && is_current {
            let is_new = peer.session.window.accept(datagram.sequence);
            let is_overtaken = is_new && datagram.sequence < peer.stated.sequence;
            if is_overtaken && !rules::applies(Rule::S2Late) {
                return Standing::Replayed;
            }
            return if is_new || !rules::applies(Rule::S2Window) {
                Standing::Believed
            } else {
                Standing::Replayed
            };
        }
        let is_echo = datagram.echo != 0 && datagram.echo == peer.session.my_challenge;
        if !(is_for_me && (is_echo || !rules::applies(Rule::S3Challenge))) {
            return Standing::Stranger;
        }
        let is_old_alive = peer.session.verified.is_some()
            && !matches!(
                peer.stated.state,
                NodeState::Restarting | NodeState::Gone | NodeState::Mute
            )
            && peer
                .heard_at
                .is_some_and(|at| now.since(at) <= peer.stated.interval * 2);
        if is_old_alive && rules::applies(Rule::S4Incumbent) {
            Standing::Busy
        } else {
            Standing::Verified
        }
    }

    /// S3: one reply (echo, challenge, session), and no state but what the reply needs.
    fn answer_stranger(&mut self, peer: &mut Peer, datagram: &Datagram, arrival: Arrival) {
        let Arrival {
            source,
            standing,
            now,
        } = arrival;
        let is_greeting_of_a_friend = peer.session.verified == Some(datagram.session)
            && datagram.kind == Kind::Hello
            && datagram.receiver_session == 0;
        if is_greeting_of_a_friend {
            return;
        }
        self.count("heartbeat-not-believed");
        if peer.session.verified.is_none() {
            self.renew_challenge(peer, now);
            peer.session.last = datagram.session;
            peer.session.its_challenge = datagram.challenge;
            if !peer.is_known {
                peer.address = source;
            }
        }
        if peer.may_reply(now) {
            if !peer.stands() && source == peer.address {
                // It may have another card than the one that the answer goes to.
                peer.hardware.handle_datagram(now);
                self.outputs.push_back(Output::Ask {
                    target: source,
                    mac: peer.mac,
                });
            }
            let is_busy = standing == Standing::Busy;
            self.send_reply(peer, source, datagram, is_busy);
        }
    }

    /// S3: what was echoed and never arrived must not be worth anything later.
    pub(super) fn renew_challenge(&mut self, peer: &mut Peer, now: Moment) {
        let is_old = peer.session.verified.is_none()
            && now.since(peer.session.challenged_at) >= self.timers.challenge;
        if is_old && rules::applies(Rule::S3Expiry) {
            peer.session.my_challenge = self.rng.next();
            peer.session.challenged_at = now;
        }
    }

    fn believe(&mut self, peer: &mut Peer, datagram: Datagram, arrival: Arrival) {
        let Arrival {
            source,
            standing,
            now,
        } = arrival;
        if standing == Standing::Verified {
            self.accept_session(peer, source, &datagram, now);
        }
        if peer.address != source {
            peer.address = source;
            peer.mac = None;
            self.outputs.push_back(Output::NeighboursChanged);
        }
        peer.heard_at = peer.heard_at.max(Some(now));
        peer.hardware.handle_datagram(now);
        peer.relayed.via = None;
        peer.is_foreign_version = false;
        peer.detector.handle_sign_of_life(peer.stated.interval, now);
        if datagram.kind == Kind::Relay {
            return self.receive_relay(peer.id, datagram, now);
        }
        peer.session.its_challenge = datagram.challenge;
        if datagram.kind == Kind::Ping {
            self.send_plain(peer, Kind::Pong);
        }
        if datagram.kind == Kind::Pong {
            peer.path.handle_pong(now);
        }
        if datagram.kind == Kind::Observed {
            self.take_observed(&datagram.observed, now);
            peer.observed = (datagram.observed.clone(), Some(now));
        }
        if let Some(notice) = datagram.pins.clone() {
            self.take_pins(peer, notice);
        }
        // S6: a late datagram is a sign of life; its pages are weighed by their own versions.
        let is_late = datagram.sequence < peer.stated.sequence && rules::applies(Rule::S6Late);
        if !is_late {
            peer.stated.sequence = datagram.sequence;
            // Not the highest ever: a peer that has lost our facts says so by a lower one.
            peer.acked = datagram.acked_version.min(self.pages.version());
            peer.apply_header(&datagram);
            self.follow_state(peer, &datagram, now);
        }
        if peer.stands() && self.apply_page(peer, &datagram) {
            peer.stated
                .advance(datagram.facts_version, datagram.follows);
            peer.is_owed_ack = true;
        }
        if !is_late {
            self.relay(peer, &datagram);
        }
        if let Some(greeting) = datagram.hello {
            peer.version = Some(greeting.version);
            peer.weight = greeting.weight.max(1);
            peer.name = Some(greeting.name);
            peer.greeted = peer.session.verified;
        }
    }

    /// The enclosed page, if there is one: true if it is applied.
    pub(super) fn apply_page(&mut self, peer: &mut Peer, datagram: &Datagram) -> bool {
        let Some(page) = &datagram.facts else {
            return false;
        };
        let news = peer.stated.apply(peer.id, datagram.facts_version, page);
        let Some(news) = news else {
            self.count("page-over-limit");
            return false;
        };
        peer.changes += u64::from(news.is_general);
        self.addresses.note_news(news);
        true
    }

    /// S3, the moment of belief: another life of the peer, or the first one that is heard.
    fn accept_session(
        &mut self,
        peer: &mut Peer,
        source: IpAddr,
        datagram: &Datagram,
        now: Moment,
    ) {
        peer.forget_session(self.rng.next(), now);
        peer.session.verified = Some(datagram.session);
        peer.session.last = datagram.session;
        peer.session.window.accept(datagram.sequence);
        peer.detector.forget_gap(now);
        if peer.stated.session != datagram.session {
            peer.relayed.end(peer.stated.session);
            peer.forget_facts();
        }
        peer.stated.session = datagram.session;
        peer.stated.sequence = 0;
        peer.probe = super::peer::Probe::default();
        peer.is_known = true;
        self.forget_former_identities(source);
        self.watch.has_met_anyone = true;
        self.expected.remove(&source);
        self.strangers.wrong_keys.remove(&source);
        self.greet(peer, source);
        if peer.liveness != Liveness::Held {
            self.reassert();
        }
        self.outputs.push_back(Output::Remember);
    }

    /// R6: a peer that comes from behind a partition may have spoken there, and may yield before this
    /// node knows of it: clients that heard it last have to hear this node again.
    fn reassert(&mut self) {
        if rules::applies(Rule::R6Reassert) {
            let claimed = self.addresses.values().filter(|own| own.is_active());
            let announced = claimed.map(|own| Output::Announce(own.address));
            self.outputs.extend(announced);
        }
    }

    /// One host, one identity: a machine that was set up anew under the same address has another one,
    /// and the former does not come back.
    fn forget_former_identities(&mut self, address: IpAddr) {
        let is_former = |other: &Peer| other.address == address && !other.stands();
        let former: Vec<NodeId> = self
            .peers
            .values()
            .filter(|other| is_former(other))
            .map(|other| other.id)
            .collect();
        for id in former {
            if let Some(mut other) = self.peers.remove(&id) {
                self.forget_stated(&mut other);
            }
        }
    }

    /// What a believed state means for the peer's liveness.
    fn follow_state(&mut self, peer: &mut Peer, datagram: &Datagram, now: Moment) {
        let (liveness, reason) = match datagram.state {
            NodeState::Restarting if rules::applies(Rule::R16Hold) => {
                let hold = Duration::from_millis(u64::from(datagram.hold_10ms) * 10);
                let hold = hold.min(self.timers.hold * 2);
                if peer.liveness != Liveness::Held {
                    peer.probe = super::peer::Probe::default();
                    peer.probe.held_until = Some(now + hold);
                }
                (
                    Liveness::Held,
                    format!("restarts; its addresses are held for {hold:?}"),
                )
            }
            NodeState::Gone => (Liveness::Dead, "has stopped".to_owned()),
            NodeState::Joining
            | NodeState::Active
            | NodeState::Draining
            | NodeState::Stopping
            | NodeState::Restarting
            | NodeState::Isolated
            | NodeState::Mute => {
                peer.probe = super::peer::Probe::default();
                (Liveness::Alive, "is heard".to_owned())
            }
        };
        if peer.turn(liveness, reason.clone(), now) {
            let text = format!("{} {reason}", peer.label());
            self.log(LogLine {
                is_warning: false,
                address: None,
                peer: peer.name.clone(),
                text,
            });
        } else {
            // It was heard through a common neighbour until now.
            peer.reason = reason;
        }
        // Each time: a second goodbye may have been believed anew.
        if liveness == Liveness::Dead {
            // A goodbye is acknowledged once (R17); afterwards nothing of this life counts.
            self.forget_stated(peer);
            peer.stated.version = datagram.facts_version;
            self.send_plain(peer, Kind::Heartbeat);
            self.relay(peer, datagram);
            peer.relayed.end(datagram.session);
            peer.forget_facts();
            let fresh = self.rng.next();
            if rules::applies(Rule::S3Goodbye) {
                peer.forget_session(fresh, now);
            }
        }
    }

    /// S5: another machine has this node's identity, or it is our own frame heard back.
    fn receive_own_identity(&mut self, source: IpAddr, datagram: Datagram, now: Moment) {
        if datagram.session == self.session {
            return self.count("heartbeat-own-heard-back");
        }
        let fresh = self.rng.next();
        let id = self.settings.identity.id;
        let mut double = self
            .double
            .take()
            .unwrap_or_else(|| Peer::new(id, source, fresh, now));
        let standing = self.judge_session(&mut double, &datagram, now);
        match standing {
            Standing::Believed | Standing::Verified => {
                if standing == Standing::Verified {
                    double.forget_session(fresh, now);
                    double.session.verified = Some(datagram.session);
                    double.session.last = datagram.session;
                    double.session.window.accept(datagram.sequence);
                }
                double.address = source;
                double.session.its_challenge = datagram.challenge;
                double.heard_at = Some(now);
                double.apply_header(&datagram);
            }
            Standing::Replayed => {}
            Standing::Busy | Standing::Stranger => {
                self.answer_stranger(
                    &mut double,
                    &datagram,
                    Arrival {
                        source,
                        standing,
                        now,
                    },
                );
            }
        }
        self.double = Some(double);
    }
}
