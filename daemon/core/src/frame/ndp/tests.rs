//! Every form on the wire, byte by byte where it matters; the checks of RFC 4861; round trip; any
//! bytes.

use std::net::Ipv6Addr;

use proptest::prelude::*;

use super::{
    ALL_NODES, ALL_ROUTERS, Flags, Message, NdpFrame, Reject, group_mac, parse, probe, reply,
    solicitation, solicited_node, unicast_solicitation, unsolicited, unsolicited_to,
};
use crate::names::Mac;

const OURS: Mac = Mac([0x02, 0, 0, 0, 0, 0x01]);
const THEIRS: Mac = Mac([0x02, 0, 0, 0, 0, 0x02]);
const VIP: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 8, 0, 0, 0x12, 0x3456);
const LAPTOP: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x50);

/// Offsets in a frame.
const PAYLOAD_LENGTH: usize = 18;
const NEXT_HEADER: usize = 20;
const HOP_LIMIT: usize = 21;
const ICMPV6: usize = 54;
const CODE: usize = 55;
const CHECKSUM: usize = 56;
const TARGET: usize = 62;
const OPTIONS: usize = 78;

fn flags(is_solicited: bool) -> Message {
    Message::Advertisement(Flags {
        is_router: false,
        is_solicited,
        is_override: true,
    })
}

/// The frame with other bytes from a position on, and the checksum that then belongs to it.
fn spoiled(frame: &NdpFrame, at: usize, with: &[u8]) -> Vec<u8> {
    let mut bytes = frame.to_bytes();
    bytes[at..at + with.len()].copy_from_slice(with);
    resum(&mut bytes);
    bytes
}

/// The sum of RFC 1071 over pseudo-header and message, written without any view.
fn resum(bytes: &mut [u8]) {
    bytes[CHECKSUM..CHECKSUM + 2].fill(0);
    let end = ICMPV6 + usize::from(bytes[PAYLOAD_LENGTH]) * 256 + usize::from(bytes[19]);
    let length = u32::try_from(end - ICMPV6).unwrap();
    let words = bytes[22..end].chunks(2).map(|two| {
        let low = two.get(1).copied().unwrap_or(0);
        u32::from(two[0]) << 8 | u32::from(low)
    });
    let mut sum = words.sum::<u32>() + length + 58;
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let sum = !u16::try_from(sum).unwrap();
    bytes[CHECKSUM..CHECKSUM + 2].copy_from_slice(&sum.to_be_bytes());
}

#[test]
fn an_unsolicited_advertisement_has_these_bytes() {
    let expected = [
        &[0x33, 0x33, 0, 0, 0, 1, 2, 0, 0, 0, 0, 1, 0x86, 0xdd][..], // Ethernet
        &[0x60, 0, 0, 0, 0, 32, 58, 255],                            // IPv6, ICMPv6, hop limit
        &VIP.octets(),
        &ALL_NODES.octets(),
        &[136, 0, 0, 0, 0x20, 0, 0, 0], // advertisement, its checksum, O alone
        &VIP.octets(),
        &[2, 1, 2, 0, 0, 0, 0, 1], // the target's hardware address
    ];
    let mut expected = expected.concat();
    resum(&mut expected);
    let frame = unsolicited(OURS, VIP, ALL_NODES);
    assert_eq!(frame.to_bytes(), expected);
}

#[test]
fn groups_have_the_addresses_of_the_rfcs() {
    assert_eq!(solicited_node(VIP).to_string(), "ff02::1:ff12:3456");
    let mac = group_mac(solicited_node(VIP));
    assert_eq!(mac, Mac([0x33, 0x33, 0xff, 0x12, 0x34, 0x56]));
    assert_eq!(group_mac(ALL_ROUTERS), Mac([0x33, 0x33, 0, 0, 0, 2]));
}

#[test]
fn an_advertisement_for_routers_goes_to_their_group() {
    let frame = unsolicited(OURS, VIP, ALL_ROUTERS);
    assert_eq!(frame.receiver, ALL_ROUTERS);
    assert_eq!(frame.destination, group_mac(ALL_ROUTERS));
    assert_eq!(frame.message, flags(false));
}

#[test]
fn one_host_can_be_told_alone() {
    let frame = unsolicited_to(OURS, VIP, (THEIRS, LAPTOP));
    assert_eq!((frame.destination, frame.receiver), (THEIRS, LAPTOP));
    assert_eq!(frame.message, flags(false));
    assert_eq!(frame.link_layer, Some(OURS));
}

#[test]
fn a_question_to_the_group_names_the_asker() {
    let frame = solicitation(THEIRS, LAPTOP, VIP);
    assert_eq!(frame.receiver, solicited_node(VIP));
    assert_eq!(frame.destination, group_mac(solicited_node(VIP)));
    assert_eq!(frame.link_layer, Some(THEIRS));
    assert!(!frame.is_probe());
}

