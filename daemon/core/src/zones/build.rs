//! From the config to zones: which zone a name belongs to, and the records that follow from others
//! (the name of an address, the name server of a zone). Called once, by [`Zones::build`].

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::special;
use super::{Entry, Extent, Node, ServiceAddresses, Soa, Zone, Zones};
use crate::config;
use crate::names::{DnsName, ServiceName};

/// How long "does not exist" may be kept, in seconds: short, so that a new name is soon seen.
const NEGATIVE_TTL_SECS: u32 = 60;
/// Time to live of hosts outside of every zone, in seconds.
const HOST_TTL_SECS: u32 = 300;

/// See [`Zones::build`].
pub(super) fn build(config: &config::Dns, services: &ServiceAddresses) -> Zones {
    let mut zones = Zones {
        entries: special::entries(),
        root: soa(&DnsName::root(), None, NEGATIVE_TTL_SECS),
    };
    for zone in &config.zones {
        let entry = Entry::Zone(Box::new(configured_zone(zone)));
        zones.entries.insert(zone.name.clone(), entry);
    }
    for (name, addresses) in &config.hosts {
        let node = zones.node_for(name);
        for &address in addresses {
            push_new(&mut node.addresses, address);
        }
        for &address in addresses {
            let reverse = special::reverse_name(address);
            push_new(&mut zones.node_for(&reverse).pointers, name.clone());
        }
    }
    for zone in config.zones.iter().filter(|zone| zone.has_services) {
        for (service, addresses) in services {
            zones.add_service(&zone.name, service, addresses);
        }
    }
    zones.add_nameservers(config);
    zones
}

fn configured_zone(config: &config::Zone) -> Zone {
    let nameserver = joined("ns", &config.name);
    let in_zone = |label: &DnsName| {
        DnsName::from_labels(label.labels().chain(config.name.labels()))
            .ok()
            .filter(|_| !label.is_within(&config.name))
            .unwrap_or_else(|| label.clone())
    };
    Zone {
        extent: Extent::Tree,
        is_configured: true,
        ttl_secs: config.ttl_secs,
        soa: soa(&config.name, nameserver.as_ref(), config.ttl_secs),
        nameserver,
        wildcard: config.wildcard,
        pass: config.pass.iter().map(in_zone).collect(),
        nodes: BTreeMap::new(),
        apex: config.name.clone(),
    }
}

/// A zone that answers negatively until names are added; RFC 6303 section 3 for its SOA.
pub(super) fn empty_zone(apex: DnsName, extent: Extent) -> Zone {
    Zone {
        extent,
        is_configured: false,
        ttl_secs: HOST_TTL_SECS,
        soa: soa(&apex, None, HOST_TTL_SECS),
        nameserver: (extent == Extent::Tree).then(|| apex.clone()),
        wildcard: None,
        pass: Vec::new(),
        nodes: BTreeMap::new(),
        apex,
    }
}

fn soa(apex: &DnsName, nameserver: Option<&DnsName>, ttl_secs: u32) -> Soa {
    let mailbox = nameserver.and_then(|_| joined("hostmaster", apex));
    let nobody = || DnsName::from_labels([&b"nobody"[..], b"invalid"]);
    Soa {
        primary: nameserver.unwrap_or(apex).clone(),
        mailbox: mailbox.unwrap_or_else(|| nobody().expect("nobody.invalid is a name")),
        // No secondary follows: zones have no history.
        serial: 1,
        refresh_secs: 7200,
        retry_secs: 1800,
        expire_secs: 86_400,
        minimum_secs: ttl_secs.min(NEGATIVE_TTL_SECS),
    }
}

/// The name of one label more; none if it gets too long.
fn joined(label: &str, apex: &DnsName) -> Option<DnsName> {
    DnsName::from_labels([label.as_bytes()].into_iter().chain(apex.labels())).ok()
}

fn push_new<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}

/// `<service>.<namespace>.svc.<zone>` (Kubernetes DNS specification 1.1.0); none if it gets too
/// long.
fn service_name(zone: &DnsName, service: &ServiceName) -> Option<DnsName> {
    let namespace = service.namespace().split('.').map(str::as_bytes);
    let name = service.name().split('.').map(str::as_bytes);
    let labels = name.chain(namespace).chain([&b"svc"[..]]);
    DnsName::from_labels(labels.chain(zone.labels())).ok()
}

impl Zones {
    /// A Service's name. What the config says of the same name comes first.
    fn add_service(&mut self, zone: &DnsName, service: &ServiceName, addresses: &[IpAddr]) {
        let Some(name) = service_name(zone, service) else {
            return;
        };
        let node = self.node_for(&name);
        if node.addresses.is_empty() {
            for &address in addresses {
                push_new(&mut node.addresses, address);
            }
        }
    }

    /// The node of a name: in the deepest zone that reaches it, else in a zone of its own.
    fn node_for(&mut self, name: &DnsName) -> &mut Node {
        let apex = match self.enclosing(name) {
            Some((apex, Entry::Zone(_))) => apex,
            Some((_, Entry::Loopback | Entry::Absent(_))) | None => name.clone(),
        };
        let own = || Entry::Zone(Box::new(empty_zone(name.clone(), Extent::Name)));
        let entry = self.entries.entry(apex).or_insert_with(own);
        if !matches!(entry, Entry::Zone(_)) {
            *entry = own();
        }
        let Entry::Zone(zone) = entry else {
            unreachable!("everything else was replaced by a zone")
        };
        zone.nodes.entry(name.clone()).or_default()
    }

    /// The zones' name servers are this daemon: their addresses are those that it listens on.
    fn add_nameservers(&mut self, config: &config::Dns) {
        let is_reachable = |address: &IpAddr| !address.is_loopback() && !address.is_unspecified();
        let addresses = config.listen.iter().map(|socket| socket.ip());
        let addresses: Vec<IpAddr> = addresses.filter(is_reachable).collect();
        for entry in self.entries.values_mut() {
            let Entry::Zone(zone) = entry else { continue };
            let Some(nameserver) = zone.nameserver.clone() else {
                continue;
            };
            if nameserver != zone.apex && !zone.nodes.contains_key(&nameserver) {
                let mut node = Node::default();
                for &address in &addresses {
                    push_new(&mut node.addresses, address);
                }
                zone.nodes.insert(nameserver, node);
            }
        }
    }
}
