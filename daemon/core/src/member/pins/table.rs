//! What operators have pinned at run time, as far as this node knows.
//!
//! Owned by the member. An order that took a pin back stays as an entry without a node, so that a
//! node that was away does not bring the pin back. Of two entries the greater one stays (see
//! [`Pin`]), so the order in which they arrive is all the same, and all nodes end with one table.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::super::placement::first_eight;
use super::super::wire::{MAX_PIN_COUNT, Pin, put_pin};
use crate::names::{NodeId, NodeName};

/// Entries at most; what was taken back makes room for what is pinned.
pub(crate) const MAX_PINS: usize = 256;

/// The pins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Pins {
    map: BTreeMap<IpAddr, Pin>,
    digest: u64,
    /// A change was not told to anybody yet.
    is_news: bool,
}

impl Pins {
    /// What the disk remembers.
    pub(crate) fn of_memory(map: &BTreeMap<IpAddr, Pin>) -> Pins {
        let mut pins = Pins::default();
        for (address, pin) in map {
            let _always_fits = pins.merge(*address, pin.clone());
        }
        pins
    }

    /// Everything that is known, taken-back pins included.
    pub(crate) fn all(&self) -> &BTreeMap<IpAddr, Pin> {
        &self.map
    }

    /// The node that an address is pinned to.
    pub(crate) fn to(&self, address: IpAddr) -> Option<&NodeName> {
        self.map.get(&address)?.to.as_ref()
    }

    /// Equal where the tables are; zero if this one is empty.
    pub(crate) fn digest(&self) -> u64 {
        self.digest
    }

    /// Whether there is something new since the last question.
    pub(crate) fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.is_news)
    }

    /// The entry that an order to the node `by` makes: later than everything known of the address.
    pub(crate) fn next(&self, address: IpAddr, to: Option<NodeName>, by: NodeId) -> Pin {
        let known = self.map.get(&address).map_or(0, |pin| pin.count);
        Pin {
            count: (known + 1).min(MAX_PIN_COUNT),
            by,
            to,
        }
    }

    /// Takes an entry over if it is later than what is known. False if nothing changed: it is not,
    /// or everything is full.
    pub(crate) fn merge(&mut self, address: IpAddr, pin: Pin) -> bool {
        let before = self.map.get(&address);
        if before.is_some_and(|before| *before >= pin) {
            return false;
        }
        self.map.insert(address, pin.clone());
        if self.map.len() > MAX_PINS {
            self.drop_one(address);
        }
        let is_changed = self.map.get(&address) == Some(&pin);
        if is_changed {
            self.digest = digest(&self.map);
            self.is_news = true;
        }
        is_changed
    }

    /// The same one everywhere: of those that were taken back the one with the least changes; if
    /// there is none, the one that came last.
    fn drop_one(&mut self, last: IpAddr) {
        let ended = self.map.iter().filter(|(_, pin)| pin.to.is_none());
        let least = ended.min_by_key(|(address, pin)| (pin.count, pin.by, **address));
        let least = least.map_or(last, |(address, _)| *address);
        self.map.remove(&least);
    }
}

fn digest(map: &BTreeMap<IpAddr, Pin>) -> u64 {
    let mut bytes = Vec::new();
    for (address, pin) in map {
        put_pin(&mut bytes, *address, pin);
    }
    // Zero is the empty table's.
    first_eight(&blake3::hash(&bytes)).max(1)
}
