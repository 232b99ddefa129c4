//! How an address looks from here (ELECTION section 1): what the peers state of it, and how a claim
//! of this node compares.
//!
//! Read by the modules that decide; changes nothing.

use std::collections::BTreeSet;

use super::Member;
use super::own::{Claim, Own};
use super::placement::Order;
use super::rules::{self, Rule};
use super::wire::{AddressKey, ClaimKind};
use crate::names::NodeId;

/// What the peers state of one address.
#[derive(Debug, Clone, Default)]
pub(super) struct View {
    /// The highest standing claim.
    pub(super) best: Option<Order>,
    /// All standing claims.
    pub(super) claimants: BTreeSet<NodeId>,
    /// The highest wish of a peer that could serve.
    pub(super) best_wish: Option<Order>,
    /// The highest term known to anyone heard.
    pub(super) highest: u64,
    /// A peer that offers it to this node, and the level that it states.
    pub(super) offer: Option<(NodeId, u8)>,
}

impl View {
    /// R10: somebody claimed since a wish of this term was a claim.
    pub(super) fn overtakes(&self, term: u64) -> bool {
        self.highest > term && rules::applies(Rule::R10KnownTerm)
    }
}

impl Member {
    /// Standing claims and wishes of a node.
    pub(super) fn load_of(&self, id: NodeId) -> usize {
        if id == self.settings.identity.id {
            return self
                .addresses
                .values()
                .filter(|own| own.claim != Claim::None)
                .count();
        }
        let peer = self.peers.get(&id).filter(|peer| peer.stands());
        peer.map_or(0, |peer| peer.stated.load())
    }

    /// The order of a claim or wish of this node.
    pub(super) fn order(&self, own: &Own, term: u64) -> Order {
        let node = self.settings.identity.id;
        Order {
            term,
            score: own.score,
            node,
            session: self.session,
        }
    }

    pub(super) fn view(&self, key: AddressKey) -> View {
        let mut view = View::default();
        for peer in self.peers.values().filter(|peer| peer.stands()) {
            let Some(entry) = peer.entry(key) else {
                continue;
            };
            view.highest = view.highest.max(entry.term).max(entry.highest);
            let order = peer.order(entry);
            match entry.claim {
                ClaimKind::Active if entry.level == 3 || rules::applies(Rule::R8HolderNames) => {
                    view.claimants.insert(peer.id);
                    view.best = view.best.max(Some(order));
                    if peer.offers(key, self.settings.identity.id) {
                        view.offer = Some((peer.id, entry.level));
                    }
                }
                ClaimKind::Wish if entry.level > 0 => {
                    view.best_wish = view.best_wish.max(Some(order));
                }
                ClaimKind::Active | ClaimKind::Wish | ClaimKind::None => {}
            }
        }
        view
    }
}
