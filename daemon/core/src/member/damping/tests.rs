//! How long a rise is held up, for each number of falls.

use super::*;

fn at(secs: u64) -> Moment {
    Moment::from_millis(1_000_000 + secs * 1_000)
}

/// Falls and rises so often, one second apart each, and says how long the last rise is held up.
fn flap(times: u64, apart: u64) -> Duration {
    let mut damper = Damper::default();
    for time in 0..times {
        damper.handle_change(Ability::Serves, Ability::Cannot, at(time * apart));
        damper.handle_change(Ability::Cannot, Ability::Serves, at(time * apart));
    }
    let now = at((times - 1) * apart);
    damper
        .held(now)
        .map_or(Duration::ZERO, |(left, _falls)| left)
}

#[test]
fn the_hold_up_doubles_with_each_fall_up_to_a_minute() {
    let lengths: Vec<u64> = (1..=12).map(|times| flap(times, 2).as_secs()).collect();
    assert_eq!(lengths, [0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60]);
}

#[test]
fn falls_that_are_ten_minutes_apart_hold_nothing_up() {
    assert_eq!(flap(20, 600), Duration::ZERO);
    assert_eq!(flap(20, 599).as_secs(), 1);
}

#[test]
fn the_first_rise_of_a_new_address_is_not_held_up() {
    let mut damper = Damper::default();
    damper.handle_change(Ability::Cannot, Ability::Serves, at(0));
    assert_eq!(damper.held(at(0)), None);
}

#[test]
fn a_hold_up_ends_by_itself() {
    let mut damper = Damper::default();
    for _ in 0..3 {
        damper.handle_change(Ability::Serves, Ability::Going, at(0));
        damper.handle_change(Ability::Going, Ability::Serves, at(0));
    }
    assert_eq!(damper.held(at(1)), Some((Duration::from_secs(1), 3)));
    assert_eq!(damper.held(at(2)), None);
}

#[test]
fn only_unplanned_short_lives_count() {
    let mut life = Life::after(2, at(0));
    assert_eq!(life.short_lives(), 3);
    assert_eq!(life.damper.held(at(0)), Some((Duration::from_secs(1), 2)));
    life.is_ended = true;
    assert_eq!(life.short_lives(), 2);
    life.is_settled = true;
    assert_eq!(life.short_lives(), 0);
}
