//! What DHCP servers offer and confirm (RFC 2131, RFC 2132); only read, never written.
//!
//! Evidence of which addresses somebody else gives away, and nothing more: anybody can forge it.
//! Hence only lengths are checked and not the checksum of UDP, which is often left to a network
//! card and so is not there yet in frames of this very host. Options that stand in the fields for
//! file names (option overload) are not looked for.

use std::net::Ipv4Addr;
use std::time::Duration;

use pnet::packet::dhcp::{DhcpHardwareTypes, DhcpOperations, DhcpPacket};
use pnet::packet::ethernet::EtherTypes;
use pnet::packet::ip::IpNextHeaderProtocols;
use pnet::packet::ipv4::Ipv4Packet;
use pnet::packet::udp::UdpPacket;

use super::ethernet::{self, from_view};
use crate::names::Mac;

/// The port of servers.
pub const SERVER_PORT: u16 = 67;
/// The port of clients.
pub const CLIENT_PORT: u16 = 68;

/// Length of a UDP header.
const UDP: usize = 8;

/// Length of a message in front of its options.
const MESSAGE: usize = 236;

/// What comes in front of the options (RFC 2131 section 3).
const COOKIE: [u8; 4] = [99, 130, 83, 99];

/// Options by number (RFC 2132).
mod option {
    pub(super) const PAD: u8 = 0;
    pub(super) const SUBNET_MASK: u8 = 1;
    pub(super) const ROUTER: u8 = 3;
    pub(super) const LEASE: u8 = 51;
    pub(super) const MESSAGE_TYPE: u8 = 53;
    pub(super) const SERVER: u8 = 54;
    pub(super) const END: u8 = 255;
}

/// What a server says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    /// The client may have this address.
    Offer,
    /// The client has this address now.
    Ack,
}

/// One message of a server to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DhcpFrame {
    /// Sender of the Ethernet frame: the server, or the relay if there is one.
    pub source: Mac,
    /// Offer or acknowledgement.
    pub message: Message,
    /// Who gives the address away (option 54).
    pub server: Ipv4Addr,
    /// The relay between server and client, if there is one.
    pub relay: Option<Ipv4Addr>,
    /// The client.
    pub client: Mac,
    /// The address; none if the client has one and only asked for settings.
    pub offered: Option<Ipv4Addr>,
    /// The length of the subnet's prefix in bits (option 1).
    pub prefix: Option<u8>,
    /// The first router (option 3).
    pub router: Option<Ipv4Addr>,
    /// How long the client may keep the address (option 51).
    pub lease: Option<Duration>,
}

/// Why bytes are no offer and no acknowledgement. Normal on a LAN, so a value and not an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reject {
    /// Too short for its headers.
    Truncated,
    /// Another protocol, or not from a server's port to a client's.
    NotDhcp,
    /// A part of a datagram.
    Fragment,
    /// DHCP, but not for Ethernet.
    NotEthernet,
    /// Neither offer nor acknowledgement.
    OtherMessage,
    /// An option that reaches beyond the end, or without its proper length.
    BadOption,
    /// It does not say which server it is from.
    NoServer,
    /// The sender claims a group or zero hardware address.
    GroupSender,
}

impl Reject {
    /// The name of its counter.
    pub fn name(self) -> &'static str {
        match self {
            Reject::Truncated => "dhcp-truncated",
            Reject::NotDhcp => "not-dhcp",
            Reject::Fragment => "dhcp-fragment",
            Reject::NotEthernet => "dhcp-not-ethernet",
            Reject::OtherMessage => "dhcp-other-message",
            Reject::BadOption => "dhcp-bad-option",
            Reject::NoServer => "dhcp-no-server",
            Reject::GroupSender => "dhcp-group-sender",
        }
    }
}

