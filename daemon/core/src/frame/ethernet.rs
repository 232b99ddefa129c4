//! Ethernet II headers (RFC 894): written in front of a payload, and taken off again.
//!
//! The only place that knows where the header's fields stand. Called by the protocols beside it.

use pnet::packet::Packet;
use pnet::packet::ethernet::{EtherType, EthernetPacket, MutableEthernetPacket};
use pnet::util::MacAddr;

use crate::names::Mac;

/// The shortest frame without its checksum; shorter ones are padded with zeroes.
pub const MIN_FRAME: usize = 60;

/// Length of an Ethernet II header.
pub const HEADER: usize = 14;

/// The protocol number of IPv6.
pub const IPV6: u16 = 0x86dd;

/// Where a frame goes, where it comes from, and what it carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The receiver.
    pub destination: Mac,
    /// The sender.
    pub source: Mac,
    /// The protocol of the payload.
    pub ethertype: u16,
}

/// A frame with this header and payload, padded to [`MIN_FRAME`].
pub fn build(header: Header, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; MIN_FRAME.max(HEADER + payload.len())];
    let (head, body) = bytes.split_at_mut(HEADER);
    body[..payload.len()].copy_from_slice(payload);
    let mut view =
        MutableEthernetPacket::new(head).expect("the buffer has the length of an Ethernet header");
    view.set_destination(to_view(header.destination));
    view.set_source(to_view(header.source));
    view.set_ethertype(EtherType(header.ethertype));
    bytes
}

/// Header and payload (padding included) of a frame; none if it is shorter than a header.
pub fn split(bytes: &[u8]) -> Option<(Header, &[u8])> {
    let view = EthernetPacket::new(bytes)?;
    let header = Header {
        destination: from_view(view.get_destination()),
        source: from_view(view.get_source()),
        ethertype: view.get_ethertype().0,
    };
    debug_assert_eq!(view.payload().len(), bytes.len() - HEADER);
    Some((header, &bytes[HEADER..]))
}

/// A hardware address as pnet has it.
pub(super) fn to_view(mac: Mac) -> MacAddr {
    let [a, b, c, d, e, g] = mac.0;
    MacAddr(a, b, c, d, e, g)
}

/// A hardware address as the core has it.
pub(super) fn from_view(mac: MacAddr) -> Mac {
    Mac([mac.0, mac.1, mac.2, mac.3, mac.4, mac.5])
}
