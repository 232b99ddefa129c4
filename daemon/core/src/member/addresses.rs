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

use super::own::Own;
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
const EACH: Duration = Duration::from_millis(2);
/// A look at many of them is followed by a pause of so long for each address and node: while many
/// peers come and go, each of them changes something for every address, and a node that looked at
/// all of them each time would do nothing else and be late (R2).
const PAUSE: Duration = Duration::from_micros(2);
/// Longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// The addresses.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    /// Each in a box: the rules take one out while they look at the others, several times a turn.
    map: BTreeMap<IpAddr, Box<Own>>,
    by_key: BTreeMap<AddressKey, IpAddr>,
    touched: BTreeSet<IpAddr>,
    is_all_touched: bool,
    /// Whose entries at the peers changed.
    news: BTreeSet<AddressKey>,
    /// What was looked at last, and what of it is not at rest.
    scope: Vec<IpAddr>,
    restless: BTreeSet<IpAddr>,
    /// Those that a peer announced that is not heard: few, and asked for with every frame.
    rivalled: BTreeSet<IpAddr>,
    seen: Option<Surroundings>,
    /// Who takes which of the vacant ones, while nothing is heard that could change it.
    placement: Option<Arc<Placement>>,
    full_at: Option<Moment>,
    /// End of the pause after a look at many.
    paused_until: Option<Moment>,
    /// What this turn leaves to the end of the pause.
    is_deferred: bool,
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
    here: Here,
    peers: Vec<Neighbour>,
}

/// What they depend on of this node itself: that is never left for later.
#[derive(Debug, PartialEq, Eq)]
struct Here {
    state: NodeState,
    has_gateway: bool,
    is_behind: bool,
    is_in_grace: bool,
    /// R19 of the node itself, and R20: its level for every address.
    is_held_back: bool,
    lacks_quorum: bool,
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
    type Target = BTreeMap<IpAddr, Box<Own>>;

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
    pub(super) fn get(&self, address: &IpAddr) -> Option<&Own> {
        self.map.get(address).map(AsRef::as_ref)
    }

    /// Takes one out, and marks it.
    pub(super) fn remove(&mut self, address: &IpAddr) -> Option<Box<Own>> {
        self.touched.insert(*address);
        self.map.remove(address)
    }

    /// Puts one in or back, and marks it.
    pub(super) fn insert(&mut self, address: IpAddr, own: Box<Own>) {
        self.touched.insert(address);
        self.map.insert(address, own);
    }

    /// Marks one.
    pub(super) fn touch(&mut self, address: IpAddr) {
        self.touched.insert(address);
    }

    /// Without marking: for the decisions themselves, which know what they look at.
    pub(super) fn quiet(&mut self) -> &mut BTreeMap<IpAddr, Box<Own>> {
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

    /// Where these go, if that was computed a moment ago and nothing was heard since; or if only
    /// some of them are looked at now.
    pub(super) fn placement(
        &self,
        keys: &BTreeSet<AddressKey>,
        now: Moment,
    ) -> Option<Arc<Placement>> {
        let known = self.placement.as_ref()?;
        let is_fresh = now.since(known.at) < PLACEMENT_LASTS && known.keys == *keys;
        (is_fresh || self.is_deferred).then(|| Arc::clone(known))
    }

    /// Whether this turn leaves some of them for later.
    pub(super) fn is_deferred(&self) -> bool {
        self.is_deferred
    }

    /// When what was left for later is looked at.
    pub(super) fn deferred_until(&self) -> Option<Moment> {
        self.paused_until.filter(|_| self.is_deferred)
    }

    /// Keeps it for the next turns.
    pub(super) fn keep_placement(&mut self, placement: &Arc<Placement>) {
        self.placement = Some(Arc::clone(placement));
    }

    /// What was looked at in this turn.
    pub(super) fn scope(&self) -> Vec<IpAddr> {
        self.scope.clone()
    }

    /// Those that were touched, of which there was news, or all: what peers state of them may have
    /// changed.
    fn take_renewed(&mut self, is_general: bool) -> Vec<IpAddr> {
        let mut touched = std::mem::take(&mut self.touched);
        let news = std::mem::take(&mut self.news);
        if is_general {
            return self.map.keys().copied().collect();
        }
        touched.retain(|address| self.map.contains_key(address));
        touched.extend(news.iter().filter_map(|key| self.by_key.get(key)));
        touched.into_iter().collect()
    }

    /// Many are looked at now: the next such look waits.
    fn pause_after(&mut self, nodes: usize, now: Moment) {
        let looks = self.scope.len().saturating_mul(nodes);
        if self.scope.len() > FEW {
            let pause = PAUSE.saturating_mul(u32::try_from(looks).unwrap_or(u32::MAX));
            self.paused_until = Some(now + pause.min(LONGEST_PAUSE));
        }
    }

    /// A rival announces it.
    pub(super) fn note_rival(&mut self, address: IpAddr) {
        self.rivalled.insert(address);
    }

    /// Those that a rival announces.
    pub(super) fn rivalled(&mut self) -> impl Iterator<Item = &Own> {
        let map = &self.map;
        let has_rival = |address: &IpAddr| map.get(address).is_some_and(|own| own.rival.is_some());
        self.rivalled.retain(has_rival);
        self.rivalled.iter().filter_map(|address| self.get(address))
    }

    /// Those that are not at rest.
    pub(super) fn restless(&self) -> impl Iterator<Item = &Own> {
        self.restless.iter().filter_map(|address| self.get(address))
    }
}

impl Member {
    /// The addresses that this node claims, in order.
    pub fn claimed(&self) -> impl Iterator<Item = IpAddr> {
        let claimed = self.addresses.iter().filter(|(_, own)| own.is_active());
        claimed.map(|(address, _)| *address)
    }

