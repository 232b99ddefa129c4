//! ARP for IPv4 over Ethernet (RFC 826), with the gratuitous forms and probes of RFC 5227.
//!
//! A frame is parsed into an [`ArpFrame`] or into the reason why not; never fails otherwise and
//! never panics. Frames that go out are made by the functions below, one for each form.

use std::net::Ipv4Addr;

use pnet::packet::arp::{
    ArpHardwareTypes, ArpOperation, ArpOperations, ArpPacket, MutableArpPacket,
};
use pnet::packet::ethernet::EtherTypes;

use super::ethernet::{self, Header, from_view, to_view};
use crate::names::Mac;

/// Length of an ARP packet for IPv4 over Ethernet.
const PACKET: usize = 28;

/// What the sender wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Asks who has the target address.
    Request,
    /// Says where the sender address is.
    Reply,
}

/// One ARP frame, with the addresses of its Ethernet header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArpFrame {
    /// Receiver of the Ethernet frame.
    pub destination: Mac,
    /// Sender of the Ethernet frame; some access points put their own address here.
    pub source: Mac,
    /// Request or reply.
    pub operation: Operation,
    /// Where the sender says it is.
    pub sender_mac: Mac,
    /// The address that the frame speaks for; 0.0.0.0 in a probe (RFC 5227 section 2.1.1).
    pub sender: Ipv4Addr,
    /// In a reply the asker; without meaning in a request, except in [`ArpFrame::is_gratuitous`].
    pub target_mac: Mac,
    /// The address asked for; in a reply the asker's.
    pub target: Ipv4Addr,
}

/// Why bytes are not an ARP frame for us. Normal on a LAN, so a value and not an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reject {
    /// Too short for its headers.
    Truncated,
    /// Another protocol.
    NotArp,
    /// ARP, but not for IPv4 over Ethernet.
    NotEthernetIpv4,
    /// Neither request nor reply (RARP, InARP, nonsense).
    BadOperation,
    /// The sender claims a group or zero hardware address: an answer would go to everyone.
    GroupSender,
}

impl Reject {
    /// The name of its counter.
    pub fn name(self) -> &'static str {
        match self {
            Reject::Truncated => "arp-truncated",
            Reject::NotArp => "not-arp",
            Reject::NotEthernetIpv4 => "arp-not-ethernet-ipv4",
            Reject::BadOperation => "arp-bad-operation",
            Reject::GroupSender => "arp-group-sender",
        }
    }
}

impl ArpFrame {
    /// Whether it only states where its sender is: Linux overrides an entry within its lock time
    /// for these, and for a reply only if the target's hardware address is the sender's.
    pub fn is_gratuitous(&self) -> bool {
        self.sender == self.target
            && (self.operation == Operation::Request || self.target_mac == self.sender_mac)
    }

    /// Whether it asks if an address is free (RFC 5227 section 2.1.1).
    pub fn is_probe(&self) -> bool {
        self.operation == Operation::Request && self.sender.is_unspecified()
    }

    /// The frame's bytes, padded to the minimum of Ethernet.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut packet = [0; PACKET];
        let mut view =
            MutableArpPacket::new(&mut packet).expect("the buffer has the length of an ARP packet");
        view.set_hardware_type(ArpHardwareTypes::Ethernet);
        view.set_protocol_type(EtherTypes::Ipv4);
        view.set_hw_addr_len(6);
        view.set_proto_addr_len(4);
        view.set_operation(match self.operation {
            Operation::Request => ArpOperations::Request,
            Operation::Reply => ArpOperations::Reply,
        });
        view.set_sender_hw_addr(to_view(self.sender_mac));
        view.set_sender_proto_addr(self.sender);
        view.set_target_hw_addr(to_view(self.target_mac));
        view.set_target_proto_addr(self.target);
        let header = Header {
            destination: self.destination,
            source: self.source,
            ethertype: EtherTypes::Arp.0,
        };
        ethernet::build(header, &packet)
    }
}

