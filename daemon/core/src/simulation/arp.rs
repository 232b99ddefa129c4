//! ARP frames of the simulated kernels, built and read here so that the core's own frames are
//! checked by a second hand.

use std::net::IpAddr;

use crate::names::Mac;

/// What an ARP frame says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arp {
    /// Destination of the Ethernet frame.
    pub(crate) to: Mac,
    /// Reply, or request.
    pub(crate) is_reply: bool,
    /// Sender's hardware address.
    pub(crate) sender_mac: Mac,
    /// Sender's protocol address.
    pub(crate) sender: IpAddr,
    /// Target's hardware address.
    pub(crate) target_mac: Mac,
    /// Target's protocol address.
    pub(crate) target: IpAddr,
}

impl Arp {
    /// The frame that answers this request from the host with `mac`.
    pub(crate) fn reply(&self, mac: Mac) -> Arp {
        Arp {
            to: self.sender_mac,
            is_reply: true,
            sender_mac: mac,
            sender: self.target,
            target_mac: self.sender_mac,
            target: self.sender,
        }
    }

    /// A broadcast question.
    pub(crate) fn question(mac: Mac, sender: IpAddr, target: IpAddr) -> Arp {
        Arp {
            to: Mac::BROADCAST,
            is_reply: false,
            sender_mac: mac,
            sender,
            target_mac: Mac::ZERO,
            target,
        }
    }

    /// As bytes on the wire.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(60);
        bytes.extend_from_slice(&self.to.0);
        bytes.extend_from_slice(&self.sender_mac.0);
        bytes.extend_from_slice(&[8, 6, 0, 1, 8, 0, 6, 4, 0, 1 + u8::from(self.is_reply)]);
        bytes.extend_from_slice(&self.sender_mac.0);
        bytes.extend_from_slice(&octets(self.sender));
        bytes.extend_from_slice(&self.target_mac.0);
        bytes.extend_from_slice(&octets(self.target));
        bytes.resize(60, 0);
        bytes
    }

    /// Reads a frame; none if it is not ARP for IPv4 over Ethernet.
    pub(crate) fn read(bytes: &[u8]) -> Option<Arp> {
        let fixed = bytes.get(12..20)?;
        let operation = *bytes.get(21)?;
        let is_arp = fixed == [8, 6, 0, 1, 8, 0, 6, 4] && bytes[20] == 0;
        if !is_arp || bytes.len() < 42 || !(1..=2).contains(&operation) {
            return None;
        }
        let mac = |at: usize| bytes[at..at + 6].try_into().map(Mac);
        let address = |at: usize| <[u8; 4]>::try_from(&bytes[at..at + 4]).map(IpAddr::from);
        Some(Arp {
            to: mac(0).ok()?,
            is_reply: operation == 2,
            sender_mac: mac(22).ok()?,
            sender: address(28).ok()?,
            target_mac: mac(32).ok()?,
            target: address(38).ok()?,
        })
    }
}

fn octets(address: IpAddr) -> [u8; 4] {
    match address {
        IpAddr::V4(v4) => v4.octets(),
        IpAddr::V6(_) => unreachable!("ARP is for IPv4"),
    }
}

#[test]
fn a_frame_reads_as_it_was_written() {
    let frame = Arp {
        is_reply: true,
        ..Arp::question(
            Mac([2, 0, 0, 0, 0, 1]),
            IpAddr::from([192, 0, 2, 1]),
            IpAddr::from([192, 0, 2, 2]),
        )
    };
    assert_eq!(Arp::read(&frame.bytes()), Some(frame));
    assert_eq!(Arp::read(&frame.bytes()[..41]), None);
}
