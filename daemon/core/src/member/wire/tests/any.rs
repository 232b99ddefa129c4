//! Any datagrams that are possible, for the properties.

use std::net::IpAddr;

use proptest::prelude::*;

use crate::member::wire::{
    AddressKey, ClaimKind, Datagram, Entry, Flags, Greeting, Kind, Lease, ListedPeer,
    MAX_ADDRESSES, MAX_OBSERVED, MAX_PIN_COUNT, MAX_SEQUENCE, MAX_TERM, Observed, Page, Pin,
    PinNotice, Prefix, Sight, addresses_that_fit, pin_parts,
};
use crate::names::{Mac, NodeId};
use crate::report::NodeState;

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
            lease: None,
            key: AddressKey(key),
            term,
            highest: term + distance,
            level,
            claim,
            moved,
            offer,
        },
    );
    prop::collection::vec(entry, 0..=MAX_ADDRESSES)
}

/// Any prefix; all keys are the most usual one.
fn prefixes() -> impl Strategy<Value = Prefix> {
    (0u8..=16, any::<u16>()).prop_map(|(bits, start)| {
        let kept = u16::MAX.checked_shl(16 - u32::from(bits)).unwrap_or(0);
        Prefix::new(start & kept, bits).expect("what follows the prefix is zero")
    })
}

fn pages() -> impl Strategy<Value = Page> {
    let prefix = prop::option::of(prefixes());
    let lease = (0..=Lease::MAX_SECS, any::<bool>())
        .prop_map(|(secs, was_moved)| Lease { secs, was_moved });
    let entries = (entries(), prop::option::of(lease));
    (any::<bool>(), peers(), prefix, 0u8..4, entries).prop_map(
        |(is_list, peers, prefix, default_level, (mut addresses, lease))| {
            let part = prefix.unwrap_or(Prefix::ALL);
            let (first, last) = part.keys().into_inner();
            for entry in &mut addresses {
                entry.key = AddressKey(entry.key.0 & (last.0 - first.0) | first.0);
                entry.offer = entry
                    .offer
                    .filter(|index| usize::from(*index) < peers.len());
            }
            addresses.sort_by_key(|entry| entry.key);
            addresses.dedup_by_key(|entry| entry.key);
            addresses.retain(|_| prefix.is_some());
            addresses.truncate(addresses_that_fit(peers.len()));
            if let Some(last) = addresses.last_mut() {
                last.lease = lease;
            }
            Page {
                is_list,
                peers,
                prefix,
                default_level: prefix.map_or(0, |_| default_level),
                addresses,
            }
        },
    )
}

fn greetings() -> impl Strategy<Value = Greeting> {
    let parts = ("[a-z0-9.-]{1,63}", "[ -~]{0,31}", any::<u32>(), any::<u8>());
    parts.prop_map(|(name, version, config_hash, weight)| {
        let name = name.parse().expect("made of the letters of names");
        Greeting {
            name,
            version,
            config_hash,
            weight,
            address: None,
        }
    })
}

pub(super) fn datagrams() -> impl Strategy<Value = Datagram> {
    let bodies = (
        prop::option::of(pages()),
        prop::option::of(greetings()),
        sights(),
        notices(),
    );
    (headers(), bodies).prop_map(|(header, (facts, hello, observed, pins))| {
        let kind = header.kind;
        let has_facts = matches!(kind, Kind::Heartbeat | Kind::Relay);
        let address = IpAddr::from(header.sender.0.map(u16::from));
        let hello = hello.and_then(|hello| match kind {
            Kind::Hello | Kind::Reply => Some(hello),
            Kind::Relay if facts.is_none() => Some(Greeting {
                address: Some(address),
                ..hello
            }),
            Kind::Heartbeat
            | Kind::Relay
            | Kind::Ping
            | Kind::Pong
            | Kind::Observed
            | Kind::Pins => None,
        });
        let observed = observed.into_iter().filter(|_| kind == Kind::Observed);
        Datagram {
            observed: observed.collect(),
            pins: pins.filter(|_| kind == Kind::Pins),
            facts: facts.filter(|_| has_facts),
            hello,
            ..header
        }
    })
}

fn sights() -> impl Strategy<Value = Vec<Observed>> {
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
    prop::collection::vec(seen, 0..=MAX_OBSERVED)
}

/// Some pins, of which the first notice is taken: so many fit.
fn notices() -> impl Strategy<Value = Option<PinNotice>> {
    let address = prop_oneof![
        any::<[u8; 4]>().prop_map(IpAddr::from),
        any::<[u8; 16]>().prop_map(|bytes| IpAddr::from(bytes).to_canonical()),
    ];
    let name = prop::option::of("[a-z0-9][a-z0-9-]{0,61}[a-z0-9]");
    let pin = (1..=MAX_PIN_COUNT, any::<[u8; 8]>(), name);
    let pin = pin.prop_map(|(count, by, name)| Pin {
        count,
        by: NodeId(by),
        to: name.map(|name| name.parse().expect("made of the letters of names")),
    });
    let pins = prop::collection::btree_map(address, pin, 0..80);
    let notice = (any::<bool>(), any::<u64>(), pins);
    let notice = notice.prop_map(|(is_answer, digest, pins)| PinNotice {
        is_answer,
        digest,
        pins: pin_parts(pins.iter())
            .into_iter()
            .next()
            .unwrap_or_default(),
    });
    prop::option::of(notice)
}

/// Datagrams without a body.
fn headers() -> impl Strategy<Value = Datagram> {
    let kind = prop_oneof![
        Just(Kind::Heartbeat),
        Just(Kind::Hello),
        Just(Kind::Reply),
        Just(Kind::Relay),
        Just(Kind::Ping),
        Just(Kind::Pong),
        Just(Kind::Observed),
        Just(Kind::Pins)
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
    let small = (any::<[u32; 3]>(), any::<[u16; 2]>(), any::<[bool; 4]>());
    (kind, state, wide, small).prop_map(
        |(kind, state, (wide, sequence), (versions, shorts, bits))| Datagram {
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
                routine: bits[3],
            },
            hold_10ms: shorts[1],
            observed: Vec::new(),
            pins: None,
            hello: None,
            facts: None,
        },
    )
}
