//! IPv4 over Ethernet as the simulated hosts send and read it: ICMP echo and DNS over UDP. Plain
//! bytes, so that a mistake of the product's codec is not repeated here. ARP is in `sovnet_tests`.

use std::net::Ipv4Addr;

use sovnet_tests::lan::arp::Mac;
use sovnet_tests::lan::probe::checksum;

#[cfg(test)]
mod tests;

/// ICMP (RFC 792).
const ICMP: u8 = 1;
/// UDP (RFC 768).
const UDP: u8 = 17;
/// The port of DNS.
const DNS: u16 = 53;

/// Both ends of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    /// Frame's source.
    pub from_mac: Mac,
    /// Frame's destination.
    pub to_mac: Mac,
    /// Sender.
    pub from: Ipv4Addr,
    /// Receiver.
    pub to: Ipv4Addr,
}

/// What of IPv4 the simulated hosts understand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Type 8.
    EchoRequest {
        /// Identifier and sequence number.
        number: u32,
    },
    /// Type 0.
    EchoReply {
        /// Identifier and sequence number.
        number: u32,
    },
    /// UDP to port 53.
    DnsQuery {
        /// The sender's port.
        port: u16,
        /// The DNS message.
        message: Vec<u8>,
    },
    /// UDP from port 53.
    DnsAnswer {
        /// The receiver's port.
        port: u16,
        /// The DNS message.
        message: Vec<u8>,
    },
}

/// The frame of a message.
pub fn build(ends: &Ends, message: &Message) -> Vec<u8> {
    let (protocol, payload) = match message {
        Message::EchoRequest { number } => (ICMP, icmp(8, *number)),
        Message::EchoReply { number } => (ICMP, icmp(0, *number)),
        Message::DnsQuery { port, message } => (UDP, udp(*port, DNS, message)),
        Message::DnsAnswer { port, message } => (UDP, udp(DNS, *port, message)),
    };
    let mut header = vec![0x45, 0];
    header.extend(length(20 + payload.len()));
    // No fragments, 64 hops; the checksum follows.
    header.extend([0, 0, 0x40, 0, 64, protocol, 0, 0]);
    header.extend(ends.from.octets());
    header.extend(ends.to.octets());
    let sum = checksum(&header).to_be_bytes();
    header.splice(10..12, sum);
    let mut frame = Vec::with_capacity(14 + header.len() + payload.len());
    frame.extend(ends.to_mac.0);
    frame.extend(ends.from_mac.0);
    frame.extend([0x08, 0x00]);
    frame.extend(header);
    frame.extend(payload);
    frame
}

/// Reads a frame; none unless it is one of the messages, whole and with a right IPv4 header.
pub fn parse(frame: &[u8]) -> Option<(Ends, Message)> {
    if frame.get(12..14)? != [0x08, 0x00] || frame.get(14)? >> 4 != 4 {
        return None;
    }
    let header_length = usize::from(frame.get(14)? & 0x0f) * 4;
    let header = frame.get(14..14 + header_length.max(20))?;
    let total = usize::from(number_at(header, 2)?);
    let is_fragment = number_at(header, 6)? & 0x3fff != 0;
    if checksum(header) != 0 || is_fragment {
        return None;
    }
    // Behind the packet, Ethernet pads to 60 bytes.
    let payload = frame.get(14 + header.len()..14 + total)?;
    let ends = Ends {
        from_mac: Mac(frame.get(6..12)?.try_into().ok()?),
        to_mac: Mac(frame.get(0..6)?.try_into().ok()?),
        from: address_at(header, 12)?,
        to: address_at(header, 16)?,
    };
    let message = match *header.get(9)? {
        ICMP => parse_icmp(payload)?,
        UDP => parse_udp(payload)?,
        _ => return None,
    };
    Some((ends, message))
}

/// The addresses of the A records of a DNS answer to `query`, if it is one without error.
pub fn addresses(query: &[u8], answer: &[u8]) -> Option<Vec<Ipv4Addr>> {
    let is_answer = answer.get(2)? & 0x80 != 0 && answer.get(3)? & 0x0f == 0;
    // The question comes back as it was sent.
    let is_ours =
        answer.get(..2)? == query.get(..2)? && answer.get(12..query.len())? == query.get(12..)?;
    if !is_answer || !is_ours {
        return None;
    }
    let mut at = query.len();
    let mut found = Vec::new();
    for _ in 0..number_at(answer, 6)? {
        at = end_of_name(answer, at)?;
        let data_length = usize::from(number_at(answer, at + 8)?);
        if number_at(answer, at)? == 1 && data_length == 4 {
            found.push(address_at(answer, at + 10)?);
        }
        at += 10 + data_length;
    }
    Some(found)
}

/// Past a name that may end in a pointer (RFC 1035 section 4.1.4).
fn end_of_name(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *message.get(at)? {
            0 => return Some(at + 1),
            pointer if pointer & 0xc0 == 0xc0 => return Some(at + 2),
            label => at += 1 + usize::from(label),
        }
    }
}

fn icmp(kind: u8, number: u32) -> Vec<u8> {
    let mut packet = vec![kind, 0, 0, 0];
    packet.extend(number.to_be_bytes());
    let sum = checksum(&packet).to_be_bytes();
    packet.splice(2..4, sum);
    packet
}

fn parse_icmp(packet: &[u8]) -> Option<Message> {
    let number = u32::from_be_bytes(packet.get(4..8)?.try_into().ok()?);
    match (checksum(packet), packet.first()?) {
        (0, 8) => Some(Message::EchoRequest { number }),
        (0, 0) => Some(Message::EchoReply { number }),
        _ => None,
    }
}

/// Without a checksum, which IPv4 allows (RFC 768).
fn udp(from: u16, to: u16, message: &[u8]) -> Vec<u8> {
    let mut packet = Vec::with_capacity(8 + message.len());
    packet.extend(from.to_be_bytes());
    packet.extend(to.to_be_bytes());
    packet.extend(length(8 + message.len()));
    packet.extend([0, 0]);
    packet.extend(message);
    packet
}

fn parse_udp(packet: &[u8]) -> Option<Message> {
    let message = packet.get(8..usize::from(number_at(packet, 4)?))?.to_vec();
    match (number_at(packet, 0)?, number_at(packet, 2)?) {
        (port, DNS) => Some(Message::DnsQuery { port, message }),
        (DNS, port) => Some(Message::DnsAnswer { port, message }),
        _ => None,
    }
}

fn length(bytes: usize) -> [u8; 2] {
    u16::try_from(bytes).unwrap_or(u16::MAX).to_be_bytes()
}

fn number_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn address_at(bytes: &[u8], at: usize) -> Option<Ipv4Addr> {
    let octets: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(Ipv4Addr::from(octets))
}
