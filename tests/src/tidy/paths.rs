//! The paths that a source file names: `a::b::c` in code, and every leaf of a `use` tree.
//!
//! Grouped imports are written out, so that `use std::{fs, thread}` names `std::fs` and
//! `std::thread`. Methods and fields are no paths.

use super::tokens::{Kind, Token};

#[cfg(test)]
mod tests;

/// One path, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedPath {
    /// Its segments; a glob import ends with `*`.
    pub segments: Vec<String>,
    /// Where it begins.
    pub line: usize,
    /// Whether a `use` names it.
    pub is_import: bool,
}

impl NamedPath {
    /// The path as text.
    pub fn text(&self) -> String {
        self.segments.join("::")
    }

    /// Whether the path ends with these segments, such as `thread::sleep`.
    pub fn ends_with(&self, ending: &str) -> bool {
        let text = self.text();
        text == ending || text.ends_with(&format!("::{ending}"))
    }

    /// Whether the path is `start`, or begins with it.
    pub fn starts_with(&self, start: &str) -> bool {
        let text = self.text();
        text == start || text.starts_with(&format!("{start}::"))
    }

    /// The crate that the path names, if it begins with an outside crate's name.
    pub fn first(&self) -> &str {
        self.segments.first().map_or("", String::as_str)
    }
}

/// All paths that these tokens (without comments) name, those of one word included.
pub fn paths(code: &[Token<'_>]) -> Vec<NamedPath> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < code.len() {
        if code[at].is_word("use") {
            at = import(code, at + 1, &[], &mut found);
        } else if code[at].kind == Kind::Word && is_start(code, at) {
            let (segments, next) = plain(code, at);
            found.push(NamedPath {
                segments,
                line: code[at].line,
                is_import: false,
            });
            at = next;
        } else {
            at += 1;
        }
    }
    found
}

/// A word after `.` is a method; a word after `x::` or `>::` was taken with what stands before it.
fn is_start(code: &[Token<'_>], at: usize) -> bool {
    let before = |steps: usize| at.checked_sub(steps).map(|index| &code[index]);
    match before(1) {
        Some(token) if token.is_sign(".") => false,
        Some(token) if token.is_sign("::") => {
            !before(2).is_some_and(|two| two.kind == Kind::Word || two.is_sign(">"))
        }
        Some(_) | None => true,
    }
}

/// `a::b::c` from `at` on, and where it ends.
fn plain(code: &[Token<'_>], at: usize) -> (Vec<String>, usize) {
    let mut segments = vec![code[at].text.to_owned()];
    let mut next = at + 1;
    while let [colons, word, ..] = &code[next..] {
        if !colons.is_sign("::") || word.kind != Kind::Word {
            break;
        }
        segments.push(word.text.to_owned());
        next += 2;
    }
    (segments, next)
}

/// One tree of a `use`, below `prefix`; returns where it ends.
fn import(
    code: &[Token<'_>],
    start: usize,
    prefix: &[String],
    found: &mut Vec<NamedPath>,
) -> usize {
    let mut segments = prefix.to_vec();
    let mut at = start;
    let line = code.get(start).map_or(0, |token| token.line);
    while let Some(token) = code.get(at) {
        if token.is_sign("{") {
            return group(code, at + 1, &segments, found);
        }
        if token.is_word("as") {
            at += 2;
            continue;
        }
        if token.kind == Kind::Word || token.is_sign("*") {
            segments.push(token.text.to_owned());
        } else if !token.is_sign("::") {
            break;
        }
        at += 1;
    }
    if segments.len() > 1 && segments.last().is_some_and(|last| last == "self") {
        segments.pop();
    }
    found.push(NamedPath {
        segments,
        line,
        is_import: true,
    });
    at
}

/// The trees between braces; returns where the group ends.
fn group(code: &[Token<'_>], start: usize, prefix: &[String], found: &mut Vec<NamedPath>) -> usize {
    let mut at = start;
    while let Some(token) = code.get(at) {
        if token.is_sign("}") {
            return at + 1;
        }
        if token.is_sign(",") {
            at += 1;
        } else {
            // A sign that no tree begins with would stand still: step over it.
            at = import(code, at, prefix, found).max(at + 1);
        }
    }
    at
}
