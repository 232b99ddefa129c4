//! The codec: sizes, limits, a worked example, and hostile bytes.

use std::net::IpAddr;

use proptest::prelude::*;

use super::{
    AddressKey, ClaimKind, Datagram, Entry, Facts, Flags, Foreign, Greeting, Kind, ListedPeer,
    MAX_LENGTH, MAX_OBSERVED, MAX_PEERS, MAX_SEQUENCE, MAX_TERM, Observed, Reject, Sight,
    addresses_that_fit, decode, encode,
};
use crate::member::keys::{KeyId, Keys};
use crate::names::{Mac, NodeId};
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
        facts: Some(Facts {
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
    01 0001 b1b2b3b4b5b6b7b803
    03 8e4acf0da8ed75140000000005010700
    d77fb8540c4865429da023c0c38af8e4";

#[test]
fn a_plain_heartbeat_has_88_bytes() {
    let plain = Datagram {
        facts: None,
        ..example()
    };
    assert_eq!(encode(&plain, &Keys::none()).len(), 88);
}

#[test]
fn ten_nodes_with_64_addresses_have_1197_bytes() {
    assert_eq!(encode(&large(9, 64), &Keys::none()).len(), 1_197);
}

fn large(peers: usize, addresses: usize) -> Datagram {
    let facts = example().facts.expect("the example has facts");
    Datagram {
        facts: Some(Facts {
            peers: vec![facts.peers[0]; peers],
            addresses: vec![facts.addresses[0]; addresses],
            ..facts
        }),
        ..example()
    }
}

#[test]
fn what_does_not_fit_is_cut() {
    for (peers, addresses) in [(0, 65), (12, 64), (13, 64), (32, 64), (100, 5_000)] {
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
        assert_eq!(
            facts.addresses.len(),
            addresses.min(addresses_that_fit(peers))
        );
    }
    assert_eq!((addresses_that_fit(12), addresses_that_fit(32)), (64, 53));
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
    let entry_at = 72 + 3 + 9 + 1;
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

fn peers() -> impl Strategy<Value = Vec<ListedPeer>> {
    let peer = (any::<[u8; 8]>(), any::<[bool; 3]>()).prop_map(|(id, bits)| ListedPeer {
        id: NodeId(id),
        direct: bits[0],
        heard: bits[1],
        held: bits[2],
    });
    prop::collection::vec(peer, 0..=12)
}

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let claim = prop_oneof![
        Just(ClaimKind::None),
        Just(ClaimKind::Active),
        Just(ClaimKind::Wish)
    ];
    let numbers = (any::<u64>(), 0..MAX_TERM - 255, 0u64..256, 0u8..4);
    let entry = (numbers, claim, any::<bool>(), prop::option::of(0u8..13));
    let entry = entry.prop_map(
        |((key, term, distance, level), claim, moved, offer)| Entry {
            key: AddressKey(key),
            term,
            highest: term + distance,
            level,
            claim,
            moved,
            offer,
        },
    );
    prop::collection::vec(entry, 0..=64)
}

fn facts() -> impl Strategy<Value = Facts> {
    (0u8..4, peers(), entries()).prop_map(|(default_level, peers, mut addresses)| {
        for entry in &mut addresses {
            entry.offer = entry
                .offer
                .filter(|index| usize::from(*index) < peers.len());
        }
        Facts {
            default_level,
            peers,
            addresses,
        }
    })
}

fn greetings() -> impl Strategy<Value = Greeting> {
    ("[a-z0-9.-]{1,63}", "[ -~]{0,31}", any::<u32>()).prop_map(|(name, version, config_hash)| {
        let name = name.parse().expect("made of the letters of names");
        Greeting {
            name,
            version,
            config_hash,
        }
    })
}

fn datagrams() -> impl Strategy<Value = Datagram> {
    let kind = prop_oneof![
        Just(Kind::Heartbeat),
        Just(Kind::Hello),
        Just(Kind::Reply),
        Just(Kind::Relay),
        Just(Kind::Ping),
        Just(Kind::Pong),
        Just(Kind::Observed)
    ];
    let state = prop_oneof![
        Just(NodeState::Joining),
        Just(NodeState::Active),
        Just(NodeState::Draining),
        Just(NodeState::Stopping),
        Just(NodeState::Gone),
        Just(NodeState::Isolated),
        Just(NodeState::Restarting),
        Just(NodeState::Mute)
    ];
    let wide = (any::<[u64; 5]>(), 0..=MAX_SEQUENCE);
    let small = (any::<[u32; 3]>(), any::<[u16; 2]>(), any::<[bool; 3]>());
    let seen = (any::<u64>(), any::<bool>(), any::<[u8; 6]>());
    let seen = seen.prop_map(|(key, is_unheard, mac)| Observed {
        key: AddressKey(key),
        sight: if is_unheard {
            Sight::Unheard
        } else {
            Sight::Occupied
        },
        mac: Mac(mac),
    });
    let seen = prop::collection::vec(seen, 0..=MAX_OBSERVED);
    let bodies = (
        prop::option::of(facts()),
        prop::option::of(greetings()),
        seen,
    );
    (kind, state, wide, small, bodies).prop_map(
        |(kind, state, (wide, sequence), (versions, shorts, bits), (facts, hello, observed))| {
            Datagram {
                kind,
                sender: NodeId(wide[0].to_be_bytes()),
                session: wide[1],
                receiver_session: wide[2],
                sequence,
                interval_ms: shorts[0],
                challenge: wide[3],
                echo: wide[4],
                facts_version: versions[0],
                acked_version: versions[1],
                follows: versions[2],
                state,
                flags: Flags {
                    wireless: bits[0],
                    gateway_seen: bits[1],
                    busy: bits[2],
                },
                hold_10ms: shorts[1],
                facts: facts.filter(|_| kind == Kind::Heartbeat),
                observed: if kind == Kind::Observed {
                    observed
                } else {
                    Vec::new()
                },
                hello: hello.filter(|_| matches!(kind, Kind::Hello | Kind::Reply)),
            }
        },
    )
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
        kind in 0u8..8,
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
