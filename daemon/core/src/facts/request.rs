//! What a Service asks for: fixed addresses, a pool, to share. Total on any text that an annotation can have.
//!
//! The same wishes are read under sovnet's own prefix and under both of MetalLB's, so that a cluster
//! that comes from there keeps its manifests.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::cluster::Family;

/// Annotations that fix an address, in the order in which they are looked at.
pub const ADDRESS_ANNOTATIONS: [&str; 3] = [
    "sovnet.internal/loadBalancerIPs",
    "metallb.io/loadBalancerIPs",
    "metallb.universe.tf/loadBalancerIPs",
];

/// Annotations that name a pool, in the order in which they are looked at.
pub const POOL_ANNOTATIONS: [&str; 3] = [
    "sovnet.internal/address-pool",
    "metallb.io/address-pool",
    "metallb.universe.tf/address-pool",
];

/// Annotations with the key of Services that share an address, in the order in which they are
/// looked at.
pub const SHARING_ANNOTATIONS: [&str; 3] = [
    "sovnet.internal/allow-shared-ip",
    "metallb.io/allow-shared-ip",
    "metallb.universe.tf/allow-shared-ip",
];

/// The annotation that says which pool an address is from. It is written, never asked for.
pub const FROM_POOL_ANNOTATION: &str = "sovnet.internal/ip-allocated-from-pool";

/// What MetalLB's annotations began with before 0.14.9; it deprecates them, and sovnet reads them.
const DEPRECATED_PREFIX: &str = "metallb.universe.tf/";

/// What sovnet's own annotations begin with.
const OWN_PREFIX: &str = "sovnet.internal/";

/// The longest key of Services that share, in bytes.
const KEY_MAX: usize = 253;

/// The field of the Service that fixes an address.
pub const ADDRESS_FIELD: &str = "spec.loadBalancerIP";

/// The most of a foreign text that a sentence repeats.
const SHOWN_CHARS: usize = 60;

/// What a Service asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The fixed addresses, one of a family at most, IPv4 first, and where they are written.
    #[serde(default)]
    pub addresses: Vec<(IpAddr, String)>,
    /// The pool, and where it is written.
    pub pool: Option<(String, String)>,
    /// The key by which it shares its address with others, if it would.
    #[serde(default)]
    pub sharing: Option<String>,
    /// The deprecated ones of the annotations that were read.
    #[serde(default)]
    pub deprecated: Vec<String>,
    /// Why what is written cannot be met by any address: one clause.
    pub fault: Option<String>,
}

