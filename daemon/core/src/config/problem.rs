//! Problems of a config file: collected with the place they are at, shown all at once.
//!
//! Owns positions, the picture of the offending text and the search for the word that was meant.
//! Knows nothing of the keys. [`Problems`] is filled by `tree` and `check`; people see the result
//! through [`render`].

use std::fmt::Write;
use std::ops::Range;

use crate::names::one_line;

/// No more than this many problems are told at once; who made more has made one.
const PROBLEMS_MAX: usize = 100;

/// The longest part of a line that is shown, in characters.
const SHOWN_MAX: usize = 120;

/// Characters that are shown before the offending text where a line is too long.
const LEAD: usize = 40;

/// One thing that is wrong with a config file, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigProblem {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// One sentence: what is wrong.
    pub what: String,
    /// What to write instead, where that can be told.
    pub hint: Option<String>,
    /// The line as it is shown: control characters replaced, a long line cut.
    pub source_line: String,
    /// Characters of `source_line` before the offending text.
    pub lead: usize,
    /// Length of the offending text within the line, in characters; at least 1.
    pub length: usize,
}

/// The first of them as a clause for another sentence.
pub fn first(problems: &[ConfigProblem]) -> String {
    let what = problems.first().map(|problem| problem.what.as_str());
    one_line(what.unwrap_or("the config does not take it"))
}

/// All problems as text, one after another, in plain ASCII but for what the file itself holds:
/// `FILE:LINE:COLUMN: sentence`, the line, a mark under the offending text, the hint.
pub fn render(file_name: &str, problems: &[ConfigProblem]) -> String {
    let mut text = String::new();
    for problem in problems {
        let ConfigProblem { line, column, .. } = problem;
        push_line(
            &mut text,
            format_args!("{file_name}:{line}:{column}: {}", problem.what),
        );
        if !problem.source_line.trim().is_empty() {
            let lead = " ".repeat(problem.lead);
            let mark = "^".repeat(problem.length);
            push_line(&mut text, format_args!("    {}", problem.source_line));
            push_line(&mut text, format_args!("    {lead}{mark}"));
        }
        if let Some(hint) = &problem.hint {
            push_line(&mut text, format_args!("    hint: {hint}"));
        }
    }
    text
}

fn push_line(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("writing to a String cannot fail");
}

/// What is wrong with one value, before it is known where the value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) what: String,
    pub(super) hint: Option<String>,
}

impl Wrong {
    pub(super) fn new(what: impl Into<String>) -> Wrong {
        Wrong {
            what: what.into(),
            hint: None,
        }
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> Wrong {
        Wrong {
            hint: Some(hint.into()),
            ..self
        }
    }
}

/// The problems of one text, while it is read.
#[derive(Debug)]
pub(super) struct Problems<'t> {
    text: &'t str,
    found: Vec<(Range<usize>, Wrong)>,
}

impl<'t> Problems<'t> {
    pub(super) fn new(text: &'t str) -> Problems<'t> {
        Problems {
            text,
            found: Vec::new(),
        }
    }

    /// Adds one; `span` is its place in bytes.
    pub(super) fn add(&mut self, span: Range<usize>, wrong: Wrong) {
        self.found.push((span, wrong));
    }

    /// The text at a span; empty if the span is none of the text's.
    pub(super) fn text_at(&self, span: Range<usize>) -> &'t str {
        self.text.get(span).unwrap_or_default()
    }

    /// How many there are so far.
    pub(super) fn count(&self) -> usize {
        self.found.len()
    }

    /// The problems in the order of the file.
    pub(super) fn finish(mut self) -> Vec<ConfigProblem> {
        self.found.sort_by_key(|(span, _)| (span.start, span.end));
        self.found.dedup();
        self.found.truncate(PROBLEMS_MAX);
        let text = self.text;
        self.found
            .into_iter()
            .map(|(span, wrong)| place(text, &span, wrong))
            .collect()
    }
}

/// Finds line, column and the shown part of the line.
fn place(text: &str, span: &Range<usize>, wrong: Wrong) -> ConfigProblem {
    let start = text.floor_char_boundary(span.start);
    let before = &text[..start];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line_text = text[line_start..].lines().next().unwrap_or_default();
    let column = text[line_start..start].chars().count();
    let line_end = line_start + line_text.len();
    let end = text.floor_char_boundary(span.end.min(line_end)).max(start);
    let length = text[start..end].chars().count();

    let cut = if line_text.chars().count() > SHOWN_MAX {
        column.saturating_sub(LEAD)
    } else {
        0
    };
    let shown: String = line_text
        .chars()
        .skip(cut)
        .take(SHOWN_MAX)
        .map(printable)
        .collect();
    let room = shown.chars().count().saturating_sub(column - cut);
    ConfigProblem {
        line: before.matches('\n').count() + 1,
        column: column + 1,
        what: wrong.what,
        hint: wrong.hint,
        source_line: shown.trim_end().to_owned(),
        lead: column - cut,
        length: length.min(room).max(1),
    }
}

/// One column for one character, and nothing that a terminal obeys.
fn printable(character: char) -> char {
    match character {
        '\t' => ' ',
        other if other.is_control() => '?',
        other => other,
    }
}

/// A piece of the file within a sentence: printable, not too long.
pub(super) fn clip(text: &str) -> String {
    const CLIPPED_MAX: usize = 60;
    let mut shown: String = text.chars().take(CLIPPED_MAX).map(printable).collect();
    if text.chars().count() > CLIPPED_MAX {
        shown.push_str("...");
    }
    shown
}

/// The same in quotes.
pub(super) fn quote(text: &str) -> String {
    format!("\"{}\"", clip(text))
}

/// The known word that was most probably meant.
pub(super) fn meant<'w>(word: &str, known: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    const WORD_MAX: usize = 40;
    if word.len() > WORD_MAX {
        return None;
    }
    let word = word.to_ascii_lowercase().replace('_', "-");
    let allowed = (word.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| (distance(&word, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Edits from one word to the other: insert, delete, replace, swap of neighbours.
fn distance(from: &str, to: &str) -> usize {
    let from: Vec<char> = from.chars().collect();
    let to: Vec<char> = to.chars().collect();
    let mut rows = vec![vec![0; to.len() + 1]; from.len() + 1];
    for i in 0..=from.len() {
        for j in 0..=to.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replaced = rows[i - 1][j - 1] + usize::from(from[i - 1] != to[j - 1]);
                let one_longer = rows[i - 1][j].min(rows[i][j - 1]) + 1;
                let is_swap =
                    i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1];
                let swapped = if is_swap {
                    rows[i - 2][j - 2] + 1
                } else {
                    usize::MAX
                };
                replaced.min(one_longer).min(swapped)
            };
        }
    }
    rows[from.len()][to.len()]
}
