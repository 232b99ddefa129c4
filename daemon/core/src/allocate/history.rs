//! What the statuses do not remember: which addresses were let go of lately, and by which words
//! Services came to share one.
//!
//! While a pool's `cool-down` lasts, another Service gets an address only if it asks for that very
//! one. Of two Services that can no longer share, the one that is as it was keeps the address, however
//! old the one is that changed. State goes in and comes out; time is a parameter. Nothing of it is
//! written down, so it begins with the daemon.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::Verdict;
use crate::config::{ADDRESSES_MAX, Config};
use crate::facts::cluster::permit::pool_of;
use crate::facts::cluster::{Backend, ClusterFacts, Service, TrafficPolicy};
use crate::names::ServiceName;
use crate::time::Moment;

#[cfg(test)]
mod tests;

/// What is remembered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    last: BTreeMap<IpAddr, Last>,
    sharers: BTreeMap<ServiceName, Sharer>,
}

/// What a Service that would share had last, and by which words.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sharer {
    addresses: Vec<IpAddr>,
    key: Option<String>,
    policy: TrafficPolicy,
    backend: Backend,
}

impl Sharer {
    fn of(service: &Service, addresses: &[IpAddr]) -> Sharer {
        Sharer {
            addresses: addresses.to_vec(),
            key: service.request.sharing.clone(),
            policy: service.policy,
            backend: service.backend.clone(),
        }
    }
}

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
        for (address, last) in &mut self.last {
            if !held.contains_key(address) {
                last.freed.get_or_insert(now);
            }
        }
        for (address, owners) in held {
            let freed = None;
            self.last.insert(address, Last { owners, freed });
        }
        self.last.retain(|address, last| {
            let cool_down = cool_down(*address).unwrap_or_default();
            last.freed.is_none_or(|freed| now.since(freed) < cool_down)
        });
        // More than can be announced was let go of: the highest addresses are used last anyway.
        while self.last.len() > 2 * ADDRESSES_MAX {
            self.last.pop_last();
        }
        self
    }

    /// Addresses that cool down, with those who had them last and may have them again.
    pub fn cooling(&self) -> BTreeMap<IpAddr, BTreeSet<ServiceName>> {
        let freed = self.last.iter().filter(|(_, last)| last.freed.is_some());
        freed
            .map(|(address, last)| (*address, last.owners.clone()))
            .collect()
    }

    /// The history with what was allocated, from the same facts.
    #[must_use]
    pub fn after(
        mut self,
        cluster: &ClusterFacts,
        verdicts: &BTreeMap<ServiceName, Verdict>,
    ) -> History {
        self.sharers.clear();
        for (name, service) in &cluster.services {
            if service.request.sharing.is_some()
                && let Some(Verdict::Assigned { addresses, .. }) = verdicts.get(name)
            {
                let sharer = Sharer::of(service, addresses);
                self.sharers.insert(name.clone(), sharer);
            }
        }
        self
    }

    /// Services that would share, and have what they had, by the same words.
    pub fn settled(&self, cluster: &ClusterFacts) -> BTreeSet<ServiceName> {
        let is_settled = |(name, known): &(&ServiceName, &Sharer)| {
            let service = cluster.services.get(*name);
            service.is_some_and(|service| {
                let mut assigned = service.assigned.iter();
                assigned.all(|address| known.addresses.contains(address))
                    && Sharer::of(service, &known.addresses) == **known
            })
        };
        let settled = self.sharers.iter().filter(is_settled);
        settled.map(|(name, _)| name.clone()).collect()
    }
}
