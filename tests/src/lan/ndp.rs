//! Neighbour discovery as a test sends and reads it: plain bytes, so that a mistake of the product's
//! codec is not repeated here. The twin of `arp`.

use std::net::Ipv6Addr;

use socket2::Socket;

use super::arp::Mac;
use super::node::Node;
use super::probe::checksum;
use super::sniff::{bind_to_link, socket_for};

/// Every node of the link, and its hardware address.
pub const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// The type of IPv6 frames.
const IPV6: u16 = 0x86dd;

/// The next header of ICMPv6.
const ICMPV6: u8 = 58;

/// The types of RFC 4861 section 4.
const SOLICITATION: u8 = 135;
const ADVERTISEMENT: u8 = 136;

/// The flags of an advertisement (RFC 4861 section 4.4).
const SOLICITED: u8 = 0x40;
const OVERRIDE: u8 = 0x20;

/// A neighbour advertisement that was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advertisement {
    /// Its IPv6 receiver.
    pub to: Ipv6Addr,
    /// The address that it speaks for.
    pub target: Ipv6Addr,
    /// Where that is: the option, or else the frame's source.
    pub mac: Mac,
    /// Whether it says that it answers its receiver.
    pub is_solicited: bool,
    /// Whether it replaces what a receiver knows.
    pub is_override: bool,
}

impl Advertisement {
    /// Reads a frame; none unless it is a neighbour advertisement.
    pub fn parse(frame: &[u8]) -> Option<Advertisement> {
        let is_one = frame.get(12..14)? == IPV6.to_be_bytes()
            && *frame.get(20)? == ICMPV6
            && *frame.get(54)? == ADVERTISEMENT;
        if !is_one {
            return None;
        }
        let flags = *frame.get(58)?;
        let option = frame.get(78..80).filter(|option| *option == [2, 1]);
        let mac_at = if option.is_some() { 80 } else { 6 };
        Some(Advertisement {
            to: address_at(frame, 38)?,
            target: address_at(frame, 62)?,
            mac: Mac(frame.get(mac_at..mac_at + 6)?.try_into().ok()?),
            is_solicited: flags & SOLICITED != 0,
            is_override: flags & OVERRIDE != 0,
        })
    }
}

/// `mac` says to all, unasked, that it has `address` (RFC 4861 section 7.2.6).
pub fn unsolicited(mac: Mac, address: Ipv6Addr) -> Vec<u8> {
    let mut message = vec![ADVERTISEMENT, 0, 0, 0, OVERRIDE, 0, 0, 0];
    message.extend(address.octets());
    message.extend([2, 1]);
    message.extend(mac.0);
    frame(mac, address, ALL_NODES, message)
}

/// `mac` asks whether `address` is free, to take it (RFC 4862 section 5.4.2).
pub fn probe(mac: Mac, address: Ipv6Addr) -> Vec<u8> {
    let mut message = vec![SOLICITATION, 0, 0, 0, 0, 0, 0, 0];
    message.extend(address.octets());
    frame(mac, Ipv6Addr::UNSPECIFIED, group_of(address), message)
}

/// Where whoever has `address` listens (RFC 4291 section 2.7.1).
fn group_of(address: Ipv6Addr) -> Ipv6Addr {
    let [.., a, b, c] = address.octets();
    let mut group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00, 0).octets();
    group[13..].copy_from_slice(&[a, b, c]);
    Ipv6Addr::from(group)
}

/// The message in its IPv6 and Ethernet frame, to a group (RFC 2464 section 7), with its checksum.
fn frame(from: Mac, source: Ipv6Addr, group: Ipv6Addr, mut message: Vec<u8>) -> Vec<u8> {
    let length = u8::try_from(message.len()).unwrap_or(u8::MAX);
    let mut summed = [source.octets(), group.octets()].concat();
    summed.extend([0, 0, 0, length, 0, 0, 0, ICMPV6]);
    summed.extend(&message);
    message.splice(2..4, checksum(&summed).to_be_bytes());
    let [.., a, b, c, d] = group.octets();
    let mut frame = vec![0x33, 0x33, a, b, c, d];
    frame.extend(from.0);
    frame.extend(IPV6.to_be_bytes());
    frame.extend([0x60, 0, 0, 0, 0, length, ICMPV6, 255]);
    frame.extend(source.octets());
    frame.extend(group.octets());
    frame.extend(message);
    frame
}

fn address_at(frame: &[u8], at: usize) -> Option<Ipv6Addr> {
    let octets: [u8; 16] = frame.get(at..at + 16)?.try_into().ok()?;
    Some(Ipv6Addr::from(octets))
}

/// A socket on `eth0` of `node` that sends frames and reads those of IPv6.
///
/// # Errors
/// What the kernel refused.
pub fn socket(node: &Node) -> anyhow::Result<Socket> {
    node.in_network(|| {
        let socket = socket_for(IPV6)?;
        bind_to_link(&socket, "eth0")?;
        Ok(socket)
    })?
}

#[cfg(test)]
mod tests;
