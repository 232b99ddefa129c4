//! Which Service has which address: a pure, total, deterministic function of the config, of what
//! the Services ask for, and of what stands in their status.
//!
//! An address that a Service has stays with it while the Service and the config allow it, whatever
//! else changes; nothing but the status remembers it, so that every node finds the same. The kube
//! shell writes the result on one node and shows it on all.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use crate::config::{ADDRESSES_MAX, Config, Conflict, Pool};
use crate::facts::LinkFacts;
use crate::facts::cluster::{ClusterFacts, Service, is_for};
use crate::names::{ServiceName, Subnet};

/// What becomes of one Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It has this address, or gets it.
    Assigned {
        /// The address.
        address: Ipv4Addr,
        /// The pool that it is from; none if it is reserved outside of every pool.
        pool: Option<String>,
        /// Why this address, one clause.
        reason: String,
        /// What it asks for instead and cannot have, one clause.
        complaint: Option<String>,
    },
    /// It gets none.
    Refused {
        /// Why, one clause.
        reason: String,
    },
    /// Another controller's, by its class.
    Foreign {
        /// Its class.
        class: String,
    },
}

/// Gives addresses. `withheld` are addresses that no Service can have, each with the reason as a
/// clause about it ("is the gateway's"), see [`withheld`]; `occupied` are those that no Service is
/// given unless it asks for that very one. Who has one of those keeps it, but for the policy
/// `quarantine`: then it gets another one if there is one.
pub fn allocate(
    config: &Config,
    cluster: &ClusterFacts,
    withheld: &BTreeMap<IpAddr, String>,
    occupied: &BTreeMap<IpAddr, String>,
) -> BTreeMap<ServiceName, Verdict> {
    let mut ours: Vec<(&ServiceName, &Service)> = cluster
        .services
        .iter()
        .filter(|(_, service)| service.is_ours())
        .collect();
    // Of two that want the same, the older one has it.
    ours.sort_by_key(|(name, service)| (service.created_secs, *name));
    let mut allocation = Allocation {
        config,
        withheld,
        occupied,
        foreign: foreign(cluster),
        holders: BTreeMap::new(),
        given: BTreeMap::new(),
    };
    for (name, service) in &ours {
        allocation.keep(name, service);
    }
    // Who needs a certain address comes before who takes any.
    let (fixed, free): (Vec<_>, Vec<_>) = ours
        .iter()
        .partition(|(name, service)| allocation.wanted(name, service).is_some());
    let order: Vec<_> = fixed.into_iter().chain(free).collect();
    // A move frees an address that somebody older may wait for, so each one starts over. It ends:
    // each Service takes an address once at most.
    while order
        .iter()
        .any(|(name, service)| allocation.take(name, service))
    {}
    let mut verdicts = BTreeMap::new();
    for (name, service) in order {
        verdicts.insert((*name).clone(), allocation.verdict(name, service));
    }
    for (name, service) in &cluster.services {
        if let Some(class) = service.class.as_ref().filter(|_| !service.is_ours()) {
            let class = class.clone();
            verdicts.insert(name.clone(), Verdict::Foreign { class });
        }
    }
    verdicts
}

/// Addresses that this node knows to be taken: its own, the gateways', the other nodes', and those
/// that name a subnet as a whole.
pub fn withheld(links: &LinkFacts, cluster: &ClusterFacts) -> BTreeMap<IpAddr, String> {
    let mut withheld = BTreeMap::new();
    let mut add = |address: IpAddr, why: String| {
        withheld.entry(address).or_insert(why);
    };
    for (node, addresses) in &cluster.nodes {
        for address in addresses {
            add(*address, format!("is the node {node}'s"));
        }
    }
    for link in links.links.values() {
        if let Some(gateway) = link.gateway {
            add(gateway, "is the gateway's".to_owned());
        }
        for own in &link.addresses {
            // What the daemon itself makes local stands there with a full prefix.
            if is_host(&own.subnet) {
                continue;
            }
            add(own.address, format!("is this node's own on {}", link.name));
            if own.subnet.prefix() <= 30 {
                let subnet = own.subnet;
                add(subnet.network(), format!("names the network {subnet}"));
                if let Some(broadcast) = subnet.broadcast() {
                    let why = format!("is the broadcast address of {subnet}");
                    add(broadcast.into(), why);
                }
            }
        }
    }
    withheld
}

fn foreign(cluster: &ClusterFacts) -> BTreeMap<IpAddr, &ServiceName> {
    let services = cluster.services.iter();
    let foreign = services.filter(|(_, service)| !service.is_ours());
    foreign
        .flat_map(|(name, service)| service.assigned.iter().map(move |address| (*address, name)))
        .collect()
}

