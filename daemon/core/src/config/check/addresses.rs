//! Checks of `[[address]]`, `[[pool]]` and `[[reserve]]`.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Range;

use toml::Spanned;

use super::Checker;
use crate::config::problem::{Problems, Wrong, quote};
use crate::config::range::AddressRange;
use crate::config::spec::{AddressSpec, PoolSpec, ReserveSpec};
use crate::config::{ADDRESSES_MAX, Pool, Purpose, StaticAddress};
use crate::member::wire::AddressKey;
use crate::names::ServiceName;

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

    /// Checks `[[pool]]`; ranges that this version cannot announce are left out.
    pub(super) fn pools(&mut self, specs: &[Spanned<PoolSpec>], has_kubernetes: bool) -> Vec<Pool> {
        let mut pools = Vec::new();
        let mut names = Vec::new();
        let mut ranges: Vec<(String, &Spanned<AddressRange>)> = Vec::new();
        for spec in specs {
            let pool = spec.get_ref();
            let what = "the key \"name\" of this [[pool]]";
            let name = pool.name.required(what, spec.span(), self.problems);
            let what = "the key \"addresses\" of this [[pool]]";
            let list = pool.addresses.required(what, spec.span(), self.problems);
            if let Some(empty) = list.filter(|list| self.is_written_empty(list)) {
                self.refuse(
                    empty.span(),
                    "[[pool]] addresses: the list is empty".to_owned(),
                );
            }
            let shown = name
                .map_or("without a name", |name| &name.get_ref().0)
                .to_owned();
            let own = pool.addresses.entries();
            self.note_pool(&shown, own, has_kubernetes);
            pools.push(Pool {
                name: shown.clone(),
                ranges: own
                    .iter()
                    .map(|range| *range.get_ref())
                    .filter(|range| range.first().is_ipv4())
                    .collect(),
            });
            names.extend(name.map(|name| (name.span(), &name.get_ref().0)));
            ranges.extend(own.iter().map(|range| (shown.clone(), range)));
        }
        self.refuse_repeated("[[pool]] name", names);
        self.refuse_overlaps(ranges);
        pools
    }

    /// Whether the list has no entry in the file, rather than none that reads well.
    fn is_written_empty<T>(&self, list: &Spanned<Vec<T>>) -> bool {
        let text = self.problems.text_at(list.span());
        list.get_ref().is_empty() && !text.contains('"')
    }

    fn note_pool(&mut self, name: &str, ranges: &[Spanned<AddressRange>], has_kubernetes: bool) {
        for range in ranges
            .iter()
            .filter(|range| range.get_ref().first().is_ipv6())
        {
            self.inactive.push(format!(
                "[[pool]] {name} {}: this version gives IPv4 addresses only",
                range.get_ref()
            ));
        }
        if has_kubernetes {
            return;
        }
        let shown: Vec<String> = ranges
            .iter()
            .map(|range| {
                let written = self
                    .problems
                    .text_at(range.span())
                    .trim_matches(['"', '\'']);
                let meant = range.get_ref().to_string();
                let count = match range.get_ref().count() {
                    1 => "1 address".to_owned(),
                    count => format!("{count} addresses"),
                };
                if written == meant {
                    format!("{meant}, {count}")
                } else {
                    format!("{written} = {meant}, {count}")
                }
            })
            .collect();
        let part = format!("[[pool]] {name} ({})", shown.join("; "));
        self.needs_kubernetes(&part);
    }

    fn refuse_overlaps(&mut self, mut ranges: Vec<(String, &Spanned<AddressRange>)>) {
        ranges.sort_by_key(|(_, range)| *range.get_ref());
        let mut widest: Option<(String, &Spanned<AddressRange>)> = None;
        for (name, range) in ranges {
            if let Some((other_name, other)) = &widest
                && other.get_ref().overlaps(range.get_ref())
            {
                let what = format!(
                    "[[pool]] {name}: {} overlaps {} of [[pool]] {other_name}",
                    range.get_ref(),
                    other.get_ref(),
                );
                self.refuse_with_hint(range.span(), what, "an address is in one pool only");
            }
            let is_wider = widest.as_ref().is_none_or(|(_, other)| {
                let other = other.get_ref();
                range.get_ref().last() > other.last()
            });
            if is_wider {
                widest = Some((name, range));
            }
        }
    }

    /// Checks `[[reserve]]` against itself and against `[[address]]`.
    pub(super) fn reserves(
        &mut self,
        specs: &[Spanned<ReserveSpec>],
        addresses: &[Spanned<AddressSpec>],
        has_kubernetes: bool,
    ) -> BTreeMap<IpAddr, ServiceName> {
        let mut reserves = BTreeMap::new();
        let mut placed = Vec::new();
        for spec in specs {
            let reserve = spec.get_ref();
            let what = "the key \"service\" of this [[reserve]]";
            let service = reserve.service.required(what, spec.span(), self.problems);
            let what = "the key \"address\" of this [[reserve]]";
            let Some(address) = reserve.address.required(what, spec.span(), self.problems) else {
                continue;
            };
            self.refuse_special("[[reserve]] address", address);
            let is_static = addresses
                .iter()
                .any(|entry| entry.get_ref().address.value() == Some(address.get_ref()));
            if is_static {
                let what = format!("[[reserve]] {} is an [[address]], too", address.get_ref());
                let hint = "an [[address]] is never given to a Service: remove one of the two";
                self.refuse_with_hint(address.span(), what, hint);
            }
            placed.push((address.span(), address.get_ref()));
            let Some(service) = service else { continue };
            if !has_kubernetes {
                let service = quote(&service.get_ref().to_string());
                let part = format!("[[reserve]] {} for {service}", address.get_ref());
                self.needs_kubernetes(&part);
            }
            reserves.insert(*address.get_ref(), service.get_ref().clone());
        }
        self.refuse_repeated("[[reserve]]", placed);
        reserves
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
