//! Which node a vacant address goes to, and which of two claims stands (ELECTION sections 1, 7).
//!
//! Pure functions over what is known, integers only, so that every node and every architecture
//! comes to the same result. Never looks at time or liveness: the member says who is a candidate.

#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::wire::AddressKey;
use crate::names::NodeId;

/// Weight of a node for which nothing is configured.
pub const DEFAULT_WEIGHT: u8 = 1;

/// A node that addresses can be placed on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Candidate {
    /// Its share relative to others; 0 = never a candidate.
    pub weight: u8,
    /// Its standing claims and wishes.
    pub load: usize,
    /// Its stated level (0 to 3) for each address; an absent one is 0.
    pub levels: BTreeMap<AddressKey, u8>,
}

/// How a claim or wish compares with others for the same address: the greater one stands. Total,
/// and the same from everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Order {
    /// The term of the claim.
    pub term: u64,
    /// The rendezvous score of address and node.
    pub score: u64,
    /// The claimant.
    pub node: NodeId,
    /// The claimant's session.
    pub session: u64,
}

impl Order {
    /// The order of a claim on `key` at `term` by this session of `node`. Weights take no part:
    /// they are not stated on the wire, and rank must be the same from everywhere.
    pub fn of(key: AddressKey, term: u64, node: NodeId, session: u64) -> Order {
        Order {
            term,
            score: score(key, node, DEFAULT_WEIGHT),
            node,
            session,
        }
    }
}

/// The rendezvous score of a node for an address: the best of `weight` draws, so that a node of
/// weight 2 wins twice as often; 0 for weight 0.
pub fn score(key: AddressKey, node: NodeId, weight: u8) -> u64 {
    (0..weight)
        .map(|draw| {
            let mut hasher = blake3::Hasher::new();
            hasher.update(&key.0.to_be_bytes());
            hasher.update(&node.0);
            hasher.update(&[draw]);
            first_eight(&hasher.finalize())
        })
        .max()
        .unwrap_or(0)
}

/// The first 8 bytes of a hash as a big-endian integer.
pub(super) fn first_eight(hash: &blake3::Hash) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hash.as_bytes()[..8]);
    u64::from_be_bytes(bytes)
}

/// Bounded-load rendezvous: a node for each vacant address that anyone can serve. `addresses` is
/// the number of all addresses of the segment, vacant or not.
///
/// Candidates of an address are the nodes of the best level stated for it, and caps are shares
/// among these: so as long as no address is counted in two loads, one of them has room. Where
/// every node states one level for all addresses, the result does not change when some of the
/// picks are already claimed, so claims that cross on the wire do no harm.
pub fn place(
    addresses: usize,
    vacant: &BTreeSet<AddressKey>,
    candidates: &BTreeMap<NodeId, Candidate>,
) -> BTreeMap<AddressKey, NodeId> {
    let mut loads: BTreeMap<NodeId, usize> = candidates
        .iter()
        .map(|(node, candidate)| (*node, candidate.load))
        .collect();
    let mut picks = BTreeMap::new();
    for key in vacant {
        let Some(pick) = pick(addresses, *key, candidates, &loads) else {
            continue;
        };
        *loads.entry(pick).or_default() += 1;
        picks.insert(*key, pick);
    }
    picks
}

/// The nodes of the best level for an address in the order in which they are asked for patience
/// (R11): best score first.
pub fn ranking(key: AddressKey, candidates: &BTreeMap<NodeId, Candidate>) -> Vec<NodeId> {
    let mut nodes: Vec<(u64, NodeId)> = best_level(key, candidates)
        .map(|(node, candidate)| (score(key, node, candidate.weight), node))
        .collect();
    nodes.sort_unstable_by_key(|ranked| Reverse(*ranked));
    nodes.into_iter().map(|(_score, node)| node).collect()
}

/// How many of so many addresses a node of this weight takes at most among candidates with this
/// sum of weights: its share, rounded up.
pub fn cap(addresses: usize, weight: u8, sum_of_weights: usize) -> usize {
    addresses
        .saturating_mul(usize::from(weight))
        .div_ceil(sum_of_weights.max(1))
}

fn pick(
    addresses: usize,
    key: AddressKey,
    candidates: &BTreeMap<NodeId, Candidate>,
    loads: &BTreeMap<NodeId, usize>,
) -> Option<NodeId> {
    let sum: usize = best_level(key, candidates)
        .map(|(_node, candidate)| usize::from(candidate.weight))
        .sum();
    best_level(key, candidates)
        .min_by_key(|(node, candidate)| {
            let load = loads.get(node).copied().unwrap_or(0);
            let cap = cap(addresses, candidate.weight, sum);
            // Zero for everyone with room, so that the score decides among these; if all are full,
            // the one least above its cap.
            let excess = (load + 1).saturating_sub(cap);
            let rank = (score(key, *node, candidate.weight), *node);
            (excess, Reverse(rank))
        })
        .map(|(node, _candidate)| node)
}

fn best_level(
    key: AddressKey,
    candidates: &BTreeMap<NodeId, Candidate>,
) -> impl Iterator<Item = (NodeId, &Candidate)> {
    let level_of = move |candidate: &Candidate| match candidate.weight {
        0 => 0,
        _ => candidate.levels.get(&key).copied().unwrap_or(0),
    };
    let best = candidates.values().map(level_of).max().unwrap_or(0);
    candidates
        .iter()
        .filter(move |(_node, candidate)| best > 0 && level_of(candidate) == best)
        .map(|(node, candidate)| (*node, candidate))
}
