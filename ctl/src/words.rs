//! Small things for people: durations in and out, lines that fit.

use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

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
    match parse_long_duration(text) {
        Ok(length) if length > DAY => Err("a time must be at most a day".to_owned()),
        other => other,
    }
}

/// As [`parse_duration`], also with "12h" and "2d", and as long as one likes.
///
/// # Errors
///
/// One sentence that says how it is written.
pub(crate) fn parse_long_duration(text: &str) -> Result<Duration, String> {
    let wrong = || "a time is written 500ms, 5s, 1m, 12h or 2d".to_owned();
    let split = text.find(|c: char| !c.is_ascii_digit());
    let (number, unit) = text.split_at(split.unwrap_or(text.len()));
    let number: u64 = number.parse().map_err(|_not_a_number| wrong())?;
    let per_unit = match unit {
        "ms" => 1,
        "s" | "" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong()),
    };
    match number.saturating_mul(per_unit) {
        0 => Err("a time must be more than zero".to_owned()),
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
mod tests;