fn is_host(subnet: &Subnet) -> bool {
    let bits = if subnet.network().is_ipv4() { 32 } else { 128 };
    subnet.prefix() == bits
}

/// The allocation as it grows.
struct Allocation<'a> {
    config: &'a Config,
    withheld: &'a BTreeMap<IpAddr, String>,
    occupied: &'a BTreeMap<IpAddr, String>,
    /// Addresses in the status of Services that are another controller's.
    foreign: BTreeMap<IpAddr, &'a ServiceName>,
    /// Who has an address.
    holders: BTreeMap<Ipv4Addr, &'a ServiceName>,
    given: BTreeMap<&'a ServiceName, Ipv4Addr>,
}

impl<'a> Allocation<'a> {
    /// What the Service must have, and why: what it asks for, else what is reserved for it.
    fn wanted(&self, name: &ServiceName, service: &Service) -> Option<(Ipv4Addr, String)> {
        if let Some((address, place)) = &service.request.address {
            return Some((*address, format!("{place} asks for it")));
        }
        let mut reserves = self.config.reserves.iter();
        reserves.find_map(|(address, owner)| match address {
            IpAddr::V4(v4) if owner == name => {
                Some((*v4, format!("it is reserved for {name} in the config")))
            }
            IpAddr::V4(_) | IpAddr::V6(_) => None,
        })
    }

    /// Why the Service cannot get the address, whoever has it now; none if it can.
    fn obstacle(&self, name: &ServiceName, service: &Service, address: Ipv4Addr) -> Option<String> {
        if let Some(why) = self.withheld.get(&IpAddr::V4(address)) {
            return Some(format!("{address} {why}"));
        }
        if let Some(other) = self.foreign.get(&IpAddr::V4(address)) {
            return Some(format!(
                "{address} is {other}'s, which another controller serves"
            ));
        }
        if self.config.cluster.peers.contains(&IpAddr::V4(address)) {
            return Some(format!(
                "{address} is a node's own, as [cluster] peers says"
            ));
        }
        if let Some(why) = self.forbidden(name, address) {
            return Some(why);
        }
        let (wanted, place) = service.request.pool.as_ref()?;
        let actual = self.pool_of(address)?;
        (actual.name != *wanted).then(|| {
            let actual = &actual.name;
            format!("{address} is of the pool {actual}, and {place} asks for the pool {wanted}")
        })
    }

    /// Why the config does not let the Service have the address; none if it does.
    fn forbidden(&self, name: &ServiceName, address: Ipv4Addr) -> Option<String> {
        let config = self.config;
        let ip = IpAddr::V4(address);
        if config.addresses.iter().any(|entry| entry.address == ip) {
            return Some(format!(
                "{address} is an [[address]] of the config, which no Service gets"
            ));
        }
        if let Some(owner) = config.reserves.get(&ip).filter(|owner| *owner != name) {
            return Some(format!("{address} is reserved for {owner}"));
        }
        (!is_for(config, ip, name)).then(|| format!("{address} is in no pool"))
    }

