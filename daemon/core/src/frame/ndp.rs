//! Neighbour solicitations and advertisements of IPv6 (RFC 4861), with the probes of duplicate
//! address detection (RFC 4862): what [`arp`](super::arp) is for IPv4.
//!
//! A frame is parsed into an [`NdpFrame`], after the checks of RFC 4861 section 7.1, or into the
//! reason why not; never fails otherwise and never panics. Frames that go out are made by the
//! functions below, one for each form. The sender of what speaks for an address is that address.

mod wire;

use std::net::Ipv6Addr;

use crate::names::Mac;

/// All nodes of the link.
pub const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// All routers of the link.
pub const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);

/// What the sender wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    /// Asks where the target is.
    Solicitation,
    /// Says where the target is.
    Advertisement(Flags),
}

/// What an advertisement says of itself (RFC 4861 section 4.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags {
    /// R: the sender is a router.
    pub is_router: bool,
    /// S: it answers a solicitation of its receiver, and so confirms that the way is open.
    pub is_solicited: bool,
    /// O: it replaces the hardware address that a receiver may know.
    pub is_override: bool,
}

/// One frame, with the addresses of its Ethernet and IPv6 headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NdpFrame {
    /// Receiver of the Ethernet frame.
    pub destination: Mac,
    /// Sender of the Ethernet frame; some access points put their own address here.
    pub source: Mac,
    /// IPv6 source; `::` in a probe (RFC 4862 section 5.4.2).
    pub sender: Ipv6Addr,
    /// IPv6 destination: a group or one host.
    pub receiver: Ipv6Addr,
    /// Question or statement.
    pub message: Message,
    /// The address asked for, or spoken for.
    pub target: Ipv6Addr,
    /// The option with a hardware address: of the sender in a solicitation, of the target in an
    /// advertisement.
    pub link_layer: Option<Mac>,
}

/// Why bytes are no such frame for us. Normal on a LAN, so a value and not an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reject {
    /// Too short for its headers.
    Truncated,
    /// Another protocol, or another message of ICMPv6.
    NotNdp,
    /// It passed a router, so it is not of this link.
    HopLimit,
    /// Damaged.
    BadChecksum,
    /// Not the code that the RFC knows.
    BadCode,
    /// Asks or speaks for a group.
    GroupTarget,
    /// An option that has no length, or reaches beyond the end.
    BadOption,
    /// From `::`, yet not to the group of its target, or with a hardware address.
    BadProbe,
    /// Says that it was asked for, yet goes to a group.
    SolicitedToGroup,
    /// The sender claims a group or zero hardware address, or a group as its own address.
    GroupSender,
}

impl Reject {
    /// The name of its counter.
    pub fn name(self) -> &'static str {
        match self {
            Reject::Truncated => "ndp-truncated",
            Reject::NotNdp => "not-ndp",
            Reject::HopLimit => "ndp-hop-limit",
            Reject::BadChecksum => "ndp-bad-checksum",
            Reject::BadCode => "ndp-bad-code",
            Reject::GroupTarget => "ndp-group-target",
            Reject::BadOption => "ndp-bad-option",
            Reject::BadProbe => "ndp-bad-probe",
            Reject::SolicitedToGroup => "ndp-solicited-to-group",
            Reject::GroupSender => "ndp-group-sender",
        }
    }
}

impl NdpFrame {
    /// Whether it asks if an address is free (RFC 4862 section 5.4.2).
    pub fn is_probe(&self) -> bool {
        self.message == Message::Solicitation && self.sender.is_unspecified()
    }

    /// Where the sender of a question, or the target of a statement, is: what its option says, or
    /// else where the frame comes from.
    pub fn speaker_mac(&self) -> Mac {
        self.link_layer.unwrap_or(self.source)
    }

    /// The frame's bytes, complete with checksum.
    pub fn to_bytes(&self) -> Vec<u8> {
        wire::build(self)
    }
}

/// Reads a frame; total over any bytes.
pub fn parse(bytes: &[u8]) -> Result<NdpFrame, Reject> {
    wire::parse(bytes)
}

/// The group in which whoever has `address` listens (RFC 4291 section 2.7.1).
pub fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let [.., a, b, c] = address.octets();
    let low = u16::from_be_bytes([b, c]);
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | u16::from(a), low)
}

/// The hardware address of a group (RFC 2464 section 7).
pub fn group_mac(group: Ipv6Addr) -> Mac {
    let [.., a, b, c, d] = group.octets();
    Mac([0x33, 0x33, a, b, c, d])
}

/// The answer of `mac` to a solicitation: to the asker alone, or to all nodes if it was a probe,
/// whose sender has no address yet (RFC 4861 section 7.2.4).
pub fn reply(solicitation: &NdpFrame, mac: Mac) -> NdpFrame {
    if solicitation.is_probe() {
        return unsolicited(mac, solicitation.target, ALL_NODES);
    }
    NdpFrame {
        destination: solicitation.speaker_mac(),
        receiver: solicitation.sender,
        message: Message::Advertisement(Flags {
            is_solicited: true,
            is_override: true,
            is_router: false,
        }),
        ..unsolicited(mac, solicitation.target, ALL_NODES)
    }
}

/// `address` is at `mac`, to a group: [`ALL_NODES`] know it from now on if they knew it before
/// (RFC 4861 section 7.2.6), and of [`ALL_ROUTERS`] those that heed RFC 9131 in any case.
pub fn unsolicited(mac: Mac, address: Ipv6Addr, group: Ipv6Addr) -> NdpFrame {
    unsolicited_to(mac, address, (group_mac(group), group))
}

/// `address` is at `mac`, to one host, given by its hardware and its IPv6 address.
pub fn unsolicited_to(mac: Mac, address: Ipv6Addr, whom: (Mac, Ipv6Addr)) -> NdpFrame {
    NdpFrame {
        destination: whom.0,
        source: mac,
        sender: address,
        receiver: whom.1,
        message: Message::Advertisement(Flags {
            is_solicited: false,
            is_override: true,
            is_router: false,
        }),
        target: address,
        link_layer: Some(mac),
    }
}

/// `sender` at `mac` asks the group of `target` where it is.
pub fn solicitation(mac: Mac, sender: Ipv6Addr, target: Ipv6Addr) -> NdpFrame {
    let group = solicited_node(target);
    NdpFrame {
        destination: group_mac(group),
        source: mac,
        sender,
        receiver: group,
        message: Message::Solicitation,
        target,
        link_layer: Some(mac),
    }
}

/// `sender` at `mac` asks `whom` alone whether it still has `target`, as neighbour unreachability
/// detection does (RFC 4861 section 7.3).
pub fn unicast_solicitation(mac: Mac, sender: Ipv6Addr, target: Ipv6Addr, whom: Mac) -> NdpFrame {
    NdpFrame {
        destination: whom,
        receiver: target,
        ..solicitation(mac, sender, target)
    }
}

/// Asks whether `target` is free: without a sender address, and without the option that would name
/// one (RFC 4862 section 5.4.2).
pub fn probe(mac: Mac, target: Ipv6Addr) -> NdpFrame {
    NdpFrame {
        link_layer: None,
        ..solicitation(mac, Ipv6Addr::UNSPECIFIED, target)
    }
}

#[cfg(test)]
mod tests;
