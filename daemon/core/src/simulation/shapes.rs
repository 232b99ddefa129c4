//! Two nodes in every shape of partition: who speaks is the table of the election's section 8.

use std::net::IpAddr;

use super::lan::{Lan, Setup, ms};

/// What passes between the two nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Between {
    Both,
    FirstToSecond,
    ArpOnly,
    Nothing,
}

/// A LAN of two nodes at rest in a shape that came about while both spoke.
fn shape(seed: u64, between: Between, gateway_of: [bool; 2]) -> Lan {
    let mut lan = Lan::started(Setup {
        seed,
        nodes: 2,
        addresses: 4,
        ..Setup::default()
    });
    lan.run(ms(3_000));
    let gateway = lan.gateway();
    for (node, has_gateway) in gateway_of.into_iter().enumerate() {
        if !has_gateway {
            lan.cut_direction(node, gateway);
            lan.cut_direction(gateway, node);
        }
    }
    match between {
        Between::Both => {}
        Between::FirstToSecond => lan.cut_direction(1, 0),
        Between::ArpOnly => {
            lan.filtered.insert((0, 1));
            lan.filtered.insert((1, 0));
        }
        Between::Nothing => {
            lan.cut_direction(0, 1);
            lan.cut_direction(1, 0);
        }
    }
    // The client is no witness here: it hears nobody and nobody hears it.
    let client = lan.client();
    lan.cut_off(&[client]);
    lan.run(ms(20_000));
    lan.mark();
    lan.run(ms(1_000));
    lan.check_no_claims("in a partition at rest");
    lan
}

/// The speakers of every address: each the same set.
fn speakers(lan: &Lan, address: IpAddr) -> Vec<usize> {
    lan.records[&address].speakers.iter().copied().collect()
}

/// Checks who speaks, for every address.
fn check(between: Between, gateway_of: [bool; 2], wanted: &[&[usize]]) {
    for seed in 0..5 {
        let mut lan = shape(seed, between, gateway_of);
        for address in lan.addresses() {
            let speakers = speakers(&lan, address);
            let is_so = wanted.contains(&speakers.as_slice());
            let what = format!("{between:?} {gateway_of:?}: {address} has speakers {speakers:?}");
            lan.check(is_so, &what);
        }
        lan.heal();
        lan.settle();
    }
}

#[test]
fn with_a_whole_link_one_speaks_and_rather_the_one_with_gateway() {
    check(Between::Both, [true, true], &[&[0], &[1]]);
    check(Between::Both, [false, false], &[&[0], &[1]]);
    check(Between::Both, [true, false], &[&[0]]);
    check(Between::Both, [false, true], &[&[1]]);
}

#[test]
fn on_a_one_way_link_the_one_that_is_heard_takes_all_it_can_serve() {
    check(Between::FirstToSecond, [true, true], &[&[0]]);
    check(Between::FirstToSecond, [true, false], &[&[0]]);
}

#[test]
fn on_a_one_way_link_the_one_that_hears_speaks_if_the_other_is_isolated() {
    check(Between::FirstToSecond, [false, true], &[&[1]]);
    check(Between::FirstToSecond, [false, false], &[&[1]]);
}

#[test]
fn where_only_arp_passes_one_speaks() {
    for gateway_of in [[true, true], [true, false], [false, true], [false, false]] {
        check(Between::ArpOnly, gateway_of, &[&[0], &[1]]);
    }
}

#[test]
fn without_a_link_each_side_with_a_gateway_is_served() {
    check(Between::Nothing, [true, true], &[&[0, 1]]);
    check(Between::Nothing, [true, false], &[&[0]]);
    check(Between::Nothing, [false, true], &[&[1]]);
    check(Between::Nothing, [false, false], &[&[]]);
}
