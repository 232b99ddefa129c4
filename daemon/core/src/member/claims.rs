//! What this node claims (ELECTION R5-R10): yield, reassert, lose, offer, take, wish.
//!
//! Every decision is a function of what the nodes state of themselves; the reason is kept beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::moves::Handover;
use super::own::{Claim, Own, Pursuit};
use super::peer::Peer;
use super::placement::{self, Candidate, Order};
use super::rules::{self, Rule};
use super::view::View;
use super::wire::MAX_TERM;
use super::{LogLine, Member, Output};
use crate::decide::Ability;
use crate::names::NodeId;
use crate::report::{Holder, NodeState};
use crate::time::Moment;

impl Member {
    /// R5-R11 for every address until nothing changes: a yielded address may be on offer.
    pub(super) fn decide_addresses(&mut self, now: Moment) {
        let addresses = self.choose_scope(now);
        for _round in 0..=addresses.len() {
            let mut is_changed = false;
            let wanted = self.find_vacancies(&addresses, now);
            for address in &addresses {
                let Some(mut own) = self.addresses.quiet().remove(address) else {
                    continue;
                };
                is_changed |= self.decide_address(&mut own, wanted.get(address), now);
                self.addresses.quiet().insert(*address, own);
            }
            self.renew_offers(&addresses, now);
            if !(is_changed && rules::applies(Rule::UntilNothingChanges)) {
                break;
            }
        }
        self.ask_wire(&addresses, now);
        self.end_lingering(&addresses, now);
        self.note_holders(&addresses, now);
        self.note_restless(now);
    }

    /// One address: true if the claim changed.
    fn decide_address(&mut self, own: &mut Own, wanted: Option<&Pursuit>, now: Moment) -> bool {
        let view = std::mem::take(&mut own.view);
        let is_changed = self.decide_with(own, &view, wanted, now);
        own.view = view;
        is_changed
    }

    fn decide_with(
        &mut self,
        own: &mut Own,
        view: &View,
        wanted: Option<&Pursuit>,
        now: Moment,
    ) -> bool {
        if view.highest > own.highest && rules::applies(Rule::R9SharedTerms) {
            own.highest = view.highest;
        }
        match own.claim {
            Claim::Active(term) => self.defend_claim(own, term, view, now),
            Claim::Wish(term) if view.best.is_some() || view.overtakes(term) => {
                own.claim = Claim::None;
                own.moves.end(Claim::None);
                self.outputs.push_back(Output::Remember);
                true
            }
            Claim::Wish(_) | Claim::None => {
                let offer = self.find_offer(own, view, now);
                self.pursue(own, offer.as_ref().or(wanted), now)
            }
        }
    }

    /// R5, R6, R7 for an address that this node speaks for.
    fn defend_claim(&mut self, own: &mut Own, term: u64, view: &View, now: Moment) -> bool {
        if let Some(deaf) = self.deaf_claimant(view) {
            let reason = format!("gave way to {deaf}, which claims it and does not hear this node");
            self.give_up(own, Claim::None, reason, now);
            return true;
        }
        let mine = self.order(own, term);
        let is_better =
            |best: &Order| best.term > term || (*best > mine && rules::applies(Rule::OrderByRank));
        let best = view.best.filter(is_better);
        if let Some(best) = best.filter(|_| rules::applies(Rule::R5Yield)) {
            let winner = self.peers.get(&best.node).map(Peer::label);
            let winner = winner.unwrap_or_default();
            let why = if best.term > term {
                "a higher term"
            } else {
                "a higher rank"
            };
            let reason = format!(
                "gave way to {winner}, which claims it with {why} ({})",
                best.term
            );
            self.give_up(own, Claim::None, reason, now);
            own.gave_way_to = Some(best.node);
            return true;
        }
        if self.level(own, now) == 0 && rules::applies(Rule::R7Lose) {
            let reason = self.why_unable();
            self.give_up(own, Claim::Wish(term), reason, now);
            return true;
        }
        if own.offer.is_some() && !rules::applies(Rule::R8BreakAfterSight) {
            let reason = "gave it up before its successor speaks".to_owned();
            self.give_up(own, Claim::None, reason, now);
            return true;
        }
        // R6: announce when a lower claim appears, and once more when it is gone.
        if own.contested != view.claimants && rules::applies(Rule::R6Reassert) {
            own.contested.clone_from(&view.claimants);
            self.outputs.push_back(Output::Announce(own.address));
        }
        false
    }

