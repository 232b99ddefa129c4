//! Placement: bounded, order-independent, and steady while claims cross.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use proptest::prelude::*;

use super::{Candidate, Order, cap, place, ranking, score};
use crate::member::wire::AddressKey;
use crate::names::NodeId;

fn keys(count: u8) -> BTreeSet<AddressKey> {
    (1..=count)
        .map(|host| AddressKey::of(IpAddr::from([192, 0, 2, host])))
        .collect()
}

fn node(number: u8) -> NodeId {
    NodeId([number; 8])
}

fn candidates(keys: &BTreeSet<AddressKey>, weights: &[u8]) -> BTreeMap<NodeId, Candidate> {
    (1..)
        .zip(weights)
        .map(|(number, weight)| {
            let levels = keys.iter().map(|key| (*key, 3)).collect();
            let candidate = Candidate {
                weight: *weight,
                load: 0,
                levels,
            };
            (node(number), candidate)
        })
        .collect()
}

fn loads(picks: &BTreeMap<AddressKey, NodeId>) -> BTreeMap<NodeId, usize> {
    let mut loads = BTreeMap::new();
    for node in picks.values() {
        *loads.entry(*node).or_default() += 1;
    }
    loads
}

#[test]
fn eleven_addresses_on_two_nodes_are_five_and_six() {
    let keys = keys(11);
    let loads = loads(&place(11, &keys, &candidates(&keys, &[1, 1])));
    assert_eq!(loads.values().sum::<usize>(), 11);
    assert_eq!(loads.values().max(), Some(&6));
}

#[test]
fn only_the_best_level_is_a_candidate_and_takes_the_whole_share() {
    let keys = keys(12);
    let mut nodes = candidates(&keys, &[1, 1, 1]);
    let draining = nodes.get_mut(&node(2)).expect("node 2 is there");
    draining.levels.values_mut().for_each(|level| *level = 2);
    let loads = loads(&place(12, &keys, &nodes));
    assert_eq!(loads, BTreeMap::from([(node(1), 6), (node(3), 6)]));
}

#[test]
fn nobody_able_is_nobody_picked() {
    let keys = keys(3);
    let mut nodes = candidates(&keys, &[1, 0]);
    nodes
        .get_mut(&node(1))
        .expect("node 1 is there")
        .levels
        .clear();
    assert_eq!(place(3, &keys, &nodes), BTreeMap::new());
}

#[test]
fn when_all_are_full_the_least_above_its_cap_takes_it() {
    let keys = keys(1);
    let mut nodes = candidates(&keys, &[1, 1, 1]);
    for (number, load) in [(1, 4), (2, 2), (3, 3)] {
        nodes.get_mut(&node(number)).expect("it is there").load = load;
    }
    let picks = place(1, &keys, &nodes);
    assert_eq!(picks.values().next(), Some(&node(2)));
}

#[test]
fn the_ranking_starts_with_the_best_score() {
    let keys = keys(1);
    let key = *keys.first().expect("one key");
    let nodes = candidates(&keys, &[1, 1, 1, 0]);
    let ranking = ranking(key, &nodes);
    assert_eq!(ranking.len(), 3);
    assert!(ranking.is_sorted_by_key(|node| std::cmp::Reverse(score(key, *node, 1))));
}

#[test]
fn a_higher_term_stands_whatever_the_score() {
    let key = *keys(1).first().expect("one key");
    let (one, other) = (Order::of(key, 2, node(1), 9), Order::of(key, 2, node(2), 1));
    let (low, high) = (one.min(other), one.max(other));
    assert!(low.score < high.score);
    assert!(Order { term: 3, ..low } > high);
    assert!(
        Order {
            session: low.session + 1,
            ..low
        } > low
    );
}

#[test]
fn weights_share_in_proportion() {
    let keys = keys(200);
    let plain = candidates(&keys, &[1, 1, 2]);
    let wins = |wanted: NodeId| {
        let best = |key: &AddressKey| ranking(*key, &plain).first().copied();
        keys.iter().filter(|key| best(key) == Some(wanted)).count()
    };
    assert!((80..=120).contains(&wins(node(3))), "{}", wins(node(3)));
    let loads = loads(&place(200, &keys, &plain));
    assert!(
        loads
            .get(&node(3))
            .is_some_and(|load| (95..=100).contains(load))
    );
}

#[test]
fn the_score_of_a_known_pair_never_changes() {
    let key = AddressKey::of(IpAddr::from([192, 0, 2, 1]));
    assert_eq!(format!("{:016x}", key.0), "55662b62a3dc7b75");
    assert_eq!(
        format!("{:016x}", score(key, node(1), 1)),
        "42d086190c08f731"
    );
    assert_eq!(score(key, node(1), 0), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_node_is_above_its_cap(
        count in 0u8..80,
        weights in prop::collection::vec(0u8..5, 1..8),
    ) {
        let keys = keys(count);
        let nodes = candidates(&keys, &weights);
        let picks = place(keys.len(), &keys, &nodes);
        let sum: usize = weights.iter().copied().map(usize::from).sum();
        prop_assert_eq!(picks.len(), if sum == 0 { 0 } else { keys.len() });
        for (node, load) in loads(&picks) {
            prop_assert!(load <= cap(keys.len(), nodes[&node].weight, sum));
        }
    }

    #[test]
    fn picks_that_are_already_claimed_change_nothing(
        count in 1u8..60,
        weights in prop::collection::vec(1u8..4, 1..7),
        draining in any::<u8>(),
        claimed in any::<u64>(),
    ) {
        let keys = keys(count);
        let mut nodes = candidates(&keys, &weights);
        for (number, candidate) in nodes.values_mut().enumerate() {
            if draining >> number & 1 == 1 {
                candidate.levels.values_mut().for_each(|level| *level = 2);
            }
        }
        let picks = place(keys.len(), &keys, &nodes);
        let mut vacant = keys.clone();
        for (number, (key, node)) in picks.iter().enumerate() {
            if claimed >> number & 1 == 1 {
                vacant.remove(key);
                nodes.get_mut(node).expect("a pick is a candidate").load += 1;
            }
        }
        for (key, node) in place(keys.len(), &vacant, &nodes) {
            prop_assert_eq!(picks[&key], node);
        }
    }

    #[test]
    fn a_leaving_node_moves_only_its_own(
        count in 1u8..60,
        weights in prop::collection::vec(1u8..4, 2..7),
    ) {
        let keys = keys(count);
        let mut nodes = candidates(&keys, &weights);
        let before = place(keys.len(), &keys, &nodes);
        let gone = node(1);
        nodes.remove(&gone);
        for (node, load) in loads(&before) {
            if let Some(candidate) = nodes.get_mut(&node) {
                candidate.load = load;
            }
        }
        let orphans: BTreeSet<AddressKey> =
            before.iter().filter(|(_, node)| **node == gone).map(|(key, _)| *key).collect();
        let moved = place(keys.len(), &orphans, &nodes);
        prop_assert_eq!(moved.keys().copied().collect::<BTreeSet<_>>(), orphans);
        let sum: usize = weights[1..].iter().copied().map(usize::from).sum();
        for (node, candidate) in nodes {
            let new = loads(&moved).get(&node).copied().unwrap_or(0);
            prop_assert!(candidate.load + new <= cap(keys.len(), candidate.weight, sum));
        }
    }
}
