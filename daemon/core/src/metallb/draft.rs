//! From an `IPAddressPool` to the text of a `[[pool]]`, which is offered only if the config's own
//! parser takes it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::Value;

use super::json::{labels, list, text};
use super::selector;
use crate::config::range::{AddressRange, RangeError};
use crate::config::{self, Pool};
use crate::names::one_line;

/// A pool as it stands in a config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The section.
    pub text: String,
    /// What it means.
    pub pool: Pool,
    /// The labels of the object, for advertisements that select by them.
    pub labels: BTreeMap<String, String>,
    /// A priority that means nothing, as it is written; it is left out.
    pub odd_priority: Option<String>,
}

impl Draft {
    /// The pool that an `IPAddressPool` is.
    ///
    /// # Errors
    /// Why a config cannot say it, one clause.
    pub fn read(object: &Value) -> Result<Draft, String> {
        let name = text(object, "/metadata/name").ok_or("it has no name")?;
        let mut lines = String::from("[[pool]]\n");
        let mut line = |key: &str, value: &str| {
            writeln!(lines, "{key} = {value}").expect("writing to a text never fails");
        };
        line("name", &quoted(name));
        line("addresses", &array(&ranges(object)?));
        if object.pointer("/spec/autoAssign") == Some(&Value::Bool(false)) {
            line("auto-assign", "false");
        }
        let (priority, odd_priority) = priority(object);
        if let Some(priority) = priority {
            line("priority", &priority.to_string());
        }
        for (key, values) in whose(object)? {
            line(key, &array(&values));
        }
        if object.pointer("/spec/avoidBuggyIPs") == Some(&Value::Bool(true)) {
            line("avoid-buggy-ips", "true");
        }
        Ok(Draft {
            pool: parse(&lines)?,
            text: lines,
            labels: labels(object),
            odd_priority,
        })
    }

    /// Whether a pool of the config is this one.
    pub fn is_said_by(&self, known: &Pool) -> bool {
        is_said_by(&self.pool, known)
    }
}

/// Whether a pool of the config is this one of MetalLB's, but for what only sovnet's can have.
pub(super) fn is_said_by(pool: &Pool, known: &Pool) -> bool {
    let plain = Pool {
        fixed_for: Vec::new(),
        cool_down: Duration::ZERO,
        ..known.clone()
    };
    plain == *pool
}

/// The pool that a section says.
///
/// # Errors
/// The first thing that is wrong with it, one clause.
pub(super) fn parse(text: &str) -> Result<Pool, String> {
    let parsed = config::parse(text).map_err(|wrong| config::first(&wrong))?;
    let pool = parsed.pools.into_iter().next();
    pool.ok_or_else(|| "it is no pool".to_owned())
}

/// The priority, or how one is written that means nothing; 0 is how MetalLB says that there is none.
fn priority(object: &Value) -> (Option<i64>, Option<String>) {
    match object.pointer("/spec/serviceAllocation/priority") {
        None | Some(Value::Null) => (None, None),
        Some(number) => match number.as_i64() {
            Some(0) => (None, None),
            Some(priority @ 1..) => (Some(priority), None),
            Some(_) | None => (None, Some(number.to_string())),
        },
    }
}

/// The addresses, as they are written where that can be.
fn ranges(object: &Value) -> Result<Vec<String>, String> {
    let mut ranges = Vec::new();
    for entry in list(object, "/spec/addresses") {
        let written = entry
            .as_str()
            .ok_or("one of its addresses is no text")?
            .trim();
        let range = match written.parse::<AddressRange>() {
            Ok(range) if written.contains('/') && range.count() > 1 => written.to_owned(),
            Ok(range) => range.to_string(),
            // MetalLB takes the whole block.
            Err(RangeError::HostBits { block, .. }) => block.to_string(),
            Err(error) => return Err(format!("\"{}\" {error}", one_line(written))),
        };
        ranges.push(range);
    }
    if ranges.is_empty() {
        return Err("it has no addresses".to_owned());
    }
    Ok(ranges)
}

/// The keys that say whose Services it is for.
fn whose(object: &Value) -> Result<Vec<(&'static str, Vec<String>)>, String> {
    let mut keys = Vec::new();
    let names = list(object, "/spec/serviceAllocation/namespaces").iter();
    let names = names.map(|one| one.as_str().map(str::to_owned));
    let names: Option<Vec<String>> = names.collect();
    let names = names.ok_or("one of its namespaces is no text")?;
    let spaces = selectors(object, "namespaceSelectors")?;
    let services = selectors(object, "serviceSelectors")?;
    // One selector of everything makes the rest of its kind meaningless.
    if let Some(spaces) = spaces {
        keys.push(("namespaces", names));
        keys.push(("namespace-selectors", spaces));
    }
    keys.push(("service-selectors", services.unwrap_or_default()));
    keys.retain(|(_, values)| !values.is_empty());
    Ok(keys)
}

/// The selectors of one kind; none if one of them selects everything.
fn selectors(object: &Value, key: &str) -> Result<Option<Vec<String>>, String> {
    let pointer = format!("/spec/serviceAllocation/{key}");
    let mut texts = Vec::new();
    for entry in list(object, &pointer) {
        let text = selector::translate(entry).map_err(|why| format!("of its {key}, {why}"))?;
        let Some(text) = text else {
            return Ok(None);
        };
        texts.push(text);
    }
    Ok(Some(texts))
}

fn array(texts: &[String]) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", quoted.join(", "))
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            _ if c.is_control() => {
                write!(quoted, "\\u{:04X}", u32::from(c)).expect("writing to a text never fails");
            }
            _ => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