    /// R12: who claims it without hearing this node can't give way, so this node does.
    fn deaf_claimant(&self, view: &View) -> Option<String> {
        let mut claimants = view.claimants.iter().filter_map(|id| self.peers.get(id));
        let deaf = claimants.find(|peer| peer.is_deaf);
        deaf.filter(|_| rules::applies(Rule::R12Deaf))
            .map(Peer::label)
    }

    /// Silent at once; still forwarded for a while.
    pub(super) fn give_up(&mut self, own: &mut Own, claim: Claim, reason: String, now: Moment) {
        let text = format!("silent for {}: {reason}", own.address);
        self.log(LogLine {
            is_warning: false,
            address: Some(own.address),
            peer: None,
            text,
        });
        let is_patience_lost = own
            .taken_by_patience_at
            .is_some_and(|at| now.since(at) < self.timers.patience_memory);
        if is_patience_lost && rules::applies(Rule::R11Doubling) {
            own.patience = (own.patience * 2).min(self.timers.patience_max);
        }
        own.claim = claim;
        own.gave_way_to = None;
        own.offer = None;
        own.moves.end(claim);
        own.contested.clear();
        own.rival = None;
        own.reason = reason;
        own.linger_until = Some(now + self.timers.linger);
        self.outputs.push_back(Output::ClaimsChanged);
        self.outputs.push_back(Output::Remember);
    }

    /// R9: an offer to this node, which is at least as able as the one that offers.
    fn find_offer(&self, own: &Own, view: &View, now: Moment) -> Option<Pursuit> {
        let (from, its_level) = view.offer?;
        let may_take = matches!(self.state, NodeState::Active | NodeState::Draining);
        let level = self.level(own, now);
        let is_worse = level < its_level && rules::applies(Rule::R9Level);
        if !may_take || level == 0 || is_worse {
            return None;
        }
        let from = self.peers.get(&from)?;
        let handover = self.handover_of(own, from);
        let reason = handover.reason(&from.label());
        Some(Pursuit {
            reason,
            started: now,
            is_patience: false,
            needs_ask: false,
            handover,
        })
    }

    /// Makes an address local, asks the wire where it must, and claims when both are done.
    fn pursue(&mut self, own: &mut Own, wanted: Option<&Pursuit>, now: Moment) -> bool {
        let Some(wanted) = wanted else {
            if own.pursuit.take().is_some() {
                self.outputs.push_back(Output::ClaimsChanged);
            }
            return false;
        };
        if own.pursuit.is_none() {
            own.pursuit = Some(Pursuit {
                started: now,
                ..wanted.clone()
            });
            self.outputs.push_back(Output::ClaimsChanged);
        }
        if wanted.needs_ask {
            own.begin_ask(now);
        }
        let started = own.pursuit.as_ref().map_or(now, |pursuit| pursuit.started);
        let is_local = own.is_forwarded || self.local.contains(&own.address);
        if !is_local && now.since(started) >= self.timers.local {
            self.note_unable(own, now);
            return false;
        }
        let is_asked = own
            .ask
            .is_some_and(|ask| ask.sent >= 3 && now.since(ask.started) >= self.confirm());
        if !is_local || (wanted.needs_ask && !is_asked) {
            return false;
        }
        self.claim(own, wanted, now);
        own.taken_by_patience_at = wanted.is_patience.then_some(now);
        true
    }

    /// The kernel does not make it local: somebody else shall have it.
    fn note_unable(&mut self, own: &mut Own, now: Moment) {
        own.pursuit = None;
        own.unable_until = Some(now + self.timers.unable);
        self.outputs.push_back(Output::ClaimsChanged);
        let text = format!(
            "{} does not become local on this node: others may serve it",
            own.address
        );
        self.log(LogLine {
            is_warning: true,
            address: Some(own.address),
            peer: None,
            text,
        });
    }

