//! This node's own state: joining, isolation, drain, restart, stop (ELECTION R2-R4, R16, R17, S5).

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use super::moves::Moves;
use super::own::{Claim, Own};
use super::rules::{self, Rule};
use super::timers::MAX_WITNESSES;
use super::{Command, LogLine, Member, Output, Remembered};
use crate::decide::{Ability, SegmentPlan};
use crate::names::Mac;
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
    pub(super) gateway_first_asked_at: Option<Moment>,
    pub(super) gateway_mac: Option<Mac>,
    /// Since when a live peer sees the gateway that this node misses.
    pub(super) behind_since: Option<Moment>,
    /// LAN hosts heard last, newest first (R3).
    pub(super) hosts: VecDeque<(IpAddr, Mac)>,
    /// When a witness last answered a question of ours.
    pub(super) witness_at: Option<Moment>,
    /// The question to the witnesses that is running (R3).
    pub(super) question: Option<Question>,
    /// A new version of the facts waits to be sent.
    pub(super) is_unsent: bool,
    /// When the node began to leave (R16, R17), and again when it was done with handing over.
    pub(super) leave_at: Option<Moment>,
    /// Nothing is decided or sent any more.
    pub(super) is_finished: bool,
    pub(super) is_told_to_drain: bool,
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
            behind_since: None,
            hosts: VecDeque::new(),
            witness_at: None,
            question: None,
            is_unsent: false,
            leave_at: None,
            is_finished: false,
            is_told_to_drain: false,
            is_cut_off: false,
        }
    }

    /// Remembers a LAN host as a witness.
    pub(super) fn remember_host(&mut self, host: IpAddr, mac: Mac) {
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
            let (me, patience) = (self.settings.identity.id, self.timers.patience);
            let free_until = |address| self.prober.free_until(address);
            let own = self.addresses.entry(*address).or_insert_with(|| {
                let (highest, was_held) =
                    remembered.terms.get(address).copied().unwrap_or((0, false));
                let highest = highest.min(super::wire::MAX_TERM);
                let claim = match was_held {
                    true if rules::applies(Rule::R10Wish) => Claim::Wish(highest),
                    true => Claim::Active(highest),
                    false => Claim::None,
                };
                let mut own = Box::new(Own::new(*address, me, (claim, highest), now));
                own.patience = patience;
                own.free_until = free_until(*address);
                if let Some(lease) = remembered.moved.get(address).filter(|_| was_held) {
                    own.moves = Moves::of_memory(*lease, now);
                }
                own
            });
            own.damper.handle_change(own.ability, *ability, now);
            own.ability = *ability;
            own.is_forwarded = plan.forwarded.contains(address);
        }
        let is_gone = |address: &IpAddr| !plan.abilities.contains_key(address);
        if self.addresses.keys().any(is_gone) {
            self.addresses
                .retain(|address, _| plan.abilities.contains_key(address));
            self.outputs.push_back(Output::ClaimsChanged);
        }
        self.expected.remove(&plan.own);
        self.prober.set(&plan.watched.free, &mut self.rng, now);
        let (prober, addresses) = (&self.prober, &self.addresses);
        self.conflicts
            .retain(|address| prober.contains(address) || addresses.contains_key(&address));
        self.watch.has_met_anyone |= !remembered.peers.is_empty();
        self.plan = plan;
        self.follow_nodes(now);
    }

    /// R2: everything that was believed before a pause is a wish now.
    pub(super) fn start_over(&mut self, gap: Duration, now: Moment) {
        self.count("started-over-after-pause");
        self.session = self.rng.next();
        self.outputs.retain(|output| {
            !matches!(
                output,
                Output::Send { .. } | Output::Ask { .. } | Output::Probe(_) | Output::Announce(_)
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
        self.last_beat = now;
        self.next_beat = now;
        self.hellos.start_over(now);
    }

    /// Claims become wishes: silent, and first in line afterwards.
    pub(super) fn wish_all(&mut self, now: Moment) {
        let linger = now + self.timers.linger;
        for own in self.addresses.values_mut() {
            own.pursuit = None;
            own.offer = None;
            if let Claim::Active(term) = own.claim {
                own.claim = if rules::applies(Rule::R3Wish) {
                    Claim::Wish(term)
                } else {
                    Claim::None
                };
                own.moves.end(own.claim);
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

    pub(super) fn join(&mut self, reason: String, now: Moment) {
        self.watch.join_at = now;
        self.watch.grace_until = None;
        self.watch.question = None;
        self.hellos.start_over(now);
        self.enter(NodeState::Joining, reason, now);
    }

    /// R3, R4, R16, R17 and S5, once a turn.
    pub(super) fn watch_state(&mut self, now: Moment) {
        self.watch_life(now);
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

    /// The level that is stated: the own ability, capped by the node's state and the gateway.
    pub(super) fn level(&self, own: &Own, now: Moment) -> u8 {
        let path = if self.gateway_seen(now) {
            Ability::Serves
        } else {
            Ability::LastResort
        };
        self.ability(own, now).min(path).level()
    }

    /// The level that a better one is compared with (R8). A router that reboots is missed and
    /// found again by one node after the other: only a lasting difference moves addresses.
    pub(super) fn level_to_offer(&self, own: &Own, now: Moment) -> u8 {
        let lasting = self.timers.gateway_ask * 2;
        let is_lasting = |since| now.since(since) >= lasting;
        if self.watch.behind_since.is_some_and(is_lasting) {
            self.level(own, now)
        } else {
            self.ability(own, now).level()
        }
    }

    /// The own ability, capped by the node's state.
    fn ability(&self, own: &Own, now: Moment) -> Ability {
        let cap = match self.state {
            NodeState::Joining | NodeState::Active | NodeState::Restarting => Ability::Serves,
            NodeState::Draining => Ability::LastResort,
            NodeState::Stopping => Ability::Going,
            NodeState::Gone | NodeState::Isolated | NodeState::Mute => Ability::Cannot,
        };
        let is_unable = own.unable_until.is_some_and(|until| now < until);
        let policy = self.plan.watched.policy;
        let is_withheld = self.conflicts.is_withheld(own.address, policy);
        let ability = if is_unable || is_withheld || self.lacks_quorum().is_some() {
            Ability::Cannot
        } else {
            own.ability
        };
        let heard = if self.selftest.is_unheard(own.address, now) {
            Ability::LastResort
        } else {
            Ability::Serves
        };
        let by_policy = self.cap_by_policy(own, now);
        let stated = ability.min(cap).min(heard).min(by_policy);
        let is_between = matches!(stated, Ability::LastResort | Ability::Going);
        if is_between && !rules::applies(Rule::Levels) {
            return Ability::Cannot;
        }
        stated
    }

    /// R19, R21 and weight 0: a last resort.
    fn cap_by_policy(&self, own: &Own, now: Moment) -> Ability {
        let is_last_resort = self.settings.policy.weight == 0
            || self.is_held_back(&own.damper, now)
            || self.is_pinned_elsewhere(own);
        if is_last_resort {
            Ability::LastResort
        } else {
            Ability::Serves
        }
    }

    /// Why the level fell to nothing, as a sentence.
    pub(super) fn why_unable(&self) -> String {
        match self.lacks_quorum() {
            Some(company) => company.to_string(),
            None => "this node can not serve it any more".to_owned(),
        }
    }
}
