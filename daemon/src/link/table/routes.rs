//! Default routes, from netlink messages.
//!
//! Pure: what a route says of the gateways of links, and which of two is preferred. Those of router
//! advertisements are like any other one, with a link-local address as their gateway.

use std::net::IpAddr;

use netlink_packet_route::AddressFamily;
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteType,
};
use sovnet_core::names::LinkIndex;

/// A gateway in the order of preference: IPv4 first, since clients of both families use it for what
/// is announced by ARP; then by metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Hop {
    is_ipv6: bool,
    metric: u32,
    /// The gateway's address.
    pub(super) gateway: IpAddr,
}

/// Whether this is a default route of the main table.
pub(super) fn is_default(route: &RouteMessage) -> bool {
    let header = &route.header;
    let mut table = u32::from(header.table);
    for attribute in &route.attributes {
        // The field in the header is too small for some tables.
        if let RouteAttribute::Table(number) = attribute {
            table = *number;
        }
    }
    [AddressFamily::Inet, AddressFamily::Inet6].contains(&header.address_family)
        && header.destination_prefix_length == 0
        && header.kind == RouteType::Unicast
        && table == u32::from(RouteHeader::RT_TABLE_MAIN)
}

/// The gateways of a route, each with its link.
pub(super) fn hops(route: &RouteMessage) -> Vec<(LinkIndex, Hop)> {
    let (mut metric, mut link, mut found) = (0, None, Vec::new());
    for attribute in &route.attributes {
        if let RouteAttribute::Priority(priority) = attribute {
            metric = *priority;
        } else if let RouteAttribute::Oif(index) = attribute {
            link = Some(LinkIndex(*index));
        } else if let RouteAttribute::MultiPath(hops) = attribute {
            for hop in hops {
                let link = LinkIndex(hop.interface_index);
                found.extend(gateway(&hop.attributes).map(|gateway| (link, gateway)));
            }
        }
    }
    found.extend(link.zip(gateway(&route.attributes)));
    let hop = |(link, gateway): (LinkIndex, IpAddr)| {
        let hop = Hop {
            is_ipv6: gateway.is_ipv6(),
            metric,
            gateway,
        };
        (link, hop)
    };
    found.into_iter().map(hop).collect()
}

fn gateway(attributes: &[RouteAttribute]) -> Option<IpAddr> {
    attributes.iter().find_map(|attribute| {
        if let RouteAttribute::Gateway(RouteAddress::Inet(gateway)) = attribute {
            Some(IpAddr::V4(*gateway))
        } else if let RouteAttribute::Gateway(RouteAddress::Inet6(gateway)) = attribute {
            Some(IpAddr::V6(*gateway))
        } else {
            None
        }
    })
}
