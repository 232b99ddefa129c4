//! Rules that look at one file at a time: size, shape, leftovers.

use super::tokens::{Kind, Token, code};
use super::tree::{File, declared_for_tests};
use super::{House, Rule, Violation};

#[cfg(test)]
mod tests;

/// The longest file, in lines.
const MAX_LINES: usize = 500;

/// Sizes.
pub const LENGTH: Rule = Rule {
    name: "length",
    sentence: "No Rust file has more than 500 lines.",
    instead: "cut it along an idea into `foo.rs` and `foo/bar.rs`",
    check: |house| in_rust(house, length),
};

fn length(file: &File) -> Vec<(usize, String)> {
    let lines = file.text.lines().count();
    let is_long = lines > MAX_LINES;
    is_long
        .then(|| (lines, format!("{lines} lines")))
        .into_iter()
        .collect()
}

/// Module files.
pub const MODULES: Rule = Rule {
    name: "mod-rs",
    sentence: "A module's file bears its name: there is no mod.rs.",
    instead: "`foo.rs` beside `foo/`",
    check: |house| in_rust(house, mod_rs),
};

fn mod_rs(file: &File) -> Vec<(usize, String)> {
    let is_mod = file.path.ends_with("/mod.rs");
    is_mod
        .then(|| (0, "mod.rs".to_owned()))
        .into_iter()
        .collect()
}

/// Module docs.
pub const HEADERS: Rule = Rule {
    name: "header",
    sentence: "Every Rust file begins with a `//!` that says what it owns and what it never does.",
    instead: "write that sentence first",
    check: |house| in_rust(house, header),
};

fn header(file: &File) -> Vec<(usize, String)> {
    let first = file.text.lines().next().unwrap_or("");
    let is_doc = first
        .strip_prefix("//!")
        .is_some_and(|text| !text.trim().is_empty());
    (!is_doc)
        .then(|| (1, first.to_owned()))
        .into_iter()
        .collect()
}

/// Attributes that silence a lint for ever.
pub const ALLOWS: Rule = Rule {
    name: "allow",
    sentence: "No lint is switched off by `allow`.",
    instead: "`#[expect(lint, reason = \"...\")]`, which fails when it is no longer needed",
    check: |house| in_rust(house, |file| attribute(file, "allow")),
};

/// Tests that do not run.
pub const IGNORED: Rule = Rule {
    name: "ignore",
    sentence: "Every test runs: none is ignored.",
    instead: "make it pass, make it quick, or remove it",
    check: |house| in_rust(house, |file| attribute(file, "ignore")),
};

/// `#[name` and `#![name`.
fn attribute(file: &File, name: &str) -> Vec<(usize, String)> {
    let tokens = code(&file.text);
    let words = tokens
        .iter()
        .enumerate()
        .filter(|(_at, token)| token.is_word(name));
    words
        .filter(|(at, _token)| opens_attribute(&tokens[..*at]))
        .map(|(_at, token)| (token.line, format!("#[{name}")))
        .collect()
}

fn opens_attribute(before: &[Token<'_>]) -> bool {
    let signs: Vec<&str> = before
        .iter()
        .rev()
        .take(3)
        .map(|token| token.text)
        .collect();
    matches!(signs.as_slice(), ["[", "#", ..] | ["[", "!", "#"])
}

/// Words that say that something is unfinished.
const LEFTOVER_WORDS: [&str; 3] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
];

/// Leftovers.
pub const LEFTOVERS: Rule = Rule {
    name: "leftover",
    sentence: "Nothing is marked as unfinished.",
    instead: "finish it, or say in the changelog or an ADR what is not there yet",
    check: |house| in_all(house, leftovers),
};

fn leftovers(file: &File) -> Vec<(usize, String)> {
    let is_leftover = |line: &str| {
        line.split(|c: char| !c.is_alphanumeric() && c != '_')
            .any(|word| LEFTOVER_WORDS.contains(&word))
    };
    lines_that(file, is_leftover)
}

/// White space.
pub const WHITE_SPACE: Rule = Rule {
    name: "white-space",
    sentence: "No line ends with white space, and every file ends with exactly one line end.",
    instead: "remove it",
    check: |house| in_all(house, white_space),
};

fn white_space(file: &File) -> Vec<(usize, String)> {
    // An empty line of context is one space in a patch; inputs of a fuzzer are bytes, not text.
    if file.path.ends_with(".patch") || file.is_in("fuzz/corpus") {
        return Vec::new();
    }
    let mut found = lines_that(file, |line| line.ends_with([' ', '\t', '\r']));
    if !file.text.is_empty() && (!file.text.ends_with('\n') || file.text.ends_with("\n\n")) {
        found.push((file.text.lines().count(), "the end of the file".to_owned()));
    }
    found
}

/// Ways to wait for time to pass.
const SLEEPING: [&str; 5] = [
    "sleep",
    "sleep_until",
    "sleep_ms",
    "park_timeout",
    "interval",
];

/// Sleeps.
pub const SLEEPS: Rule = Rule {
    name: "sleep",
    sentence: "A test waits for a state, never for time to pass.",
    instead: "poll the state with a deadline (the helpers that poll are in the table of exceptions)",
    check: |house| in_rust(house, sleeps),
};

fn sleeps(file: &File) -> Vec<(usize, String)> {
    if !file.is_test {
        return Vec::new();
    }
    let paths = file.paths.iter();
    paths
        .filter(|path| {
            let last = path.segments.last().map_or("", String::as_str);
            path.segments.len() > 1 && SLEEPING.contains(&last)
        })
        .map(|path| (path.line, path.text()))
        .collect()
}

/// Tests in their own files.
pub const INLINE_TESTS: Rule = Rule {
    name: "inline-tests",
    sentence: "Tests stand in a file of their own.",
    instead: "`#[cfg(test)] mod tests;` and `foo/tests.rs`",
    check: |house| in_rust(house, inline_tests),
};

fn inline_tests(file: &File) -> Vec<(usize, String)> {
    declared_for_tests(&file.text)
        .into_iter()
        .filter(|(_name, is_inline, _line)| *is_inline)
        .map(|(name, _is_inline, line)| (line, format!("mod {name} {{")))
        .collect()
}

fn lines_that(file: &File, is_bad: impl Fn(&str) -> bool) -> Vec<(usize, String)> {
    let lines = file.text.split('\n').enumerate();
    lines
        .filter(|(_at, line)| is_bad(line))
        .map(|(at, line)| (at + 1, line.trim().to_owned()))
        .collect()
}

fn in_rust(house: &House, check: impl Fn(&File) -> Vec<(usize, String)>) -> Vec<Violation> {
    collect(house.tree.rust(), check)
}

fn in_all(house: &House, check: impl Fn(&File) -> Vec<(usize, String)>) -> Vec<Violation> {
    collect(house.tree.files.iter(), check)
}

fn collect<'a>(
    files: impl Iterator<Item = &'a File>,
    check: impl Fn(&File) -> Vec<(usize, String)>,
) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in files {
        for (line, text) in check(file) {
            found.push(Violation::new(&file.path, line, text));
        }
    }
    found
}

/// Whether a token is a string literal; shared by the rules that read texts.
pub(super) fn is_text(token: Option<&Token<'_>>) -> bool {
    token.is_some_and(|token| token.kind == Kind::Text)
}
