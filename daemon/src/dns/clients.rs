//! Who asks: which sources may have names resolved that are not ours, which are never answered, and
//! which stand for many clients. Built anew from every snapshot of the links; holds no other state.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use sovnet_core::facts::LinkFacts;
use sovnet_core::names::Subnet;

/// The rules that follow from the links and from `recursion-for`.
#[derive(Debug, Default)]
pub(super) struct Clients {
    allowed: Vec<Subnet>,
    broadcasts: BTreeSet<Ipv4Addr>,
    gateways: BTreeSet<IpAddr>,
}

impl Clients {
    /// Connected subnets and the listed ones may recurse.
    pub(super) fn new(links: &LinkFacts, recursion_for: &[Subnet]) -> Clients {
        let addresses = || links.links.values().flat_map(|link| &link.addresses);
        let mut allowed: Vec<Subnet> = recursion_for.to_vec();
        allowed.extend(addresses().map(|own| own.subnet));
        Clients {
            allowed,
            broadcasts: addresses()
                .filter_map(|own| own.subnet.broadcast())
                .collect(),
            gateways: links
                .links
                .values()
                .filter_map(|link| link.gateway)
                .collect(),
        }
    }

    /// Whether names that are not ours are resolved for this source.
    pub(super) fn may_recurse(&self, source: IpAddr) -> bool {
        let source = source.to_canonical();
        source.is_loopback() || self.allowed.iter().any(|subnet| subnet.contains(source))
    }

    /// Whether a reply to this source reaches one host, and one that listens (RFC 1122 section
    /// 3.2.1.3: a source is never a group).
    pub(super) fn may_be_answered(&self, source: SocketAddr) -> bool {
        let is_group = match source.ip().to_canonical() {
            IpAddr::V4(v4) => {
                v4.is_multicast() || v4.is_broadcast() || self.broadcasts.contains(&v4)
            }
            IpAddr::V6(v6) => v6.is_multicast(),
        };
        source.port() != 0 && !source.ip().is_unspecified() && !is_group
    }

    /// Whether this is a default gateway: a router that redirects DNS hides all of its clients
    /// behind its own address, so no limit for one client may apply to it.
    pub(super) fn is_gateway(&self, source: IpAddr) -> bool {
        self.gateways.contains(&source.to_canonical())
    }
}