#[test]
fn a_question_to_one_station_goes_to_the_address_itself() {
    let frame = unicast_solicitation(THEIRS, LAPTOP, VIP, OURS);
    assert_eq!((frame.destination, frame.receiver), (OURS, VIP));
}

#[test]
fn an_answer_goes_to_the_asker_alone_and_overrides() {
    for asked in [
        solicitation(THEIRS, LAPTOP, VIP),
        unicast_solicitation(THEIRS, LAPTOP, VIP, OURS),
    ] {
        let answer = reply(&asked, OURS);
        assert_eq!((answer.destination, answer.receiver), (THEIRS, LAPTOP));
        assert_eq!((answer.source, answer.sender), (OURS, VIP));
        assert_eq!((answer.target, answer.link_layer), (VIP, Some(OURS)));
        assert_eq!(answer.message, flags(true));
    }
}

#[test]
fn an_asker_without_option_is_answered_where_its_frame_came_from() {
    let mut asked = unicast_solicitation(THEIRS, LAPTOP, VIP, OURS);
    asked.link_layer = None;
    assert_eq!(reply(&asked, OURS).destination, THEIRS);
}

#[test]
fn a_probe_is_answered_to_all_nodes_and_not_as_solicited() {
    let asked = probe(THEIRS, VIP);
    assert!(asked.is_probe());
    assert_eq!(asked.link_layer, None);
    assert_eq!(asked.receiver, solicited_node(VIP));
    assert_eq!(parse(&asked.to_bytes()), Ok(asked));
    assert_eq!(reply(&asked, OURS), unsolicited(OURS, VIP, ALL_NODES));
}

#[test]
fn what_is_wrong_with_the_headers_has_a_name() {
    let fine = solicitation(THEIRS, LAPTOP, VIP);
    let bytes = fine.to_bytes();
    for length in 0..bytes.len() {
        assert_eq!(parse(&bytes[..length]), Err(Reject::Truncated), "{length}");
    }
    let mut damaged = bytes.clone();
    damaged[TARGET] ^= 1;
    assert_eq!(parse(&damaged), Err(Reject::BadChecksum));
    let rejected = |at: usize, with: &[u8]| parse(&spoiled(&fine, at, with)).unwrap_err();
    assert_eq!(rejected(12, &[0x08, 0x00]), Reject::NotNdp);
    // A VLAN tag: the kernel takes those off what is for us.
    assert_eq!(rejected(12, &[0x81, 0x00]), Reject::NotNdp);
    assert_eq!(rejected(14, &[0x40]), Reject::NotNdp);
    assert_eq!(rejected(NEXT_HEADER, &[17]), Reject::NotNdp);
    assert_eq!(rejected(ICMPV6, &[134]), Reject::NotNdp);
    assert_eq!(rejected(HOP_LIMIT, &[254]), Reject::HopLimit);
    assert_eq!(rejected(CODE, &[1]), Reject::BadCode);
    assert_eq!(rejected(6, &[0x33]), Reject::GroupSender);
    assert_eq!(rejected(22, &[0xff, 0x02]), Reject::GroupSender);
    assert_eq!(rejected(TARGET, &[0xff, 0x02]), Reject::GroupTarget);
}

#[test]
fn options_without_length_or_beyond_the_end_are_refused() {
    let fine = solicitation(THEIRS, LAPTOP, VIP);
    let rejected = |with: &[u8]| parse(&spoiled(&fine, OPTIONS, with));
    assert_eq!(rejected(&[1, 0]), Err(Reject::BadOption));
    assert_eq!(rejected(&[1, 2]), Err(Reject::BadOption));
    assert_eq!(rejected(&[1, 33]), Err(Reject::BadOption));
    assert_eq!(rejected(&[14, 0]), Err(Reject::BadOption));
    assert_eq!(rejected(&[1, 1, 0x33]), Err(Reject::GroupSender));
    // Half an option.
    let mut cut = fine.to_bytes();
    cut.truncate(OPTIONS + 1);
    cut[19] = 25;
    resum(&mut cut);
    assert_eq!(parse(&cut), Err(Reject::BadOption));
}

#[test]
fn options_that_are_not_known_are_walked_over() {
    let fine = solicitation(THEIRS, LAPTOP, VIP);
    let mut bytes = fine.to_bytes();
    // A nonce (RFC 7527) in front of the address.
    let option = bytes.split_off(OPTIONS);
    bytes.extend([14, 1, 1, 2, 3, 4, 5, 6]);
    bytes.extend(option);
    bytes[19] += 8;
    resum(&mut bytes);
    assert_eq!(parse(&bytes), Ok(fine));
}

