//! Who may take the place of a silent peer's card.

use super::*;

const OTHER: Mac = Mac([2, 0, 0, 0, 0, 9]);

fn at(millis: u64) -> Moment {
    Moment::from_millis(1_000 + millis)
}

#[test]
fn a_new_card_is_taken_when_the_peer_speaks_and_the_old_one_is_silent() {
    let mut hardware = Hardware::default();
    hardware.handle_datagram(at(0));
    assert!(!hardware.handle_other(OTHER, at(1)));
    assert!(!hardware.handle_other(OTHER, at(99)));
    hardware.handle_datagram(at(200));
    assert!(hardware.handle_other(OTHER, at(201)));
}

#[test]
fn nobody_takes_the_place_of_a_peer_that_says_nothing() {
    let mut hardware = Hardware::default();
    for millis in 0..5_000 {
        assert!(!hardware.handle_other(OTHER, at(millis)));
    }
}

#[test]
fn nobody_takes_the_place_of_a_card_that_answers_too() {
    let mut hardware = Hardware::default();
    for millis in (0..5_000).step_by(100) {
        hardware.handle_datagram(at(millis));
        hardware.handle_known(at(millis));
        assert!(!hardware.handle_other(OTHER, at(millis)));
    }
}

fn frame(mac: Mac) -> Heard {
    Heard {
        mac,
        sender: std::net::IpAddr::from([192, 0, 2, 240]),
        target: std::net::IpAddr::from([192, 0, 2, 240]),
        is_reply: false,
    }
}

#[test]
fn what_waited_is_the_peers_once_its_new_card_is_known() {
    let mut hardware = Hardware::default();
    hardware.handle_datagram(at(0));
    assert!(hardware.defer(frame(OTHER), at(0)));
    assert!(hardware.is_open(at(1)));
    hardware.handle_datagram(at(100));
    assert!(!hardware.handle_other(OTHER, at(100)));
    assert!(hardware.handle_other(OTHER, at(300)));
    hardware.handle_replaced(OTHER);
    assert!(!hardware.is_open(at(301)));
    assert_eq!(hardware.overdue(at(5_000)), []);
}

#[test]
fn what_waited_is_foreign_when_the_known_card_answers_and_waits_no_second_time() {
    let mut hardware = Hardware::default();
    assert!(hardware.defer(frame(OTHER), at(0)));
    assert_eq!(hardware.handle_known(at(5)), [frame(OTHER)]);
    assert!(!hardware.defer(frame(OTHER), at(6)));
    assert!(!hardware.is_open(at(6)));
    assert!(hardware.defer(frame(OTHER), at(20_000)));
}

#[test]
fn what_nobody_decides_is_foreign_after_a_second_and_no_flood_waits() {
    let mut hardware = Hardware::default();
    for count in 0..1_000 {
        let waits = hardware.defer(frame(OTHER), at(count));
        assert_eq!(waits, count < 8);
    }
    assert_eq!(hardware.overdue(at(999)), []);
    assert_eq!(hardware.overdue(at(1_100)).len(), 8);
    assert_eq!(hardware.overdue(at(1_100)), []);
}
