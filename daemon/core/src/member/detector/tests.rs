//! What the detector learns, and what it forgets.

use super::*;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn after_gaps(gaps: &[u64]) -> Duration {
    let mut now = Moment::from_millis(1_000);
    let mut detector = Detector::new(Duration::ZERO, now);
    for gap in gaps {
        now = now + ms(*gap);
        detector.handle_sign_of_life(now);
    }
    detector.threshold(ms(25), false, &Timers::default())
}

#[test]
fn a_quiet_lan_suspects_at_the_floor() {
    assert_eq!(after_gaps(&[25, 26, 24, 50, 74]), ms(60));
}

#[test]
fn a_survived_silence_makes_the_detector_patient() {
    // 25 + 1.5 * (225 - 25) + 10
    assert_eq!(after_gaps(&[25, 225, 25]), ms(335));
}

#[test]
fn an_outage_teaches_nothing() {
    assert_eq!(after_gaps(&[25, 1_600, 25]), ms(60));
}

#[test]
fn the_threshold_has_a_ceiling() {
    assert_eq!(after_gaps(&[1_500]), ms(1_500));
}

#[test]
fn a_day_later_the_silence_is_forgotten() {
    let mut now = Moment::from_millis(0);
    let mut detector = Detector::new(ms(400), now);
    for _ in 0..3 {
        assert_eq!(detector.silence(), ms(400));
        now = now + GENERATION;
        detector.handle_sign_of_life(now);
    }
    assert_eq!(detector.silence(), Duration::ZERO);
}

#[test]
fn wireless_has_a_floor_of_its_own() {
    let detector = Detector::new(Duration::ZERO, Moment::from_millis(0));
    assert_eq!(
        detector.threshold(ms(25), true, &Timers::default()),
        ms(500)
    );
}
