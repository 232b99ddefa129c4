//! This node's own state: joining, isolation, drain, restart, stop (ELECTION R2-R4, R16, R17, S5).

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::time::Duration;

use super::claims::{Claim, Own};
use super::timers::MAX_WITNESSES;
use super::{Command, LogLine, Member, Output, Remembered};
use crate::decide::{Ability, SegmentPlan};
use crate::names::{Mac, NodeId};
use crate::report::{Liveness, NodeState};
use crate::time::Moment;

/// What the own state depends on.
#[derive(Debug)]
pub(super) struct Watch {
    /// When the present join began.
    pub(super) join_at: Moment,
    /// Until when only own wishes are resumed (R4).
    pub(super) grace_until: Option<Moment>,
    /// Whether any peer was ever believed, in this life or a remembered one.
    pub(super) has_met_anyone: bool,
    /// When the gateway was last seen, and asked.
    pub(super) gateway_at: Option<Moment>,
    pub(super) gateway_asked_at: Option<Moment>,
    gateway_first_asked_at: Option<Moment>,
    pub(super) gateway_mac: Option<Mac>,
    /// LAN hosts heard last, newest first (R3).
    pub(super) hosts: VecDeque<(Ipv4Addr, Mac)>,
    /// When a witness last answered a question of ours.
    pub(super) witness_at: Option<Moment>,
    /// The question to the witnesses that is running (R3).
    pub(super) question: Option<Question>,
    /// State and gateway flag that the last version of the facts went out with.
    pub(super) stated: Option<(NodeState, bool)>,
    /// A new version of the facts waits to be sent.
    pub(super) is_unsent: bool,
    pub(super) broadcast_at: Option<Moment>,
    /// When the node began to leave (R16, R17), and again when it was done with handing over.
    pub(super) leave_at: Option<Moment>,
    /// Nothing is decided or sent any more.
    pub(super) is_finished: bool,
    /// The last wrong key that was heard.
    pub(super) wrong_key: Option<(Ipv4Addr, Moment)>,
    is_told_to_drain: bool,
    /// The last company was lost and no witness answered: isolated at the end of the turn.
    pub(super) is_cut_off: bool,
}

/// A round of questions: at once, and twice more.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question {
    pub(super) started: Moment,
    pub(super) sent: u32,
}

impl Question {
    /// When the next question of the round is due; none after the third.
    pub(super) fn next_at(&self, step: Duration) -> Option<Moment> {
        (self.sent < 3).then(|| self.started + step * self.sent)
    }
}

impl Watch {
    pub(super) fn new(now: Moment) -> Watch {
        Watch {
            join_at: now,
            grace_until: None,
            has_met_anyone: false,
            gateway_at: None,
            gateway_asked_at: None,
            gateway_first_asked_at: None,
            gateway_mac: None,
            hosts: VecDeque::new(),
            witness_at: None,
            question: None,
            stated: None,
            is_unsent: false,
            broadcast_at: None,
            leave_at: None,
            is_finished: false,
            wrong_key: None,
            is_told_to_drain: false,
            is_cut_off: false,
        }
    }

    /// Remembers a LAN host as a witness.
    pub(super) fn remember_host(&mut self, host: Ipv4Addr, mac: Mac) {
        self.hosts.retain(|(known, _)| *known != host);
        self.hosts.push_front((host, mac));
        self.hosts.truncate(MAX_WITNESSES);
    }
}

