//! The addresses as this node stands to them, and which of them have to be looked at again.
//!
//! Owned by the member. Most turns of a node with thousands of addresses change none of them: an
//! address is at rest while a node speaks for it and nothing is under way. Whoever takes one out or
//! changes one in place marks it by that, so that no rule has to say so; what concerns all of them
//! (the peers' liveness, the own state) is compared as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use super::claims::Own;
use super::placement::Candidate;
use super::stated::News;
use super::wire::AddressKey;
use super::{Member, peer::Peer};
use crate::names::NodeId;
use crate::report::{Liveness, NodeState};
use crate::time::Moment;

/// With so few addresses all of them are looked at in every turn.
pub(super) const FEW: usize = 64;
/// With more, all of them once in so long for each that there is: what depends on time alone is
/// noticed then at the latest, and costs a thousandth of a core however many they are.
const EACH: Duration = Duration::from_micros(250);

/// The addresses.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    map: BTreeMap<IpAddr, Own>,
    by_key: BTreeMap<AddressKey, IpAddr>,
    touched: BTreeSet<IpAddr>,
    is_all_touched: bool,
    /// Whose entries at the peers changed.
    news: BTreeSet<AddressKey>,
    /// What was looked at last, and what of it is not at rest.
    scope: Vec<IpAddr>,
    restless: BTreeSet<IpAddr>,
    seen: Option<Surroundings>,
    /// Who takes which of the vacant ones, while nothing is heard that could change it.
    placement: Option<Arc<Placement>>,
    full_at: Option<Moment>,
}

/// Where vacant addresses go, and from what that was computed.
#[derive(Debug)]
pub(super) struct Placement {
    pub(super) at: Moment,
    pub(super) keys: BTreeSet<AddressKey>,
    pub(super) candidates: BTreeMap<NodeId, Candidate>,
    pub(super) picks: BTreeMap<AddressKey, NodeId>,
}

/// A placement is computed anew after so long, since levels can depend on time.
const PLACEMENT_LASTS: Duration = Duration::from_millis(100);

/// What decisions for every address depend on.
#[derive(Debug, PartialEq, Eq)]
struct Surroundings {
    state: NodeState,
    has_gateway: bool,
    is_behind: bool,
    is_in_grace: bool,
    /// R19 of the node itself, and R20: its level for every address.
    is_held_back: bool,
    lacks_quorum: bool,
    peers: Vec<Neighbour>,
}

#[derive(Debug, PartialEq, Eq)]
struct Neighbour {
    id: NodeId,
    liveness: Liveness,
    state: NodeState,
    session: u64,
    changes: u64,
    is_deaf: bool,
    is_direct: bool,
    /// Pins name nodes (R21).
    is_named: bool,
    weight: u8,
}

impl Neighbour {
    fn of(peer: &Peer) -> Neighbour {
        Neighbour {
            id: peer.id,
            liveness: peer.liveness,
            state: peer.stated.state,
            session: peer.session.verified.unwrap_or(peer.session.last),
            changes: peer.changes,
            is_deaf: peer.is_deaf,
            is_direct: peer.is_direct(),
            is_named: peer.name.is_some(),
            weight: peer.weight,
        }
    }
}

impl Deref for Addresses {
    type Target = BTreeMap<IpAddr, Own>;

    fn deref(&self) -> &Self::Target {
        &self.map
    }
}

impl DerefMut for Addresses {
    /// Marks every address.
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.is_all_touched = true;
        &mut self.map
    }
}

impl Addresses {
    /// Takes one out, and marks it.
    pub(super) fn remove(&mut self, address: &IpAddr) -> Option<Own> {
        self.touched.insert(*address);
        self.map.remove(address)
    }

    /// Puts one in or back, and marks it.
    pub(super) fn insert(&mut self, address: IpAddr, own: Own) {
        self.touched.insert(address);
        self.map.insert(address, own);
    }

    /// Without marking: for the decisions themselves, which know what they look at.
    pub(super) fn quiet(&mut self) -> &mut BTreeMap<IpAddr, Own> {
        &mut self.map
    }

    /// All of them have to be looked at.
    pub(super) fn touch_all(&mut self) {
        self.is_all_touched = true;
    }

