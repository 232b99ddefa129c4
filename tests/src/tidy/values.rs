//! The values of the home that sovnet was made for stand in examples and tests, never in the code.

use super::tokens::{Kind, code};
use super::tree::File;
use super::{House, Rule, Violation};

#[cfg(test)]
mod tests;

/// The rule.
pub const HOME: Rule = Rule {
    name: "home-values",
    sentence: "No address, domain or node name of one home is in the code or in a unit.",
    instead: "make it a key of the config; the example in packaging/ may hold the value",
    check: home,
};

/// Parts of a text that belong to that home.
const PARTS: [&str; 2] = ["192.168.8.", "payne.io"];
/// Names of its nodes, as whole words.
const NAMES: [&str; 2] = ["civil", "box-01"];
/// Its subnet, as the arguments of a constructor.
const NUMBERS: [&str; 5] = ["192", ",", "168", ",", "8"];

fn home(house: &House) -> Vec<Violation> {
    let shipped = ["daemon", "ctl"].into_iter();
    let code = shipped
        .flat_map(|place| house.tree.shipped(place))
        .flat_map(in_code);
    let units = house
        .tree
        .files
        .iter()
        .filter(|file| file.path.starts_with("systemd/"));
    code.chain(units.flat_map(in_lines)).collect()
}

/// Comments may explain with the example's values.
fn in_code(file: &File) -> Vec<Violation> {
    let tokens = code(&file.text);
    let texts = tokens
        .iter()
        .filter(|token| token.kind == Kind::Text && is_home(token.text));
    let mut found: Vec<Violation> = texts
        .map(|token| Violation::new(&file.path, token.line, token.text))
        .collect();
    let words: Vec<&str> = tokens.iter().map(|token| token.text).collect();
    for (at, window) in words.windows(NUMBERS.len()).enumerate() {
        if window == NUMBERS {
            found.push(Violation::new(&file.path, tokens[at].line, "192, 168, 8"));
        }
    }
    found
}

fn in_lines(file: &File) -> Vec<Violation> {
    let lines = file.text.lines().enumerate();
    lines
        .filter(|(_at, line)| is_home(line))
        .map(|(at, line)| Violation::new(&file.path, at + 1, line))
        .collect()
}

fn is_home(text: &str) -> bool {
    let mut words = text.split(|c: char| !c.is_alphanumeric() && c != '-');
    PARTS.iter().any(|part| text.contains(part)) || words.any(|word| NAMES.contains(&word))
}