impl Member {
    /// An order.
    pub fn handle_command(&mut self, command: Command, now: Moment) {
        match (command, self.state) {
            (_, NodeState::Gone | NodeState::Restarting | NodeState::Stopping) => {}
            (Command::Drain, _) => {
                self.watch.is_told_to_drain = true;
                if self.state == NodeState::Active {
                    self.enter(
                        NodeState::Draining,
                        "an operator drained it".to_owned(),
                        now,
                    );
                }
            }
            (Command::Undrain, _) => {
                self.watch.is_told_to_drain = false;
                if self.state == NodeState::Draining {
                    self.enter(
                        NodeState::Active,
                        "an operator undrained it".to_owned(),
                        now,
                    );
                }
            }
            (Command::Stop, _) => {
                self.watch.leave_at = Some(now);
                self.enter(NodeState::Stopping, "hands over and ends".to_owned(), now);
            }
            (Command::Restart, _) => {
                self.watch.leave_at = Some(now);
                let reason = "ends and comes back; peers hold its addresses".to_owned();
                self.enter(NodeState::Restarting, reason, now);
            }
        }
    }

    /// Takes over a plan: new addresses appear, gone ones are let go.
    pub(super) fn take_plan(&mut self, plan: SegmentPlan, remembered: &Remembered, now: Moment) {
        for (address, ability) in &plan.abilities {
            let patience = self.timers.patience;
            let own = self.addresses.entry(*address).or_insert_with(|| {
                let (highest, was_held) =
                    remembered.terms.get(address).copied().unwrap_or((0, false));
                let highest = highest.min(super::wire::MAX_TERM);
                let claim = if was_held {
                    Claim::Wish(highest)
                } else {
                    Claim::None
                };
                Own::new(*address, claim, highest, patience, now)
            });
            own.ability = *ability;
        }
        let is_gone = |address: &Ipv4Addr| !plan.abilities.contains_key(address);
        if self.addresses.keys().any(is_gone) {
            self.addresses
                .retain(|address, _| plan.abilities.contains_key(address));
            self.outputs.push_back(Output::ClaimsChanged);
        }
        self.expected.remove(&plan.own);
        self.watch.has_met_anyone |= !remembered.peers.is_empty();
        self.plan = plan;
    }

    /// R2: everything that was believed before a pause is a wish now.
    pub(super) fn start_over(&mut self, gap: Duration, now: Moment) {
        self.count("started-over-after-pause");
        self.session = self.rng.next();
        self.outputs.retain(|output| {
            !matches!(
                output,
                Output::Send { .. } | Output::Ask { .. } | Output::Announce(_)
            )
        });
        let mut peers = std::mem::take(&mut self.peers);
        for peer in peers.values_mut() {
            self.forget_stated(peer);
            peer.forget_session(self.rng.next(), now);
            peer.probe = super::peer::Probe::default();
            peer.turn(
                Liveness::Unknown,
                "not heard since this node's own pause".to_owned(),
                now,
            );
        }
        self.peers = peers;
        let reason = format!("was not run for {} ms and starts over", gap.as_millis());
        match self.state {
            NodeState::Restarting | NodeState::Stopping | NodeState::Gone => {}
            NodeState::Joining
            | NodeState::Active
            | NodeState::Draining
            | NodeState::Isolated
            | NodeState::Mute => self.join(reason, now),
        }
        self.wish_all(now);
        self.next_beat = now;
        self.next_hello = now;
    }

    /// Claims become wishes: silent, and first in line afterwards.
    pub(super) fn wish_all(&mut self, now: Moment) {
        let linger = now + self.timers.linger;
        for own in self.addresses.values_mut() {
            own.pursuit = None;
            own.offer = None;
            if let Claim::Active(term) = own.claim {
                own.claim = Claim::Wish(term);
                own.linger_until = Some(linger);
            }
        }
        self.outputs.push_back(Output::ClaimsChanged);
    }

    /// The state changes; said once.
    pub(super) fn enter(&mut self, state: NodeState, reason: String, now: Moment) {
        if self.state == state {
            return;
        }
        let text = format!("this node is {state} now: {reason}");
        let is_warning = matches!(state, NodeState::Isolated | NodeState::Mute);
        self.log(LogLine {
            is_warning,
            address: None,
            peer: None,
            text,
        });
        self.state = state;
        self.state_since = now;
        self.state_reason = reason;
    }

