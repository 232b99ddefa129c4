//! The frames that tests send, as other programs would write them.

use super::*;

const MAC: Mac = Mac([2, 0, 0, 0, 0, 9]);

fn target() -> Ipv6Addr {
    "2001:db8:8::240".parse().expect("an address")
}

#[test]
fn what_is_advertised_is_read_again() {
    let frame = unsolicited(MAC, target());
    let read = Advertisement {
        to: ALL_NODES,
        target: target(),
        mac: MAC,
        is_solicited: false,
        is_override: true,
    };
    assert_eq!(Advertisement::parse(&frame), Some(read));
    assert_eq!(
        (frame.len(), &frame[..6]),
        (86, &[0x33, 0x33, 0, 0, 0, 1][..])
    );
    assert_eq!(Advertisement::parse(&frame[..70]), None);
}

#[test]
fn a_probe_goes_to_the_group_of_its_target_without_a_hardware_address() {
    let frame = probe(MAC, target());
    assert_eq!(
        (frame.len(), &frame[..6]),
        (78, &[0x33, 0x33, 0xff, 0, 2, 0x40][..])
    );
    assert_eq!(frame[22..38], [0; 16]);
    assert_eq!(address_at(&frame, 38), "ff02::1:ff00:240".parse().ok());
    assert_eq!(Advertisement::parse(&frame), None);
}
