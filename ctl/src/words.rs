//! Small things for people: durations in and out, lines that fit.

use std::time::Duration;

/// "12 ms", "41 s", "3 m", "4 h 2 m", "6 d 4 h".
pub(crate) fn duration(length: Duration) -> String {
    let secs = length.as_secs();
    let (minutes, hours, days) = (secs / 60, secs / 3_600, secs / 86_400);
    match secs {
        0 => format!("{} ms", length.as_millis()),
        1..60 => format!("{secs} s"),
        60..3_600 => format!("{minutes} m"),
        3_600..86_400 => format!("{hours} h {} m", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

/// As [`duration`], for the milliseconds of the status document.
pub(crate) fn millis(millis: i64) -> String {
    duration(Duration::from_millis(u64::try_from(millis).unwrap_or(0)))
}

/// "500ms", "5s", "1m", or a number of seconds; more than zero, at most a day.
///
/// # Errors
///
/// One sentence that says how it is written.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || "a time is written 500ms, 5s or 1m".to_owned();
    let split = text.find(|c: char| !c.is_ascii_digit());
    let (number, unit) = text.split_at(split.unwrap_or(text.len()));
    let number: u64 = number.parse().map_err(|_not_a_number| wrong())?;
    let per_unit = match unit {
        "ms" => 1,
        "s" | "" => 1_000,
        "m" => 60_000,
        _ => return Err(wrong()),
    };
    match number.saturating_mul(per_unit) {
        0 => Err("a time must be more than zero".to_owned()),
        millis if millis > 86_400_000 => Err("a time must be at most a day".to_owned()),
        millis => Ok(Duration::from_millis(millis)),
    }
}

/// Text that can come from another machine, safe for a terminal: one line, no escapes.
pub(crate) fn one_line(text: &str) -> String {
    let visible = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    text.chars().map(visible).collect()
}

/// Breaks at spaces so that every line fits; each line after the first begins with `indent`
/// spaces, the first one as `text` does. A word that is longer than a line stays whole.
pub(crate) fn wrap(text: &str, width: Option<usize>, indent: usize) -> String {
    let Some(width) = width else {
        return text.to_owned();
    };
    let content = text.trim_start_matches(' ');
    let lead = text.len() - content.len();
    let mut wrapped = " ".repeat(lead);
    let mut used = lead;
    for (position, word) in content.split(' ').enumerate() {
        let length = word.chars().count();
        if position > 0 && used + 1 + length > width {
            wrapped.push('\n');
            wrapped.push_str(&" ".repeat(indent));
            used = indent;
        } else if position > 0 {
            wrapped.push(' ');
            used += 1;
        }
        wrapped.push_str(word);
        used += length;
    }
    wrapped
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{duration, one_line, parse_duration, wrap};

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
            "5h",
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
}
