//! Pins on the wire: the worked example of the document.

use std::net::IpAddr;

use super::{example, example_keys, hex};
use crate::member::pins::table::Pins;
use crate::member::wire::{Datagram, Kind, Pin, PinNotice, decode, encode};
use crate::names::NodeId;

/// What the sender knows: one address is pinned, and another one was.
fn known() -> Pins {
    let mut pins = Pins::default();
    let pinned = Pin {
        count: 3,
        by: NodeId([0xb1, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8]),
        to: Some("lab-two".parse().expect("a name")),
    };
    let taken_back = Pin {
        count: 2,
        by: example().sender,
        to: None,
    };
    assert!(pins.merge(IpAddr::from([192, 0, 2, 241]), pinned));
    assert!(pins.merge("2001:db8::241".parse().expect("an address"), taken_back));
    pins
}

#[test]
fn the_worked_example_of_pins_in_the_document_holds() {
    let all = known();
    let pins = all.all().iter();
    let notice = Datagram {
        kind: Kind::Pins,
        follows: 0,
        facts: None,
        pins: Some(PinNotice {
            is_answer: false,
            digest: all.digest(),
            pins: pins.map(|(address, pin)| (*address, pin.clone())).collect(),
        }),
        ..example()
    };
    let bytes = encode(&notice, &example_keys());
    assert_eq!(hex(&bytes), EXAMPLE_HEX.replace(['\n', ' '], ""));
    assert_eq!(decode(&bytes, &[&example_keys()]), Ok(notice));
}

const EXAMPLE_HEX: &str = "
    7376 01 08 d2611171
    a1a2a3a4a5a6a7a8 1112131415161718 2122232425262728
    000000000031 0019
    4142434445464748 5152535455565758
    00000007 00000004 00000000
    02 02 0000
    00 3d01938c37b59894 02
    04 c00002f1 0000000003 b1b2b3b4b5b6b7b8 07 6c61622d74776f
    10 20010db8000000000000000000000241 0000000002 a1a2a3a4a5a6a7a8 00
    47967da7e6bdd5486d7ff8487c76076a";
