//! Small things for people: durations, lines that fit.

use std::time::Duration;

pub(crate) use sovnet_core::names::one_line;

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
