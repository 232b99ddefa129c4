//! What a Service asks for: a fixed address, a pool. Total on any text that an annotation can have.
//!
//! The same wishes are read under sovnet's own prefix and under both of MetalLB's, so that a cluster
//! that comes from there keeps its manifests.

use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};

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

/// The field of the Service that fixes an address.
pub const ADDRESS_FIELD: &str = "spec.loadBalancerIP";

/// The most of a foreign text that a sentence repeats.
const SHOWN_CHARS: usize = 60;

/// What a Service asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The fixed address, and where it is written.
    pub address: Option<(Ipv4Addr, String)>,
    /// The pool, and where it is written.
    pub pool: Option<(String, String)>,
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
        let mut addresses = written(&ADDRESS_ANNOTATIONS);
        let field = field.map(str::trim).filter(|text| !text.is_empty());
        addresses.extend(field.map(|text| (ADDRESS_FIELD, text)));
        let mut request = Request::default();
        for (place, text) in addresses {
            match (one_address(text), &request.address) {
                (Err(why), _) => request.fault(format!("{place} {}: {why}", quote(text))),
                (Ok(found), None) => request.address = Some((found, place.to_owned())),
                (Ok(found), Some((other, first))) if found != *other => {
                    let what = format!("{first} says {other}, and {place} says {found}");
                    request.fault(what);
                }
                (Ok(_same), Some(_)) => {}
            }
        }
        for (place, text) in written(&POOL_ANNOTATIONS) {
            match &request.pool {
                None if text.is_empty() => request.fault(format!("{place} is empty")),
                None => request.pool = Some((clip(text), place.to_owned())),
                Some((other, first)) if other != text => {
                    let what = format!("{first} says {other}, and {place} says {}", clip(text));
                    request.fault(what);
                }
                Some(_same) => {}
            }
        }
        request
    }

    /// Keeps the first fault.
    fn fault(&mut self, what: String) {
        self.fault.get_or_insert(what);
    }
}

/// The one IPv4 address in a list of addresses.
fn one_address(text: &str) -> Result<Ipv4Addr, &'static str> {
    let mut found = None;
    for part in text.split(',') {
        let address: IpAddr = part
            .trim()
            .parse()
            .map_err(|_no_address| "is no IP address")?;
        match (address.to_canonical(), found) {
            (IpAddr::V6(_), _) => return Err("asks for IPv6, and this version gives IPv4 only"),
            (IpAddr::V4(_), Some(_)) => return Err("asks for more than one IPv4 address"),
            (IpAddr::V4(v4), None) => found = Some(v4),
        }
    }
    found.ok_or("is no IP address")
}

fn quote(text: &str) -> String {
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
