//! A pool of addresses for Services: what is in it, and for whom it is.
//!
//! Only what the config says is judged here; who has an address is `allocate`'s.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use super::range::AddressRange;
use super::selector::LabelSelector;

#[cfg(test)]
mod tests;

/// `[[pool]]`: addresses for Services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// The name that Services ask for.
    pub name: String,
    /// Its ranges, in the order of the file.
    pub ranges: Vec<AddressRange>,
    /// Whether Services that ask for nothing get addresses of it.
    pub is_automatic: bool,
    /// Its place among the pools that a Service could get an address of, lower ones first; those
    /// without one come last.
    pub priority: Option<u32>,
    /// The namespaces whose Services it is for; with no selector of namespaces either, all.
    pub namespaces: Vec<String>,
    /// The labels of other namespaces whose Services it is for, any one of these.
    pub namespace_selectors: Vec<LabelSelector>,
    /// The labels of the Services that it is for, any one of these; empty = all.
    pub selectors: Vec<LabelSelector>,
    /// The namespaces whose Services may ask for a certain address of it; empty = all.
    pub fixed_for: Vec<String>,
    /// Whether IPv4 addresses that end in .0 or .255 are left out.
    pub avoids_buggy: bool,
    /// How long an address is kept from other Services after its Service has let go of it.
    pub cool_down: Duration,
}

/// A Service as far as pools go.
#[derive(Debug, Clone, Copy)]
pub struct Applicant<'a> {
    /// Its namespace.
    pub namespace: &'a str,
    /// The labels of that.
    pub namespace_labels: &'a BTreeMap<String, String>,
    /// Its own labels.
    pub labels: &'a BTreeMap<String, String>,
}

impl Pool {
    /// Whether the address is one of the pool's.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.ranges.iter().any(|range| range.contains(address))
    }

    /// Whether the two cannot stand in one config: they have a name or addresses in common.
    pub fn collides_with(&self, other: &Pool) -> bool {
        let is_taken = |range: &AddressRange| other.ranges.iter().any(|one| one.overlaps(range));
        self.name == other.name || self.ranges.iter().any(is_taken)
    }

    /// Whether the address is one that the pool leaves out.
    pub fn leaves_out(&self, address: IpAddr) -> bool {
        self.avoids_buggy && is_buggy(address)
    }

    /// Whom the pool is for, if this Service can have no address of it: "Services of the namespace
    /// web". None if it can.
    pub fn is_only_for(&self, service: Applicant<'_>) -> Option<String> {
        let matches = |selectors: &[LabelSelector], labels| {
            let mut selectors = selectors.iter();
            selectors.any(|one| one.matches(labels))
        };
        let is_for_every_namespace =
            self.namespaces.is_empty() && self.namespace_selectors.is_empty();
        let is_for_namespace = is_for_every_namespace
            || self.namespaces.iter().any(|one| one == service.namespace)
            || matches(&self.namespace_selectors, service.namespace_labels);
        let is_for_labels = self.selectors.is_empty() || matches(&self.selectors, service.labels);
        match (is_for_namespace, is_for_labels) {
            (true, true) => None,
            (false, true) => Some(format!("Services {}", self.whose())),
            (true, false) => Some(format!("Services labelled {}", any_of(&self.selectors))),
            (false, false) => {
                let labelled = any_of(&self.selectors);
                Some(format!("Services {} labelled {labelled}", self.whose()))
            }
        }
    }

    /// "of the namespaces a and b or of namespaces labelled team=web".
    fn whose(&self) -> String {
        let labelled = || {
            format!(
                "of namespaces labelled {}",
                any_of(&self.namespace_selectors)
            )
        };
        match (
            self.namespaces.is_empty(),
            self.namespace_selectors.is_empty(),
        ) {
            (_, true) => of_namespaces(&self.namespaces),
            (true, false) => labelled(),
            (false, false) => format!("{} or {}", of_namespaces(&self.namespaces), labelled()),
        }
    }

    /// Whether a Service of this namespace may ask for a certain address of the pool.
    pub fn is_fixed_for(&self, namespace: &str) -> bool {
        is_listed(&self.fixed_for, namespace)
    }

    /// Where it stands among the pools that a Service could get an address of: pools with a
    /// priority, a namespace or a label come before those for everybody.
    pub fn rank(&self) -> (bool, u32) {
        let is_special = self.priority.is_some()
            || !self.namespaces.is_empty()
            || !self.namespace_selectors.is_empty()
            || !self.selectors.is_empty();
        (!is_special, self.priority.unwrap_or(u32::MAX))
    }

    /// How many addresses of each family it has, IPv4 first, without those that it leaves out.
    pub fn count(&self) -> (u128, u128) {
        let of = |is_v4: bool| {
            let ranges = self.ranges.iter();
            let ranges = ranges.filter(move |range| range.first().is_ipv4() == is_v4);
            ranges.map(|range| range.count() - self.left_out(range))
        };
        let sum = |total: u128, one: u128| total.saturating_add(one);
        (of(true).fold(0, sum), of(false).fold(0, sum))
    }

    /// How many addresses of a range are left out.
    fn left_out(&self, range: &AddressRange) -> u128 {
        let (IpAddr::V4(first), IpAddr::V4(last)) = (range.first(), range.last()) else {
            return 0;
        };
        if !self.avoids_buggy {
            return 0;
        }
        // Of the numbers below `end`, those that end in .0, and those that end in .255.
        let below = |end: u64| end.div_ceil(256) + end / 256;
        let (first, last) = (u64::from(u32::from(first)), u64::from(u32::from(last)));
        u128::from(below(last + 1) - below(first))
    }
}

/// Whether the namespace is one of these; an empty list is all.
fn is_listed(namespaces: &[String], namespace: &str) -> bool {
    namespaces.is_empty() || namespaces.iter().any(|one| one == namespace)
}

/// "team=a or team=b".
fn any_of(selectors: &[LabelSelector]) -> String {
    let selectors: Vec<String> = selectors.iter().map(ToString::to_string).collect();
    selectors.join(" or ")
}

/// "of the namespace a", "of the namespaces a and b".
pub fn of_namespaces(namespaces: &[String]) -> String {
    match namespaces {
        [] => "of every namespace".to_owned(),
        [only] => format!("of the namespace {only}"),
        several => format!("of the namespaces {}", several.join(" and ")),
    }
}

/// Whether some old machines take the address for a network's or a broadcast address.
fn is_buggy(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => matches!(v4.octets()[3], 0 | 255),
        IpAddr::V6(_) => false,
    }
}