    fn join(&mut self, reason: String, now: Moment) {
        self.watch.join_at = now;
        self.watch.grace_until = None;
        self.watch.question = None;
        self.next_hello = now;
        self.enter(NodeState::Joining, reason, now);
    }

    /// R3, R4, R16, R17 and S5, once a turn.
    pub(super) fn watch_state(&mut self, now: Moment) {
        self.watch_gateway(now);
        self.run_question(now);
        self.watch_double(now);
        match self.state {
            NodeState::Joining => self.try_join(now),
            NodeState::Isolated => self.try_return(now),
            NodeState::Active | NodeState::Draining => self.watch_company(now),
            NodeState::Stopping | NodeState::Restarting | NodeState::Gone => {
                self.watch_leaving(now);
            }
            NodeState::Mute => {}
        }
    }

    /// R4.
    fn try_join(&mut self, now: Moment) {
        let is_known = |id: &NodeId| {
            *id == self.settings.identity.id
                || self
                    .peers
                    .get(id)
                    .is_some_and(|peer| peer.liveness == Liveness::Alive)
        };
        let known: Vec<_> = self.peers.values().filter(|peer| peer.is_known).collect();
        let knows_nobody = known.is_empty() && self.expected.is_empty();
        let is_heard = self.expected.is_empty()
            && known.iter().all(|peer| {
                peer.liveness == Liveness::Alive
                    && peer.stated.version > 0
                    && peer.acked == self.facts_version
                    && peer.stated.listed.iter().all(|listed| is_known(&listed.id))
            });
        let has_company = known.iter().any(|peer| peer.liveness == Liveness::Alive);
        if is_heard && !knows_nobody {
            return self.finish_join("hears every known peer", None, now);
        }
        if now.since(self.watch.join_at) < self.timers.join {
            if self.watch.question.is_none() {
                self.watch.question = Some(Question {
                    started: now,
                    sent: 0,
                });
            }
            return;
        }
        if knows_nobody {
            self.finish_join("knows no peer", None, now);
        } else if has_company || self.is_witnessed_since(self.watch.join_at) {
            let grace = Some(now + self.timers.grace);
            self.finish_join("not every known peer is heard", grace, now);
        } else {
            self.isolate("hears neither a peer nor a witness", now);
        }
    }

    fn finish_join(&mut self, why: &str, grace: Option<Moment>, now: Moment) {
        self.watch.grace_until = grace;
        if self.watch.is_told_to_drain {
            self.enter(
                NodeState::Draining,
                "an operator drained it".to_owned(),
                now,
            );
        } else {
            self.enter(NodeState::Active, why.to_owned(), now);
        }
    }

    /// R3: silent, claims become wishes.
    pub(super) fn isolate(&mut self, why: &str, now: Moment) {
        self.enter(NodeState::Isolated, why.to_owned(), now);
        self.wish_all(now);
        let mut peers = std::mem::take(&mut self.peers);
        for peer in peers.values_mut().filter(|peer| peer.stands()) {
            self.forget_stated(peer);
            peer.forget_session(self.rng.next(), now);
            peer.turn(
                Liveness::Dead,
                "not heard while this node is cut off".to_owned(),
                now,
            );
        }
        self.peers = peers;
        self.next_hello = now;
    }

    fn try_return(&mut self, now: Moment) {
        let has_company = self
            .peers
            .values()
            .any(|peer| peer.liveness == Liveness::Alive);
        if has_company {
            return self.join("hears a peer again".to_owned(), now);
        }
        if self.is_witnessed_since(self.state_since) {
            return self.join("the gateway or a LAN host answers again".to_owned(), now);
        }
        if self.watch.question.is_none() {
            self.watch.question = Some(Question {
                started: now,
                sent: 0,
            });
        }
    }

