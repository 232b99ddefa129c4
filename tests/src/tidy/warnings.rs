//! Every warning has an operator's action in `docs/warnings.md` (I13).
//!
//! Three kinds of warning are found in the source: the code of a `Problem`, the text of a
//! `log::warn!` or `log::error!`, and the text of a `LogLine` whose `is_warning` is not `false`. Each stands
//! in the document as a heading in backticks, and below it a line that begins with `Do:`.

use std::collections::BTreeMap;

use super::files::is_text;
use super::tokens::{Kind, Token, code};
use super::tree::{File, Tree};
use super::{House, Rule, Violation};

#[cfg(test)]
mod tests;

/// The document.
const FILE: &str = "docs/warnings.md";

/// The rule.
pub const DOCUMENTED: Rule = Rule {
    name: "warnings",
    sentence: "Every warning of the program, and nothing else, has a section in docs/warnings.md (I13).",
    instead: "add or remove a section \"### `code or text`\" with a line \"Do: ...\"; a text that is put \
              together elsewhere gets a row in the table of exceptions",
    check: documented,
};

fn documented(house: &House) -> Vec<Violation> {
    let sections = sections(&house.tree);
    let mut known: BTreeMap<&str, bool> = BTreeMap::new();
    for section in &sections {
        known.insert(&section.title, false);
    }
    let mut found = Vec::new();
    for place in ["daemon", "ctl"] {
        for file in house.tree.shipped(place) {
            for (line, text) in warnings(file) {
                if let Some(is_used) = known.get_mut(text.as_str()) {
                    *is_used = true;
                } else {
                    found.push(Violation::new(&file.path, line, text));
                }
            }
        }
    }
    for section in &sections {
        if !known[section.title.as_str()] {
            let text = format!("nothing in the program says `{}`", section.title);
            found.push(Violation::new(FILE, section.line, text));
        }
        if !section.has_action {
            let text = format!("`{}` has no line \"Do:\"", section.title);
            found.push(Violation::new(FILE, section.line, text));
        }
    }
    found
}

/// A section of the document.
struct Section {
    title: String,
    line: usize,
    has_action: bool,
}

fn sections(tree: &Tree) -> Vec<Section> {
    let text = tree.file(FILE).map_or("", |file| file.text.as_str());
    let mut found: Vec<Section> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        if let Some(title) = line.strip_prefix("### ") {
            found.push(Section {
                title: title.trim().trim_matches('`').to_owned(),
                line: at + 1,
                has_action: false,
            });
        } else if let Some(last) = found.last_mut() {
            let action = line.strip_prefix("Do:").map_or("", str::trim);
            last.has_action |= !action.is_empty();
        }
    }
    found
}

/// The warnings of a file, with their lines.
fn warnings(file: &File) -> Vec<(usize, String)> {
    let tokens = code(&file.text);
    let mut found = passed_codes(&tokens);
    for at in 0..tokens.len() {
        let rest = &tokens[at..];
        let text = problem_code(rest)
            .or_else(|| severity_and_code(rest))
            .or_else(|| macro_text(rest))
            .or_else(|| log_line_text(&tokens, at));
        if let Some(token) = text {
            found.push((token.line, token.text.to_owned()));
        }
    }
    found.sort();
    found.dedup();
    found
}

/// In a file that hands codes from one function to another (`Problem { code, .. }`), every text
/// that looks like a code is one.
fn passed_codes(tokens: &[Token<'_>]) -> Vec<(usize, String)> {
    let is_passed = tokens
        .windows(2)
        .any(|pair| pair[0].is_word("code") && pair[1].is_sign(","));
    let texts = tokens
        .iter()
        .filter(|token| is_passed && token.kind == Kind::Text && is_kebab(token.text));
    texts
        .map(|token| (token.line, token.text.to_owned()))
        .collect()
}

fn is_kebab(text: &str) -> bool {
    let is_part = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase());
    text.contains('-') && text.split('-').all(is_part)
}

