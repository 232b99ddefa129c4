//! Who has which address while addresses are given, and which are next to each other: a large pool
//! is looked through for each Service that wants something of it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::config::range::{AddressRange, after, before};

/// Addresses with those who have them, by their places: one Service, or several that share it.
#[derive(Debug, Default)]
pub(super) struct Holders {
    by_address: BTreeMap<IpAddr, BTreeSet<usize>>,
    /// The same addresses in a row, by the first of each row; there is a gap after each.
    rows: BTreeMap<IpAddr, IpAddr>,
}

impl Holders {
    /// Those who have the address.
    pub(super) fn of(&self, address: IpAddr) -> impl Iterator<Item = usize> {
        self.by_address.get(&address).into_iter().flatten().copied()
    }

    /// Whether somebody has the address.
    pub(super) fn has(&self, address: IpAddr) -> bool {
        self.by_address.contains_key(&address)
    }

    /// Whether this one has the address, and nobody else.
    pub(super) fn is_only(&self, place: usize, address: IpAddr) -> bool {
        let holders = self.by_address.get(&address);
        holders.is_some_and(|holders| holders.len() == 1 && holders.contains(&place))
    }

    /// How many addresses somebody has.
    pub(super) fn count(&self) -> usize {
        self.by_address.len()
    }

    /// The addresses that somebody has, in ascending order.
    pub(super) fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.by_address.keys().copied()
    }

    /// The addresses of a range that nobody has, in ascending order.
    pub(super) fn gaps(&self, range: &AddressRange) -> impl Iterator<Item = IpAddr> {
        let mut next = Some(range.first());
        std::iter::from_fn(move || {
            let at = next?;
            let gap = match self.row_with(at) {
                Some((_, last)) => after(last),
                None => Some(at),
            };
            let gap = gap.filter(|gap| range.contains(*gap));
            next = gap.and_then(after);
            gap
        })
    }

    /// The Service has the address, too.
    pub(super) fn add(&mut self, address: IpAddr, place: usize) {
        let holders = self.by_address.entry(address).or_default();
        let is_new = holders.is_empty();
        holders.insert(place);
        if !is_new {
            return;
        }
        let row_before = before(address).and_then(|before| self.row_with(before));
        let first = row_before.map_or(address, |(first, _)| first);
        let row_after = after(address).and_then(|after| self.rows.remove(&after));
        self.rows.insert(first, row_after.unwrap_or(address));
    }

    /// The Service does not have the address any more.
    pub(super) fn remove(&mut self, address: IpAddr, place: usize) {
        let Some(holders) = self.by_address.get_mut(&address) else {
            return;
        };
        holders.remove(&place);
        if !holders.is_empty() {
            return;
        }
        self.by_address.remove(&address);
        let Some((first, last)) = self.row_with(address) else {
            return;
        };
        self.rows.remove(&first);
        if let Some(before) = before(address).filter(|_| first < address) {
            self.rows.insert(first, before);
        }
        if let Some(after) = after(address).filter(|_| address < last) {
            self.rows.insert(after, last);
        }
    }

    /// The row that the address is in.
    fn row_with(&self, address: IpAddr) -> Option<(IpAddr, IpAddr)> {
        let (first, last) = self.rows.range(..=address).next_back()?;
        (*last >= address).then_some((*first, *last))
    }
}

#[cfg(test)]
mod tests;