    /// R3 for a node that has been alone for a while: a lost gateway asks the question.
    fn watch_company(&mut self, now: Moment) {
        let knows_nobody =
            self.expected.is_empty() && !self.peers.values().any(|peer| peer.is_known);
        let has_standing = self.peers.values().any(super::peer::Peer::stands);
        if knows_nobody || has_standing || self.gateway_seen(now) {
            return;
        }
        let asked = self.timers.gateway_ask;
        if self
            .watch
            .witness_at
            .is_some_and(|at| now.since(at) < asked * 2)
        {
            return;
        }
        match self.watch.question {
            None => {
                self.watch.question = Some(Question {
                    started: now,
                    sent: 0,
                })
            }
            Some(question) if now.since(question.started) >= self.confirm() => {
                self.watch.question = None;
                self.isolate("hears neither a peer nor a witness", now);
            }
            Some(_) => {}
        }
    }

    /// Whether a witness answered a question of ours since then.
    pub(super) fn is_witnessed_since(&self, since: Moment) -> bool {
        self.watch.witness_at.is_some_and(|at| at >= since)
    }

    /// Whether the gateway counts as reachable: no gateway here, seen lately, or not asked for
    /// long enough to know.
    pub(super) fn gateway_seen(&self, now: Moment) -> bool {
        if self.plan.gateway.is_none() {
            return true;
        }
        let lost = self.timers.gateway_lost;
        let since = self.watch.gateway_at.or(self.watch.gateway_first_asked_at);
        since.is_none_or(|at| now.since(at) < lost)
    }

    fn watch_gateway(&mut self, now: Moment) {
        let Some(gateway) = self.plan.gateway else {
            return;
        };
        let asked = self.watch.gateway_asked_at;
        if asked.is_some_and(|at| now.since(at) < self.timers.gateway_ask) {
            return;
        }
        self.watch.gateway_asked_at = Some(now);
        self.watch.gateway_first_asked_at.get_or_insert(now);
        let mac = self.watch.gateway_mac;
        self.outputs.push_back(Output::Ask {
            target: gateway,
            mac,
        });
    }

    /// Asks the witnesses three times, then ends the round.
    fn run_question(&mut self, now: Moment) {
        let Some(mut question) = self.watch.question else {
            return;
        };
        let is_due = question
            .next_at(self.timers.ask_step)
            .is_some_and(|at| now >= at);
        if is_due {
            question.sent += 1;
            if let Some(gateway) = self.plan.gateway {
                let mac = self.watch.gateway_mac;
                self.outputs.push_back(Output::Ask {
                    target: gateway,
                    mac,
                });
            }
            for (host, mac) in &self.watch.hosts {
                self.outputs.push_back(Output::Ask {
                    target: *host,
                    mac: Some(*mac),
                });
            }
        }
        let pause = match self.state {
            NodeState::Joining | NodeState::Isolated => self.timers.hello_joining / 2,
            NodeState::Active
            | NodeState::Draining
            | NodeState::Stopping
            | NodeState::Gone
            | NodeState::Restarting
            | NodeState::Mute => self.timers.wire,
        };
        let is_over = now.since(question.started) >= pause.max(self.confirm());
        self.watch.question = if is_over { None } else { Some(question) };
    }

    /// How long a question may take to be answered.
    pub(super) fn confirm(&self) -> Duration {
        let is_wireless = self.plan.is_wireless
            || self
                .peers
                .values()
                .any(|peer| peer.stands() && peer.stated.flags.wireless);
        if is_wireless {
            self.timers.confirm_wireless
        } else {
            self.timers.confirm
        }
    }

    /// R16, R17: end when everyone has acknowledged, or when the bound is over.
    fn watch_leaving(&mut self, now: Moment) {
        if self.state == NodeState::Stopping && !self.try_goodbye(now) {
            return;
        }
        let said_at = self.watch.leave_at.unwrap_or(now);
        // Until the version that says so has been stated once, nobody can have acknowledged it.
        let is_stated = self
            .watch
            .stated
            .is_some_and(|(state, _)| state == self.state);
        let is_acked = is_stated && self.is_acked_by_all();
        if is_acked || now.since(said_at) >= self.timers.leave {
            self.watch.is_finished = true;
            self.watch.question = None;
            self.outputs.push_back(Output::Remember);
            self.outputs.push_back(Output::Finished);
        }
    }

