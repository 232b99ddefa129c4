//! What is let through, and what waits.

use std::time::Duration;

use super::Pace;
use crate::time::Moment;

const MS: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_millis(500);

#[test]
fn what_comes_now_and_then_never_waits() {
    let mut pace = Pace::of_changes();
    let mut now = Moment::from_millis(1_000);
    for _change in 0..100 {
        assert!(pace.next_at(LONGEST, now) <= now);
        pace.note(20 * MS, now + 20 * MS);
        now = now + 200 * MS;
    }
}

#[test]
fn work_without_end_has_a_tenth_of_the_time() {
    let mut pace = Pace::of_changes();
    let begun = Moment::from_millis(1_000);
    let mut now = begun;
    let mut worked = Duration::ZERO;
    while now.since(begun) < Duration::from_secs(60) {
        now = now.max(pace.next_at(LONGEST, now));
        worked += 20 * MS;
        now = now + 20 * MS;
        pace.note(20 * MS, now);
    }
    let share = worked.as_secs_f64() / 60.0;
    assert!((0.10..0.11).contains(&share), "{share}");
}

#[test]
fn a_wait_is_bounded() {
    let mut pace = Pace::of_changes();
    let now = Moment::from_millis(1_000);
    pace.note(Duration::from_secs(5), now);
    assert_eq!(pace.next_at(LONGEST, now), now + LONGEST);
}
