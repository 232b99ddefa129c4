//! Addresses that nobody speaks for (ELECTION R10, R11): whose turn it is, and the questions that
//! are asked on the wire before.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::addresses::Placement;
use super::own::{Claim, Own, Pursuit};
use super::placement::{self, Candidate};
use super::rules::{self, Rule};
use super::wire::AddressKey;
use super::{Member, Output};
use crate::names::NodeId;
use crate::report::{Holder, Liveness, NodeState};
use crate::time::Moment;

impl Member {
    /// The vacant addresses that this node should claim now, each with its reason.
    pub(super) fn find_vacancies(
        &mut self,
        addresses: &[IpAddr],
        now: Moment,
    ) -> BTreeMap<IpAddr, Pursuit> {
        let mut vacant = Vec::new();
        for address in addresses {
            let Some(own) = self.addresses.quiet().get_mut(address) else {
                continue;
            };
            let is_vacant = !own.is_active() && own.view.best.is_none();
            vacant.extend(is_vacant.then_some(*address));
            if is_vacant {
                own.vacant_since.get_or_insert(now);
            } else {
                own.vacant_since = None;
                own.free_until = None;
            }
        }
        let takes_part = matches!(self.state, NodeState::Active | NodeState::Draining);
        if vacant.is_empty() || !takes_part {
            // Nearly every turn.
            return BTreeMap::new();
        }
        let mut wanted = self.resume_wishes(&vacant, now);
        let is_grace = self.watch.grace_until.is_some_and(|until| now < until);
        let is_waiting = is_grace && rules::applies(Rule::R4Grace);
        if !is_waiting && !self.is_blind() {
            self.take_vacancies(&vacant, &mut wanted, now);
        }
        wanted.retain(|address, _| !self.could_be_served_by_deaf(*address));
        wanted
    }

    /// R12: what a peer that does not hear this node could serve is left alone: it can't yield.
    fn could_be_served_by_deaf(&self, address: IpAddr) -> bool {
        let key = AddressKey::of(address);
        let mut deaf = self.peers.values().filter(|peer| peer.is_deaf);
        deaf.any(|peer| {
            let takes_part = matches!(
                peer.stated.state,
                NodeState::Joining | NodeState::Active | NodeState::Draining
            );
            takes_part && peer.level(key) > 0 && rules::applies(Rule::R12Deaf)
        })
    }

    /// R10: own wishes for vacant addresses that nobody wishes with a higher order.
    fn resume_wishes(&self, vacant: &[IpAddr], now: Moment) -> BTreeMap<IpAddr, Pursuit> {
        let mut wanted = BTreeMap::new();
        for own in vacant.iter().filter_map(|one| self.addresses.get(one)) {
            let Claim::Wish(term) = own.claim else {
                continue;
            };
            let mine = self.order(own, term);
            let is_second = own.view.best_wish.is_some_and(|best| best >= mine);
            if !(is_second && rules::applies(Rule::R10Order)) && self.level(own, now) > 0 {
                let reason = "held it before and nobody took it meanwhile".to_owned();
                wanted.insert(own.address, Pursuit::after_asking(reason, now));
            }
        }
        wanted
    }

    /// R11: what the hash gives to this node, and what has been dark for too long.
    fn take_vacancies(
        &mut self,
        vacant: &[IpAddr],
        wanted: &mut BTreeMap<IpAddr, Pursuit>,
        now: Moment,
    ) {
        let is_free = |own: &&Own| {
            let has_wish = matches!(own.claim, Claim::Wish(_)) && self.level(own, now) > 0;
            let is_wished = own.view.best_wish.is_some() && rules::applies(Rule::R10Others);
            !has_wish && !is_wished
        };
        let vacant = vacant.iter().filter_map(|one| self.addresses.get(one));
        let free: Vec<&Own> = vacant.filter(is_free).collect();
        if free.is_empty() {
            return;
        }
        let keys: BTreeSet<_> = free.iter().map(|own| own.key).collect();
        let known = self.addresses.placement(&keys, now);
        if known.is_none() && self.addresses.is_deferred() {
            // Placement looks at all that are vacant.
            return;
        }
        let placement = known.unwrap_or_else(|| {
            let candidates = self.candidates(&free, now);
            let picks = placement::place(self.addresses.len(), &keys, &candidates);
            Arc::new(Placement {
                at: now,
                keys,
                candidates,
                picks,
            })
        });
        let (candidates, picks) = (&placement.candidates, &placement.picks);
        let me = self.settings.identity.id;
        for own in free {
            if self.level(own, now) == 0 {
                continue;
            }
            let is_pick = picks.get(&own.key) == Some(&me) || !rules::applies(Rule::R11Pick);
            let is_patience = !is_pick && self.is_patience_over(own, candidates, now);
            let reason = if is_pick {
                self.vacancy_reason(own)
            } else if is_patience {
                "nobody took it in time".to_owned()
            } else {
                continue;
            };
            let pursuit = Pursuit {
                is_patience,
                needs_ask: !own.is_known_free(now),
                ..Pursuit::after_asking(reason, now)
            };
            wanted.insert(own.address, pursuit);
        }
        self.addresses.keep_placement(&placement);
    }

