//! The kernel's filter of a packet socket, as a classic BPF program.
//!
//! Lets only frames through that can concern the segment, so that a storm of others costs nothing
//! here. Builds a program and touches no socket; what passes is parsed and judged by the core.

use std::net::IpAddr;

use socket2::SockFilter;
use sovnet_core::names::{LinkIndex, Subnet};

/// What an instruction does (`linux/bpf_common.h`); loads are of a field at an offset.
const LOAD_WORD: u16 = 0x20;
const LOAD_HALF: u16 = 0x28;
const AND: u16 = 0x54;
const JUMP_IF_EQUAL: u16 = 0x15;
const JUMP_IF_AT_LEAST: u16 = 0x35;
const RETURN: u16 = 0x06;

/// Offsets of what the kernel knows about a frame (`SKF_AD_OFF` and its members).
const PACKET_TYPE: u32 = 0xffff_f000 + 4;
const LINK_INDEX: u32 = 0xffff_f000 + 8;

/// `PACKET_OTHERHOST`; from here on the frame is not for this host, or is our own.
const NOT_FOR_US: u32 = 3;

/// Offsets in a frame.
const ETHERTYPE: u32 = 12;
const HARDWARE_TYPE: u32 = 14;
const PROTOCOL_TYPE: u32 = 16;
const ADDRESS_LENGTHS: u32 = 18;
const SENDER: u32 = 28;
const TARGET: u32 = 38;

/// All of the frame, or none of it.
const ACCEPT: u32 = 0xffff;
const DROP: u32 = 0;

/// Positions of the two ends in the program.
const ACCEPT_AT: u8 = 18;
const DROP_AT: u8 = 19;

/// One instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Instruction {
    code: u16,
    skip_if_true: u8,
    skip_if_false: u8,
    value: u32,
}

/// Accepts ARP for IPv4 over Ethernet that came in by exactly this link (not by a VLAN on top of
/// it), that is not our own, and whose sender or target lies in the subnet.
pub(super) fn program(link: LinkIndex, subnet: Subnet) -> Vec<SockFilter> {
    let instructions = instructions(link, subnet);
    let as_filter = |one: &Instruction| {
        SockFilter::new(one.code, one.skip_if_true, one.skip_if_false, one.value)
    };
    instructions.iter().map(as_filter).collect()
}

fn instructions(link: LinkIndex, subnet: Subnet) -> Vec<Instruction> {
    let (network, mask) = network_and_mask(subnet);
    vec![
        plain(LOAD_WORD, PACKET_TYPE),
        jump(1, JUMP_IF_AT_LEAST, NOT_FOR_US, (DROP_AT, 2)),
        plain(LOAD_WORD, LINK_INDEX),
        jump(3, JUMP_IF_EQUAL, link.0, (4, DROP_AT)),
        plain(LOAD_HALF, ETHERTYPE),
        jump(5, JUMP_IF_EQUAL, 0x0806, (6, DROP_AT)),
        plain(LOAD_HALF, HARDWARE_TYPE),
        jump(7, JUMP_IF_EQUAL, 1, (8, DROP_AT)),
        plain(LOAD_HALF, PROTOCOL_TYPE),
        jump(9, JUMP_IF_EQUAL, 0x0800, (10, DROP_AT)),
        plain(LOAD_HALF, ADDRESS_LENGTHS),
        jump(11, JUMP_IF_EQUAL, 0x0604, (12, DROP_AT)),
        plain(LOAD_WORD, SENDER),
        plain(AND, mask),
        jump(14, JUMP_IF_EQUAL, network, (ACCEPT_AT, 15)),
        plain(LOAD_WORD, TARGET),
        plain(AND, mask),
        jump(17, JUMP_IF_EQUAL, network, (ACCEPT_AT, DROP_AT)),
        plain(RETURN, ACCEPT),
        plain(RETURN, DROP),
    ]
}

fn plain(code: u16, value: u32) -> Instruction {
    Instruction {
        code,
        skip_if_true: 0,
        skip_if_false: 0,
        value,
    }
}

/// The jump at position `at` goes to one of the two positions, both after it.
fn jump(at: u8, code: u16, value: u32, (if_true, if_false): (u8, u8)) -> Instruction {
    Instruction {
        code,
        skip_if_true: if_true - at - 1,
        skip_if_false: if_false - at - 1,
        value,
    }
}

/// An IPv6 subnet has no ARP: nothing passes.
fn network_and_mask(subnet: Subnet) -> (u32, u32) {
    match subnet.network() {
        IpAddr::V4(network) => {
            let host_bits = 32 - u32::from(subnet.prefix());
            let mask = u32::MAX.checked_shl(host_bits).unwrap_or(0);
            (u32::from(network), mask)
        }
        IpAddr::V6(_) => (1, 0),
    }
}

#[cfg(test)]
mod tests;
