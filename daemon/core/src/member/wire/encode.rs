//! Values to bytes. Total: what exceeds a limit of the format is cut or saturates.

use std::net::IpAddr;

use super::{
    ClaimKind, Datagram, ENTRY_LENGTH, Entry, Flags, Greeting, HAS_PREFIX, HEADER_LENGTH,
    HEARTBEAT, IS_GREETING, IS_LIST, Kind, LEASE_LENGTH, Lease, ListedPeer, MAGIC, MAX_LENGTH,
    MAX_OBSERVED, MAX_PEERS, MAX_SEQUENCE, MAX_TERM, MAX_VERSION_LENGTH, NO_OFFER, Observed,
    PEER_LENGTH, Page, Prefix, ROUTINE, Sight, VERSION, addresses_that_fit, pins,
};
use crate::member::keys::{Keys, MAC_LENGTH};
use crate::report::NodeState;

/// The bytes of a datagram, at most [`MAX_LENGTH`]. Peers above [`MAX_PEERS`] and addresses above
/// [`addresses_that_fit`] stay behind; sequence, terms and the distance to the highest term
/// saturate; an offer to a peer that is not listed is none.
pub fn encode(datagram: &Datagram, keys: &Keys) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(MAX_LENGTH);
    put_header(&mut bytes, datagram, keys);
    debug_assert_eq!(bytes.len(), HEADER_LENGTH);
    match (datagram.kind, &datagram.facts, &datagram.hello) {
        (Kind::Heartbeat | Kind::Relay, Some(page), _) => put_page(&mut bytes, page),
        (Kind::Hello | Kind::Reply, _, Some(greeting)) => put_greeting(&mut bytes, greeting),
        (Kind::Relay, None, Some(greeting)) => put_relayed_greeting(&mut bytes, greeting),
        (Kind::Observed, ..) => put_observed(&mut bytes, &datagram.observed),
        (Kind::Pins, ..) => {
            let notice = datagram.pins.as_ref();
            notice
                .into_iter()
                .for_each(|one| pins::put(&mut bytes, one));
        }
        _ => {}
    }
    let code = keys.code(&bytes);
    bytes.extend_from_slice(&code);
    bytes
}

fn put_header(bytes: &mut Vec<u8>, datagram: &Datagram, keys: &Keys) {
    bytes.extend_from_slice(&MAGIC.to_be_bytes());
    bytes.push(VERSION);
    bytes.push(kind_byte(datagram.kind));
    bytes.extend_from_slice(&keys.id().0);
    bytes.extend_from_slice(&datagram.sender.0);
    bytes.extend_from_slice(&datagram.session.to_be_bytes());
    bytes.extend_from_slice(&datagram.receiver_session.to_be_bytes());
    let sequence = datagram.sequence.min(MAX_SEQUENCE);
    bytes.extend_from_slice(&sequence.to_be_bytes()[2..]);
    bytes.extend_from_slice(&datagram.interval_ms.to_be_bytes());
    bytes.extend_from_slice(&datagram.challenge.to_be_bytes());
    bytes.extend_from_slice(&datagram.echo.to_be_bytes());
    bytes.extend_from_slice(&datagram.facts_version.to_be_bytes());
    bytes.extend_from_slice(&datagram.acked_version.to_be_bytes());
    bytes.extend_from_slice(&datagram.follows.to_be_bytes());
    bytes.push(state_byte(datagram.state));
    bytes.push(flags_byte(datagram.flags));
    bytes.extend_from_slice(&datagram.hold_10ms.to_be_bytes());
}

fn put_page(bytes: &mut Vec<u8>, page: &Page) {
    let peers = page.peers.iter().take(MAX_PEERS);
    let entries = page.addresses.iter().filter(|_| page.prefix.is_some());
    let entries: Vec<&Entry> = entries.take(addresses_that_fit(peers.len())).collect();
    let listed = u8::try_from(peers.len()).expect("at most 126 peers are taken");
    let count = u8::try_from(entries.len()).expect("at most 64 addresses are taken");
    let list = if page.is_list { IS_LIST } else { 0 };
    let (prefix, level, has_prefix) = match page.prefix {
        Some(prefix) => (prefix, page.default_level.min(3), HAS_PREFIX),
        None => (Prefix::ALL, 0, 0),
    };
    bytes.extend_from_slice(&[list | has_prefix, listed, count, level, prefix.bits()]);
    bytes.extend_from_slice(&prefix.start().to_be_bytes());
    for peer in peers {
        bytes.extend_from_slice(&peer_bytes(peer));
    }
    for entry in &entries {
        bytes.extend_from_slice(&entry_bytes(entry, listed));
    }
    put_leases(bytes, &entries);
}

