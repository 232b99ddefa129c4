//! What the kernel has told: links, addresses and default routes, from netlink messages.
//!
//! A pure translation, message by message; does no I/O and asks for nothing. What a message means
//! for the rest of `link` is its result ([`Effects`]).

use std::collections::BTreeMap;
use std::net::IpAddr;

use netlink_packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage};
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkLayerType, LinkMessage};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use sovnet_core::facts::{Link, LinkAddress, LinkFacts};
use sovnet_core::names::{LinkIndex, LinkName, Mac, Subnet};

/// The kernel's state as far as it was told.
#[derive(Debug, Default)]
pub(super) struct LinkTable {
    rows: BTreeMap<LinkIndex, Row>,
}

#[derive(Debug)]
struct Row {
    name: LinkName,
    mac: Option<Mac>,
    is_loopback: bool,
    is_admin_up: bool,
    is_up: bool,
    is_announcing: bool,
    is_wireless: bool,
    /// In the kernel's order: the first of a subnet is the one that it uses itself.
    addresses: Vec<Address>,
    /// The gateway of the default route with the lowest metric.
    gateway: Option<(u32, IpAddr)>,
}

#[derive(Debug, PartialEq, Eq)]
struct Address {
    own: LinkAddress,
    /// Without an end of its lifetime.
    is_lasting: bool,
}

/// What follows from a message, besides the facts.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Effects {
    /// Default routes have to be read again: the kernel removes routes with a link or an address
    /// without a message for each.
    pub(super) are_routes_stale: bool,
    /// A link that was not there before.
    pub(super) new_link: Option<LinkIndex>,
    /// The kernel has dropped every neighbour of this link: it went down, away, or has a new MAC.
    pub(super) lost_neighbours: Option<LinkIndex>,
    /// A link that is gone.
    pub(super) gone_link: Option<LinkIndex>,
    /// An address that the loopback link does not have any more.
    pub(super) gone_local: Option<IpAddr>,
}

impl LinkTable {
    /// Takes over what a message says.
    pub(super) fn apply(&mut self, message: &RouteNetlinkMessage) -> Effects {
        if let RouteNetlinkMessage::NewLink(link) = message {
            self.apply_link(link)
        } else if let RouteNetlinkMessage::DelLink(link) = message {
            self.remove_link(link)
        } else if let RouteNetlinkMessage::NewAddress(address) = message {
            self.apply_address(address)
        } else if let RouteNetlinkMessage::DelAddress(address) = message {
            self.remove_address(address)
        } else if let RouteNetlinkMessage::NewRoute(route) | RouteNetlinkMessage::DelRoute(route) =
            message
        {
            Effects {
                are_routes_stale: is_default(route),
                ..Effects::default()
            }
        } else {
            Effects::default()
        }
    }

    /// Takes over all routes of the kernel, in place of those known before.
    pub(super) fn set_routes(&mut self, routes: &[RouteMessage]) {
        for row in self.rows.values_mut() {
            row.gateway = None;
        }
        for (index, hop) in routes
            .iter()
            .filter(|route| is_default(route))
            .flat_map(hops)
        {
            if let Some(row) = self.rows.get_mut(&index) {
                row.gateway = Some(row.gateway.map_or(hop, |known| known.min(hop)));
            }
        }
    }

    /// Notes that frames of this link go over the air; the kernel says it elsewhere.
    pub(super) fn set_wireless(&mut self, index: LinkIndex) {
        if let Some(row) = self.rows.get_mut(&index) {
            row.is_wireless = true;
        }
    }

    /// The facts for everyone else. Addresses of ours on the loopback link are not among them:
    /// they are an effect, not a fact.
    pub(super) fn facts(&self) -> LinkFacts {
        let links = self.rows.iter().map(|(index, row)| (*index, row.fact()));
        LinkFacts {
            links: links.collect(),
        }
    }

    /// The name of a link, for people; its number if it has none.
    pub(super) fn name(&self, index: LinkIndex) -> String {
        match self.rows.get(&index) {
            Some(row) => row.name.to_string(),
            None => format!("#{}", index.0),
        }
    }

    /// All links.
    pub(super) fn indices(&self) -> Vec<LinkIndex> {
        self.rows.keys().copied().collect()
    }

    /// The loopback link.
    pub(super) fn loopback(&self) -> Option<LinkIndex> {
        let mut rows = self.rows.iter();
        rows.find(|(_, row)| row.is_loopback)
            .map(|(index, _)| *index)
    }

    /// Whether a link exists.
    pub(super) fn has_link(&self, index: LinkIndex) -> bool {
        self.rows.contains_key(&index)
    }

    /// Whether a link can keep neighbours: the kernel drops them when it goes down.
    pub(super) fn is_admin_up(&self, index: LinkIndex) -> bool {
        self.rows.get(&index).is_some_and(|row| row.is_admin_up)
    }

    /// Whether the loopback link has this address.
    pub(super) fn has_local(&self, address: IpAddr) -> bool {
        self.local(address).is_some()
    }

    /// Whether the loopback link has this address without an end of its lifetime: somebody else
    /// put it there, since ours always end.
    pub(super) fn has_lasting_local(&self, address: IpAddr) -> bool {
        self.local(address).is_some_and(|found| found.is_lasting)
    }

    fn local(&self, address: IpAddr) -> Option<&Address> {
        let rows = self.rows.values().filter(|row| row.is_loopback);
        rows.flat_map(|row| &row.addresses)
            .find(|found| found.own.address == address)
    }