/// `code: "port-taken"`
fn problem_code<'a>(rest: &[Token<'a>]) -> Option<Token<'a>> {
    let is_code = rest[0].is_word("code") && rest.get(1)?.is_sign(":") && is_text(rest.get(2));
    is_code.then(|| rest[2])
}

/// `Severity::Degraded, "port-taken"`
fn severity_and_code<'a>(rest: &[Token<'a>]) -> Option<Token<'a>> {
    let is_code = rest[0].is_word("Severity")
        && rest.get(1)?.is_sign("::")
        && rest.get(3)?.is_sign(",")
        && is_text(rest.get(4));
    is_code.then(|| rest[4])
}

/// The message of `warn!(..)` and `error!(..)`: the first text after the key-values.
fn macro_text<'a>(rest: &[Token<'a>]) -> Option<Token<'a>> {
    let is_call = (rest[0].is_word("warn") || rest[0].is_word("error"))
        && rest.get(1)?.is_sign("!")
        && rest.get(2)?.is_sign("(");
    if !is_call {
        return None;
    }
    let inside = &rest[3..3 + closing(&rest[3..])];
    let end_of_values = outer_semicolon(inside).unwrap_or(0);
    let has_code = inside[..end_of_values]
        .iter()
        .any(|token| token.is_word("code"));
    if has_code {
        // The line says a problem, and that has its section.
        return None;
    }
    let message = &inside[end_of_values..];
    let literal = message.iter().find(|token| token.kind == Kind::Text);
    if rest[0].is_word("error") && literal.is_some_and(|token| is_all_filled_in(token.text)) {
        // The last words before the process ends are the error itself.
        return None;
    }
    literal.copied().or(Some(rest[0]))
}

/// Whether a message has no words of its own, such as `{error:#}`.
fn is_all_filled_in(text: &str) -> bool {
    text.starts_with('{') && text.ends_with('}') && text.matches('{').count() == 1
}

/// The text of a struct literal with `is_warning: true`, or with a condition there.
fn log_line_text<'a>(tokens: &[Token<'a>], at: usize) -> Option<Token<'a>> {
    let rest = &tokens[at..];
    let is_field = rest[0].is_word("is_warning") && at > 0 && !tokens[at - 1].is_sign(".");
    let may_warn = match (rest.get(1)?, rest.get(2)?) {
        (sign, value) if sign.is_sign(":") => !value.is_word("false") && !value.is_word("bool"),
        (sign, _value) => sign.is_sign(","),
    };
    if !is_field || !may_warn {
        return None;
    }
    let inside = &rest[..closing(rest)];
    let field = inside.iter().position(|token| token.is_word("text"))?;
    let is_shorthand = inside.get(field + 1).is_none_or(|token| token.is_sign(","));
    let from = if is_shorthand {
        let before = &tokens[..at];
        before
            .windows(2)
            .rposition(|pair| pair[0].is_word("let") && pair[1].is_word("text"))
            .map_or(&[][..], |start| &before[start..])
    } else {
        &inside[field..]
    };
    let literal = from.iter().find(|token| token.kind == Kind::Text);
    literal.copied().or(Some(rest[0]))
}

/// The place of the bracket that closes what `tokens` stand in.
fn closing(tokens: &[Token<'_>]) -> usize {
    at_depth_zero(tokens, |_token, depth| depth < 0).unwrap_or(tokens.len())
}

/// The place of the first semicolon that stands in no inner bracket.
fn outer_semicolon(tokens: &[Token<'_>]) -> Option<usize> {
    at_depth_zero(tokens, |token, depth| depth == 0 && token.is_sign(";"))
}

fn at_depth_zero(tokens: &[Token<'_>], is_it: impl Fn(&Token<'_>, i32) -> bool) -> Option<usize> {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate() {
        if token.kind == Kind::Sign {
            match token.text {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth -= 1,
                _ => {}
            }
        }
        if is_it(token, depth) {
            return Some(at);
        }
    }
    None
}
