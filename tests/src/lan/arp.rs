//! ARP as a test sends and reads it: plain bytes, so that a mistake of the product's codec is not
//! repeated here; and an asker in the manner of arping.

use std::fmt;
use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use socket2::Socket;

use super::node::Node;
use super::sniff::{bind_to_link, packet_socket};
use crate::clock::now;

/// A hardware address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

/// Every host of the segment.
pub const BROADCAST: Mac = Mac([0xff; 6]);

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An ARP packet for IPv4 over Ethernet, with the frame's own addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arp {
    /// Frame's destination.
    pub to: Mac,
    /// Frame's source.
    pub from: Mac,
    /// 1 request, 2 reply.
    pub operation: u16,
    /// Sender's hardware address.
    pub sender_mac: Mac,
    /// Sender's address.
    pub sender: Ipv4Addr,
    /// Target's hardware address.
    pub target_mac: Mac,
    /// Target's address.
    pub target: Ipv4Addr,
}

impl Arp {
    /// Reads a frame; none unless it is ARP for IPv4 over Ethernet.
    pub fn parse(frame: &[u8]) -> Option<Arp> {
        let fixed = frame.get(12..20)?;
        if fixed != [0x08, 0x06, 0, 1, 0x08, 0, 6, 4] {
            return None;
        }
        Some(Arp {
            to: mac_at(frame, 0)?,
            from: mac_at(frame, 6)?,
            operation: u16::from_be_bytes(frame.get(20..22)?.try_into().ok()?),
            sender_mac: mac_at(frame, 22)?,
            sender: address_at(frame, 28)?,
            target_mac: mac_at(frame, 32)?,
            target: address_at(frame, 38)?,
        })
    }

    /// The frame, without padding.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut frame = Vec::with_capacity(42);
        frame.extend(self.to.0);
        frame.extend(self.from.0);
        frame.extend([0x08, 0x06, 0, 1, 0x08, 0, 6, 4]);
        frame.extend(self.operation.to_be_bytes());
        frame.extend(self.sender_mac.0);
        frame.extend(self.sender.octets());
        frame.extend(self.target_mac.0);
        frame.extend(self.target.octets());
        frame
    }
}

fn mac_at(frame: &[u8], at: usize) -> Option<Mac> {
    Some(Mac(frame.get(at..at + 6)?.try_into().ok()?))
}

fn address_at(frame: &[u8], at: usize) -> Option<Ipv4Addr> {
    let octets: [u8; 4] = frame.get(at..at + 4)?.try_into().ok()?;
    Some(Ipv4Addr::from(octets))
}

/// How to ask who has an address.
#[derive(Debug, Clone, Copy)]
pub enum Ask {
    /// A broadcast request with the asker's address.
    Broadcast,
    /// The same, to one host only, as a neighbour entry that grows old is confirmed.
    Unicast(Mac),
    /// RFC 5227 section 2.1.1: a broadcast request with sender 0.0.0.0.
    Probe,
}

/// Asks once from `node` who has `target`, and gives the hardware address of every reply that comes
/// within `wait`.
///
/// # Errors
/// What the packet socket gave.
pub fn ask(node: &Node, target: Ipv4Addr, how: Ask, wait: Duration) -> anyhow::Result<Vec<Mac>> {
    let own_mac = link_mac(node, "eth0")?;
    let own_address = link_address(node, "eth0")?;
    node.in_network(move || {
        let socket = packet_socket()?;
        bind_to_link(&socket, "eth0")?;
        let request = Arp {
            to: if let Ask::Unicast(mac) = how {
                mac
            } else {
                BROADCAST
            },
            from: own_mac,
            operation: 1,
            sender_mac: own_mac,
            sender: if let Ask::Probe = how {
                Ipv4Addr::UNSPECIFIED
            } else {
                own_address
            },
            target_mac: Mac([0; 6]),
            target,
        };
        socket.send(&request.to_bytes())?;
        collect_replies(&socket, &request, wait)
    })?
}

fn collect_replies(socket: &Socket, request: &Arp, wait: Duration) -> anyhow::Result<Vec<Mac>> {
    let started_at = now();
    let mut answers = Vec::new();
    loop {
        let left = wait.saturating_sub(now().duration_since(started_at));
        if left.is_zero() {
            return Ok(answers);
        }
        socket.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
        let mut buffer = [0; 2048];
        let length = match super::sniff::receive(socket, &mut buffer) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error.into()),
        };
        let Some(arp) = buffer.get(..length).and_then(Arp::parse) else {
            continue;
        };
        if arp.operation == 2 && arp.sender == request.target && arp.to == request.from {
            answers.push(arp.sender_mac);
        }
    }
}

/// The hardware address of a machine's interface.
///
/// # Errors
/// If there is no such interface.
pub fn link_mac(node: &Node, link: &str) -> anyhow::Result<Mac> {
    let text = node.must(&format!("cat /sys/class/net/{link}/address"))?;
    parse_mac(text.trim())
}

/// Reads `aa:bb:cc:dd:ee:ff`.
///
/// # Errors
/// Any other text.
pub fn parse_mac(text: &str) -> anyhow::Result<Mac> {
    let mut octets = [0; 6];
    let mut parts = text.split(':');
    for octet in &mut octets {
        let part = parts.next().unwrap_or_default();
        *octet = u8::from_str_radix(part, 16)
            .map_err(|error| anyhow::anyhow!("{text:?} is no hardware address: {error}"))?;
    }
    Ok(Mac(octets))
}

fn link_address(node: &Node, link: &str) -> anyhow::Result<Ipv4Addr> {
    let text = node.must(&format!("ip -4 -br addr show dev {link}"))?;
    let address = text
        .split_ascii_whitespace()
        .nth(2)
        .and_then(|net| net.split('/').next());
    Ok(address.unwrap_or_default().parse()?)
}
