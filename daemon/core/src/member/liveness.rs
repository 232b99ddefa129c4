//! Whether a peer lives (ELECTION R15, R16, section 6): silence, questions, verdict.
//!
//! A silent peer is asked by ARP and ping before it is given up, so that a stopped daemon, a busy
//! host and a dead cable are told apart; and this node asks itself first whether it is the one that
//! is cut off (R3).

use std::net::IpAddr;
use std::time::Duration;

use super::detector::Detector;
use super::explain::Suspicion;
use super::peer::{Peer, Probe};
use super::rules::{self, Rule};
use super::state::Question;
use super::wire::{self, Datagram, Kind};
use super::{LogLine, Member, Output};
use crate::names::NodeId;
use crate::report::{Clause, Liveness, NodeState};
use crate::time::Moment;

/// While a peer hangs or is held it is asked this often.
const SLOW_ASK: Duration = Duration::from_millis(100);

/// While it is not known which card a peer has it is asked this often.
const CARD_ASK: Duration = Duration::from_millis(20);

impl Member {
    /// An ICMP error says that the kernel of `peer` refused the member port, and quotes the datagram
    /// that it refused. Anybody can send one, so it counts only with a datagram of this life that
    /// went to that peer alone: nobody else has its code. Of what was sent before the peer was
    /// asked, somebody may have seen a copy; that starts the questions and settles none.
    pub fn handle_refusal(&mut self, peer: IpAddr, quoted: &[u8], now: Moment) {
        let known = self.peers.values().find(|known| known.address == peer);
        let Some(known) = known else { return };
        let datagram = wire::decode(quoted, &self.keys.accepted()).ok();
        let is_own = |datagram: &Datagram| {
            datagram.sender == self.settings.identity.id
                && datagram.session == self.session
                && datagram.receiver_session != 0
                && datagram.receiver_session == known.session.last
        };
        let is_of_window = |datagram: &Datagram| {
            let asked = known.probe.pinged_from;
            datagram.kind == Kind::Ping && asked.is_some_and(|first| datagram.sequence >= first)
        };
        let is_new_question = known.liveness == Liveness::Alive;
        match datagram.filter(is_own) {
            Some(datagram) if is_new_question || is_of_window(&datagram) => {
                self.handle_refused(peer, now);
            }
            Some(_) => self.count("refusal-late"),
            None => self.count("refusal-forged"),
        }
    }

    /// The kernel of `peer` did refuse the member port. Proof of death only within a window in
    /// which it was pinged; before, it starts the questions.
    pub fn handle_refused(&mut self, peer: IpAddr, now: Moment) {
        self.count("heartbeat-refused");
        let found = self
            .peers
            .values()
            .find(|known| known.address == peer)
            .map(|known| known.id);
        let Some(id) = found else { return };
        let Some(mut peer) = self.peers.remove(&id) else {
            return;
        };
        match peer.liveness {
            Liveness::Alive => {
                self.suspect(&mut peer, "its port is refused", now);
                peer.probe.is_refused = !rules::applies(Rule::R15Refusal);
            }
            Liveness::Suspect | Liveness::Hung => {
                peer.probe.is_refused |= peer.probe.pinged_at.is_some();
            }
            Liveness::Unknown | Liveness::Held | Liveness::Dead => {}
        }
        self.peers.insert(id, peer);
    }

    /// Looks at the silence of every peer, once a turn.
    pub(super) fn watch_peers(&mut self, now: Moment) {
        let ids: Vec<NodeId> = self.peers.keys().copied().collect();
        for id in ids {
            // The verdict looks at the other peers, so this one is out of the table meanwhile.
            let Some(mut peer) = self.peers.remove(&id) else {
                continue;
            };
            self.watch_peer(&mut peer, now);
            self.watch_path(&mut peer, now);
            peer.watch_listing(self.settings.identity.id, self.beat(), now);
            let foreign = peer.hardware.overdue(now);
            self.peers.insert(id, peer);
            self.judge_deferred(foreign, now);
        }
        if self.watch.is_cut_off {
            self.watch.is_cut_off = false;
            self.isolate("neither a peer nor a witness answers", now);
        }
    }

