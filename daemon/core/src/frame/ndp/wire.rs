//! The bytes of neighbour discovery: Ethernet, IPv6, ICMPv6, and the options behind them.
//!
//! Every length is checked before a view is laid over bytes. Called by `ndp` alone.

use std::net::Ipv6Addr;

use pnet::packet::ethernet::EtherTypes;
use pnet::packet::icmpv6::ndp::NeighborAdvertFlags::{Override, Router, Solicited};
use pnet::packet::icmpv6::ndp::{
    MutableNeighborAdvertPacket, MutableNeighborSolicitPacket, NdpOptionType, NdpOptionTypes,
    NeighborAdvertPacket, NeighborSolicitPacket,
};
use pnet::packet::icmpv6::{Icmpv6Packet, Icmpv6Types, MutableIcmpv6Packet, checksum};
use pnet::packet::ip::IpNextHeaderProtocols;
use pnet::packet::ipv6::{Ipv6Packet, MutableIpv6Packet};

use super::{Flags, Message, NdpFrame, Reject, solicited_node};
use crate::frame::ethernet::{self, Header};
use crate::names::Mac;

/// Length of an IPv6 header.
const IPV6: usize = 40;

/// Length of either message without options.
const MESSAGE: usize = 24;

/// Length of an option with a hardware address.
const OPTION: usize = 8;

/// No router lets it pass on: who receives it shares the link with its sender.
const HOP_LIMIT: u8 = 255;

pub(super) fn parse(bytes: &[u8]) -> Result<NdpFrame, Reject> {
    let (header, payload) = ethernet::split(bytes).ok_or(Reject::Truncated)?;
    if header.ethertype != EtherTypes::Ipv6.0 {
        return Err(Reject::NotNdp);
    }
    let (ip, body) = ipv6(payload)?;
    let (message, target) = message(body)?;
    if ip.get_hop_limit() != HOP_LIMIT {
        return Err(Reject::HopLimit);
    }
    let view = Icmpv6Packet::new(body).ok_or(Reject::Truncated)?;
    if checksum(&view, &ip.get_source(), &ip.get_destination()) != view.get_checksum() {
        return Err(Reject::BadChecksum);
    }
    if view.get_icmpv6_code().0 != 0 {
        return Err(Reject::BadCode);
    }
    let frame = NdpFrame {
        destination: header.destination,
        source: header.source,
        sender: ip.get_source(),
        receiver: ip.get_destination(),
        message,
        target,
        link_layer: link_layer(&body[MESSAGE..], option_type(message))?,
    };
    validated(frame)
}

/// The header of IPv6 and what it carries, which is ICMPv6. Extension headers are not looked
/// through: nobody sends neighbour discovery behind them, and in fragments it is forbidden
/// (RFC 6980).
fn ipv6(payload: &[u8]) -> Result<(Ipv6Packet<'_>, &[u8]), Reject> {
    let view = Ipv6Packet::new(payload).ok_or(Reject::Truncated)?;
    if view.get_version() != 6 || view.get_next_header() != IpNextHeaderProtocols::Icmpv6 {
        return Err(Reject::NotNdp);
    }
    let end = IPV6 + usize::from(view.get_payload_length());
    let body = payload.get(IPV6..end).ok_or(Reject::Truncated)?;
    Ok((view, body))
}

fn message(body: &[u8]) -> Result<(Message, Ipv6Addr), Reject> {
    let kind = Icmpv6Packet::new(body).ok_or(Reject::Truncated)?;
    let kind = kind.get_icmpv6_type();
    if kind == Icmpv6Types::NeighborSolicit {
        let view = NeighborSolicitPacket::new(body).ok_or(Reject::Truncated)?;
        Ok((Message::Solicitation, view.get_target_addr()))
    } else if kind == Icmpv6Types::NeighborAdvert {
        let view = NeighborAdvertPacket::new(body).ok_or(Reject::Truncated)?;
        let flags = view.get_flags();
        let flags = Flags {
            is_router: flags & Router != 0,
            is_solicited: flags & Solicited != 0,
            is_override: flags & Override != 0,
        };
        Ok((Message::Advertisement(flags), view.get_target_addr()))
    } else {
        Err(Reject::NotNdp)
    }
}

