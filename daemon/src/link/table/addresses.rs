//! The addresses of one link, in the kernel's order: the first of a subnet is the one that it uses
//! itself. The loopback link has thousands, so none is searched for.

use std::collections::BTreeMap;
use std::net::IpAddr;

use netlink_packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage};
use sovnet_core::facts::LinkAddress;
use sovnet_core::names::Subnet;

/// One address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) own: LinkAddress,
    /// Without an end of its lifetime.
    pub(super) is_lasting: bool,
}

/// All of a link.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    in_order: BTreeMap<u64, Address>,
    /// By address and length of the prefix, which the kernel has once.
    places: BTreeMap<(IpAddr, u8), u64>,
    next: u64,
}

impl Addresses {
    /// Takes one over; one that is there already keeps its place.
    pub(super) fn set(&mut self, address: Address) {
        let place = *self.places.entry(key(address.own)).or_insert(self.next);
        if place == self.next {
            self.next += 1;
        }
        self.in_order.insert(place, address);
    }

    pub(super) fn remove(&mut self, own: LinkAddress) {
        if let Some(place) = self.places.remove(&key(own)) {
            self.in_order.remove(&place);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Address> {
        self.in_order.values()
    }

    /// All with this address, of whatever prefix.
    pub(super) fn having(&self, address: IpAddr) -> impl Iterator<Item = &Address> {
        let places = self.places.range((address, 0)..=(address, u8::MAX));
        places.filter_map(|(_, place)| self.in_order.get(place))
    }
}

fn key(own: LinkAddress) -> (IpAddr, u8) {
    (own.address, own.subnet.prefix())
}

impl Address {
    pub(super) fn of(message: &AddressMessage) -> Option<Address> {
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

#[cfg(test)]
mod tests;