    /// Which of these, whose speaker may be dead, this node would take: with many of them nobody
    /// asks the wire for more than its share.
    pub(super) fn share_of(&self, claimed: &[IpAddr], now: Moment) -> Vec<IpAddr> {
        let owns = claimed.iter().filter_map(|one| self.addresses.get(one));
        let owns: Vec<&Own> = owns.collect();
        let keys: BTreeSet<_> = owns.iter().map(|own| own.key).collect();
        let candidates = self.candidates(&owns, now);
        let picks = placement::place(self.addresses.len(), &keys, &candidates);
        let me = Some(&self.settings.identity.id);
        let mine = owns.iter().filter(|own| picks.get(&own.key) == me);
        mine.map(|own| own.address).collect()
    }

    fn vacancy_reason(&self, own: &Own) -> String {
        let Holder::Peer(last) = own.holder else {
            return "nobody claims it and placement gives it to this node".to_owned();
        };
        match self.peers.get(&last) {
            Some(peer) if peer.liveness == Liveness::Dead => {
                format!("{} is dead: {}", peer.label(), peer.reason)
            }
            Some(peer) => format!("{} gave it up", peer.label()),
            None => "its holder is not known any more".to_owned(),
        }
    }

    /// Nodes that a vacant address may go to: joining ones included, or every node that starts at
    /// the same time would claim everything.
    fn candidates(&self, free: &[&Own], now: Moment) -> BTreeMap<NodeId, Candidate> {
        let mut candidates = BTreeMap::new();
        let levels = free.iter().map(|own| (own.key, self.level(own, now)));
        let me = self.settings.identity.id;
        let load = self.load_of(me);
        let mine = Candidate {
            weight: self.weight(),
            load,
            levels: levels.collect(),
        };
        candidates.insert(me, mine);
        for peer in self.peers.values() {
            let is_ready = match peer.stated.state {
                NodeState::Active | NodeState::Draining => true,
                NodeState::Joining => rules::applies(Rule::R11Joining),
                NodeState::Isolated
                | NodeState::Mute
                | NodeState::Stopping
                | NodeState::Restarting
                | NodeState::Gone => false,
            };
            let is_candidate = peer.liveness == Liveness::Alive && is_ready;
            if is_candidate {
                let levels = free.iter().map(|own| (own.key, peer.level(own.key)));
                let load = self.load_of(peer.id);
                let candidate = Candidate {
                    weight: peer.weight,
                    load,
                    levels: levels.collect(),
                };
                candidates.insert(peer.id, candidate);
            }
        }
        candidates
    }

    /// R11: nothing is taken while a live peer's facts are missing, or while one holds somebody
    /// whom this node knows nothing of.
    fn is_blind(&self) -> bool {
        let mut alive = self
            .peers
            .values()
            .filter(|peer| peer.liveness == Liveness::Alive);
        alive.any(|peer| {
            let holds_stranger = peer.stated.listed.iter().any(|listed| {
                listed.held
                    && listed.id != self.settings.identity.id
                    && self.peers.get(&listed.id).is_none_or(|other| {
                        !matches!(other.liveness, Liveness::Held | Liveness::Alive)
                    })
            });
            (!peer.stated.is_complete() && rules::applies(Rule::R11Facts))
                || (holds_stranger && rules::applies(Rule::R11Held))
        })
    }

