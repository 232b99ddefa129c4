//! Every form on the wire, byte by byte where it matters; round trip; any bytes.

use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::{
    ArpFrame, Operation, Reject, gratuitous_reply, gratuitous_request, parse, probe, reply,
    request, unicast_request,
};
use crate::names::Mac;

const OURS: Mac = Mac([0x02, 0, 0, 0, 0, 0x01]);
const THEIRS: Mac = Mac([0x02, 0, 0, 0, 0, 0x02]);
const VIP: Ipv4Addr = Ipv4Addr::new(192, 168, 8, 241);
const LAPTOP: Ipv4Addr = Ipv4Addr::new(192, 168, 8, 50);

#[test]
fn a_reply_has_these_bytes() {
    let asked = request(THEIRS, LAPTOP, VIP);
    let bytes = reply(&asked, OURS).to_bytes();
    let mut expected = vec![
        2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x06, // Ethernet
        0, 1, 0x08, 0, 6, 4, 0, 2, // Ethernet, IPv4, reply
        2, 0, 0, 0, 0, 1, 192, 168, 8, 241, // sender
        2, 0, 0, 0, 0, 2, 192, 168, 8, 50, // target
    ];
    expected.resize(60, 0);
    assert_eq!(bytes, expected);
}

#[test]
fn a_gratuitous_request_leaves_the_target_mac_open_and_goes_to_everyone() {
    let frame = gratuitous_request(OURS, VIP);
    assert_eq!(frame.destination, Mac::BROADCAST);
    assert_eq!(frame.target_mac, Mac::ZERO);
    assert_eq!((frame.sender, frame.target), (VIP, VIP));
    assert!(frame.is_gratuitous());
}

#[test]
fn a_gratuitous_reply_names_itself_as_target_so_that_linux_believes_it() {
    let frame = gratuitous_reply(OURS, VIP);
    assert_eq!(frame.operation, Operation::Reply);
    assert_eq!(frame.destination, Mac::BROADCAST);
    assert_eq!(frame.target_mac, OURS);
    assert!(frame.is_gratuitous());
    let improper = ArpFrame {
        target_mac: Mac::BROADCAST,
        ..frame
    };
    assert!(!improper.is_gratuitous());
}

#[test]
fn a_probe_has_no_sender_address() {
    let frame = probe(OURS, VIP);
    assert!(frame.is_probe());
    assert!(!frame.is_gratuitous());
    assert_eq!(reply(&frame, THEIRS).target, Ipv4Addr::UNSPECIFIED);
}

#[test]
fn a_unicast_request_goes_to_one_station() {
    let frame = unicast_request(OURS, LAPTOP, VIP, THEIRS);
    assert_eq!(frame.destination, THEIRS);
    assert_eq!(frame.target_mac, Mac::ZERO);
}

#[test]
fn what_is_wrong_with_a_frame_has_a_name() {
    let fine = request(THEIRS, LAPTOP, VIP).to_bytes();
    let spoiled = |at: usize, value: u8| {
        let mut bytes = fine.clone();
        bytes[at] = value;
        parse(&bytes)
    };
    assert_eq!(parse(&fine[..13]), Err(Reject::Truncated));
    assert_eq!(parse(&fine[..41]), Err(Reject::Truncated));
    assert!(parse(&fine[..42]).is_ok());
    assert_eq!(spoiled(12, 0x86), Err(Reject::NotArp));
    assert_eq!(spoiled(15, 6), Err(Reject::NotEthernetIpv4));
    assert_eq!(spoiled(17, 1), Err(Reject::NotEthernetIpv4));
    assert_eq!(spoiled(18, 8), Err(Reject::NotEthernetIpv4));
    assert_eq!(spoiled(19, 16), Err(Reject::NotEthernetIpv4));
    assert_eq!(spoiled(21, 3), Err(Reject::BadOperation));
    assert_eq!(spoiled(22, 0xff), Err(Reject::GroupSender));
    assert_eq!(spoiled(6, 0x01), Err(Reject::GroupSender));
}

fn mac() -> impl Strategy<Value = Mac> {
    any::<[u8; 6]>().prop_map(Mac)
}

fn station() -> impl Strategy<Value = Mac> {
    mac().prop_filter("the address of one station", |mac| mac.is_unicast())
}

prop_compose! {
    fn frame()(
        destination in mac(),
        source in station(),
        is_reply in any::<bool>(),
        sender_mac in station(),
        sender in any::<Ipv4Addr>(),
        target_mac in mac(),
        target in any::<Ipv4Addr>(),
    ) -> ArpFrame {
        let operation = if is_reply { Operation::Reply } else { Operation::Request };
        ArpFrame { destination, source, operation, sender_mac, sender, target_mac, target }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_built_is_parsed_back(frame in frame()) {
        let bytes = frame.to_bytes();
        prop_assert_eq!(bytes.len(), 60);
        prop_assert_eq!(parse(&bytes), Ok(frame));
    }

    #[test]
    fn any_bytes_are_parsed_or_rejected(bytes in prop::collection::vec(any::<u8>(), 0..128)) {
        if let Ok(frame) = parse(&bytes) {
            prop_assert_eq!(parse(&frame.to_bytes()), Ok(frame));
        }
    }

    #[test]
    fn a_spoiled_frame_is_parsed_or_rejected(
        frame in frame(),
        at in 0_usize..60,
        value in any::<u8>(),
        length in 0_usize..61,
    ) {
        let mut bytes = frame.to_bytes();
        bytes[at] = value;
        bytes.truncate(length);
        if let Ok(frame) = parse(&bytes) {
            prop_assert!(frame.sender_mac.is_unicast());
            prop_assert!(frame.source.is_unicast());
        }
    }
}
