//! Checks of `[[address]]`.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Range;

use toml::Spanned;

use super::Checker;
use crate::config::problem::{Problems, Wrong};
use crate::config::spec::AddressSpec;
use crate::config::{ADDRESSES_MAX, Purpose, StaticAddress};
use crate::member::wire::AddressKey;

/// An address and its place.
type Placed = (Range<usize>, IpAddr);

impl Checker<'_, '_> {
    /// Checks `[[address]]`.
    pub(super) fn addresses(&mut self, specs: &[Spanned<AddressSpec>]) -> Vec<StaticAddress> {
        let mut addresses = Vec::new();
        let mut placed = Vec::new();
        for spec in specs {
            let entry = spec.get_ref();
            let what = "the key \"address\" of this [[address]]";
            let Some(address) = entry.address.required(what, spec.span(), self.problems) else {
                continue;
            };
            self.refuse_special("[[address]] address", address);
            placed.push((address.span(), *address.get_ref()));
            addresses.push(StaticAddress {
                address: *address.get_ref(),
                purpose: entry.purpose.value().copied().unwrap_or(Purpose::Host),
            });
        }
        let places = placed.iter().map(|(span, address)| (span.clone(), address));
        self.refuse_repeated("[[address]]", places);
        refuse_equal_keys(self.problems, &placed, AddressKey::of);
        if let Some(spec) = specs.get(ADDRESSES_MAX) {
            let what = format!("more than {ADDRESSES_MAX} [[address]] entries are not possible");
            self.refuse(spec.span(), what);
        }
        addresses
    }
}

/// Peers name an address by its key (ELECTION section 2): two with one key are one to them.
pub(in crate::config) fn refuse_equal_keys<K: Ord>(
    problems: &mut Problems<'_>,
    placed: &[Placed],
    key: impl Fn(IpAddr) -> K,
) {
    let mut seen: BTreeMap<K, IpAddr> = BTreeMap::new();
    for (span, address) in placed {
        let other = *seen.entry(key(*address)).or_insert(*address);
        if other != *address {
            let what = format!("[[address]] {address} has the same short key as {other}");
            let hint = "nodes could not tell the two apart: take another address";
            problems.add(span.clone(), Wrong::new(what).hint(hint));
        }
    }
}
