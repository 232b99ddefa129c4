//! What is known of the world outside: facts as plain values, gathered by the shells.

pub mod cluster;
pub mod delivery;
pub mod former;
pub mod occupants;
mod of_boot;
pub mod proxy;
pub mod request;
pub mod settings;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use settings::LinkSettings;

use crate::names::{LinkIndex, LinkName, Mac, Subnet};

/// The kernel's links, addresses and default routes, as `link` last read them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkFacts {
    /// Every link of the network namespace.
    pub links: BTreeMap<LinkIndex, Link>,
}

/// One network interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its name.
    pub name: LinkName,
    /// Its hardware address; none if it has no Ethernet address (loopback, tunnels).
    pub mac: Option<Mac>,
    /// Administratively up, and with carrier.
    pub is_up: bool,
    /// Whether it can speak for addresses: Ethernet, not loopback, not the port of a bridge or
    /// bond, broadcast and ARP switched on.
    pub is_announcing: bool,
    /// Whether frames go over the air (power save holds them back).
    pub is_wireless: bool,
    /// Its own addresses with their subnets.
    pub addresses: Vec<LinkAddress>,
    /// The default gateway that is reached over this link, of IPv4 if there is one.
    pub gateway: Option<IpAddr>,
    /// Another number whenever the segment must learn again where this link's addresses are: it
    /// came up, has another hardware address, or reaches the segment another way (a bond's or
    /// team's fail-over, a port of the bridge that came up, a migrated virtual machine).
    pub generation: u32,
    /// Orders the links by when they last came up: the smaller, the longer ago. 0 for those that
    /// were up before all events.
    pub came_up: u32,
    /// How the kernel treats ARP and packets there.
    pub settings: LinkSettings,
}

/// An address of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkAddress {
    /// The address.
    pub address: IpAddr,
    /// The subnet that it is configured with.
    pub subnet: Subnet,
}

impl Link {
    /// The first own IPv4 address whose subnet contains `other`.
    pub fn address_toward(&self, other: IpAddr) -> Option<LinkAddress> {
        self.addresses
            .iter()
            .copied()
            .find(|own| own.subnet.contains(other))
    }
}

/// The wished addresses that are local, by whomever.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LocalAddresses {
    /// The addresses.
    pub addresses: BTreeSet<IpAddr>,
    /// The number of the last wish that was carried out.
    pub wish: u64,
}

/// What the kernel shall hold for us; `link` makes it so, again after every foreign change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KernelWish {
    /// Counts up with each other wish.
    pub number: u64,
    /// Addresses to be local (on the loopback link, with a lifetime that is renewed).
    pub local: BTreeSet<IpAddr>,
    /// Links on which the kernel must neither answer ARP for them nor ask with them.
    pub announcing: Vec<LinkIndex>,
    /// Permanent neighbour entries of peers.
    pub neighbours: BTreeMap<(LinkIndex, IpAddr), Mac>,
    /// Leave everything as it is when the process ends (a restart, R16): addresses run out by
    /// themselves if it does not come back.
    pub is_kept_on_exit: bool,
}