    fn watch_peer(&mut self, peer: &mut Peer, now: Moment) {
        match peer.liveness {
            Liveness::Unknown | Liveness::Dead => {}
            Liveness::Alive => self.watch_alive(peer, now),
            Liveness::Suspect => self.watch_suspect(peer, now),
            Liveness::Hung => self.watch_hung(peer, now),
            Liveness::Held => self.watch_held(peer, now),
        }
    }

    fn watch_alive(&mut self, peer: &mut Peer, now: Moment) {
        let quiet = now.since(peer.heard_at.unwrap_or(peer.since));
        if quiet >= self.threshold(peer) {
            let reason = format!("silent for {} ms", quiet.as_millis());
            self.suspect(peer, &reason, now);
        } else if quiet >= self.floor(peer) {
            self.ask_host(peer, self.timers.ask_step, now);
        } else {
            peer.probe.asking_since = None;
            // Kernels that know each other ask for nobody, and without its MAC a peer's frames could
            // not be told from a stranger's.
            if peer.mac.is_none() {
                self.ask_host(peer, SLOW_ASK, now);
            } else if peer.hardware.is_open(now) {
                self.ask_host(peer, CARD_ASK, now);
            }
        }
    }

    fn suspect(&mut self, peer: &mut Peer, reason: &str, now: Moment) {
        peer.probe = Probe {
            suspect_at: Some(now),
            held_until: peer.probe.held_until,
            ..Probe::default()
        };
        peer.turn(Liveness::Suspect, reason.to_owned(), now);
        let (threshold, clause) = self.threshold_with_clause(peer);
        peer.suspicion = Some(Suspicion {
            silent_since: peer.heard_at.unwrap_or(peer.since),
            expected: peer.stated.interval,
            threshold,
            clause,
            kernel: "was not asked yet",
            friend: None,
            verdict: None,
        });
        self.count("suspected");
        let is_asking = self
            .watch
            .question
            .is_some_and(|question| question.started == now);
        if !is_asking {
            self.watch.question = Some(Question {
                started: now,
                sent: 0,
            });
        }
        let claimed = self.addresses.values();
        let claimed = claimed.filter(|own| peer.claim(own.key).is_some());
        let mut claimed: Vec<_> = claimed.map(|own| own.address).collect();
        if claimed.len() > super::addresses::FEW {
            claimed = self.share_of(&claimed, now);
        }
        for address in claimed {
            if let Some(own) = self.addresses.quiet().get_mut(&address) {
                own.begin_ask(now);
                self.addresses.touch(address);
            }
        }
        self.watch_suspect(peer, now);
    }

    fn watch_suspect(&mut self, peer: &mut Peer, now: Moment) {
        if self.ask_host(peer, self.timers.ask_step, now) {
            self.ping(peer, now);
        }
        let Some(since) = peer.probe.suspect_at else {
            return;
        };
        let is_over = now.since(since) >= self.confirm_with(peer);
        let is_held = peer.probe.held_until.is_some_and(|until| now < until);
        let is_refused = peer.probe.is_refused && !is_held;
        let is_early = !(is_over || is_refused);
        if is_early && rules::applies(Rule::R15Confirm) {
            return;
        }
        let does_kernel_answer =
            peer.kernel_at.is_some_and(|at| at >= since) && rules::applies(Rule::R15Kernel);
        let silent = now.since(peer.heard_at.unwrap_or(since)).as_millis();
        let friend = self.who_hears(peer.id);
        if let Some(suspicion) = &mut peer.suspicion {
            suspicion.kernel = match (peer.probe.is_refused, does_kernel_answer) {
                (true, _) => "refused the port",
                (false, true) => "answered ARP",
                (false, false) => "did not answer ARP",
            };
            suspicion.friend.clone_from(&friend);
        }
        // R16: a refusal is what its kernel says while its daemon is away.
        if is_held && (does_kernel_answer || peer.probe.is_refused) {
            let reason = "restarts; its kernel answers again".to_owned();
            peer.turn(Liveness::Held, reason, now);
        } else if let Some(friend) = friend {
            self.hang(
                peer,
                format!("silent for {silent} ms, but {friend} hears it"),
                now,
            );
        } else if is_refused {
            self.bury(
                peer,
                format!("its daemon is gone: port refused {silent} ms after it spoke"),
                now,
            );
        } else if does_kernel_answer {
            self.hang(
                peer,
                format!("silent for {silent} ms, but its kernel answers ARP"),
                now,
            );
        } else if self.has_contact_since(since) {
            let learned = peer.detector.silence().as_millis();
            let text = format!(
                "silent for {silent} ms (suspected from {} ms on, longest silence known {learned} ms) \
                 and no answer to ARP",
                self.threshold(peer).as_millis()
            );
            self.bury(peer, text, now);
        } else {
            self.watch.is_cut_off = true;
        }
    }

