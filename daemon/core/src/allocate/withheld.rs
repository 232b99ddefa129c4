//! Addresses that no Service can have, whatever the config says of them.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::config::Config;
use crate::facts::LinkFacts;
use crate::facts::cluster::ClusterFacts;
use crate::names::{ServiceName, Subnet};

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

/// Addresses in the status of Services that are another controller's.
pub(super) fn foreign<'a>(
    config: &Config,
    cluster: &'a ClusterFacts,
) -> BTreeMap<IpAddr, &'a ServiceName> {
    let services = cluster.services.iter();
    let foreign = services.filter(|(_, service)| !service.is_ours(config) && !service.is_former);
    foreign
        .flat_map(|(name, service)| service.assigned.iter().map(move |address| (*address, name)))
        .collect()
}

fn is_host(subnet: &Subnet) -> bool {
    let bits = if subnet.network().is_ipv4() { 32 } else { 128 };
    subnet.prefix() == bits
}
