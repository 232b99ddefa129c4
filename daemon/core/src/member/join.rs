//! Company and witnesses (ELECTION R3, R4): when a node may begin to claim, and when it has to be
//! silent because it is the one that is cut off.

use std::time::Duration;

use super::Member;
use super::Output;
use super::rules::{self, Rule};
use super::state::Question;
use crate::names::NodeId;
use crate::report::{Liveness, NodeState};
use crate::time::Moment;

impl Member {
    /// R4.
    pub(super) fn try_join(&mut self, now: Moment) {
        let is_known = |id: &NodeId| {
            *id == self.settings.identity.id
                || self
                    .peers
                    .get(id)
                    .is_some_and(|peer| peer.liveness == Liveness::Alive)
        };
        let is_early = now.since(self.watch.join_at) < self.timers.join;
        let known: Vec<_> = self.peers.values().filter(|peer| peer.is_known).collect();
        let knows_nobody = known.is_empty() && self.expected.is_empty();
        let is_heard = self.expected.is_empty()
            && known.iter().all(|peer| {
                // One that is only relayed can not acknowledge.
                let is_acked = peer.acked == self.pages.version();
                peer.liveness == Liveness::Alive
                    && (peer.stated.is_complete() || !rules::applies(Rule::R4Facts))
                    && (is_acked || (!is_early && !peer.is_direct()))
                    && peer.stated.listed.iter().all(|listed| is_known(&listed.id))
            });
        let has_company = known.iter().any(|peer| peer.liveness == Liveness::Alive);
        let is_skipped = is_early && !rules::applies(Rule::R4Join);
        if (is_heard && !knows_nobody) || is_skipped {
            return self.finish_join("hears every known peer", None, now);
        }
        if is_early {
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
        } else if rules::applies(Rule::R4End) {
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
        self.hellos.start_over(now);
    }

    pub(super) fn try_return(&mut self, now: Moment) {
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
    pub(super) fn watch_company(&mut self, now: Moment) {
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

    pub(super) fn watch_gateway(&mut self, now: Moment) {
        let is_behind = !self.gateway_seen(now)
            && self
                .peers
                .values()
                .any(|peer| peer.liveness == Liveness::Alive && peer.stated.flags.gateway_seen);
        self.watch.behind_since = is_behind.then(|| self.watch.behind_since.unwrap_or(now));
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
    pub(super) fn run_question(&mut self, now: Moment) {
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
}
