//! What is remembered comes back as it was, and nothing else does.

use proptest::prelude::*;

use super::*;

fn sample() -> Memories {
    let mut remembered = Remembered::default();
    remembered
        .terms
        .insert(IpAddr::from([192, 0, 2, 240]), (7, true));
    remembered
        .terms
        .insert(IpAddr::from([192, 0, 2, 241]), (9, false));
    remembered
        .moved
        .insert(IpAddr::from([192, 0, 2, 241]), None);
    let lease = RememberedLease {
        to: NodeId([8; 8]),
        left: Duration::from_millis(61_500),
        was_moved: true,
    };
    remembered
        .moved
        .insert(IpAddr::from([192, 0, 2, 240]), Some(lease));
    let pin = Pin {
        count: 3,
        by: NodeId([9; 8]),
        to: Some("box-01".parse().unwrap()),
    };
    let pinned = IpAddr::from([192, 0, 2, 240]);
    remembered.pins.insert(pinned, pin.clone());
    let unpinned = "2001:db8::240".parse().unwrap();
    remembered.pins.insert(unpinned, Pin { to: None, ..pin });
    remembered.short_lives = 2;
    let peer = (IpAddr::from([192, 0, 2, 2]), Duration::from_millis(230));
    remembered
        .peers
        .insert(NodeId([1, 2, 3, 4, 5, 6, 7, 8]), peer);
    let mac = Mac([2, 0, 0x5e, 0, 0x53, 2]);
    remembered
        .macs
        .insert(NodeId([1, 2, 3, 4, 5, 6, 7, 8]), mac);
    Memories::from([("eth0".parse().unwrap(), remembered)])
}

#[test]
fn what_is_written_is_read_back() {
    assert_eq!(from_text(&to_text(&sample())), Ok(sample()));
}

/// As much as there can be: each address with a term and a move for a time, each peer.
fn full() -> Memories {
    let mut remembered = Remembered::default();
    for number in 0..u32::try_from(ADDRESSES_MAX).unwrap() {
        // Written at full length.
        let v6 = std::net::Ipv6Addr::from(u128::MAX - u128::from(number));
        let lease = RememberedLease {
            to: NodeId([0xfe; 8]),
            left: Duration::from_secs(u64::from(Lease::MAX_SECS)),
            was_moved: true,
        };
        remembered.terms.insert(v6.into(), (MAX_TERM, true));
        remembered.moved.insert(v6.into(), Some(lease));
    }
    for number in 0..u8::try_from(MAX_PEERS).unwrap() {
        let id = NodeId([0xfe, 1, 2, 3, 4, 5, 6, number]);
        let silence = Duration::from_secs(3_600);
        remembered
            .peers
            .insert(id, (IpAddr::from([0xff; 16]), silence));
        remembered.macs.insert(id, Mac([2, 0, 0, 0, 0, number]));
    }
    Memories::from([("wlp0s20f3lan0x".parse().unwrap(), remembered)])
}

#[test]
fn five_thousand_addresses_are_written_below_the_limit_and_read_back() {
    let text = to_text(&full());
    assert!(text.len() < MAX_FILE_LENGTH, "{} bytes", text.len());
    assert_eq!(from_text(&text), Ok(full()));
}

#[test]
fn more_addresses_or_peers_than_there_can_be_are_refused() {
    let mut many = full();
    let remembered = many.values_mut().next().unwrap();
    remembered
        .terms
        .insert(IpAddr::from([192, 0, 2, 1]), (1, false));
    assert!(from_text(&to_text(&many)).is_err());
    let mut many = full();
    let remembered = many.values_mut().next().unwrap();
    let peer = (IpAddr::from([192, 0, 2, 1]), Duration::ZERO);
    remembered.peers.insert(NodeId([1; 8]), peer);
    assert!(from_text(&to_text(&many)).is_err());
}

#[test]
fn a_file_of_an_earlier_version_is_read() {
    let body = format!("{FIRST_LINE}\nlink eth0\naddress 192.0.2.1 7 held\n");
    let memories = from_text(&format!("{body}{}", checksum(&body))).unwrap();
    let remembered = &memories[&"eth0".parse().unwrap()];
    assert!(remembered.moved.is_empty());
    assert_eq!(remembered.short_lives, 0);
}

#[test]
fn every_damaged_byte_is_noticed() {
    let text = to_text(&sample());
    for position in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[position] ^= 1;
        if let Ok(damaged) = String::from_utf8(bytes) {
            assert!(from_text(&damaged).is_err(), "byte {position}");
        }
    }
}

#[test]
fn a_later_version_is_not_guessed_at() {
    let text = to_text(&sample()).replace("sovnet-state 1", "sovnet-state 2");
    assert_eq!(from_text(&text), Err(MemoryError::Version));
}

#[test]
fn a_term_beyond_the_limit_is_refused_even_with_a_right_checksum() {
    let body = format!(
        "{FIRST_LINE}\nlink eth0\naddress 192.0.2.1 {} held\n",
        MAX_TERM + 1
    );
    let text = format!("{body}{}", checksum(&body));
    assert_eq!(from_text(&text), Err(MemoryError::Line(3)));
}

#[test]
fn lines_that_nobody_writes_are_refused_with_their_number() {
    for line in [
        "address 192.0.2.1 3",
        "address 192.0.2.1 3 lost",
        "address 192.0.2.300 3 held",
        "peer 0102 192.0.2.2 10",
        "mac 0102030405060708 02:00:00:00:00",
        "mac 0102030405060708 ff:ff:ff:ff:ff:ff",
        "pin 192.0.2.1 1 0102030405060708",
        "pin 192.0.2.1 0 0102030405060708 ada",
        "pin 192.0.2.1 1 0102030405060708 not_a_name",
        "unpin 192.0.2.1 549755813889 0102030405060708",
        "unpin 192.0.2.1 1 0102030405060708 ada",
        "whatever",
        "",
    ] {
        let body = format!("{FIRST_LINE}\nlink eth0\n{line}\n");
        let text = format!("{body}{}", checksum(&body));
        assert_eq!(from_text(&text), Err(MemoryError::Line(3)), "{line:?}");
    }
    let body = format!("{FIRST_LINE}\naddress 192.0.2.1 3 held\n");
    let text = format!("{body}{}", checksum(&body));
    assert_eq!(
        from_text(&text),
        Err(MemoryError::Line(2)),
        "before any link"
    );
}

#[test]
fn more_pins_than_a_node_knows_are_refused() {
    let mut body = format!("{FIRST_LINE}\nlink eth0\n");
    for number in 0..=MAX_PINS {
        let address = IpAddr::from(u128::try_from(number).unwrap().to_be_bytes());
        writeln!(body, "pin {address} 1 0102030405060708 ada").unwrap();
    }
    let text = seal(&body);
    assert_eq!(from_text(&text), Err(MemoryError::Line(MAX_PINS + 3)));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in ".*") {
        let _read_or_refused = from_text(&text);
        let body = format!("{FIRST_LINE}\n{text}");
        let _read_or_refused = from_text(&format!("{body}{}", checksum(&body)));
    }
}