impl Request {
    /// Reads the request from a Service: `annotation` gives the value of an annotation, `field` is
    /// [`ADDRESS_FIELD`].
    pub fn read<'t>(
        annotation: impl Fn(&str) -> Option<&'t str>,
        field: Option<&'t str>,
    ) -> Request {
        let written = |names: &[&'static str; 3]| {
            let found = names.map(|name| annotation(name).map(|text| (name, text.trim())));
            found.into_iter().flatten().collect::<Vec<_>>()
        };
        let mut request = Request::default();
        for (place, text) in written(&ADDRESS_ANNOTATIONS) {
            request.read_addresses(place, text);
        }
        if let Some(text) = field.map(str::trim).filter(|text| !text.is_empty()) {
            request.read_addresses(ADDRESS_FIELD, text);
        }
        request.read_pools(&written(&POOL_ANNOTATIONS));
        request.read_sharing(&written(&SHARING_ANNOTATIONS));
        let all = [ADDRESS_ANNOTATIONS, POOL_ANNOTATIONS, SHARING_ANNOTATIONS];
        let deprecated = all
            .into_iter()
            .flatten()
            .filter(|name| name.starts_with(DEPRECATED_PREFIX) && annotation(name).is_some());
        request.deprecated = deprecated.map(str::to_owned).collect();
        request
    }

    /// One sentence about annotations that should be written otherwise, if there are any.
    pub fn deprecation(&self) -> Option<String> {
        let new = self.deprecated.iter();
        let new: Vec<String> = new
            .map(|name| name.replacen(DEPRECATED_PREFIX, OWN_PREFIX, 1))
            .collect();
        let (old, new) = (self.deprecated.join(" and "), new.join(" and "));
        match self.deprecated.len() {
            0 => None,
            1 => Some(format!(
                "the annotation {old} is deprecated: write {new}, which means the same"
            )),
            _ => Some(format!(
                "the annotations {old} are deprecated: write {new}, which mean the same"
            )),
        }
    }

    /// Reads one place that fixes addresses. The field has room for one, so it may repeat one of two.
    fn read_addresses(&mut self, place: &str, text: &str) {
        let found = match addresses(text) {
            Ok(found) => found,
            Err(why) => return self.fault(format!("{place} {}: {why}", quote(text))),
        };
        let is_known = |one: &IpAddr| self.addresses.iter().any(|(known, _)| known == one);
        let is_complete = place == ADDRESS_FIELD || found.len() == self.addresses.len();
        match self.addresses.first() {
            None => {
                let places = found.into_iter().map(|one| (one, place.to_owned()));
                self.addresses = places.collect();
            }
            Some(_) if is_complete && found.iter().all(is_known) => {}
            Some((_, first)) => {
                let known: Vec<IpAddr> = self.addresses.iter().map(|(one, _)| *one).collect();
                let (known, found) = (list(&known), list(&found));
                self.fault(format!("{first} says {known}, and {place} says {found}"));
            }
        }
    }

    fn read_pools(&mut self, written: &[(&str, &str)]) {
        for (place, text) in written {
            match &self.pool {
                None if text.is_empty() => self.fault(format!("{place} is empty")),
                None => self.pool = Some((clip(text), (*place).to_owned())),
                Some((other, first)) if *other != clip(text) => {
                    let what = format!("{first} says {other}, and {place} says {}", clip(text));
                    self.fault(what);
                }
                Some(_same) => {}
            }
        }
    }

    /// An empty key shares with nobody.
    fn read_sharing(&mut self, written: &[(&str, &str)]) {
        let mut first = None;
        for (place, text) in written.iter().filter(|(_, text)| !text.is_empty()) {
            match first {
                _ if text.len() > KEY_MAX => {
                    self.fault(format!("{place} is longer than {KEY_MAX} bytes"));
                }
                None => {
                    first = Some((place, text));
                    self.sharing = Some((*text).to_owned());
                }
                Some((other, known)) if known != text => {
                    let (known, text) = (quote(known), quote(text));
                    self.fault(format!("{other} says {known}, and {place} says {text}"));
                }
                Some(_same) => {}
            }
        }
    }

    /// Keeps the first fault.
    fn fault(&mut self, what: String) {
        self.fault.get_or_insert(what);
    }
}

/// The addresses in a list, at most one of each family, IPv4 first.
fn addresses(text: &str) -> Result<Vec<IpAddr>, String> {
    let mut found: Vec<IpAddr> = Vec::new();
    for part in text.split(',') {
        let address = part.trim().parse::<IpAddr>();
        let address = address.map_err(|_no_address| "is no IP address".to_owned())?;
        let address = address.to_canonical();
        let family = Family::of(address);
        if found.iter().any(|one| Family::of(*one) == family) {
            return Err(format!("asks for more than one {family} address"));
        }
        found.push(address);
    }
    // Addresses of version 4 are less than any of version 6.
    found.sort_unstable();
    Ok(found)
}

fn list(addresses: &[IpAddr]) -> String {
    let texts: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    texts.join(",")
}

/// A foreign text as a sentence shows it.
pub(crate) fn quote(text: &str) -> String {
    format!("\"{}\"", clip(text))
}

/// The beginning of a foreign text, without what would break a line.
fn clip(text: &str) -> String {
    let is_plain = |c: &char| !c.is_control();
    let mut shown: String = text.chars().filter(is_plain).take(SHOWN_CHARS).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests;
