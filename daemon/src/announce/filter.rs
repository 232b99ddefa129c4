//! The kernel's filters of the packet sockets, as classic BPF programs.
//!
//! Let only frames through that can concern the segment, so that a storm of others costs next to
//! nothing here; of those others a sample, from which witnesses are learned. Builds programs and
//! touches no socket; what passes is parsed and judged by the core.

mod program;
mod sampling;
mod watched;

use socket2::SockFilter;
use sovnet_core::member::wire;
use sovnet_core::names::LinkIndex;

use program::{Load, Program};
pub(super) use sampling::{Sampler, Sampling};
pub(super) use watched::Watched;

/// Offsets of what the kernel knows about a frame (`SKF_AD_OFF` and its members).
const PACKET_TYPE: u32 = 0xffff_f000 + 4;
const LINK_INDEX: u32 = 0xffff_f000 + 8;
const RANDOM: u32 = 0xffff_f000 + 56;

/// `PACKET_OTHERHOST`; from here on the frame is not for this host, or is our own.
const NOT_FOR_US: u32 = 3;
/// `PACKET_HOST`: to this host alone.
const FOR_US_ALONE: u32 = 0;

/// Where the protocol of a frame stands.
const ETHERTYPE: u32 = 12;

/// Offsets in an ARP frame, and what they hold if it is for IPv4 over Ethernet.
mod arp {
    pub(super) const ETHERTYPE: u32 = 0x0806;
    pub(super) const HARDWARE_AND_PROTOCOL: (u32, u32) = (14, 0x0001_0800);
    pub(super) const LENGTHS: (u32, u32) = (18, 0x0604);
    pub(super) const OPERATION: u32 = 20;
    pub(super) const REPLY: u32 = 2;
    pub(super) const SENDER: u32 = 28;
    pub(super) const TARGET: u32 = 38;
}

/// Offsets in a frame of neighbour discovery. Of the addresses the last 32 bits are compared: a
/// filter may let too much through.
mod ndp {
    pub(super) const ETHERTYPE: u32 = 0x86dd;
    pub(super) const NEXT_HEADER_AND_HOP_LIMIT: (u32, u32) = (20, 0x3aff);
    pub(super) const SENDER_END: u32 = 34;
    pub(super) const TYPE: u32 = 54;
    pub(super) const SOLICITATION: u32 = 135;
    pub(super) const ADVERTISEMENT: u32 = 136;
    pub(super) const TARGET_END: u32 = 74;
}

/// Offsets in a DHCP frame; those of UDP count from the end of the IPv4 header.
mod dhcp {
    pub(super) const ETHERTYPE: u32 = 0x0800;
    pub(super) const PROTOCOL: (u32, u32) = (23, 17);
    pub(super) const FRAGMENT: (u32, u32) = (20, 0x3fff);
    pub(super) const IP_HEADER: u32 = 14;
    pub(super) const PORTS: (u32, u32) = (14, (67 << 16) | 68);
    pub(super) const OPERATION: (u32, u32) = (22, 2);
}

/// ARP for IPv4 over Ethernet: answers to this host, what carries a watched address as sender or
/// target, and a sample of the rest.
pub(super) fn arp(link: LinkIndex, watched: &Watched, sampling: Sampling) -> Vec<SockFilter> {
    let mut program = Program::default();
    for_us(&mut program, link, arp::ETHERTYPE);
    program.require(Load::Word, arp::HARDWARE_AND_PROTOCOL);
    program.require(Load::Half, arp::LENGTHS);
    program.load(Load::Half, arp::OPERATION);
    program.if_equal(arp::REPLY, &for_us_alone());
    program.load(Load::Word, arp::SENDER);
    program.accept_within(watched.senders_v4());
    program.load(Load::Word, arp::TARGET);
    program.accept_within(watched.targets_v4());
    if let Some(home) = watched.home() {
        program.load(Load::Word, arp::SENDER);
        program.require_within(home);
    }
    sample(&mut program, sampling);
    program.finish()
}

/// Neighbour solicitations and advertisements that no router passed on: answers to this host, what
/// carries a watched address as sender or target, and a sample of the rest.
pub(super) fn ndp(link: LinkIndex, watched: &Watched, sampling: Sampling) -> Vec<SockFilter> {
    let mut program = Program::default();
    // Every IPv6 packet of the link comes here: what tells them apart goes first.
    program.require(Load::Half, ndp::NEXT_HEADER_AND_HOP_LIMIT);
    for_us(&mut program, link, ndp::ETHERTYPE);
    program.load(Load::Byte, ndp::TYPE);
    program.require_one_of(&[ndp::SOLICITATION, ndp::ADVERTISEMENT]);
    program.if_equal(ndp::ADVERTISEMENT, &for_us_alone());
    program.load(Load::Word, ndp::SENDER_END);
    program.accept_within(watched.senders_v6());
    program.load(Load::Word, ndp::TARGET_END);
    program.accept_within(watched.targets_v6());
    sample(&mut program, sampling);
    program.finish()
}

/// What DHCP servers answer to clients of the link.
pub(super) fn dhcp(link: LinkIndex) -> Vec<SockFilter> {
    let mut program = Program::default();
    // Every IPv4 packet of the link comes here: what tells them apart goes first.
    program.require(Load::Byte, dhcp::PROTOCOL);
    program.load_header_length(dhcp::IP_HEADER);
    program.require(Load::WordBehindHeader, dhcp::PORTS);
    program.require_none_of(Load::Half, dhcp::FRAGMENT);
    program.require(Load::ByteBehindHeader, dhcp::OPERATION);
    for_us(&mut program, link, dhcp::ETHERTYPE);
    program.accept();
    program.finish()
}

/// Length of a UDP header: a socket's own filter begins with it.
const UDP_HEADER: u32 = 8;

/// Which of two sockets on one port gets a datagram: the second one if it is a routine heartbeat.
pub(super) fn sorter() -> Vec<SockFilter> {
    let mut program = routine(0);
    program.answer(1);
    program.finish()
}

/// Routine heartbeats, for a socket on their port.
pub(super) fn only_routine() -> Vec<SockFilter> {
    let mut program = routine(UDP_HEADER);
    program.accept();
    program.finish()
}

/// Goes on with routine heartbeats, whose first byte stands at this offset.
fn routine(offset: u32) -> Program {
    let mut program = Program::default();
    let kind = (offset + wire::KIND_AT, wire::HEARTBEAT.into());
    program.require(Load::Byte, kind);
    program.require_any_of(Load::Byte, (offset + wire::FLAGS_AT, wire::ROUTINE.into()));
    program
}

/// Came in by exactly this link (not by a VLAN on top of it), is for this host or for a group, is
/// not our own, and has this protocol.
fn for_us(program: &mut Program, link: LinkIndex, ethertype: u32) {
    program.load(Load::Word, PACKET_TYPE);
    program.require_below(NOT_FOR_US);
    program.require(Load::Word, (LINK_INDEX, link.0));
    program.require(Load::Half, (ETHERTYPE, ethertype));
}

/// Accepts what was sent to this host alone.
fn for_us_alone() -> Program {
    let mut program = Program::default();
    program.load(Load::Word, PACKET_TYPE);
    program.accept_within(&[(FOR_US_ALONE, FOR_US_ALONE)]);
    program
}

fn sample(program: &mut Program, sampling: Sampling) {
    program.load(Load::Word, RANDOM);
    program.accept_if_none_of(sampling.mask());
}

#[cfg(test)]
mod tests;