/// Nothing at all if nothing is offered for a time. There is room for one on every page.
fn put_leases(bytes: &mut Vec<u8>, entries: &[&Entry]) {
    let room = MAX_LENGTH.saturating_sub(bytes.len() + 1 + MAC_LENGTH) / LEASE_LENGTH;
    let numbered = (0_u8..).zip(entries);
    let leases = numbered.filter_map(|(index, entry)| Some((index, entry.lease?)));
    let leases: Vec<(u8, Lease)> = leases.take(room).collect();
    if leases.is_empty() {
        return;
    }
    bytes.push(u8::try_from(leases.len()).expect("at most 64 addresses are on a page"));
    for (index, lease) in leases {
        let secs = lease.secs.min(Lease::MAX_SECS);
        let word = secs | (u32::from(lease.was_moved) << 31);
        bytes.push(index);
        bytes.extend_from_slice(&word.to_be_bytes());
    }
}

fn peer_bytes(peer: &ListedPeer) -> [u8; PEER_LENGTH] {
    let mut bytes = [0; PEER_LENGTH];
    bytes[..8].copy_from_slice(&peer.id.0);
    bytes[8] = u8::from(peer.direct) | (u8::from(peer.heard) << 1) | (u8::from(peer.held) << 2);
    bytes
}

fn entry_bytes(entry: &Entry, listed: u8) -> [u8; ENTRY_LENGTH] {
    let term = entry.term.min(MAX_TERM);
    let distance = entry.highest.min(MAX_TERM).saturating_sub(term);
    let claim = match entry.claim {
        ClaimKind::None => 0,
        ClaimKind::Active => 1,
        ClaimKind::Wish => 2,
    };
    let mut bytes = [0; ENTRY_LENGTH];
    bytes[..8].copy_from_slice(&entry.key.0.to_be_bytes());
    bytes[8..13].copy_from_slice(&term.to_be_bytes()[3..]);
    bytes[13] = u8::try_from(distance).unwrap_or(u8::MAX);
    bytes[14] = entry.level.min(3) | (claim << 2) | (u8::from(entry.moved) << 4);
    bytes[15] = entry
        .offer
        .filter(|index| *index < listed)
        .unwrap_or(NO_OFFER);
    bytes
}

fn put_observed(bytes: &mut Vec<u8>, observed: &[Observed]) {
    let observed = observed.iter().take(MAX_OBSERVED);
    bytes.push(u8::try_from(observed.len()).expect("at most 64 observations are taken"));
    for one in observed {
        bytes.extend_from_slice(&one.key.0.to_be_bytes());
        bytes.push(match one.sight {
            Sight::Unheard => 1,
            Sight::Occupied => 2,
        });
        bytes.extend_from_slice(&one.mac.0);
    }
}

fn put_greeting(bytes: &mut Vec<u8>, greeting: &Greeting) {
    let is_printable = |byte: &u8| *byte == b' ' || byte.is_ascii_graphic();
    let version: Vec<u8> = greeting
        .version
        .bytes()
        .filter(is_printable)
        .take(MAX_VERSION_LENGTH)
        .collect();
    for text in [greeting.name.as_str().as_bytes(), &version] {
        bytes.push(u8::try_from(text.len()).expect("names have at most 63 bytes, versions 31"));
        bytes.extend_from_slice(text);
    }
    bytes.extend_from_slice(&greeting.config_hash.to_be_bytes());
    bytes.push(greeting.weight);
}

fn put_relayed_greeting(bytes: &mut Vec<u8>, greeting: &Greeting) {
    let Some(address) = greeting.address else {
        return;
    };
    bytes.push(IS_GREETING);
    match address {
        IpAddr::V4(v4) => {
            bytes.push(4);
            bytes.extend_from_slice(&v4.octets());
        }
        IpAddr::V6(v6) => {
            bytes.push(16);
            bytes.extend_from_slice(&v6.octets());
        }
    }
    put_greeting(bytes, greeting);
}

fn kind_byte(kind: Kind) -> u8 {
    match kind {
        Kind::Heartbeat => HEARTBEAT,
        Kind::Hello => 2,
        Kind::Reply => 3,
        Kind::Relay => 4,
        Kind::Ping => 5,
        Kind::Pong => 6,
        Kind::Observed => 7,
        Kind::Pins => 8,
    }
}

fn state_byte(state: NodeState) -> u8 {
    match state {
        NodeState::Joining => 1,
        NodeState::Active => 2,
        NodeState::Draining => 3,
        NodeState::Stopping => 4,
        NodeState::Gone => 5,
        NodeState::Isolated => 6,
        NodeState::Restarting => 7,
        NodeState::Mute => 8,
    }
}

fn flags_byte(flags: Flags) -> u8 {
    u8::from(flags.wireless)
        | (u8::from(flags.gateway_seen) << 1)
        | (u8::from(flags.busy) << 2)
        | if flags.routine { ROUTINE } else { 0 }
}