    /// Whether anybody else is heard, or a witness answered since then (R3).
    fn has_contact_since(&self, since: Moment) -> bool {
        let is_silent_anyway = match self.state {
            NodeState::Joining | NodeState::Active | NodeState::Draining => false,
            NodeState::Isolated
            | NodeState::Mute
            | NodeState::Stopping
            | NodeState::Restarting
            | NodeState::Gone => true,
        };
        // Heard now, not only not suspected yet: a peer with a longer threshold may be as silent.
        let others = self.peers.values().any(|peer| {
            let heard_at = peer.heard_at.map(|at| at + peer.stated.interval);
            let is_heard =
                peer.liveness == Liveness::Alive && heard_at.is_some_and(|at| at >= since);
            is_heard || (peer.stands() && !rules::applies(Rule::R3Company))
        });
        others
            || is_silent_anyway
            || self.is_witnessed_since(since)
            || !rules::applies(Rule::R3AskFirst)
    }

    /// A live peer that says it hears `id` directly.
    fn who_hears(&self, id: NodeId) -> Option<String> {
        let mut friends = self
            .peers
            .values()
            .filter(|peer| peer.liveness == Liveness::Alive);
        let friend = friends.find(|friend| friend.lists(id));
        friend
            .filter(|_| rules::applies(Rule::R15Friend))
            .map(Peer::label)
    }

    fn hang(&mut self, peer: &mut Peer, reason: String, now: Moment) {
        let text = format!("{} hangs: {reason}", peer.label());
        if peer.turn(Liveness::Hung, reason, now) {
            self.log(LogLine {
                is_warning: true,
                address: None,
                peer: peer.name.clone(),
                text,
            });
        }
    }

    fn watch_hung(&mut self, peer: &mut Peer, now: Moment) {
        if self.ask_host(peer, SLOW_ASK, now) {
            self.ping(peer, now);
            self.ask_addresses(peer);
        }
        if self.who_hears(peer.id).is_some() {
            return;
        }
        if peer.probe.is_refused {
            return self.bury(peer, "its daemon is gone: port refused".to_owned(), now);
        }
        let silent = self.timers.kernel_silent;
        let is_recent = |at: Option<Moment>| at.is_some_and(|at| now.since(at) < silent);
        let hung_for = now.since(peer.since);
        if hung_for >= silent && !is_recent(peer.kernel_at) {
            return self.suspect(peer, "its kernel stopped answering", now);
        }
        let is_speaking = is_recent(peer.speaks_at);
        if hung_for >= self.timers.hung && !(is_speaking && rules::applies(Rule::R15Speaks)) {
            let reason = format!("its daemon hangs for {} ms", hung_for.as_millis());
            self.bury(peer, reason, now);
        }
    }

    fn watch_held(&mut self, peer: &mut Peer, now: Moment) {
        self.ask_host(peer, SLOW_ASK, now);
        if peer.probe.held_until.is_none_or(|until| now >= until) {
            let reason = "did not come back from its restart in time".to_owned();
            return self.bury(peer, reason, now);
        }
        // Of one that was only relayed this kernel never got an answer: who relayed it knows better.
        let via = peer.relayed.via.and_then(|via| self.peers.get(&via));
        let is_held_there = |via: &Peer| via.liveness == Liveness::Alive && via.holds(peer.id);
        if via.is_some_and(is_held_there) {
            return;
        }
        let silent = self.timers.kernel_silent;
        let asked_for = peer
            .probe
            .asking_since
            .map_or(Duration::ZERO, |at| now.since(at));
        let is_silent = peer.kernel_at.is_none_or(|at| now.since(at) >= silent);
        if asked_for >= silent && is_silent {
            self.suspect(peer, "its kernel stopped answering during its restart", now);
        }
    }

