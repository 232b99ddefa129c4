//! Offers and acknowledgements field by field; what else comes by; any bytes.

use std::net::Ipv4Addr;
use std::time::Duration;

use proptest::prelude::*;

use super::{DhcpFrame, Message, Reject, parse};
use crate::names::Mac;

const SERVER: Ipv4Addr = Ipv4Addr::new(192, 168, 8, 1);
const OFFERED: Ipv4Addr = Ipv4Addr::new(192, 168, 8, 137);

/// Offsets in a frame.
const IP: usize = 14;
const UDP: usize = 34;
const DHCP: usize = 42;
const OPTIONS: usize = DHCP + 240;

/// A broadcast of a server, with these options.
fn broadcast(options: &[u8]) -> Vec<u8> {
    let dhcp_length = 240 + options.len();
    let udp_length = u16::try_from(dhcp_length + 8).unwrap();
    let [ip_high, ip_low] = (udp_length + 20).to_be_bytes();
    let [udp_high, udp_low] = udp_length.to_be_bytes();
    let mut bytes = vec![0xff; 6];
    bytes.extend([2, 0, 0, 0, 0, 0xfe, 0x08, 0x00]);
    bytes.extend([0x45, 0, ip_high, ip_low, 0, 0, 0, 0, 64, 17, 0, 0]);
    bytes.extend(SERVER.octets());
    bytes.extend([255; 4]);
    bytes.extend([0, 67, 0, 68, udp_high, udp_low, 0, 0]);
    let mut dhcp = vec![0; 240];
    dhcp[..3].copy_from_slice(&[2, 1, 6]);
    dhcp[16..20].copy_from_slice(&OFFERED.octets());
    dhcp[28..34].copy_from_slice(&[2, 0, 0, 0, 0, 0x77]);
    dhcp[236..].copy_from_slice(&[99, 130, 83, 99]);
    bytes.extend(dhcp);
    bytes.extend(options);
    bytes
}

fn offer() -> Vec<u8> {
    broadcast(&[
        53, 1, 2, 54, 4, 192, 168, 8, 1, 51, 4, 0, 0, 0x0e, 0x10, // offer, server, one hour
        0, 0, 1, 4, 255, 255, 255, 0, 3, 8, 192, 168, 8, 1, 192, 168, 8,
        2, // mask, two routers
        12, 3, b'p', b'c', b'1', 255, 0, 0, // a host name, and the end
    ])
}

fn spoiled(at: usize, with: &[u8]) -> Result<DhcpFrame, Reject> {
    let mut bytes = offer();
    bytes[at..at + with.len()].copy_from_slice(with);
    parse(&bytes)
}

#[test]
fn an_offer_is_read_field_by_field() {
    let expected = DhcpFrame {
        source: Mac([2, 0, 0, 0, 0, 0xfe]),
        message: Message::Offer,
        server: SERVER,
        relay: None,
        client: Mac([2, 0, 0, 0, 0, 0x77]),
        offered: Some(OFFERED),
        prefix: Some(24),
        router: Some(SERVER),
        lease: Some(Duration::from_hours(1)),
    };
    assert_eq!(parse(&offer()), Ok(expected));
}

#[test]
fn an_acknowledgement_needs_no_more_than_its_server() {
    let frame = parse(&broadcast(&[53, 1, 5, 54, 4, 192, 168, 8, 1])).unwrap();
    assert_eq!(frame.message, Message::Ack);
    assert_eq!(
        (frame.prefix, frame.router, frame.lease),
        (None, None, None)
    );
}

#[test]
fn an_answer_about_settings_alone_offers_nothing() {
    let frame = spoiled(DHCP + 16, &[0; 4]).unwrap();
    assert_eq!(frame.offered, None);
}

#[test]
fn a_relay_is_named() {
    let frame = spoiled(DHCP + 24, &[10, 0, 0, 1]).unwrap();
    assert_eq!(frame.relay, Some(Ipv4Addr::new(10, 0, 0, 1)));
}

