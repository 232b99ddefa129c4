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
    assert!(!hardware.handle_other(OTHER, at(100)));
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
        hardware.handle_known();
        assert!(!hardware.handle_other(OTHER, at(millis)));
    }
}
