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
    /// The namespaces whose Services it is for; empty = all.
    pub namespaces: Vec<String>,
    /// The labels of the Services that it is for, any one of these; empty = all.
    pub selectors: Vec<LabelSelector>,
    /// The namespaces whose Services may ask for a certain address of it; empty = all.
    pub fixed_for: Vec<String>,
    /// Whether IPv4 addresses that end in .0 or .255 are left out.
    pub avoids_buggy: bool,
    /// How long an address is kept from other Services after its Service has let go of it.
    pub cool_down: Duration,
}

impl Pool {
    /// Whether the address is one of the pool's.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.ranges.iter().any(|range| range.contains(address))
    }

    /// Whether the address is one that the pool leaves out.
    pub fn leaves_out(&self, address: IpAddr) -> bool {
        self.avoids_buggy && is_buggy(address)
    }

    /// Whom the pool is for, if a Service of this namespace with these labels can have no address
    /// of it: "Services of the namespace web". None if it can.
    pub fn is_only_for(
        &self,
        namespace: &str,
        labels: &BTreeMap<String, String>,
    ) -> Option<String> {
        let is_for_namespace = is_listed(&self.namespaces, namespace);
        let mut selectors = self.selectors.iter();
        let is_for_labels = self.selectors.is_empty() || selectors.any(|one| one.matches(labels));
        let namespaces = || of_namespaces(&self.namespaces);
        let labelled = || {
            let selectors: Vec<String> = self.selectors.iter().map(ToString::to_string).collect();
            selectors.join(" or ")
        };
        match (is_for_namespace, is_for_labels) {
            (true, true) => None,
            (false, true) => Some(format!("Services {}", namespaces())),
            (true, false) => Some(format!("Services labelled {}", labelled())),
            (false, false) => Some(format!("Services {} labelled {}", namespaces(), labelled())),
        }
    }

    /// Whether a Service of this namespace may ask for a certain address of the pool.
    pub fn is_fixed_for(&self, namespace: &str) -> bool {
        is_listed(&self.fixed_for, namespace)
    }

    /// Where it stands among the pools that a Service could get an address of: pools with a
    /// priority, a namespace or a label come before those for everybody.
    pub fn rank(&self) -> (bool, u32) {
        let is_special =
            self.priority.is_some() || !self.namespaces.is_empty() || !self.selectors.is_empty();
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