    /// R11: dark for longer than the patience, and nobody whom I hear hears someone I do not.
    fn is_patience_over(
        &self,
        own: &Own,
        candidates: &BTreeMap<NodeId, Candidate>,
        now: Moment,
    ) -> bool {
        let me = self.settings.identity.id;
        let dark = own
            .vacant_since
            .map_or(Duration::ZERO, |since| now.since(since));
        if dark < own.patience {
            return false;
        }
        let ranking = placement::ranking(own.key, candidates);
        let place = ranking
            .iter()
            .position(|node| *node == me)
            .unwrap_or(ranking.len());
        let place = u32::try_from(place).unwrap_or(u32::MAX);
        let bound = own.patience + self.timers.patience_step.saturating_mul(place);
        let is_over = own
            .vacant_since
            .is_some_and(|since| now.since(since) >= bound);
        let hears_more = self.peers.values().any(|peer| {
            peer.liveness == Liveness::Alive
                && peer
                    .stated
                    .listed
                    .iter()
                    .any(|listed| listed.heard && listed.id != me && !self.hears(listed.id))
        });
        is_over && !hears_more && rules::applies(Rule::R11Patience)
    }

    fn hears(&self, id: NodeId) -> bool {
        let peer = self.peers.get(&id);
        peer.is_some_and(|peer| peer.liveness == Liveness::Alive)
    }

    /// Carries on the rounds of questions for addresses: three, then they are answered by silence.
    pub(super) fn ask_wire(&mut self, addresses: &[IpAddr], now: Moment) {
        let step = self.timers.ask_step;
        let lasts = self.confirm() * 4;
        let mut is_changed = false;
        for address in addresses {
            let Some(own) = self.addresses.quiet().get_mut(address) else {
                continue;
            };
            let Some(ask) = &mut own.ask else { continue };
            if ask.next_at(step).is_some_and(|at| now >= at) {
                ask.sent += 1;
                self.outputs.push_back(Output::Ask {
                    target: own.address,
                    mac: None,
                });
            }
            // A round that nobody needs any more is dropped, and the address with it.
            if own.pursuit.is_none() && now.since(ask.started) >= lasts {
                own.ask = None;
                is_changed = true;
            }
        }
        if is_changed {
            self.outputs.push_back(Output::ClaimsChanged);
        }
    }

    /// When a round of questions goes on or ends.
    pub(super) fn next_question(&self) -> Option<Moment> {
        let step = self.timers.ask_step;
        let confirm = self.confirm();
        let of_address = self.addresses.restless().filter_map(|own| {
            let ask = own.ask?;
            let end = ask.started + confirm;
            let is_waiting = own.pursuit.is_some() && end > self.last_run;
            ask.next_at(step).or(is_waiting.then_some(end))
        });
        // What this turn left for later does not wake anybody before.
        let until = self.addresses.deferred_until();
        let of_address = of_address.map(|at| until.map_or(at, |until| at.max(until)));
        let of_witnesses = self
            .watch
            .question
            .and_then(|question| question.next_at(step));
        of_address.chain(of_witnesses).min()
    }

    /// Follows who holds what, for status.
    pub(super) fn note_holders(&mut self, addresses: &[IpAddr], now: Moment) {
        for address in addresses {
            let Some(own) = self.addresses.quiet().get_mut(address) else {
                continue;
            };
            let best = own.view.best;
            let holder = match (&own.claim, best) {
                (Claim::Active(_), _) => Holder::This,
                (Claim::None | Claim::Wish(_), Some(best)) => Holder::Peer(best.node),
                (Claim::None | Claim::Wish(_), None) => Holder::Nobody,
            };
            // The last holder is kept while the address is vacant: it is the reason of what follows.
            let is_news = holder != own.holder && holder != Holder::Nobody;
            if is_news {
                if let (Holder::Peer(id), Some(best)) = (&holder, best) {
                    let label = self
                        .peers
                        .get(id)
                        .map(super::peer::Peer::label)
                        .unwrap_or_default();
                    let gave_way = own.gave_way_to.take() == Some(*id);
                    if !gave_way {
                        own.reason = format!("{label} claims it at term {}", best.term);
                    }
                }
                own.holder = holder;
                own.since = now;
            }
        }
    }
}