/// Reads a frame; total over any bytes.
pub fn parse(bytes: &[u8]) -> Result<ArpFrame, Reject> {
    let (header, payload) = ethernet::split(bytes).ok_or(Reject::Truncated)?;
    if header.ethertype != EtherTypes::Arp.0 {
        return Err(Reject::NotArp);
    }
    let view = ArpPacket::new(payload).ok_or(Reject::Truncated)?;
    let is_ethernet_ipv4 = view.get_hardware_type() == ArpHardwareTypes::Ethernet
        && view.get_protocol_type() == EtherTypes::Ipv4
        && (view.get_hw_addr_len(), view.get_proto_addr_len()) == (6, 4);
    if !is_ethernet_ipv4 {
        return Err(Reject::NotEthernetIpv4);
    }
    let frame = ArpFrame {
        destination: header.destination,
        source: header.source,
        operation: operation(view.get_operation())?,
        sender_mac: from_view(view.get_sender_hw_addr()),
        sender: view.get_sender_proto_addr(),
        target_mac: from_view(view.get_target_hw_addr()),
        target: view.get_target_proto_addr(),
    };
    if frame.sender_mac.is_unicast() && frame.source.is_unicast() {
        Ok(frame)
    } else {
        Err(Reject::GroupSender)
    }
}

fn operation(value: ArpOperation) -> Result<Operation, Reject> {
    if value == ArpOperations::Request {
        Ok(Operation::Request)
    } else if value == ArpOperations::Reply {
        Ok(Operation::Reply)
    } else {
        Err(Reject::BadOperation)
    }
}

/// The answer of `mac` to a request, a unicast request or a probe, to the asker alone.
pub fn reply(request: &ArpFrame, mac: Mac) -> ArpFrame {
    ArpFrame {
        destination: request.sender_mac,
        source: mac,
        operation: Operation::Reply,
        sender_mac: mac,
        sender: request.target,
        target_mac: request.sender_mac,
        target: request.sender,
    }
}

/// `sender` at `mac` asks everyone for `target`.
pub fn request(mac: Mac, sender: Ipv4Addr, target: Ipv4Addr) -> ArpFrame {
    unicast_request(mac, sender, target, Mac::BROADCAST)
}

/// `sender` at `mac` asks `whom` alone for `target`, as neighbour unreachability detection does.
pub fn unicast_request(mac: Mac, sender: Ipv4Addr, target: Ipv4Addr, whom: Mac) -> ArpFrame {
    ArpFrame {
        destination: whom,
        source: mac,
        operation: Operation::Request,
        sender_mac: mac,
        sender,
        target_mac: Mac::ZERO,
        target,
    }
}

/// `address` is at `mac`, as a request (RFC 5227 section 3 prefers this form).
pub fn gratuitous_request(mac: Mac, address: Ipv4Addr) -> ArpFrame {
    request(mac, address, address)
}

/// `address` is at `mac`, as a reply whose target is `mac` itself: with any other target Linux does
/// not take it as gratuitous and ignores it within the lock time.
pub fn gratuitous_reply(mac: Mac, address: Ipv4Addr) -> ArpFrame {
    ArpFrame {
        operation: Operation::Reply,
        target_mac: mac,
        ..gratuitous_request(mac, address)
    }
}

/// `address` is at `mac`, told to `whom` alone; gratuitous to Linux like the one for everyone.
pub fn gratuitous_reply_to(mac: Mac, address: Ipv4Addr, whom: Mac) -> ArpFrame {
    ArpFrame {
        destination: whom,
        ..gratuitous_reply(mac, address)
    }
}

/// Asks whether `target` is free, without a sender address (RFC 5227 section 2.1.1).
pub fn probe(mac: Mac, target: Ipv4Addr) -> ArpFrame {
    request(mac, Ipv4Addr::UNSPECIFIED, target)
}

#[cfg(test)]
mod tests;