    fn pool_of(&self, address: Ipv4Addr) -> Option<&'a Pool> {
        let mut pools = self.config.pools.iter();
        pools.find(|pool| pool.contains(address.into()))
    }

    /// Whether the address is of another pool than the one that the Service asks for.
    fn is_of_wrong_pool(&self, service: &Service, address: Ipv4Addr) -> bool {
        let wanted = service.request.pool.as_ref();
        wanted.is_some_and(|(wanted, _)| {
            let pool = self.pool_of(address);
            pool.is_some_and(|pool| pool.name != *wanted)
        })
    }

    /// Whether what the Service has is to be exchanged: of another pool than it asks for, or used
    /// by a host that is no node.
    fn is_to_leave(&self, service: &Service, address: Ipv4Addr) -> bool {
        let is_quarantined = self.config.announce.conflict == Conflict::Quarantine
            && self.occupied.contains_key(&IpAddr::V4(address));
        is_quarantined || self.is_of_wrong_pool(service, address)
    }

    /// What stands in the status stays, unless somebody older has it or the config forbids it.
    fn keep(&mut self, name: &'a ServiceName, service: &Service) {
        let mut assigned = service.assigned.iter();
        let kept = assigned.find_map(|address| match address {
            IpAddr::V4(v4) => {
                let is_free = !self.holders.contains_key(v4);
                (is_free && self.forbidden(name, *v4).is_none()).then_some(*v4)
            }
            IpAddr::V6(_) => None,
        });
        if let Some(address) = kept {
            self.give(name, address);
        }
    }

    /// Gives the Service what it must have, or any address if it has none or one of another pool
    /// than it asks for. Who cannot have what it wants keeps what it has. Says whether it took one.
    fn take(&mut self, name: &'a ServiceName, service: &Service) -> bool {
        if self.complaint(name, service).is_some() {
            return false;
        }
        let has = self.given.get(name).copied();
        let found = match (self.wanted(name, service), has) {
            (Some((address, _)), _) => Some(address),
            (None, Some(has)) if !self.is_to_leave(service, has) => None,
            (None, _) => self.first_free(name, service).ok(),
        };
        let Some(address) = found.filter(|found| has != Some(*found)) else {
            return false;
        };
        match has {
            Some(has) => {
                self.holders.remove(&has);
            }
            None if self.is_full() => return false,
            None => {}
        }
        self.give(name, address);
        true
    }

    fn is_full(&self) -> bool {
        self.config.addresses.len() + self.holders.len() >= ADDRESSES_MAX
    }

    fn give(&mut self, name: &'a ServiceName, address: Ipv4Addr) {
        self.holders.insert(address, name);
        self.given.insert(name, address);
    }

    /// The last word on one Service, when nobody takes an address any more.
    fn verdict(&self, name: &ServiceName, service: &Service) -> Verdict {
        let complaint = self.complaint(name, service);
        if let Some(address) = self.given.get(name).copied() {
            return self.assigned(name, service, address, complaint);
        }
        let full = || {
            self.is_full()
                .then(|| format!("the nodes announce at most {ADDRESSES_MAX} addresses"))
        };
        let reason = complaint
            .or_else(full)
            .or_else(|| self.first_free(name, service).err());
        Verdict::Refused {
            reason: reason.expect("who has no address and nothing in its way has taken one"),
        }
    }

    /// Why what the Service asks for cannot be had; none if it has it, can have it, or asks for
    /// nothing in particular.
    fn complaint(&self, name: &ServiceName, service: &Service) -> Option<String> {
        if let Some(fault) = &service.request.fault {
            return Some(fault.clone());
        }
        if let Some((pool, place)) = &service.request.pool
            && !self.config.pools.iter().any(|known| known.name == *pool)
        {
            return Some(format!(
                "{place} asks for the pool {pool}, which does not exist"
            ));
        }
        let given = self.given.get(name).copied();
        let Some((address, _)) = self.wanted(name, service) else {
            let given = given.filter(|given| self.is_to_leave(service, *given))?;
            let why = self.first_free(name, service).err()?;
            return Some(format!("{why}, so it keeps {given}"));
        };
        if given == Some(address) {
            return None;
        }
        if let Some(obstacle) = self.obstacle(name, service, address) {
            return Some(obstacle);
        }
        let holder = self
            .holders
            .get(&address)
            .filter(|holder| **holder != name)?;
        Some(format!("{address} is {holder}'s"))
    }

    fn assigned(
        &self,
        name: &ServiceName,
        service: &Service,
        address: Ipv4Addr,
        complaint: Option<String>,
    ) -> Verdict {
        let pool = self.pool_of(address).map(|pool| pool.name.clone());
        let wanted = self.wanted(name, service);
        let reason = match wanted.filter(|(wanted, _)| *wanted == address) {
            Some((_, why)) => why,
            None if service.assigned.contains(&address.into()) => "it has had it".to_owned(),
            None => format!(
                "first free address of the pool {}",
                pool.as_deref().unwrap_or_default()
            ),
        };
        Verdict::Assigned {
            address,
            pool,
            reason,
            complaint,
        }
    }

    /// The lowest free address of the pool that is asked for, else of the first pool that has one.
    fn first_free(&self, name: &ServiceName, service: &Service) -> Result<Ipv4Addr, String> {
        let wanted = service.request.pool.as_ref().map(|(pool, _)| pool);
        let is_wanted = |pool: &&Pool| wanted.is_none_or(|wanted| pool.name == *wanted);
        let pools: Vec<&Pool> = self.config.pools.iter().filter(is_wanted).collect();
        let ranges = pools.iter().flat_map(|pool| &pool.ranges);
        // Each step but the last meets an address that is withheld, reserved, static or held.
        let mut addresses = ranges.flat_map(|range| range.iter_v4());
        let free = addresses.find(|address| {
            !self.holders.contains_key(address)
                && !self.config.reserves.contains_key(&IpAddr::V4(*address))
                && !self.occupied.contains_key(&IpAddr::V4(*address))
                && self.obstacle(name, service, *address).is_none()
        });
        free.ok_or_else(|| match pools.as_slice() {
            [] => "the config has no [[pool]]".to_owned(),
            [only] => format!("the pool {} has no free address", only.name),
            _ => "no pool has a free address".to_owned(),
        })
    }
}