    fn apply_link(&mut self, message: &LinkMessage) -> Effects {
        let index = LinkIndex(message.header.index);
        // Bridges tell of their ports in the same words, with their own family.
        if message.header.interface_family != AddressFamily::Unspec {
            return Effects::default();
        }
        // Old wireless drivers tell their events so, without the rest of the link.
        if message
            .attributes
            .iter()
            .any(|one| matches!(one, LinkAttribute::Wireless(_)))
        {
            self.set_wireless(index);
            return Effects::default();
        }
        let Some(mut row) = Row::of(message) else {
            return Effects::default();
        };
        let old = self.rows.remove(&index);
        let mut effects = Effects::default();
        if let Some(old) = old {
            let is_same = old.is_admin_up == row.is_admin_up && old.is_up == row.is_up;
            effects.are_routes_stale = !is_same;
            let is_flushed = old.mac != row.mac || (old.is_admin_up && !row.is_admin_up);
            effects.lost_neighbours = is_flushed.then_some(index);
            row.is_wireless = old.is_wireless;
            row.addresses = old.addresses;
            row.gateway = old.gateway;
        } else {
            effects.are_routes_stale = true;
            effects.new_link = Some(index);
        }
        self.rows.insert(index, row);
        effects
    }

    fn remove_link(&mut self, message: &LinkMessage) -> Effects {
        let index = LinkIndex(message.header.index);
        if message.header.interface_family != AddressFamily::Unspec
            || self.rows.remove(&index).is_none()
        {
            return Effects::default();
        }
        Effects {
            are_routes_stale: true,
            lost_neighbours: Some(index),
            gone_link: Some(index),
            ..Effects::default()
        }
    }

    fn apply_address(&mut self, message: &AddressMessage) -> Effects {
        let (Some(row), Some(address)) = (
            self.rows.get_mut(&LinkIndex(message.header.index)),
            Address::of(message),
        ) else {
            return Effects::default();
        };
        match row.addresses.iter_mut().find(|old| old.own == address.own) {
            Some(old) => *old = address,
            None => row.addresses.push(address),
        }
        Effects {
            are_routes_stale: !row.is_loopback,
            ..Effects::default()
        }
    }

    fn remove_address(&mut self, message: &AddressMessage) -> Effects {
        let (Some(row), Some(address)) = (
            self.rows.get_mut(&LinkIndex(message.header.index)),
            Address::of(message),
        ) else {
            return Effects::default();
        };
        row.addresses.retain(|old| old.own != address.own);
        let is_loopback = row.is_loopback;
        let gone = address.own.address;
        let gone_local = (is_loopback && !self.has_local(gone)).then_some(gone);
        Effects {
            are_routes_stale: !is_loopback,
            gone_local,
            ..Effects::default()
        }
    }
}

impl Row {
    fn of(message: &LinkMessage) -> Option<Row> {
        let flags = message.header.flags;
        let is_ethernet = message.header.link_layer_type == LinkLayerType::Ether;
        let (mut name, mut mac, mut is_port) = (None, None, false);
        for attribute in &message.attributes {
            if let LinkAttribute::IfName(text) = attribute {
                name = text.parse().ok();
            } else if let LinkAttribute::Address(bytes) = attribute {
                mac = <[u8; 6]>::try_from(bytes.as_slice()).ok().map(Mac);
            } else if let LinkAttribute::Controller(master) = attribute {
                is_port = *master != 0;
            }
        }
        let mac = mac.filter(|mac| is_ethernet && mac.is_unicast());
        let is_loopback = flags.contains(LinkFlags::Loopback);
        let can_ask = flags.contains(LinkFlags::Broadcast) && !flags.contains(LinkFlags::Noarp);
        Some(Row {
            name: name?,
            mac,
            is_loopback,
            is_admin_up: flags.contains(LinkFlags::Up),
            is_up: flags.contains(LinkFlags::Up | LinkFlags::Running | LinkFlags::LowerUp),
            is_announcing: mac.is_some() && !is_loopback && !is_port && can_ask,
            is_wireless: false,
            addresses: Vec::new(),
            gateway: None,
        })
    }

    fn fact(&self) -> Link {
        let addresses = self.addresses.iter();
        Link {
            name: self.name.clone(),
            mac: self.mac,
            is_up: self.is_up,
            is_announcing: self.is_announcing,
            is_wireless: self.is_wireless,
            addresses: addresses
                .filter(|address| !self.is_loopback || address.is_lasting)
                .map(|address| address.own)
                .collect(),
            gateway: self.gateway.map(|(_, gateway)| gateway),
        }
    }
}

impl Address {
    fn of(message: &AddressMessage) -> Option<Address> {
        let (mut local, mut other) = (None, None);
        for attribute in &message.attributes {
            // On a point-to-point link the second one is the peer's.
            if let AddressAttribute::Local(address) = attribute {
                local = Some(*address);
            } else if let AddressAttribute::Address(address) = attribute {
                other = Some(*address);
            }
        }
        let address = local.or(other)?;
        Some(Address {
            own: LinkAddress {
                address,
                subnet: Subnet::of(address, message.header.prefix_len)?,
            },
            is_lasting: message.header.flags.contains(AddressHeaderFlags::Permanent),
        })
    }
}

/// Whether this is an IPv4 default route of the main table.
fn is_default(route: &RouteMessage) -> bool {
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
fn hops(route: &RouteMessage) -> Vec<(LinkIndex, (u32, IpAddr))> {
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

#[cfg(test)]
mod tests;
