//! A storm is cut down at once, a quiet segment is heard whole.

use std::time::Duration;

use sovnet_core::time::Moment;

use super::{ENOUGH, LEAST, Sampler};

const TURN: Duration = Duration::from_millis(5);

/// Lets so many frames arrive each second, of which the filter passes its part, for some seconds;
/// how many passed in the last of them.
fn seconds(sampler: &mut Sampler, now: &mut Moment, per_second: u32, seconds: u32) -> u32 {
    let mut passed = 0;
    for turn in 0..seconds * 200 {
        if turn % 200 == 0 {
            passed = 0;
        }
        *now = *now + TURN;
        // Of every so many frames one passes; what a turn leaves over passes in a later one.
        let one_in = sampler.sampling().mask() + 1;
        let up_to = |turn: u32| turn * per_second / 200 / one_in;
        let frames = up_to(turn % 200 + 1) - up_to(turn % 200);
        passed += frames;
        sampler.handle_passed(frames, *now);
    }
    passed
}

#[test]
fn a_quiet_segment_is_heard_whole() {
    let mut now = Moment::from_millis(1_000);
    let mut sampler = Sampler::new(now);
    assert_eq!(seconds(&mut sampler, &mut now, 300, 10), 300);
    assert_eq!(sampler.sampling().mask(), 0);
}

#[test]
fn a_storm_is_cut_down_within_its_first_turns() {
    let mut now = Moment::from_millis(1_000);
    let mut sampler = Sampler::new(now);
    let first = seconds(&mut sampler, &mut now, 100_000, 1);
    assert!(first < 2_000, "{first}");
    let later = seconds(&mut sampler, &mut now, 100_000, 10);
    assert!((1..=2 * ENOUGH).contains(&later), "{later}");
}

#[test]
fn after_a_storm_all_is_heard_again_within_some_seconds() {
    let mut now = Moment::from_millis(1_000);
    let mut sampler = Sampler::new(now);
    seconds(&mut sampler, &mut now, 1_000_000, 3);
    seconds(&mut sampler, &mut now, 20, LEAST + 1);
    assert_eq!(sampler.sampling().mask(), 0);
}

#[test]
fn something_always_passes() {
    let mut now = Moment::from_millis(1_000);
    let mut sampler = Sampler::new(now);
    for _ in 0..100 {
        sampler.handle_passed(u32::MAX, now);
        now = now + TURN;
    }
    assert_eq!(sampler.sampling().mask(), (1 << LEAST) - 1);
}
