//! What an `L2Advertisement` says: which pools are announced on the segment, and what sovnet has
//! elsewhere.

use std::collections::BTreeMap;

use serde_json::Value;

use super::json::{list, texts};
use super::selector;
use crate::config::selector::LabelSelector;

/// An `L2Advertisement`, or as far as pools go any other advertisement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advertisement {
    names: Vec<String>,
    /// None selects every pool.
    selectors: Vec<Option<LabelSelector>>,
    is_for_all: bool,
    /// The keys of its `spec` by which it announces less than the whole pool on every node, and that
    /// sovnet does not follow.
    pub restrictions: Vec<&'static str>,
}

impl Advertisement {
    /// What the object says. Total: a selector that is none selects nothing.
    pub fn read(object: &Value) -> Advertisement {
        let names = texts(object, "/spec/ipAddressPools");
        let selectors = list(object, "/spec/ipAddressPoolSelectors");
        let parse = |one: &Value| match selector::translate(one) {
            Ok(None) => Some(None),
            Ok(Some(text)) => text.parse().ok().map(Some),
            Err(_) => None,
        };
        let restrictions = ["nodeSelectors", "interfaces", "serviceSelectors"];
        let is_there = |key: &&str| !list(object, &format!("/spec/{key}")).is_empty();
        Advertisement {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            is_for_all: names.is_empty() && selectors.is_empty(),
            selectors: selectors.iter().filter_map(parse).collect(),
            restrictions: restrictions.into_iter().filter(is_there).collect(),
        }
    }

    /// Whether it is for the pool with that name and these labels.
    pub fn covers(&self, name: &str, labels: &BTreeMap<String, String>) -> bool {
        let mut selectors = self.selectors.iter();
        self.is_for_all
            || self.names.iter().any(|known| known == name)
            || selectors.any(|one| one.as_ref().is_none_or(|one| one.matches(labels)))
    }
}
