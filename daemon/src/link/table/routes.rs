//! Default routes, from netlink messages.
//!
//! Pure: what a route says of the gateways of links.

use std::net::IpAddr;

use netlink_packet_route::AddressFamily;
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteType,
};
use sovnet_core::names::LinkIndex;

/// Whether this is an IPv4 default route of the main table.
pub(super) fn is_default(route: &RouteMessage) -> bool {
    let header = &route.header;
    let mut table = u32::from(header.table);
    for attribute in &route.attributes {
        // The field in the header is too small for some tables.
        if let RouteAttribute::Table(number) = attribute {
            table = *number;
        }
    }
    header.address_family == AddressFamily::Inet
        && header.destination_prefix_length == 0
        && header.kind == RouteType::Unicast
        && table == u32::from(RouteHeader::RT_TABLE_MAIN)
}

/// The gateways of a route: link, then metric and gateway.
pub(super) fn hops(route: &RouteMessage) -> Vec<(LinkIndex, (u32, IpAddr))> {
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
    let with_metric = |(link, gateway)| (link, (metric, gateway));
    found.into_iter().map(with_metric).collect()
}

fn gateway(attributes: &[RouteAttribute]) -> Option<IpAddr> {
    attributes.iter().find_map(|attribute| {
        if let RouteAttribute::Gateway(RouteAddress::Inet(gateway)) = attribute {
            Some(IpAddr::V4(*gateway))
        } else {
            None
        }
    })
}