#[test]
fn a_mask_with_holes_is_no_prefix() {
    assert_eq!(
        spoiled(OPTIONS + 19, &[255, 0, 255, 0]).unwrap().prefix,
        None
    );
    assert_eq!(spoiled(OPTIONS + 19, &[255; 4]).unwrap().prefix, Some(32));
    assert_eq!(spoiled(OPTIONS + 19, &[0; 4]).unwrap().prefix, Some(0));
}

#[test]
fn options_of_the_ip_header_are_skipped() {
    let mut bytes = offer();
    bytes[IP] = 0x46;
    let [_, length] = bytes[IP + 2..IP + 4] else {
        unreachable!("two bytes")
    };
    bytes[IP + 3] = length + 4;
    bytes.splice(UDP..UDP, [1; 4]);
    assert_eq!(parse(&bytes), parse(&offer()));
}

#[test]
fn what_else_comes_by_has_a_name() {
    assert_eq!(spoiled(12, &[0x08, 0x06]), Err(Reject::NotDhcp));
    assert_eq!(spoiled(12, &[0x81, 0x00]), Err(Reject::NotDhcp));
    assert_eq!(spoiled(IP, &[0x65]), Err(Reject::NotDhcp));
    assert_eq!(spoiled(IP + 9, &[6]), Err(Reject::NotDhcp));
    assert_eq!(spoiled(IP + 6, &[0x20]), Err(Reject::Fragment));
    assert_eq!(spoiled(IP + 7, &[1]), Err(Reject::Fragment));
    assert_eq!(spoiled(UDP, &[0, 68, 0, 67]), Err(Reject::NotDhcp));
    assert_eq!(spoiled(DHCP, &[1]), Err(Reject::NotDhcp));
    assert_eq!(spoiled(DHCP + 236, &[0]), Err(Reject::NotDhcp));
    assert_eq!(spoiled(DHCP + 1, &[6]), Err(Reject::NotEthernet));
    assert_eq!(spoiled(DHCP + 2, &[16]), Err(Reject::NotEthernet));
    assert_eq!(spoiled(OPTIONS + 2, &[6]), Err(Reject::OtherMessage));
    assert_eq!(spoiled(6, &[0xff]), Err(Reject::GroupSender));
    let said = |options: &[u8]| parse(&broadcast(options));
    assert_eq!(said(&[53, 1, 2]), Err(Reject::NoServer));
    assert_eq!(said(&[54, 4, 192, 168, 8, 1]), Err(Reject::OtherMessage));
}

#[test]
fn options_that_lie_about_their_length_are_refused() {
    let said = |options: &[u8]| parse(&broadcast(options));
    assert_eq!(said(&[53]), Err(Reject::BadOption));
    assert_eq!(said(&[53, 200, 2]), Err(Reject::BadOption));
    assert_eq!(said(&[54, 3, 1, 2, 3]), Err(Reject::BadOption));
    assert_eq!(said(&[54, 0]), Err(Reject::BadOption));
    assert_eq!(said(&[3, 2, 1, 2]), Err(Reject::BadOption));
    assert_eq!(said(&[51, 1, 2]), Err(Reject::BadOption));
}

#[test]
fn every_cut_is_noticed() {
    let bytes = offer();
    for length in 0..bytes.len() {
        assert_eq!(parse(&bytes[..length]), Err(Reject::Truncated), "{length}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_bytes_are_parsed_or_rejected(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _total = parse(&bytes).is_ok();
    }

    #[test]
    fn any_options_are_walked_to_an_end(options in prop::collection::vec(any::<u8>(), 0..120)) {
        let _total = parse(&broadcast(&options)).is_ok();
    }

    #[test]
    fn a_spoiled_frame_is_parsed_or_rejected(
        at in 12_usize..320, value in any::<u8>(), length in 0_usize..330,
    ) {
        let mut bytes = offer();
        if let Some(byte) = bytes.get_mut(at) {
            *byte = value;
        }
        bytes.truncate(length);
        let _total = parse(&bytes).is_ok();
    }
}