    /// Asks for the peer's host address if the last question is old enough.
    fn ask_host(&mut self, peer: &mut Peer, step: Duration, now: Moment) -> bool {
        if peer.probe.asked_at.is_some_and(|at| now.since(at) < step) {
            return false;
        }
        peer.probe.asked_at = Some(now);
        peer.probe.asking_since.get_or_insert(now);
        self.outputs.push_back(Output::Ask {
            target: peer.address,
            mac: peer.mac,
        });
        true
    }

    fn ping(&mut self, peer: &mut Peer, now: Moment) {
        self.send_plain(peer, Kind::Ping);
        peer.probe.pinged_at = Some(now);
        let sequence = peer.sequence();
        peer.probe.pinged_from.get_or_insert(sequence);
    }

    fn ask_addresses(&mut self, peer: &Peer) {
        let claimed = self
            .addresses
            .values()
            .filter(|own| peer.claim(own.key).is_some());
        let claimed: Vec<_> = claimed.map(|own| own.address).collect();
        for target in claimed {
            self.outputs.push_back(Output::Ask {
                target,
                mac: peer.mac,
            });
        }
    }

    fn bury(&mut self, peer: &mut Peer, reason: String, now: Moment) {
        self.count("peers-given-up");
        let text = format!("{} is dead: {reason}", peer.label());
        self.log(LogLine {
            is_warning: true,
            address: None,
            peer: peer.name.clone(),
            text,
        });
        peer.turn(Liveness::Dead, reason, now);
        self.forget_stated(peer);
        peer.forget_session(self.rng.next(), now);
        peer.probe = Probe::default();
    }

    /// The facts of a dead peer count only for their terms.
    pub(super) fn forget_stated(&mut self, peer: &mut Peer) {
        for own in self.addresses.quiet().values_mut() {
            if let Some(entry) = peer.stated.entry(own.key) {
                own.highest = own.highest.max(entry.term).max(entry.highest);
            }
        }
        peer.forget_facts();
    }

    fn is_wireless_with(&self, peer: &Peer) -> bool {
        self.plan.is_wireless || peer.stated.flags.wireless
    }

    pub(super) fn confirm_with(&self, peer: &Peer) -> Duration {
        let is_wireless = self.is_wireless_with(peer);
        if is_wireless {
            self.timers.confirm_wireless
        } else {
            self.timers.confirm_for(peer.stated.interval)
        }
    }

    fn floor(&self, peer: &Peer) -> Duration {
        Detector::floor(
            peer.stated.interval,
            self.is_wireless_with(peer),
            &self.timers,
        )
    }

    /// The silence after which a peer is suspected now.
    pub(super) fn threshold(&self, peer: &Peer) -> Duration {
        self.threshold_with_clause(peer).0
    }

    /// See [`Member::threshold`]; and what gives it.
    pub(super) fn threshold_with_clause(&self, peer: &Peer) -> (Duration, Clause) {
        let is_wireless = self.is_wireless_with(peer);
        let detector = &peer.detector;
        let (threshold, clause) =
            detector.threshold(peer.stated.interval, is_wireless, &self.timers);
        // What is relayed can be lost twice, and who relays it may suspect it for a moment.
        let hops = if peer.relayed.via.is_some() { 2 } else { 1 };
        (threshold.max(self.floor(peer) * hops), clause)
    }

    /// When the silence of some peer needs to be looked at.
    pub(super) fn next_silence(&self) -> Option<Moment> {
        let step = self.timers.ask_step;
        let next = self.peers.values().filter_map(|peer| match peer.liveness {
            Liveness::Alive => {
                let heard = peer.heard_at.unwrap_or(peer.since);
                let probed_from = heard + self.floor(peer);
                let asked = peer.probe.asked_at.filter(|at| *at > heard);
                let next = asked.map(|asked| (asked + step).min(heard + self.threshold(peer)));
                Some(next.map_or(probed_from, |next| next.max(probed_from)))
            }
            Liveness::Suspect => {
                let asked = peer.probe.asked_at.map(|at| at + step);
                let over = peer.probe.suspect_at.map(|at| at + self.confirm_with(peer));
                asked.into_iter().chain(over).min()
            }
            Liveness::Unknown | Liveness::Hung | Liveness::Held | Liveness::Dead => None,
        });
        next.min()
    }
}
