//! The codec: sizes, limits, a worked example, and hostile bytes.

mod any;
mod pins;

use std::net::IpAddr;

use proptest::prelude::*;

use any::datagrams;

use super::{
    AddressKey, ClaimKind, Datagram, Entry, Flags, Foreign, Greeting, Kind, Lease, ListedPeer,
    MAX_LENGTH, MAX_PEERS, MAX_SEQUENCE, MAX_TERM, Page, Prefix, Reject, addresses_that_fit,
    decode, encode,
};
use crate::member::keys::{KeyId, Keys};
use crate::names::NodeId;
use crate::report::NodeState;

/// The datagram of the worked example in docs/heartbeat.md.
fn example() -> Datagram {
    Datagram {
        kind: Kind::Heartbeat,
        sender: NodeId([0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8]),
        session: 0x1112_1314_1516_1718,
        receiver_session: 0x2122_2324_2526_2728,
        sequence: 0x31,
        interval_ms: 25,
        challenge: 0x4142_4344_4546_4748,
        echo: 0x5152_5354_5556_5758,
        facts_version: 7,
        acked_version: 4,
        follows: 6,
        state: NodeState::Active,
        flags: Flags {
            gateway_seen: true,
            ..Flags::default()
        },
        hold_10ms: 0,
        observed: Vec::new(),
        pins: None,
        facts: Some(Page {
            is_list: true,
            prefix: Some(Prefix::ALL),
            default_level: 3,
            peers: vec![ListedPeer {
                id: NodeId([0xb1, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8]),
                direct: true,
                heard: true,
                held: false,
            }],
            addresses: vec![Entry {
                key: AddressKey::of(IpAddr::from([192, 0, 2, 241])),
                term: 5,
                highest: 6,
                level: 3,
                claim: ClaimKind::Active,
                moved: false,
                offer: Some(0),
                lease: None,
            }],
        }),
        hello: None,
    }
}

