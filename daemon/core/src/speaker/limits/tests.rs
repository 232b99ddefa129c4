//! Bursts, rates, and a table that stays small.

use std::time::Duration;

use super::{Limit, Limits, SOURCES_MAX};
use crate::names::Mac;
use crate::time::Moment;

const START: Moment = Moment::from_millis(50_000);

fn asker(number: u16) -> Mac {
    let [high, low] = number.to_be_bytes();
    Mac([2, 0, 0, 0, high, low])
}

/// How many of so many questions of these askers, evenly spread over a time, are answered.
fn answered(limits: &mut Limits, askers: u16, questions: u32, within: Duration) -> u32 {
    let mut count = 0;
    for number in 0..questions {
        let now = START + within * number / questions;
        let one = asker(u16::try_from(number % u32::from(askers)).unwrap());
        count += u32::from(limits.admit(one, now).is_ok());
    }
    count
}

/// What the last of some questions at once meets.
fn last_of(limits: &mut Limits, number: u16, now: Moment) -> Result<(), Limit> {
    let results = (0..10).map(|_| limits.admit(asker(number), now));
    results.last().expect("there are ten")
}

#[test]
fn one_that_asks_every_two_milliseconds_is_always_answered() {
    let all = answered(&mut Limits::default(), 1, 5_000, Duration::from_secs(10));
    assert_eq!(all, 5_000);
}

#[test]
fn one_may_ask_for_a_thousand_addresses_at_once() {
    assert_eq!(
        answered(&mut Limits::default(), 1, 1_000, Duration::ZERO),
        1_000
    );
}

#[test]
fn a_flood_of_one_is_cut_to_its_rate_and_leaves_others_alone() {
    let mut limits = Limits::default();
    let count = answered(&mut limits, 1, 100_000, Duration::from_secs(10));
    assert!((10_900..=11_001).contains(&count), "{count}");
    let end = START + Duration::from_secs(10);
    assert_eq!(last_of(&mut limits, 0, end), Err(Limit::Source));
    assert_eq!(limits.admit(asker(1), end), Ok(()));
}

#[test]
fn a_flood_of_many_is_cut_to_the_rate_of_the_segment() {
    let mut limits = Limits::default();
    let count = answered(&mut limits, 500, 1_000_000, Duration::from_secs(10));
    assert!((100_000..=101_001).contains(&count), "{count}");
    let end = START + Duration::from_secs(10);
    assert_eq!(last_of(&mut limits, 1, end), Err(Limit::Segment));
}

#[test]
fn an_asker_that_was_quiet_has_its_whole_burst_again() {
    let mut limits = Limits::default();
    answered(&mut limits, 1, 10_000, Duration::ZERO);
    let later = START + Duration::from_secs(2);
    let again = (0..900).filter(|_| limits.admit(asker(0), later).is_ok());
    assert_eq!(again.count(), 900);
}

#[test]
fn forged_askers_never_fill_more_than_the_table() {
    let mut limits = Limits::default();
    answered(&mut limits, 20_000, 200_000, Duration::from_secs(20));
    assert_eq!(limits.empty_at.len(), SOURCES_MAX);
    assert_eq!(limits.by_time.len(), SOURCES_MAX);
}