    /// R17: `gone` when nothing is left, nobody is there to take it, or after the bound.
    fn try_goodbye(&mut self, now: Moment) -> bool {
        let started = self.watch.leave_at.unwrap_or(now);
        let has_company = self
            .peers
            .values()
            .any(|peer| peer.liveness == Liveness::Alive);
        let is_empty = !self.addresses.values().any(Own::is_active);
        let is_over = now.since(started) >= self.timers.stop;
        if !(is_empty || is_over || !has_company) {
            return false;
        }
        for own in self.addresses.values_mut() {
            own.claim = Claim::None;
            own.offer = None;
            own.pursuit = None;
        }
        self.watch.leave_at = Some(now);
        self.enter(NodeState::Gone, "has handed over and ends".to_owned(), now);
        self.outputs.push_back(Output::ClaimsChanged);
        true
    }

    /// Whether every peer that is not dead has my present facts.
    fn is_acked_by_all(&self) -> bool {
        let mut standing = self.peers.values().filter(|peer| peer.stands());
        standing.all(|peer| peer.acked == self.facts_version)
    }

    /// Whether this life is over: nothing is decided or sent any more.
    pub(super) fn is_finished(&self) -> bool {
        self.watch.is_finished
    }

    /// S5: of two machines with one identity or name, the later one is silent.
    fn watch_double(&mut self, now: Moment) {
        let limit = self.timers.mute;
        let is_recent = |at: Option<Moment>| at.is_some_and(|at| now.since(at) < limit);
        let name = &self.settings.identity.name;
        let namesake = self.peers.values().find(|peer| {
            peer.name.as_ref() == Some(name) && peer.session.verified.is_some() && peer.stands()
        });
        let twin = self
            .double
            .as_ref()
            .filter(|twin| twin.session.verified.is_some() && is_recent(twin.heard_at));
        let Some(other) = twin.or(namesake) else {
            if self.state == NodeState::Mute {
                self.join("its double is gone".to_owned(), now);
            }
            return;
        };
        let is_other_joined = !matches!(other.stated.state, NodeState::Joining | NodeState::Mute);
        let am_joined = !matches!(self.state, NodeState::Joining | NodeState::Mute);
        let other_session = other.session.verified.unwrap_or_default();
        let is_later = match (am_joined, is_other_joined) {
            (false, true) => true,
            (true, false) => false,
            (true, true) | (false, false) => self.session < other_session,
        };
        let mac = other
            .mac
            .map_or_else(|| "unknown MAC".to_owned(), |mac| mac.to_string());
        let reason = format!("{} ({mac}) has the same name or machine-id", other.address);
        if is_later && self.state != NodeState::Mute {
            self.enter(NodeState::Mute, reason, now);
            self.wish_all(now);
        }
    }

    /// R1's level: the own ability, capped by the node's state and the gateway.
    pub(super) fn level(&self, own: &Own, now: Moment) -> u8 {
        let cap = match self.state {
            NodeState::Joining | NodeState::Active | NodeState::Restarting => Ability::Serves,
            NodeState::Draining => Ability::LastResort,
            NodeState::Stopping => Ability::Going,
            NodeState::Gone | NodeState::Isolated | NodeState::Mute => Ability::Cannot,
        };
        let path = if self.gateway_seen(now) {
            Ability::Serves
        } else {
            Ability::LastResort
        };
        let is_unable = own.unable_until.is_some_and(|until| now < until);
        let ability = if is_unable {
            Ability::Cannot
        } else {
            own.ability
        };
        ability.min(cap).min(path).level()
    }
}