    fn claim(&mut self, own: &mut Own, wanted: &Pursuit, now: Moment) {
        let reason = &wanted.reason;
        // R3: what is claimed before any peer was ever met takes nothing from an established
        // segment later.
        let is_first = !self.watch.has_met_anyone && own.highest == 0;
        let term = if is_first && rules::applies(Rule::R3FirstTerm) {
            0
        } else {
            (own.highest + 1).min(MAX_TERM)
        };
        // A wish that is resumed is as it was; everything else comes with what it is taken with.
        if !matches!(own.claim, Claim::Wish(_)) || wanted.handover != Handover::default() {
            own.moves.begin(wanted.handover, now);
        }
        own.claim = Claim::Active(term);
        own.highest = term;
        own.pursuit = None;
        own.ask = None;
        own.free_until = None;
        own.linger_until = None;
        own.vacant_since = None;
        own.rival = None;
        own.reason.clone_from(reason);
        own.holder = Holder::This;
        own.since = now;
        let text = format!("speaking for {} at term {term}: {reason}", own.address);
        self.log(LogLine {
            is_warning: false,
            address: Some(own.address),
            peer: None,
            text,
        });
        self.outputs.push_back(Output::ClaimsChanged);
        self.outputs.push_back(Output::Remember);
    }

    /// R8: what a better node could serve is offered to one, chosen by the hash.
    fn renew_offers(&mut self, addresses: &[IpAddr], now: Moment) {
        self.renew_errands(addresses, now);
        let is_stopping = self.state == NodeState::Stopping;
        let mut candidates: BTreeMap<NodeId, Candidate> = BTreeMap::new();
        let mut keys = BTreeSet::new();
        for own in addresses.iter().filter_map(|one| self.addresses.get(one)) {
            if !own.is_active() || own.moves.errand.is_some() {
                continue;
            }
            let floor = if is_stopping && rules::applies(Rule::R8Stopping) {
                0
            } else {
                self.level_to_offer(own, now)
            };
            let is_best = floor >= Ability::Serves.level();
            for peer in self.peers.values().filter(|_| !is_best) {
                let can_take = peer.is_direct()
                    && peer.lists(self.settings.identity.id)
                    && matches!(peer.stated.state, NodeState::Active | NodeState::Draining)
                    && peer.level(own.key) > floor
                    && own.excluded.get(&peer.id).is_none_or(|until| now >= *until);
                if can_take {
                    keys.insert(own.key);
                    let candidate = candidates.entry(peer.id).or_insert_with(|| Candidate {
                        weight: peer.weight,
                        load: self.load_of(peer.id),
                        levels: BTreeMap::new(),
                    });
                    candidate.levels.insert(own.key, peer.level(own.key));
                }
            }
        }
        let picks = placement::place(self.addresses.len(), &keys, &candidates);
        let (bound, exclusion) = (self.timers.offer, self.timers.exclusion);
        for address in addresses {
            let Some(own) = self.addresses.quiet().get_mut(address) else {
                continue;
            };
            own.excluded.retain(|_, until| now < *until);
            if own.moves.errand.is_some() {
                continue;
            }
            let pick = picks.get(&own.key).copied();
            match (own.offer, pick) {
                (Some((to, since)), _)
                    if now.since(since) >= bound && rules::applies(Rule::R8NextOffer) =>
                {
                    own.excluded.insert(to, now + exclusion);
                    own.offer = None;
                }
                (Some((to, _)), Some(_)) if candidates.contains_key(&to) => {}
                (_, Some(pick)) => own.offer = Some((pick, now)),
                (_, None) => own.offer = None,
            }
        }
    }

    fn end_lingering(&mut self, addresses: &[IpAddr], now: Moment) {
        let mut is_changed = false;
        for address in addresses {
            let Some(own) = self.addresses.quiet().get_mut(address) else {
                continue;
            };
            own.unable_until = own.unable_until.filter(|until| now < *until);
            if own.linger_until.is_some_and(|until| now >= until) {
                own.linger_until = None;
                is_changed = true;
            }
        }
        if is_changed {
            self.outputs.push_back(Output::ClaimsChanged);
        }
    }
}
