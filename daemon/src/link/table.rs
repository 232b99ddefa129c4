//! What the kernel has told: links, addresses and default routes, from netlink messages.
//!
//! A pure translation, message by message; does no I/O and asks for nothing. What a message means
//! for the rest of `link` is its result ([`Effects`]).

mod addresses;
mod details;
mod routes;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use netlink_packet_route::address::AddressMessage;
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkLayerType, LinkMessage};
use netlink_packet_route::route::RouteMessage;
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use sovnet_core::facts::former::ArpModes;
use sovnet_core::facts::{Link, LinkFacts};
use sovnet_core::names::{LinkIndex, LinkName, Mac, Subnet};

use self::addresses::{Address, Addresses};
use self::details::{Details, Role, is_to_be_noticed};
use self::routes::{Hop, hops, is_default};

pub(super) use self::details::Conf;

/// The kernel's state as far as it was told.
#[derive(Debug, Default)]
pub(super) struct LinkTable {
    rows: BTreeMap<LinkIndex, Row>,
    /// What holds for all links, if it is known.
    conf_for_all: Option<Conf>,
    /// How often a link came up since the first reading.
    came_up: u32,
}

#[derive(Debug)]
struct Row {
    name: LinkName,
    mac: Option<Mac>,
    is_loopback: bool,
    is_admin_up: bool,
    is_up: bool,
    /// How often the kernel says that it got carrier. It joins what follows closely in one message:
    /// of a short flap only this tells.
    carrier_ups: Option<u32>,
    is_announcing: bool,
    is_wireless: bool,
    details: Details,
    conf: Conf,
    /// As the facts have it.
    generation: u32,
    came_up: u32,
    /// The message that made this row told that the link came up.
    has_come_up: bool,
    addresses: Addresses,
    /// The gateway of the preferred default route.
    gateway: Option<Hop>,
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

    /// Takes over what was read anew, in place of all that was known before. What happened since
    /// then was not told, so every link's segment has to learn again where it is.
    pub(super) fn reread(&mut self, messages: &[RouteNetlinkMessage]) {
        let before = std::mem::take(&mut self.rows);
        let is_first = before.is_empty();
        for message in messages {
            self.apply(message);
        }
        for (index, row) in &mut self.rows {
            if let Some(old) = before.get(index) {
                row.generation = old.generation.wrapping_add(1);
                if old.is_up || !row.is_up {
                    row.came_up = old.came_up;
                }
            } else if is_first {
                row.came_up = 0;
            }
        }
    }

    /// Takes over the settings that hold for all links.
    pub(super) fn set_conf_for_all(&mut self, conf: Option<Conf>) {
        self.conf_for_all = conf;
    }

