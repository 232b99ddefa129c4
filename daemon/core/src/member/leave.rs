//! Going away (ELECTION R16, R17) and being one too many (S5).

use super::Member;
use super::Output;
use super::own::Claim;
use super::peer::Peer;
use super::rules::{self, Rule};
use crate::report::{Liveness, NodeState};
use crate::time::Moment;

impl Member {
    /// R16, R17: end when everyone has acknowledged, or when the bound is over.
    pub(super) fn watch_leaving(&mut self, now: Moment) {
        if self.state == NodeState::Stopping && !self.try_goodbye(now) {
            return;
        }
        let said_at = self.watch.leave_at.unwrap_or(now);
        // Until the version that says so has been stated once, nobody can have acknowledged it.
        let is_stated = self
            .pages
            .stamp()
            .is_some_and(|(state, _)| state == self.state);
        let is_heard = self.is_acked_by_all() || !rules::applies(Rule::R16Acknowledged);
        let is_acked = is_stated && is_heard;
        if is_acked || now.since(said_at) >= self.timers.leave {
            self.watch.is_finished = true;
            self.end_life();
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
        let is_empty = !self.addresses.values().any(|own| own.is_active());
        let is_over = now.since(started) >= self.timers.stop;
        if !(is_empty || is_over || !has_company) && rules::applies(Rule::R17Stop) {
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
        // One that is only relayed can not acknowledge; who relays it does.
        let mut standing = self
            .peers
            .values()
            .filter(|peer| peer.stands() && peer.relayed.via.is_none());
        standing.all(|peer| peer.acked == self.pages.version())
    }

    /// Whether this life is over: nothing is decided or sent any more.
    pub(super) fn is_finished(&self) -> bool {
        self.watch.is_finished
    }

    /// S5: of two machines with one identity or name, the later one is silent.
    pub(super) fn watch_double(&mut self, now: Moment) {
        let is_leaving = matches!(
            self.state,
            NodeState::Stopping | NodeState::Restarting | NodeState::Gone
        );
        if is_leaving {
            return;
        }
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
        // One that leaves or is silent anyway silences nobody.
        let takes_part = |other: &&Peer| {
            matches!(
                other.stated.state,
                NodeState::Joining | NodeState::Active | NodeState::Draining | NodeState::Isolated
            )
        };
        let Some(other) = twin.or(namesake).filter(takes_part) else {
            if self.state == NodeState::Mute {
                self.join("its double is gone".to_owned(), now);
            }
            return;
        };
        let is_other_joined = other.stated.state != NodeState::Joining;
        let am_joined = !matches!(self.state, NodeState::Joining | NodeState::Mute);
        let other_session = other.session.verified.unwrap_or_default();
        let is_later = match (am_joined, is_other_joined) {
            (false, true) => true,
            (true, false) => false,
            (true, true) | (false, false) => self.session < other_session,
        } && rules::applies(Rule::S5Mute);
        let mac = other
            .mac
            .map_or_else(|| "unknown MAC".to_owned(), |mac| mac.to_string());
        let reason = format!("{} ({mac}) has the same name or machine-id", other.address);
        if is_later && self.state != NodeState::Mute {
            self.enter(NodeState::Mute, reason, now);
            self.wish_all(now);
        }
    }
}
