//! Rounds, refresh and pace, as moments.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Cause, Schedule};
use crate::time::Moment;

const VIP: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 8, 241));

/// Runs for so many milliseconds as a driver that is always in time; what it announced, and when.
fn run(schedule: &mut Schedule, until: Moment) -> Vec<(u64, IpAddr, Cause)> {
    let mut taken = Vec::new();
    while let Some((at, _)) = schedule.next_at().filter(|(at, _)| *at <= until) {
        let (address, cause) = schedule.take(at).expect("something is due when it says so");
        taken.push((at.as_nanos() / 1_000_000, address, cause));
    }
    taken
}

fn many(count: u8) -> Schedule {
    let mut schedule = Schedule::default();
    for last in 0..count {
        schedule.begin(IpAddr::from([10, 0, 0, last]), Moment::from_millis(10_000));
    }
    schedule
}

#[test]
fn an_address_is_announced_at_once_then_past_the_lock_time_then_refreshed() {
    let mut schedule = Schedule::default();
    schedule.begin(VIP, Moment::from_millis(10_000));
    let taken = run(&mut schedule, Moment::from_millis(320_000));
    let rounds: Vec<u64> = taken.iter().map(|(at, _, _)| *at).take(4).collect();
    assert_eq!(rounds, [10_000, 11_100, 12_300, 14_500]);
    let refreshes: Vec<u64> = taken.iter().map(|(at, _, _)| *at).skip(4).collect();
    assert!((64_500..=114_500).contains(&refreshes[0]), "{refreshes:?}");
    assert_eq!(refreshes[1], refreshes[0] + 100_000);
    assert_eq!(refreshes[2], refreshes[1] + 100_000);
    assert!(
        taken[4..]
            .iter()
            .all(|(_, _, cause)| *cause == Cause::Refresh)
    );
}

#[test]
fn an_ipv6_address_is_announced_three_times_more_than_a_second_apart_then_refreshed() {
    let mut schedule = Schedule::default();
    let vip = "2001:db8::241".parse().unwrap();
    schedule.begin(vip, Moment::from_millis(10_000));
    let taken = run(&mut schedule, Moment::from_millis(120_000));
    let rounds: Vec<u64> = taken
        .iter()
        .filter(|(_, _, cause)| *cause == Cause::Round)
        .map(|(at, _, _)| *at)
        .collect();
    assert_eq!(rounds, [10_000, 11_100, 12_300]);
    assert!((60_000..=113_000).contains(&taken[3].0), "{taken:?}");
}

#[test]
fn a_thousand_addresses_of_both_families_are_announced_within_the_pace_and_a_second() {
    let mut schedule = Schedule::default();
    for number in 0..500_u16 {
        let [high, low] = number.to_be_bytes();
        let v6 = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, number);
        for address in [IpAddr::from([10, 0, high, low]), v6.into()] {
            schedule.begin(address, Moment::from_millis(10_000));
        }
    }
    let taken = run(&mut schedule, Moment::from_millis(30_000));
    assert_eq!(taken.len(), 500 * 4 + 500 * 3);
    let first: std::collections::BTreeSet<IpAddr> = taken
        .iter()
        .filter(|(at, _, _)| *at <= 11_000)
        .map(|(_, address, _)| *address)
        .collect();
    assert_eq!(first.len(), 1_000);
    for window in taken.windows(101) {
        let millis = window[100].0 - window[0].0;
        assert!(millis >= 95, "101 addresses within {millis} ms");
    }
}

#[test]
fn further_frames_keep_the_pace_of_rounds() {
    let mut schedule = many(3);
    let mut now = Moment::from_millis(10_000);
    while schedule.take(now).is_some() {}
    assert!(schedule.take_room(8, now), "within the burst");
    assert!(!schedule.take_room(8, now), "after it");
    now = schedule.room_at();
    assert!(schedule.take_room(1, now));
}

#[test]
fn many_new_addresses_go_out_at_no_more_than_two_thousand_frames_per_second() {
    let taken = run(&mut many(250), Moment::from_millis(11_000));
    assert_eq!(taken.len(), 250);
    for window in taken.windows(101) {
        let millis = window[100].0 - window[0].0;
        assert!(millis >= 95, "101 addresses within {millis} ms");
    }
    assert!(taken[249].0 <= 10_250, "the last one at {}", taken[249].0);
}

#[test]
fn a_late_driver_does_not_send_everything_at_once() {
    let mut schedule = many(250);
    let late = Moment::from_millis(12_000);
    let at_once = std::iter::from_fn(|| schedule.take(late)).count();
    assert!(at_once <= 5, "{at_once} addresses at once");
}

#[test]
fn refreshes_are_spread_and_go_out_at_no_more_than_fifty_frames_per_second() {
    let taken = run(&mut many(250), Moment::from_millis(230_000));
    let mut last = BTreeMap::new();
    let refreshes: Vec<_> = taken
        .iter()
        .filter(|(_, _, cause)| *cause == Cause::Refresh)
        .collect();
    for pair in refreshes.windows(2) {
        assert!(pair[1].0 - pair[0].0 >= 40, "{pair:?}");
    }
    for (at, address, _) in &taken {
        if let Some(before) = last.insert(address, at) {
            assert!(
                at - before <= 101_000,
                "{address} was silent for {} ms",
                at - before
            );
        }
    }
}

#[test]
fn an_ended_address_is_never_due_again_and_a_begun_one_starts_over() {
    let mut schedule = Schedule::default();
    schedule.begin(VIP, Moment::from_millis(0));
    assert_eq!(run(&mut schedule, Moment::from_millis(1_200)).len(), 2);
    schedule.begin(VIP, Moment::from_millis(1_200));
    assert_eq!(
        schedule.next_at(),
        Some((Moment::from_millis(1_200), Cause::Round))
    );
    schedule.end(VIP);
    assert_eq!(schedule.next_at(), None);
    assert_eq!(schedule.take(Moment::from_millis(99_000)), None);
}
