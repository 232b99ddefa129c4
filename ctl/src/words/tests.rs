//! Durations, lines and foreign text.

use std::time::Duration;

use super::{duration, one_line, wrap};
use crate::cli::{parse_duration, parse_long_duration};

#[test]
fn durations_have_two_units_at_most() {
    for (millis, text) in [
        (0, "0 ms"),
        (999, "999 ms"),
        (1_000, "1 s"),
        (59_999, "59 s"),
        (60_000, "1 m"),
        (3_599_000, "59 m"),
        (3_600_000, "1 h 0 m"),
        (14_520_000, "4 h 2 m"),
        (532_800_000, "6 d 4 h"),
    ] {
        assert_eq!(duration(Duration::from_millis(millis)), text);
    }
}

#[test]
fn a_time_has_a_unit_or_is_in_seconds() {
    let parsed = |text| parse_duration(text).map(|time| time.as_millis());
    assert_eq!(parsed("500ms"), Ok(500));
    assert_eq!(parsed("5s"), Ok(5_000));
    assert_eq!(parsed("5"), Ok(5_000));
    assert_eq!(parsed("1m"), Ok(60_000));
    for wrong in [
        "",
        "s",
        "25h",
        "2d",
        "-1s",
        "5 s",
        "0s",
        "1.5s",
        "99999999999999999999",
        "2000m",
    ] {
        assert!(parsed(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_long_time_has_hours_and_days() {
    let parsed = |text| parse_long_duration(text).map(|time| time.as_secs());
    assert_eq!(parsed("12h"), Ok(43_200));
    assert_eq!(parsed("30d"), Ok(2_592_000));
    for wrong in ["0d", "2w", "d"] {
        assert!(parsed(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn lines_break_at_spaces_and_long_words_stay_whole() {
    assert_eq!(wrap("one two three", None, 2), "one two three");
    assert_eq!(wrap("one two three", Some(8), 2), "one two\n  three");
    assert_eq!(wrap("  one two three", Some(9), 4), "  one two\n    three");
    assert_eq!(
        wrap("incomprehensibilities x", Some(8), 2),
        "incomprehensibilities\n  x"
    );
}

#[test]
fn escapes_do_not_reach_the_terminal() {
    assert_eq!(one_line("a\u{1b}[2J\nb"), "a\u{fffd}[2J\u{fffd}b");
}
