//! The table of pins: the order of what was said, its limits, and how it is told.

use std::net::IpAddr;

use proptest::prelude::*;

use super::table::{MAX_PINS, Pins};
use crate::member::wire::{MAX_PIN_COUNT, Pin, pin_parts};
use crate::names::NodeId;

fn pin(count: u64, by: u8, to: Option<&str>) -> Pin {
    Pin {
        count,
        by: NodeId([by; 8]),
        to: to.map(|to| to.parse().unwrap()),
    }
}

fn address(number: usize) -> IpAddr {
    IpAddr::from(u128::try_from(number).unwrap().to_be_bytes())
}

#[test]
fn the_later_word_counts_then_the_node_that_was_told() {
    let mut pins = Pins::default();
    assert_eq!(pins.digest(), 0);
    assert!(pins.merge(address(1), pin(1, 5, Some("ada"))));
    assert!(!pins.merge(address(1), pin(1, 5, Some("ada"))));
    assert!(!pins.merge(address(1), pin(1, 4, Some("bob"))));
    assert!(pins.merge(address(1), pin(1, 6, Some("bob"))));
    assert!(pins.merge(address(1), pin(2, 1, None)));
    assert!(!pins.merge(address(1), pin(1, 9, Some("cyd"))));
    assert_eq!(pins.to(address(1)), None);
    let next = pins.next(address(1), Some("cyd".parse().unwrap()), NodeId([0; 8]));
    assert_eq!(next, pin(3, 0, Some("cyd")));
    assert!(pins.merge(address(1), next));
    assert_eq!(pins.to(address(1)).unwrap().as_str(), "cyd");
}

#[test]
fn what_was_taken_back_makes_room_and_nothing_else_does() {
    let mut pins = Pins::default();
    for number in 0..MAX_PINS {
        assert!(pins.merge(address(number), pin(1, 1, Some("ada"))));
    }
    let before = pins.clone();
    assert!(!pins.merge(address(MAX_PINS), pin(9, 9, Some("bob"))));
    assert_eq!(pins.all(), before.all());
    assert!(pins.merge(address(7), pin(2, 1, None)));
    assert!(pins.merge(address(MAX_PINS), pin(1, 1, Some("bob"))));
    assert_eq!(pins.all().len(), MAX_PINS);
    assert!(!pins.all().contains_key(&address(7)));
    assert!(pins.to(address(MAX_PINS)).is_some());
}

#[test]
fn counts_end_at_the_limit() {
    let mut pins = Pins::default();
    assert!(pins.merge(address(1), pin(MAX_PIN_COUNT, 1, None)));
    let next = pins.next(address(1), None, NodeId([1; 8]));
    assert_eq!(next.count, MAX_PIN_COUNT);
}

#[test]
fn a_full_table_goes_out_in_notices_that_each_fit() {
    let mut pins = Pins::default();
    let longest = "n".repeat(63);
    for number in 0..MAX_PINS {
        pins.merge(address(number), pin(1, 1, Some(&longest)));
    }
    let parts = pin_parts(pins.all().iter());
    let told: usize = parts.iter().map(Vec::len).sum();
    assert_eq!((told, parts.len()), (MAX_PINS, 22));
    assert!(pin_parts(std::iter::empty()).is_empty());
}

fn entries() -> impl Strategy<Value = Vec<(IpAddr, Pin)>> {
    let name = prop::option::of("[a-c]");
    let parts = (1u64..4, 0u8..3, name);
    let pin = parts.prop_map(|(count, by, to)| pin(count, by, to.as_deref()));
    prop::collection::vec(((0usize..4).prop_map(address), pin), 0..12)
}

proptest! {
    #[test]
    fn in_whatever_order_it_is_told_the_table_is_the_same(
        told in entries(),
        order in any::<prop::sample::Index>(),
    ) {
        let mut one = Pins::default();
        for (address, pin) in &told {
            one.merge(*address, pin.clone());
        }
        let mut other = Pins::default();
        let cut = order.index(told.len() + 1);
        for (address, pin) in told.iter().rev().chain(&told[..cut.min(told.len())]) {
            other.merge(*address, pin.clone());
        }
        prop_assert_eq!(one.all(), other.all());
        prop_assert_eq!(one.digest(), other.digest());
    }
}