    /// Which addresses this turn has to look at; their views are renewed.
    pub(super) fn choose_scope(&mut self, now: Moment) -> Vec<IpAddr> {
        let surroundings = self.surroundings(now);
        let addresses = &mut self.addresses;
        let all = std::mem::take(&mut addresses.is_all_touched);
        let is_new = addresses.seen.as_ref() != Some(&surroundings);
        let seen = addresses.seen.as_ref().map(|seen| &seen.here);
        let is_urgent = all || seen != Some(&surroundings.here);
        let count = addresses.map.len();
        let is_paused = addresses.paused_until.is_some_and(|until| now < until);
        let is_more = is_new || addresses.restless.len() > FEW;
        addresses.is_deferred = is_paused && !is_urgent && is_more;
        let is_general = (is_urgent || is_new) && !addresses.is_deferred;
        if all || addresses.by_key.len() != count {
            let keys = addresses.map.values().map(|own| (own.key, own.address));
            addresses.by_key = keys.collect();
        }
        let renewed = addresses.take_renewed(is_general);
        if !addresses.is_deferred {
            addresses.seen = Some(surroundings);
            if !renewed.is_empty() {
                addresses.placement = None;
            }
        }
        let is_due = addresses.full_at.is_none_or(|full_at| now >= full_at);
        if is_general || count <= FEW || (is_due && !addresses.is_deferred) {
            let each = u32::try_from(count).unwrap_or(u32::MAX);
            addresses.full_at = Some(now + EACH.saturating_mul(each));
            addresses.scope = addresses.map.keys().copied().collect();
        } else if addresses.is_deferred {
            addresses.scope.clone_from(&renewed);
        } else {
            let mut scope = addresses.restless.clone();
            scope.extend(renewed.iter().copied());
            addresses.scope = scope.into_iter().collect();
        }
        let nodes = self.peers.len() + 1;
        self.addresses.pause_after(nodes, now);
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
        let restless: Vec<IpAddr> = scope.filter(is_restless).copied().collect();
        if addresses.is_deferred {
            for address in &addresses.scope {
                addresses.restless.remove(address);
            }
            addresses.restless.extend(restless);
        } else {
            addresses.restless = restless.into_iter().collect();
        }
    }

    fn surroundings(&self, now: Moment) -> Surroundings {
        let lasting = self.timers.gateway_ask * 2;
        let is_passed = |since| now.since(since) >= lasting;
        let here = Here {
            state: self.state,
            has_gateway: self.gateway_seen(now),
            is_behind: self.watch.behind_since.is_some_and(is_passed),
            is_in_grace: self.watch.grace_until.is_some_and(|until| now < until),
            is_held_back: self.is_life_held_back(now),
            lacks_quorum: self.lacks_quorum().is_some(),
        };
        Surroundings {
            here,
            peers: self.peers.values().map(Neighbour::of).collect(),
        }
    }
}