/// Reads a frame; total over any bytes.
pub fn parse(bytes: &[u8]) -> Result<DhcpFrame, Reject> {
    let (header, payload) = ethernet::split(bytes).ok_or(Reject::Truncated)?;
    if header.ethertype != EtherTypes::Ipv4.0 {
        return Err(Reject::NotDhcp);
    }
    let body = udp(ipv4(payload)?)?;
    let view = DhcpPacket::new(body).ok_or(Reject::Truncated)?;
    let cookie = body.get(MESSAGE..MESSAGE + COOKIE.len());
    if cookie.ok_or(Reject::Truncated)? != COOKIE || view.get_op() != DhcpOperations::Reply {
        return Err(Reject::NotDhcp);
    }
    if view.get_htype() != DhcpHardwareTypes::Ethernet || view.get_hlen() != 6 {
        return Err(Reject::NotEthernet);
    }
    if !header.source.is_unicast() {
        return Err(Reject::GroupSender);
    }
    let found = options(&body[MESSAGE + COOKIE.len()..])?;
    let given = |address: Ipv4Addr| Some(address).filter(|one| !one.is_unspecified());
    Ok(DhcpFrame {
        source: header.source,
        message: found.message.ok_or(Reject::OtherMessage)?,
        server: found.server.ok_or(Reject::NoServer)?,
        relay: given(view.get_giaddr()),
        client: from_view(view.get_chaddr()),
        offered: given(view.get_yiaddr()),
        prefix: found.prefix,
        router: found.router,
        lease: found.lease,
    })
}

/// What an IPv4 packet carries, which is a whole UDP datagram.
fn ipv4(payload: &[u8]) -> Result<&[u8], Reject> {
    let view = Ipv4Packet::new(payload).ok_or(Reject::Truncated)?;
    if view.get_version() != 4 || view.get_next_level_protocol() != IpNextHeaderProtocols::Udp {
        return Err(Reject::NotDhcp);
    }
    let has_more = view.get_flags() & pnet::packet::ipv4::Ipv4Flags::MoreFragments != 0;
    if has_more || view.get_fragment_offset() != 0 {
        return Err(Reject::Fragment);
    }
    let start = usize::from(view.get_header_length()) * 4;
    let end = usize::from(view.get_total_length());
    payload.get(start..end).ok_or(Reject::Truncated)
}

/// What a datagram carries, which is a message of a server.
fn udp(datagram: &[u8]) -> Result<&[u8], Reject> {
    let view = UdpPacket::new(datagram).ok_or(Reject::Truncated)?;
    if (view.get_source(), view.get_destination()) != (SERVER_PORT, CLIENT_PORT) {
        return Err(Reject::NotDhcp);
    }
    let end = usize::from(view.get_length());
    datagram.get(UDP..end).ok_or(Reject::Truncated)
}

/// What is looked for among the options.
#[derive(Default)]
struct Found {
    message: Option<Message>,
    server: Option<Ipv4Addr>,
    prefix: Option<u8>,
    router: Option<Ipv4Addr>,
    lease: Option<Duration>,
}

/// Walks the options up to their end, or the end of the bytes.
fn options(bytes: &[u8]) -> Result<Found, Reject> {
    let mut found = Found::default();
    let mut rest = bytes;
    while let Some((&kind, behind)) = rest.split_first() {
        match kind {
            option::PAD => rest = behind,
            option::END => break,
            _ => {
                let (&length, behind) = behind.split_first().ok_or(Reject::BadOption)?;
                let value = behind.get(..usize::from(length)).ok_or(Reject::BadOption)?;
                rest = &behind[usize::from(length)..];
                found.take(kind, value)?;
            }
        }
    }
    Ok(found)
}

impl Found {
    fn take(&mut self, kind: u8, value: &[u8]) -> Result<(), Reject> {
        match kind {
            option::MESSAGE_TYPE => {
                self.message = Some(match value {
                    [2] => Message::Offer,
                    [5] => Message::Ack,
                    _ => return Err(Reject::OtherMessage),
                });
            }
            option::SERVER => self.server = Some(Ipv4Addr::from(exactly(value)?)),
            option::ROUTER => {
                let first = value.get(..4).ok_or(Reject::BadOption)?;
                self.router = Some(Ipv4Addr::from(exactly(first)?));
            }
            option::SUBNET_MASK => {
                let mask = u32::from_be_bytes(exactly(value)?);
                let prefix = mask.leading_ones();
                // A mask with holes is no prefix.
                let is_prefix = prefix + mask.trailing_zeros() >= 32;
                self.prefix = u8::try_from(prefix).ok().filter(|_| is_prefix);
            }
            option::LEASE => {
                let seconds = u32::from_be_bytes(exactly(value)?);
                self.lease = Some(Duration::from_secs(u64::from(seconds)));
            }
            _ => {}
        }
        Ok(())
    }
}

fn exactly(value: &[u8]) -> Result<[u8; 4], Reject> {
    value.try_into().map_err(|_other_length| Reject::BadOption)
}

#[cfg(test)]
mod tests;