fn example_keys() -> Keys {
    Keys::derive(&std::array::from_fn(|index| {
        u8::try_from(index).expect("an index below 32")
    }))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Encodes with changed bytes and a right code, as a foreign program with the key would.
fn with_bytes(mut bytes: Vec<u8>, change: impl FnOnce(&mut Vec<u8>), keys: &Keys) -> Vec<u8> {
    bytes.truncate(bytes.len() - 16);
    change(&mut bytes);
    let code = keys.code(&bytes);
    bytes.extend_from_slice(&code);
    bytes
}

#[test]
fn the_worked_example_of_the_document_holds() {
    let bytes = encode(&example(), &example_keys());
    assert_eq!(hex(&bytes), EXAMPLE_HEX.replace(['\n', ' '], ""));
    assert_eq!(decode(&bytes, &[&example_keys()]), Ok(example()));
}

const EXAMPLE_HEX: &str = "
    7376 01 01 d2611171
    a1a2a3a4a5a6a7a8 1112131415161718 2122232425262728
    000000000031 0019
    4142434445464748 5152535455565758
    00000007 00000004 00000006
    02 02 0000
    03 01 01 03 00 0000
    b1b2b3b4b5b6b7b803
    8e4acf0da8ed75140000000005010700
    785600e9dbda96eb20f80b6425a1cc4e";

#[test]
fn a_plain_heartbeat_has_88_bytes() {
    let plain = Datagram {
        facts: None,
        ..example()
    };
    assert_eq!(encode(&plain, &Keys::none()).len(), 88);
}

#[test]
fn ten_nodes_with_64_addresses_have_1200_bytes() {
    assert_eq!(encode(&large(9, 64), &Keys::none()).len(), 1_200);
}

fn large(peers: usize, addresses: u64) -> Datagram {
    let page = example().facts.expect("the example has facts");
    let key = |key| Entry {
        key: AddressKey(key),
        ..page.addresses[0]
    };
    Datagram {
        facts: Some(Page {
            peers: vec![page.peers[0]; peers],
            addresses: (0..addresses).map(key).collect(),
            ..page
        }),
        ..example()
    }
}

#[test]
fn what_does_not_fit_is_cut() {
    for (peers, addresses) in [(0, 65), (11, 64), (12, 64), (32, 64), (100, 5_000)] {
        let bytes = encode(&large(peers, addresses), &Keys::none());
        assert!(
            bytes.len() <= MAX_LENGTH,
            "{peers} peers, {addresses} addresses"
        );
        let facts = decode(&bytes, &[&Keys::none()])
            .expect("cut at an entry")
            .facts;
        let facts = facts.expect("facts travel");
        assert_eq!(facts.peers.len(), peers.min(MAX_PEERS));
        let fitting = addresses_that_fit(peers).try_into().expect("at most 64");
        let travelled: u64 = facts.addresses.len().try_into().expect("at most 64");
        assert_eq!(travelled, addresses.min(fitting));
    }
    assert_eq!((addresses_that_fit(11), addresses_that_fit(12)), (64, 63));
    assert_eq!(addresses_that_fit(MAX_PEERS), 0);
}

#[test]
fn what_cannot_be_said_saturates() {
    let mut datagram = large(1, 1);
    datagram.sequence = u64::MAX;
    let facts = datagram.facts.as_mut().expect("facts");
    facts.addresses[0] = Entry {
        term: MAX_TERM - 1,
        highest: u64::MAX,
        level: 9,
        offer: Some(1),
        ..facts.addresses[0]
    };
    let bytes = encode(&datagram, &Keys::none());
    let back = decode(&bytes, &[&Keys::none()]).expect("it is well-formed");
    let entry = back.facts.expect("facts").addresses[0];
    assert_eq!(back.sequence, MAX_SEQUENCE);
    assert_eq!((entry.term, entry.highest), (MAX_TERM - 1, MAX_TERM));
    assert_eq!((entry.level, entry.offer), (3, None));
}

#[test]
fn a_term_above_the_limit_is_malformed() {
    let keys = Keys::none();
    let entry_at = 72 + 7 + 9;
    for term in [[0x80, 0, 0, 0, 1], [0xff; 5]] {
        let set = |bytes: &mut Vec<u8>| bytes[entry_at + 8..entry_at + 13].copy_from_slice(&term);
        let bytes = with_bytes(encode(&example(), &keys), set, &keys);
        assert_eq!(decode(&bytes, &[&keys]), Err(Reject::Malformed));
    }
}

#[test]
fn an_offer_to_nobody_listed_is_malformed() {
    let keys = Keys::none();
    let bytes = with_bytes(
        encode(&example(), &keys),
        |bytes| *bytes.last_mut().expect("an offer") = 1,
        &keys,
    );
    assert_eq!(decode(&bytes, &[&keys]), Err(Reject::Malformed));
}

#[test]
fn impossible_pages_are_malformed() {
    let keys = Keys::none();
    let page_at = 72;
    // Unknown bit, peers and addresses beyond the limits, level, length and rest of the prefix.
    for (byte, value) in [(0, 7), (1, 127), (2, 65), (3, 4), (4, 17), (5, 1), (6, 1)] {
        let set = |bytes: &mut Vec<u8>| bytes[page_at + byte] = value;
        let bytes = with_bytes(encode(&example(), &keys), set, &keys);
        assert_eq!(decode(&bytes, &[&keys]), Err(Reject::Malformed), "{byte}");
    }
}

#[test]
fn an_address_outside_of_the_prefix_or_twice_is_malformed() {
    let keys = Keys::none();
    let mut foreign = large(1, 2);
    foreign.facts.as_mut().expect("a page").prefix = Prefix::new(0x8000, 1);
    let bytes = encode(&foreign, &keys);
    assert_eq!(decode(&bytes, &[&keys]), Err(Reject::Malformed));
    let mut twice = large(1, 2);
    let page = twice.facts.as_mut().expect("a page");
    page.addresses[1].key = page.addresses[0].key;
    let bytes = encode(&twice, &keys);
    assert_eq!(decode(&bytes, &[&keys]), Err(Reject::Malformed));
}

#[test]
fn a_relay_says_of_whom_it_tells() {
    let relay = Datagram {
        kind: Kind::Relay,
        ..example()
    };
    let bytes = encode(&relay, &example_keys());
    assert_eq!(hex(&bytes), RELAY_HEX.replace(['\n', ' '], ""));
    let back = decode(&bytes, &[&example_keys()]).expect("it is well-formed");
    let origin = NodeId(0x5152_5354_5556_5758u64.to_be_bytes());
    assert_eq!(back.origin(), Some((origin, 0x4142_4344_4546_4748)));
    assert_eq!(example().origin(), None);
}

const RELAY_HEX: &str = "
    7376 01 04 d2611171
    a1a2a3a4a5a6a7a8 1112131415161718 2122232425262728
    000000000031 0019
    4142434445464748 5152535455565758
    00000007 00000004 00000006
    02 02 0000
    03 01 01 03 00 0000
    b1b2b3b4b5b6b7b803
    8e4acf0da8ed75140000000005010700
    cf2d7b0f84b10e1b23833bfef6788776";

#[test]
fn bytes_too_many_or_too_few_are_malformed() {
    let keys = Keys::none();
    let longer = with_bytes(encode(&example(), &keys), |bytes| bytes.push(0), &keys);
    assert_eq!(decode(&longer, &[&keys]), Err(Reject::Malformed));
    let shorter = |bytes: &mut Vec<u8>| bytes.truncate(bytes.len() - 1);
    let shorter = with_bytes(encode(&example(), &keys), shorter, &keys);
    assert_eq!(decode(&shorter, &[&keys]), Err(Reject::Malformed));
}

#[test]
fn only_a_known_key_is_looked_at() {
    let (old, new, none) = (Keys::derive(&[1; 32]), Keys::derive(&[2; 32]), Keys::none());
    let bytes = encode(&example(), &old);
    assert_eq!(decode(&bytes, &[&new, &old]), Ok(example()));
    assert_eq!(decode(&bytes, &[&new]), Err(Reject::Key(old.id())));
    assert_eq!(decode(&bytes, &[&none]), Err(Reject::Key(old.id())));
    let keyless = encode(&example(), &none);
    assert_eq!(decode(&keyless, &[&new]), Err(Reject::Key(KeyId::NONE)));
}

#[test]
fn an_unknown_version_still_says_who_lives() {
    let keys = example_keys();
    let bytes = with_bytes(encode(&example(), &keys), |bytes| bytes[2] = 9, &keys);
    let foreign = Foreign {
        version: 9,
        sender: example().sender,
        session: example().session,
        receiver_session: example().receiver_session,
        sequence: 0x31,
    };
    assert_eq!(decode(&bytes, &[&keys]), Err(Reject::Version(foreign)));
}

#[test]
fn foreign_and_damaged_datagrams_are_named() {
    let keys = Keys::none();
    let bytes = encode(&example(), &keys);
    assert_eq!(decode(b"GET /", &[&keys]), Err(Reject::NotOurs(0x4745)));
    assert_eq!(decode(b"s", &[&keys]), Err(Reject::Truncated));
    assert_eq!(decode(&bytes[..87], &[&keys]), Err(Reject::Truncated));
    assert_eq!(decode(&bytes[..90], &[&keys]), Err(Reject::Mac));
    let long = [bytes, vec![0; MAX_LENGTH]].concat();
    assert_eq!(decode(&long, &[&keys]), Err(Reject::TooLong));
}

#[test]
fn a_version_text_is_cut_to_what_can_be_printed() {
    let greeting = Greeting {
        name: "lab-one".parse().expect("a name"),
        version: format!("0.1.0\n{}", "x".repeat(40)),
        config_hash: 0xdead_beef,
        weight: 1,
        address: None,
    };
    let hello = Datagram {
        kind: Kind::Hello,
        facts: None,
        hello: Some(greeting),
        ..example()
    };
    let bytes = encode(&hello, &Keys::none());
    let back = decode(&bytes, &[&Keys::none()]).expect("well-formed").hello;
    let version = back.expect("a greeting").version;
    assert_eq!(version, format!("0.1.0{}", "x".repeat(26)));
}

#[test]
fn an_offer_for_a_time_travels_even_on_a_full_page() {
    for peers in [1, 11, 12, 32, 120] {
        let fitting = addresses_that_fit(peers);
        let mut datagram = large(peers, fitting.try_into().expect("at most 64"));
        let facts = datagram.facts.as_mut().expect("facts");
        let last = facts.addresses.last_mut().expect("a full page");
        let lease = Lease {
            secs: 600,
            was_moved: true,
        };
        last.lease = Some(lease);
        let bytes = encode(&datagram, &Keys::none());
        assert!(bytes.len() <= MAX_LENGTH);
        let back = decode(&bytes, &[&Keys::none()]).expect("well-formed").facts;
        let entries = back.expect("facts travel").addresses;
        let leases: Vec<_> = entries.iter().filter_map(|entry| entry.lease).collect();
        assert_eq!(leases, [lease]);
        assert_eq!(entries.last().and_then(|entry| entry.lease), Some(lease));
    }
}

#[test]
fn a_lease_that_no_node_would_give_is_refused() {
    let mut datagram = large(1, 2);
    let facts = datagram.facts.as_mut().expect("facts");
    facts.addresses[0].lease = Some(Lease {
        secs: 1,
        was_moved: false,
    });
    let keys = Keys::none();
    let bytes = encode(&datagram, &keys);
    let (content, _code) = bytes.split_at(bytes.len() - 16);
    let start = content.len() - 6;
    for (position, byte) in [(start, 0), (start, 2), (start + 1, 2), (start + 2, 0x7f)] {
        let mut forged = content.to_vec();
        forged[position] = byte;
        let code = keys.code(&forged);
        let forged = [forged.as_slice(), &code].concat();
        assert_eq!(
            decode(&forged, &[&keys]),
            Err(Reject::Malformed),
            "{position}"
        );
    }
}

#[test]
fn a_greeting_without_a_weight_counts_as_one() {
    let greeting = Greeting {
        name: "lab-one".parse().expect("a name"),
        version: "0.1.0".to_owned(),
        config_hash: 7,
        weight: 4,
        address: None,
    };
    let hello = Datagram {
        kind: Kind::Hello,
        facts: None,
        hello: Some(greeting),
        ..example()
    };
    let keys = Keys::none();
    let bytes = encode(&hello, &keys);
    let (content, _code) = bytes.split_at(bytes.len() - 17);
    let shorter = [content, &keys.code(content)].concat();
    let weight = |bytes: &[u8]| {
        let hello = decode(bytes, &[&keys]).expect("well-formed").hello;
        hello.expect("a greeting").weight
    };
    assert_eq!((weight(&bytes), weight(&shorter)), (4, 1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_is_encoded_comes_back(datagram in datagrams()) {
        let keys = example_keys();
        let bytes = encode(&datagram, &keys);
        prop_assert!(bytes.len() <= MAX_LENGTH);
        prop_assert_eq!(decode(&bytes, &[&keys]), Ok(datagram));
    }

    #[test]
    fn one_flipped_bit_is_always_rejected(datagram in datagrams(), bit in any::<prop::sample::Index>()) {
        let keys = example_keys();
        let mut bytes = encode(&datagram, &keys);
        let bit = bit.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(decode(&bytes, &[&keys, &Keys::none()]).is_err());
    }

    #[test]
    fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..1_400)) {
        prop_assert!(decode(&bytes, &[&Keys::none()]).is_err());
    }

    #[test]
    fn any_body_with_a_right_code_never_panics(
        kind in 0u8..=8,
        body in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let keys = Keys::none();
        let plain = Datagram { facts: None, ..example() };
        let change = |bytes: &mut Vec<u8>| {
            bytes[3] = kind;
            bytes.extend_from_slice(&body);
        };
        let bytes = with_bytes(encode(&plain, &keys), change, &keys);
        if let Ok(datagram) = decode(&bytes, &[&keys]) {
            prop_assert_eq!(decode(&encode(&datagram, &keys), &[&keys]), Ok(datagram));
        }
    }
}