#[test]
fn a_probe_with_a_hardware_address_or_to_another_group_is_refused() {
    let mut named = probe(THEIRS, VIP);
    named.link_layer = Some(THEIRS);
    assert_eq!(parse(&named.to_bytes()), Err(Reject::BadProbe));
    let mut elsewhere = probe(THEIRS, VIP);
    elsewhere.receiver = ALL_NODES;
    assert_eq!(parse(&elsewhere.to_bytes()), Err(Reject::BadProbe));
}

#[test]
fn an_answer_to_a_group_that_says_it_was_asked_for_is_refused() {
    let mut lie = unsolicited(THEIRS, VIP, ALL_NODES);
    lie.message = flags(true);
    assert_eq!(parse(&lie.to_bytes()), Err(Reject::SolicitedToGroup));
}

#[test]
fn what_the_linux_kernel_sends_is_understood() {
    // A probe of Linux 6.18 with its nonce, as it went over a cable.
    let captured = [
        0x33, 0x33, 0xff, 0, 0, 9, 0xc2, 0xa1, 0x64, 0x03, 0xc7, 0x35, 0x86, 0xdd, // Ethernet
        0x60, 0, 0, 0, 0, 32, 58, 255, // IPv6
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, // from nobody
        0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 9, // to the group
        135, 0, 0xbf, 0xba, 0, 0, 0, 0, // solicitation
        0x20, 1, 0x0d, 0xb8, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, // target
        14, 1, 0x34, 0xb3, 0x7c, 0x7d, 0xcd, 0xe0, // nonce
    ];
    let frame = parse(&captured).unwrap();
    assert!(frame.is_probe());
    assert_eq!(frame.target.to_string(), "2001:db8:8::9");
    assert_eq!(frame.speaker_mac().to_string(), "c2:a1:64:03:c7:35");
}

fn station() -> impl Strategy<Value = Mac> {
    any::<[u8; 6]>()
        .prop_map(Mac)
        .prop_filter("the address of one station", |mac| mac.is_unicast())
}

fn host() -> impl Strategy<Value = Ipv6Addr> {
    any::<Ipv6Addr>().prop_filter("the address of one host", |one| {
        !one.is_multicast() && !one.is_unspecified()
    })
}

prop_compose! {
    fn any_flags()(is_router in any::<bool>(), is_solicited in any::<bool>(), is_override in any::<bool>()) -> Flags {
        Flags { is_router, is_solicited, is_override }
    }
}

prop_compose! {
    fn frame()(
        destination in any::<[u8; 6]>().prop_map(Mac),
        source in station(),
        sender in host(),
        receiver in host(),
        flags in prop::option::of(any_flags()),
        target in host(),
        link_layer in prop::option::of(station()),
    ) -> NdpFrame {
        let message = flags.map_or(Message::Solicitation, Message::Advertisement);
        NdpFrame { destination, source, sender, receiver, message, target, link_layer }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_built_is_parsed_back(frame in frame()) {
        prop_assert_eq!(parse(&frame.to_bytes()), Ok(frame));
    }

    #[test]
    fn every_form_is_parsed_back_and_so_is_its_answer(
        mac in station(), asker in host(), target in host(), whom in station(),
    ) {
        for asked in [
            solicitation(mac, asker, target),
            unicast_solicitation(mac, asker, target, whom),
            probe(mac, target),
        ] {
            prop_assert_eq!(parse(&asked.to_bytes()), Ok(asked));
            let answer = reply(&asked, whom);
            prop_assert_eq!(parse(&answer.to_bytes()), Ok(answer));
        }
    }

    #[test]
    fn any_bytes_are_parsed_or_rejected(bytes in prop::collection::vec(any::<u8>(), 0..128)) {
        if let Ok(frame) = parse(&bytes) {
            prop_assert_eq!(parse(&frame.to_bytes()), Ok(frame));
        }
    }

    #[test]
    fn any_message_with_a_right_checksum_is_parsed_or_rejected(
        frame in frame(),
        kind in prop_oneof![Just(135_u8), Just(136), any::<u8>()],
        behind in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let mut bytes = frame.to_bytes();
        bytes.truncate(OPTIONS);
        bytes[ICMPV6] = kind;
        bytes[19] = u8::try_from(24 + behind.len()).unwrap();
        bytes.extend(behind);
        resum(&mut bytes);
        if let Ok(frame) = parse(&bytes) {
            prop_assert_eq!(parse(&frame.to_bytes()), Ok(frame));
        }
    }

    #[test]
    fn a_spoiled_frame_is_parsed_or_rejected(
        frame in frame(), at in 0_usize..86, value in any::<u8>(), length in 0_usize..87,
    ) {
        let mut bytes = frame.to_bytes();
        if let Some(byte) = bytes.get_mut(at) {
            *byte = value;
        }
        bytes.truncate(length);
        if let Ok(frame) = parse(&bytes) {
            prop_assert!(frame.source.is_unicast());
            prop_assert!(!frame.target.is_multicast());
        }
    }
}
