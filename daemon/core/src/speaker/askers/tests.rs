//! Who counts as a client, and how many are remembered.

use std::net::IpAddr;

use super::{ASKERS_MAX, Askers, Surroundings};
use crate::names::Mac;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn host(last: u8) -> (IpAddr, Mac) {
    (
        IpAddr::from([192, 168, 8, last]),
        Mac([2, 0, 0, 0, 0, last]),
    )
}

const GATEWAY: u8 = 1;
const PEER: u8 = 2;
const VIP: u8 = 241;

fn askers() -> Askers {
    let mut askers = Askers::default();
    askers.set(Surroundings {
        addresses: [host(VIP).0, ip("2001:db8::241")].into(),
        gateway: Some(host(GATEWAY).0),
        peers: [host(PEER).0].into(),
    });
    askers
}

#[test]
fn who_asks_for_an_address_of_the_segment_is_told_and_the_gateway_first() {
    let mut askers = askers();
    askers.handle_frame(host(50), host(VIP).0, true);
    askers.handle_frame(host(GATEWAY), host(50).0, false);
    askers.handle_frame(host(51), host(VIP).0, true);
    assert_eq!(askers.of(host(VIP).0), [host(GATEWAY), host(51), host(50)]);
}

#[test]
fn peers_answers_probes_and_questions_for_others_make_nobody_a_client() {
    let mut askers = askers();
    askers.handle_frame(host(PEER), host(VIP).0, true);
    askers.handle_frame(host(50), host(VIP).0, false);
    askers.handle_frame((ip("0.0.0.0"), host(51).1), host(VIP).0, true);
    askers.handle_frame(host(52), host(53).0, true);
    askers.handle_frame(host(VIP), host(VIP).0, true);
    assert_eq!(askers.of(host(VIP).0), []);
}

#[test]
fn the_latest_few_of_each_family_are_remembered_once_each() {
    let mut askers = askers();
    let laptop = (ip("fe80::50"), Mac([2, 0, 0, 0, 6, 50]));
    askers.handle_frame(laptop, ip("2001:db8::241"), true);
    for last in (10..40).chain([25, 39]) {
        askers.handle_frame(host(last), host(VIP).0, true);
    }
    let told = askers.of(host(VIP).0);
    assert_eq!(told.len(), ASKERS_MAX);
    assert_eq!(told[..3], [host(39), host(25), host(38)]);
    assert_eq!(askers.of(ip("2001:db8::241")), [laptop]);
}

#[test]
fn a_client_with_a_new_card_is_told_there() {
    let mut askers = askers();
    askers.handle_frame(host(50), host(VIP).0, true);
    let moved = (host(50).0, host(99).1);
    askers.handle_frame(moved, host(VIP).0, true);
    assert_eq!(askers.of(host(VIP).0), [moved]);
}

#[test]
fn another_gateway_is_told_once_it_is_heard() {
    let mut askers = askers();
    askers.handle_frame(host(GATEWAY), host(50).0, false);
    askers.set(Surroundings {
        gateway: Some(host(9).0),
        ..Surroundings::default()
    });
    assert_eq!(askers.of(host(VIP).0), []);
}