fn option_type(message: Message) -> NdpOptionType {
    match message {
        Message::Solicitation => NdpOptionTypes::SourceLLAddr,
        Message::Advertisement(_) => NdpOptionTypes::TargetLLAddr,
    }
}

/// The hardware address in the first option of this type; options of other types are walked over.
/// Without pnet's own walk, which never ends at an option without length.
fn link_layer(options: &[u8], wanted: NdpOptionType) -> Result<Option<Mac>, Reject> {
    let mut found = None;
    let mut rest = options;
    while !rest.is_empty() {
        let &[kind, units, ..] = rest else {
            return Err(Reject::BadOption);
        };
        let length = usize::from(units) * 8;
        if length == 0 || length > rest.len() {
            return Err(Reject::BadOption);
        }
        let (option, behind) = rest.split_at(length);
        rest = behind;
        if kind == wanted.0 && found.is_none() {
            // Longer ones are of media with longer addresses.
            let mac: [u8; 6] = option[2..]
                .try_into()
                .map_err(|_other_length| Reject::BadOption)?;
            found = Some(Mac(mac));
        }
    }
    Ok(found)
}

/// The checks of RFC 4861 section 7.1 that are about values.
fn validated(frame: NdpFrame) -> Result<NdpFrame, Reject> {
    if frame.target.is_multicast() {
        return Err(Reject::GroupTarget);
    }
    let is_group_sender = !frame.source.is_unicast()
        || frame.link_layer.is_some_and(|mac| !mac.is_unicast())
        || frame.sender.is_multicast();
    if is_group_sender {
        return Err(Reject::GroupSender);
    }
    match frame.message {
        Message::Solicitation => {
            let is_proper =
                frame.receiver == solicited_node(frame.target) && frame.link_layer.is_none();
            if frame.is_probe() && !is_proper {
                return Err(Reject::BadProbe);
            }
        }
        Message::Advertisement(flags) => {
            if flags.is_solicited && frame.receiver.is_multicast() {
                return Err(Reject::SolicitedToGroup);
            }
        }
    }
    Ok(frame)
}

pub(super) fn build(frame: &NdpFrame) -> Vec<u8> {
    let mut packet = vec![0; IPV6];
    packet.extend(body(frame));
    let length = packet.len() - IPV6;
    let mut view =
        MutableIpv6Packet::new(&mut packet).expect("the buffer is longer than an IPv6 header");
    view.set_version(6);
    view.set_payload_length(u16::try_from(length).expect("a message and one option are short"));
    view.set_next_header(IpNextHeaderProtocols::Icmpv6);
    view.set_hop_limit(HOP_LIMIT);
    view.set_source(frame.sender);
    view.set_destination(frame.receiver);
    let header = Header {
        destination: frame.destination,
        source: frame.source,
        ethertype: EtherTypes::Ipv6.0,
    };
    ethernet::build(header, &packet)
}

/// The message of ICMPv6 with its option and its checksum.
fn body(frame: &NdpFrame) -> Vec<u8> {
    let mut body = vec![0; MESSAGE];
    match frame.message {
        Message::Solicitation => {
            let mut view = MutableNeighborSolicitPacket::new(&mut body)
                .expect("the buffer has the length of a solicitation");
            view.set_icmpv6_type(Icmpv6Types::NeighborSolicit);
            view.set_target_addr(frame.target);
        }
        Message::Advertisement(flags) => {
            let mut view = MutableNeighborAdvertPacket::new(&mut body)
                .expect("the buffer has the length of an advertisement");
            view.set_icmpv6_type(Icmpv6Types::NeighborAdvert);
            view.set_target_addr(frame.target);
            let of = |is_set, flag| if is_set { flag } else { 0 };
            view.set_flags(
                of(flags.is_router, Router)
                    | of(flags.is_solicited, Solicited)
                    | of(flags.is_override, Override),
            );
        }
    }
    if let Some(mac) = frame.link_layer {
        let units = u8::try_from(OPTION / 8).expect("an option is short");
        body.extend([option_type(frame.message).0, units]);
        body.extend(mac.0);
    }
    let view = Icmpv6Packet::new(&body).expect("the buffer is longer than an ICMPv6 header");
    let sum = checksum(&view, &frame.sender, &frame.receiver);
    let mut view =
        MutableIcmpv6Packet::new(&mut body).expect("the buffer is longer than an ICMPv6 header");
    view.set_checksum(sum);
    body
}
