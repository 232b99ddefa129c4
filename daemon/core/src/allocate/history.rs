//! Which addresses were let go of lately: while a pool's `cool-down` lasts, another Service gets one
//! only if it asks for that very address.
//!
//! State goes in and comes out; time is a parameter. Nothing of it is written down, so it begins
//! with the daemon; it never takes an address from a Service that has it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::config::{ADDRESSES_MAX, Config};
use crate::facts::cluster::ClusterFacts;
use crate::facts::cluster::permit::pool_of;
use crate::names::ServiceName;
use crate::time::Moment;

#[cfg(test)]
mod tests;

/// What is remembered of addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History(BTreeMap<IpAddr, Last>);

/// Who had an address last.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Last {
    owners: BTreeSet<ServiceName>,
    /// Since when nobody has it; none while somebody does.
    freed: Option<Moment>,
}

impl History {
    /// The history with what the cluster shows now.
    #[must_use]
    pub fn with(mut self, config: &Config, cluster: &ClusterFacts, now: Moment) -> History {
        let cool_down = |address: IpAddr| {
            let pool = pool_of(config, address);
            pool.map(|pool| pool.cool_down)
                .filter(|time| !time.is_zero())
        };
        let mut held: BTreeMap<IpAddr, BTreeSet<ServiceName>> = BTreeMap::new();
        for (name, service) in &cluster.services {
            for address in service.assigned.iter().filter(|_| service.is_ours(config)) {
                if cool_down(*address).is_some() {
                    held.entry(*address).or_default().insert(name.clone());
                }
            }
        }
        for (address, last) in &mut self.0 {
            if !held.contains_key(address) {
                last.freed.get_or_insert(now);
            }
        }
        for (address, owners) in held {
            let freed = None;
            self.0.insert(address, Last { owners, freed });
        }
        self.0.retain(|address, last| {
            let cool_down = cool_down(*address).unwrap_or_default();
            last.freed.is_none_or(|freed| now.since(freed) < cool_down)
        });
        // More than can be announced was let go of: the highest addresses are used last anyway.
        while self.0.len() > 2 * ADDRESSES_MAX {
            self.0.pop_last();
        }
        self
    }

    /// Addresses that cool down, with those who had them last and may have them again.
    pub fn cooling(&self) -> BTreeMap<IpAddr, BTreeSet<ServiceName>> {
        let freed = self.0.iter().filter(|(_, last)| last.freed.is_some());
        freed
            .map(|(address, last)| (*address, last.owners.clone()))
            .collect()
    }
}