    /// A page of a peer changed these.
    pub(super) fn note_news(&mut self, news: News) {
        self.news.extend(news.keys);
    }

    /// Where these go, if that was computed a moment ago and nothing was heard since.
    pub(super) fn placement(
        &self,
        keys: &BTreeSet<AddressKey>,
        now: Moment,
    ) -> Option<Arc<Placement>> {
        let known = self.placement.as_ref()?;
        let is_fresh = now.since(known.at) < PLACEMENT_LASTS && known.keys == *keys;
        is_fresh.then(|| Arc::clone(known))
    }

    /// Keeps it for the next turns.
    pub(super) fn keep_placement(&mut self, placement: &Arc<Placement>) {
        self.placement = Some(Arc::clone(placement));
    }

    /// What was looked at in this turn.
    pub(super) fn scope(&self) -> Vec<IpAddr> {
        self.scope.clone()
    }

    /// Those that are not at rest.
    pub(super) fn restless(&self) -> impl Iterator<Item = &Own> {
        self.restless
            .iter()
            .filter_map(|address| self.map.get(address))
    }
}

impl Member {
    /// Which addresses this turn has to look at; their views are renewed.
    pub(super) fn choose_scope(&mut self, now: Moment) -> Vec<IpAddr> {
        let surroundings = self.surroundings(now);
        let all = std::mem::take(&mut self.addresses.is_all_touched);
        let is_general = all || self.addresses.seen.as_ref() != Some(&surroundings);
        self.addresses.seen = Some(surroundings);
        let touched = std::mem::take(&mut self.addresses.touched);
        let news = std::mem::take(&mut self.addresses.news);
        let count = self.addresses.len();
        if is_general || !touched.is_empty() || !news.is_empty() {
            self.addresses.placement = None;
        }
        let is_full = is_general
            || count <= FEW
            || self.addresses.full_at.is_none_or(|full_at| now >= full_at);
        let addresses = &mut self.addresses;
        if all || addresses.by_key.len() != count {
            let keys = addresses.map.values().map(|own| (own.key, own.address));
            addresses.by_key = keys.collect();
        }
        if is_full {
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            addresses.full_at = Some(now + EACH.saturating_mul(count));
            addresses.scope = addresses.map.keys().copied().collect();
        } else {
            let mut scope = std::mem::take(&mut addresses.restless);
            scope.extend(
                touched
                    .iter()
                    .filter(|one| addresses.map.contains_key(*one)),
            );
            scope.extend(news.iter().filter_map(|key| addresses.by_key.get(key)));
            addresses.scope = scope.into_iter().collect();
        }
        let renewed = if is_general {
            addresses.scope.clone()
        } else {
            let of_key = |key| addresses.by_key.get(key).copied();
            news.iter().filter_map(of_key).chain(touched).collect()
        };
        for address in renewed {
            let Some(key) = self.addresses.get(&address).map(|own| own.key) else {
                continue;
            };
            let view = self.view(key);
            if let Some(own) = self.addresses.map.get_mut(&address) {
                own.view = view;
            }
        }
        self.addresses.scope.clone()
    }

    /// After the decisions: what is not at rest is looked at again in the next turn.
    pub(super) fn note_restless(&mut self, now: Moment) {
        let addresses = &mut self.addresses;
        for address in &addresses.scope {
            if let Some(own) = addresses.map.get_mut(address) {
                own.damper.forget_passed(now);
            }
        }
        let scope = addresses.scope.iter();
        let is_restless = |address: &&IpAddr| {
            let own = addresses.map.get(*address);
            own.is_some_and(|own| !own.is_at_rest())
        };
        addresses.restless = scope.filter(is_restless).copied().collect();
    }

    fn surroundings(&self, now: Moment) -> Surroundings {
        let lasting = self.timers.gateway_ask * 2;
        let is_passed = |since| now.since(since) >= lasting;
        Surroundings {
            state: self.state,
            has_gateway: self.gateway_seen(now),
            is_behind: self.watch.behind_since.is_some_and(is_passed),
            is_in_grace: self.watch.grace_until.is_some_and(|until| now < until),
            is_held_back: self.is_life_held_back(now),
            lacks_quorum: self.lacks_quorum().is_some(),
            peers: self.peers.values().map(Neighbour::of).collect(),
        }
    }
}