    /// Takes over each link's settings, and nothing else of these messages: they were asked for,
    /// and events may have told newer things.
    pub(super) fn apply_conf(&mut self, message: &LinkMessage) {
        let row = self.rows.get_mut(&LinkIndex(message.header.index));
        if let Some((row, conf)) = row.zip(Conf::of(message)) {
            row.conf = conf;
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
        let all = self.conf_for_all.as_ref();
        let links = self.rows.iter().map(|(index, row)| (*index, row.fact(all)));
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

    /// Those of these links that exist, and the links that have a subnet in common with one.
    pub(super) fn on_segments_of(&self, links: &[LinkIndex]) -> BTreeSet<LinkIndex> {
        let given = links.iter().filter_map(|index| self.rows.get(index));
        let subnets: BTreeSet<Subnet> = given.flat_map(Row::subnets_v4).collect();
        let is_there = |index: &LinkIndex, row: &Row| {
            links.contains(index)
                || (row.is_announcing && row.subnets_v4().any(|one| subnets.contains(&one)))
        };
        let rows = self.rows.iter();
        rows.filter(|(index, row)| is_there(index, row))
            .map(|(index, _)| *index)
            .collect()
    }

    /// Whether a link exists.
    pub(super) fn has_link(&self, index: LinkIndex) -> bool {
        self.rows.contains_key(&index)
    }

    /// How a link speaks ARP by itself, as it was last told.
    pub(super) fn arp_modes(&self, index: LinkIndex) -> Option<ArpModes> {
        self.rows.get(&index).map(|row| ArpModes {
            ignore: row.conf.arp_ignore,
            announce: row.conf.arp_announce,
        })
    }

    /// Whether a link can keep neighbours: the kernel drops them when it goes down.
    pub(super) fn is_admin_up(&self, index: LinkIndex) -> bool {
        self.rows.get(&index).is_some_and(|row| row.is_admin_up)
    }

    /// Whether the loopback link has this address.
    pub(super) fn has_local(&self, address: IpAddr) -> bool {
        self.local(address).next().is_some()
    }

    /// Whether the loopback link has this address without an end of its lifetime: somebody else
    /// put it there, since ours always end.
    pub(super) fn has_lasting_local(&self, address: IpAddr) -> bool {
        self.local(address).any(|found| found.is_lasting)
    }

    fn local(&self, address: IpAddr) -> impl Iterator<Item = &Address> {
        let rows = self.rows.values().filter(|row| row.is_loopback);
        rows.flat_map(move |row| row.addresses.having(address))
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
        let Some(row) = Row::of(message) else {
            return Effects::default();
        };
        let is_noticed = is_to_be_noticed(message);
        let (row, effects, is_new_way) = match self.rows.remove(&index) {
            Some(old) => row.after(old, index, is_noticed, Conf::of(message).is_some()),
            None => {
                let effects = Effects {
                    are_routes_stale: true,
                    new_link: Some(index),
                    ..Effects::default()
                };
                (row, effects, false)
            }
        };
        self.insert(index, row, is_new_way);
        effects
    }

    /// Puts a link into the table, with consequences for the bridge that it is a port of.
    fn insert(&mut self, index: LinkIndex, mut row: Row, is_new_way: bool) {
        if row.has_come_up {
            self.came_up += 1;
            row.came_up = self.came_up;
        }
        let master = row
            .details
            .master
            .filter(|_| is_new_way && row.details.role != Role::Guest);
        self.rows.insert(index, row);
        // A bond tells of its own fail-over; what is behind a bridge, the bridge does not tell.
        let bridge = master.and_then(|master| self.rows.get_mut(&master));
        if let Some(bridge) = bridge.filter(|master| master.details.role == Role::Bridge) {
            bridge.generation = bridge.generation.wrapping_add(1);
        }
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
        row.addresses.set(address);
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
        row.addresses.remove(address.own);
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
        let details = Details::of(message);
        let (mut name, mut mac, mut carrier_ups) = (None, None, None);
        for attribute in &message.attributes {
            if let LinkAttribute::CarrierUpCount(count) = attribute {
                carrier_ups = Some(*count);
            } else if let LinkAttribute::IfName(text) = attribute {
                name = text.parse().ok();
            } else if let LinkAttribute::Address(bytes) = attribute {
                mac = <[u8; 6]>::try_from(bytes.as_slice()).ok().map(Mac);
            }
        }
        let mac = mac.filter(|mac| is_ethernet && mac.is_unicast());
        let is_loopback = flags.contains(LinkFlags::Loopback);
        let can_ask = flags.contains(LinkFlags::Broadcast) && !flags.contains(LinkFlags::Noarp);
        let is_reached = details.master.is_none() && details.role != Role::Silent;
        let is_up = flags.contains(LinkFlags::Up | LinkFlags::Running | LinkFlags::LowerUp);
        Some(Row {
            name: name?,
            mac,
            is_loopback,
            is_admin_up: flags.contains(LinkFlags::Up),
            is_up,
            carrier_ups,
            is_announcing: mac.is_some() && !is_loopback && is_reached && can_ask,
            is_wireless: false,
            details,
            conf: Conf::of(message).unwrap_or_default(),
            generation: 0,
            has_come_up: is_up,
            came_up: 0,
            addresses: Addresses::default(),
            gateway: None,
        })
    }

    /// This row in place of an older one, what follows from the change, and whether the segment is
    /// reached another way now.
    fn after(
        mut self,
        old: Row,
        index: LinkIndex,
        is_noticed: bool,
        has_conf: bool,
    ) -> (Row, Effects, bool) {
        let is_same = old.is_admin_up == self.is_admin_up && old.is_up == self.is_up;
        let has_new_mac = old.mac != self.mac;
        let is_flushed = has_new_mac || (old.is_admin_up && !self.is_admin_up);
        let effects = Effects {
            are_routes_stale: !is_same,
            lost_neighbours: is_flushed.then_some(index),
            ..Effects::default()
        };
        self.carrier_ups = self.carrier_ups.or(old.carrier_ups);
        let has_flapped = old.carrier_ups.is_some() && self.carrier_ups != old.carrier_ups;
        self.has_come_up = self.is_up && (!old.is_up || has_flapped);
        let has_new_port = self.details.active_port != old.details.active_port;
        let is_new_way = self.has_come_up || has_new_mac || has_new_port || is_noticed;
        self.generation = old.generation.wrapping_add(u32::from(is_new_way));
        self.came_up = old.came_up;
        self.is_wireless = old.is_wireless;
        self.addresses = old.addresses;
        self.gateway = old.gateway;
        if !has_conf {
            self.conf = old.conf;
        }
        (self, effects, is_new_way)
    }

    fn subnets_v4(&self) -> impl Iterator<Item = Subnet> {
        let own = self.addresses.iter().map(|address| address.own);
        own.filter(|own| own.address.is_ipv4())
            .map(|own| own.subnet)
    }

    fn fact(&self, all: Option<&Conf>) -> Link {
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
            gateway: self.gateway.map(|hop| hop.gateway),
            generation: self.generation,
            came_up: self.came_up,
            settings: self.conf.in_force(all, self.is_admin_up && !self.is_up),
        }
    }
}

#[cfg(test)]
mod tests;
