//! Label selectors, in the form that `kubectl get -l` takes: `team=web,tier in (a, b),!canary`.
//!
//! Parsing has one door; matching is total on any labels.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use thiserror::Error;

#[cfg(test)]
mod tests;

/// The longest a key can be: a DNS name, '/' and a label's name.
const KEY_MAX: usize = 253 + 1 + 63;
/// The longest a value can be.
const VALUE_MAX: usize = 63;

/// Why a text selects nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SelectorError {
    /// There is nothing between two commas, or nothing at all.
    #[error("has an empty part")]
    Empty,
    /// A key that no label can have.
    #[error("has a part without the key of a label")]
    Key,
    /// A value that no label can have.
    #[error("has a part with a text that no label can have")]
    Value,
    /// `in` or `notin` without a list in brackets.
    #[error("has a part without a list such as (a, b)")]
    List,
}

/// What an object's labels must be: all requirements at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelSelector(Vec<Requirement>);

/// One part of a selector.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Requirement {
    /// `key`
    Exists(String),
    /// `!key`
    Lacks(String),
    /// `key=value`, `key in (a, b)`
    In(String, Vec<String>),
    /// `key!=value`, `key notin (a, b)`; met by labels without the key, too.
    NotIn(String, Vec<String>),
}

impl LabelSelector {
    /// Whether the labels meet every requirement.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|requirement| match requirement {
            Requirement::Exists(key) => labels.contains_key(key),
            Requirement::Lacks(key) => !labels.contains_key(key),
            Requirement::In(key, values) => {
                labels.get(key).is_some_and(|value| values.contains(value))
            }
            Requirement::NotIn(key, values) => {
                labels.get(key).is_none_or(|value| !values.contains(value))
            }
        })
    }
}

impl FromStr for LabelSelector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<LabelSelector, SelectorError> {
        let parts = parts(text).into_iter().map(requirement);
        parts.collect::<Result<_, _>>().map(LabelSelector)
    }
}

/// Splits at commas that are in no brackets.
fn parts(text: &str) -> Vec<&str> {
    let mut is_inside = false;
    text.split(|c| {
        is_inside = match c {
            '(' => true,
            ')' => false,
            _ => is_inside,
        };
        c == ',' && !is_inside
    })
    .map(str::trim)
    .collect()
}

fn requirement(part: &str) -> Result<Requirement, SelectorError> {
    if part.is_empty() {
        return Err(SelectorError::Empty);
    }
    if let Some((left, list)) = part.split_once('(') {
        let list = list.strip_suffix(')').ok_or(SelectorError::List)?;
        let values = list.split(',').map(value).collect::<Result<Vec<_>, _>>()?;
        let mut words = left.split_whitespace();
        let (name, operator, rest) = (words.next(), words.next(), words.next());
        let name = key(name.unwrap_or_default())?;
        return match (operator, rest) {
            (Some("in"), None) => Ok(Requirement::In(name, values)),
            (Some("notin"), None) => Ok(Requirement::NotIn(name, values)),
            _ => Err(SelectorError::List),
        };
    }
    if let Some((left, right)) = part.split_once("!=") {
        return Ok(Requirement::NotIn(key(left)?, vec![value(right)?]));
    }
    if let Some((left, right)) = part.split_once('=') {
        let right = right.strip_prefix('=').unwrap_or(right);
        return Ok(Requirement::In(key(left)?, vec![value(right)?]));
    }
    match part.strip_prefix('!') {
        Some(name) => key(name).map(Requirement::Lacks),
        None => key(part).map(Requirement::Exists),
    }
}

fn key(text: &str) -> Result<String, SelectorError> {
    let text = text.trim();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let is_fine = !text.is_empty() && text.len() <= KEY_MAX && text.chars().all(is_plain);
    is_fine.then(|| text.to_owned()).ok_or(SelectorError::Key)
}

fn value(text: &str) -> Result<String, SelectorError> {
    let text = text.trim();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let is_fine = text.len() <= VALUE_MAX && text.chars().all(is_plain);
    is_fine.then(|| text.to_owned()).ok_or(SelectorError::Value)
}

impl fmt::Display for LabelSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, requirement) in self.0.iter().enumerate() {
            if number > 0 {
                f.write_str(",")?;
            }
            match requirement {
                Requirement::Exists(key) => write!(f, "{key}")?,
                Requirement::Lacks(key) => write!(f, "!{key}")?,
                Requirement::In(key, values) => match values.as_slice() {
                    [only] => write!(f, "{key}={only}")?,
                    several => write!(f, "{key} in ({})", several.join(", "))?,
                },
                Requirement::NotIn(key, values) => match values.as_slice() {
                    [only] => write!(f, "{key}!={only}")?,
                    several => write!(f, "{key} notin ({})", several.join(", "))?,
                },
            }
        }
        Ok(())
    }
}
