//! What the detector learns, and what it forgets.

use super::*;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn after_gaps(gaps: &[u64]) -> (Duration, Clause) {
    let mut now = Moment::from_millis(1_000);
    let mut detector = Detector::new(Duration::ZERO, now);
    for gap in gaps {
        now = now + ms(*gap);
        detector.handle_sign_of_life(ms(25), now);
    }
    detector.threshold(ms(25), false, &Timers::default())
}

#[test]
fn a_quiet_lan_suspects_at_the_floor() {
    assert_eq!(after_gaps(&[25, 26, 24, 50, 74]), (ms(60), Clause::Floor));
}

#[test]
fn a_survived_silence_makes_the_detector_patient() {
    // 25 + 1.5 * (225 - 25) + 10
    assert_eq!(after_gaps(&[25, 225, 25]), (ms(335), Clause::Learned));
}

#[test]
fn an_outage_teaches_nothing() {
    assert_eq!(after_gaps(&[25, 1_600, 25]), (ms(60), Clause::Floor));
}

#[test]
fn the_threshold_has_a_ceiling() {
    assert_eq!(after_gaps(&[1_500]), (ms(1_500), Clause::Ceiling));
}

#[test]
fn a_day_later_the_silence_is_forgotten() {
    let mut now = Moment::from_millis(0);
    let mut detector = Detector::new(ms(400), now);
    for _ in 0..3 {
        assert_eq!(detector.silence(), ms(400));
        now = now + GENERATION;
        detector.handle_sign_of_life(ms(25), now);
    }
    assert_eq!(detector.silence(), Duration::ZERO);
}

#[test]
fn wireless_has_a_floor_of_its_own() {
    let detector = Detector::new(Duration::ZERO, Moment::from_millis(0));
    assert_eq!(
        detector.threshold(ms(25), true, &Timers::default()),
        (ms(500), Clause::Wireless)
    );
}

#[test]
fn the_longest_silence_is_told_with_its_age() {
    let mut now = Moment::from_millis(0);
    let mut detector = Detector::new(Duration::ZERO, now);
    assert_eq!(detector.learned(), None);
    let mut sign = |detector: &mut Detector, gap: Duration| {
        now = now + gap;
        detector.handle_sign_of_life(ms(25), now);
    };
    sign(&mut detector, ms(300));
    assert_eq!(detector.learned(), Some((ms(300), 0)));
    assert_eq!(detector.last_gap(), ms(300));
    sign(&mut detector, GENERATION);
    sign(&mut detector, ms(200));
    assert_eq!(detector.learned(), Some((ms(300), 1)));
    sign(&mut detector, ms(300));
    assert_eq!(detector.learned(), Some((ms(300), 0)));
}

/// Gaps between the heartbeats of one daemon as another one's host saw them; the file says how.
pub(crate) const RECORDED: &str = include_str!("gaps.txt");

/// The recorded gaps.
pub(crate) fn recorded() -> Vec<Duration> {
    let lines = RECORDED.lines().filter(|line| !line.starts_with('#'));
    let gaps = lines.map(|line| Duration::from_micros(line.parse().unwrap()));
    gaps.collect()
}

#[test]
fn recorded_gaps_of_a_loaded_machine_teach_patience_within_minutes() {
    let (timers, interval) = (Timers::default(), ms(25));
    let mut now = Moment::from_millis(1_000);
    let mut detector = Detector::new(Duration::ZERO, now);
    let (mut suspected, mut confirmed) = (0, 0);
    let gaps = recorded();
    for gap in &gaps {
        let (threshold, _) = detector.threshold(interval, false, &timers);
        suspected += u32::from(*gap > threshold);
        // Here its kernel is asked, and answers; without that it would be dead.
        confirmed += u32::from(*gap > threshold + timers.confirm_for(interval));
        now = now + *gap;
        detector.handle_sign_of_life(interval, now);
    }
    let above = |limit| gaps.iter().filter(|gap| **gap > ms(limit)).count();
    assert_eq!((gaps.len(), above(60), above(90)), (2_267, 44, 8));
    assert_eq!((suspected, confirmed), (7, 2));
    let (threshold, clause) = detector.threshold(interval, false, &timers);
    assert_eq!((threshold.as_millis(), clause), (315, Clause::Learned));
}
