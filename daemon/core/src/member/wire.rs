//! The datagrams between nodes, as values and as bytes (ELECTION section 2; table with a worked
//! example in docs/heartbeat.md).
//!
//! Owns the format and its limits. Never decides whom to believe: a decoded datagram has the right
//! authentication code, and session, challenge and sequence are the member's to judge.

mod decode;
mod encode;
mod pins;
mod prefix;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use thiserror::Error;

pub use decode::{decode, key_id};
pub use encode::encode;
pub(in crate::member) use pins::put_pin;
pub use pins::{MAX_COUNT as MAX_PIN_COUNT, Pin, PinNotice, parts as pin_parts};
pub use prefix::{MAX_PREFIX_BITS, Prefix};

use super::keys::KeyId;
use super::placement::first_eight;
use crate::names::{Mac, NodeId, NodeName};
use crate::report::NodeState;

/// First bytes of every datagram of ours.
pub const MAGIC: u16 = 0x7376;
/// The version that this program speaks.
pub const VERSION: u8 = 1;
/// Bytes before the body; a plain heartbeat has no body.
pub const HEADER_LENGTH: usize = 72;
/// Longest payload: an IPv6 path of 1,280 bytes without fragments.
pub const MAX_LENGTH: usize = 1232;
/// Most addresses in one page of facts.
pub const MAX_ADDRESSES: usize = 64;
/// Most peers in one page of facts: so many fit.
pub const MAX_PEERS: usize = 126;
/// Most observations in one datagram.
pub const MAX_OBSERVED: usize = 64;
/// Longest version text, in bytes.
pub const MAX_VERSION_LENGTH: usize = 31;
/// Highest term: a higher one on the wire is malformed, an own one saturates (S7).
pub const MAX_TERM: u64 = 1 << 39;
/// Highest sequence number (48 bits).
pub const MAX_SEQUENCE: u64 = (1 << 48) - 1;

/// How an address is called on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressKey(pub u64);

impl AddressKey {
    /// The key of an address: the first 8 bytes of BLAKE3 over its 4 or 16 bytes, big-endian.
    pub fn of(address: IpAddr) -> AddressKey {
        let hash = match address {
            IpAddr::V4(v4) => blake3::hash(&v4.octets()),
            IpAddr::V6(v6) => blake3::hash(&v6.octets()),
        };
        AddressKey(first_eight(&hash))
    }
}

/// Where the kind of a datagram stands, and what stands there in a heartbeat.
pub const KIND_AT: u32 = 3;
/// See [`KIND_AT`].
pub const HEARTBEAT: u8 = 1;
/// Where the flags stand, and the one of a routine heartbeat: for filters in the kernel.
pub const FLAGS_AT: u32 = 69;
/// See [`FLAGS_AT`].
pub const ROUTINE: u8 = 8;

/// Whether these bytes say of themselves that they are a sign of life and nothing else, whoever
/// sent them: nothing may follow from it but how long they wait to be read.
#[cfg(test)]
pub(crate) fn is_routine(bytes: &[u8]) -> bool {
    let at = |place: u32| bytes.get(usize::try_from(place).unwrap_or(usize::MAX));
    at(KIND_AT) == Some(&HEARTBEAT) && at(FLAGS_AT).is_some_and(|flags| flags & ROUTINE != 0)
}

/// What a datagram is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The regular sign of life, with facts until they are acknowledged.
    Heartbeat,
    /// "I am here", by broadcast.
    Hello,
    /// Echo and challenge for somebody who is not believed yet (S3).
    Reply,
    /// What was heard directly from a third node (R13): see [`Datagram::origin`].
    Relay,
    /// "Is your daemon there?" (R15).
    Ping,
    /// The answer to that.
    Pong,
    /// What the sender observed on the wire, once a second while there is any.
    Observed,
    /// What operators have pinned, as far as the sender knows.
    Pins,
}

/// One datagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Datagram {
    /// What it is for.
    pub kind: Kind,
    /// Who sent it.
    pub sender: NodeId,
    /// The sender's session.
    pub session: u64,
    /// The receiver's session as the sender knows it; 0 = unknown.
    pub receiver_session: u64,
    /// Counts up within the sender's session; at most [`MAX_SEQUENCE`].
    pub sequence: u64,
    /// The sender's present heartbeat interval.
    pub interval_ms: u16,
    /// The sender's challenge for the receiver.
    pub challenge: u64,
    /// The receiver's challenge, sent back.
    pub echo: u64,
    /// Version of the page that is enclosed; without one, of all of the sender's facts.
    pub facts_version: u32,
    /// Version of the receiver's facts that the sender has applied; 0 in a reply.
    pub acked_version: u32,
    /// Version of the page before the enclosed one, in order of versions; 0 = there is none.
    pub follows: u32,
    /// The sender's state.
    pub state: NodeState,
    /// Single bits.
    pub flags: Flags,
    /// With state `restarting`: how long the sender asks its claims to be held, in 10 ms.
    pub hold_10ms: u16,
    /// A page of the sender's facts; travels in a heartbeat, and in a relay.
    pub facts: Option<Page>,
    /// What the sender observed on the wire; travels in a datagram of that kind only, the first
    /// [`MAX_OBSERVED`] of it.
    pub observed: Vec<Observed>,
    /// Pins; travel in a datagram of that kind only.
    pub pins: Option<PinNotice>,
    /// Who the sender is; travels in a hello and in a reply, and in a relay without a page.
    pub hello: Option<Greeting>,
}

impl Datagram {
    /// Of a relay: whom it tells of, and that node's session. Interval, versions, state, flags,
    /// hold and body are that node's, too; identity, sessions and sequence are the relaying node's.
    pub fn origin(&self) -> Option<(NodeId, u64)> {
        let id = NodeId(self.echo.to_be_bytes());
        (self.kind == Kind::Relay).then_some((id, self.challenge))
    }
}

/// Something that the sender observed on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observed {
    /// Of which address.
    pub key: AddressKey,
    /// What.
    pub sight: Sight,
    /// Whose frames they were; zeros for [`Sight::Unheard`].
    pub mac: Mac,
}

/// What can be observed of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// Its holder was asked for three times, and nobody with its hardware address answered.
    Unheard,
    /// A host that is no node has it, although it is a free address of a pool.
    Occupied,
}

/// Single bits of the header.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flags {
    /// The sender's link is wireless.
    pub wireless: bool,
    /// The gateway answers the sender.
    pub gateway_seen: bool,
    /// The receiver's identity is in use by a session that is still alive (S4).
    pub busy: bool,
    /// A sign of life and nothing else: it may lie until the receiver's next turn.
    pub routine: bool,
}

/// A page of what a node states of itself: whom it hears, or how it stands to the addresses of one
/// prefix, or both.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Whether `peers` are all whom the sender hears; else only those that offers name.
    pub is_list: bool,
    /// Peers; the first [`MAX_PEERS`] travel.
    pub peers: Vec<ListedPeer>,
    /// Of which addresses it tells; none: `addresses` is empty and means nothing.
    pub prefix: Option<Prefix>,
    /// The level of every address of the prefix that has no entry.
    pub default_level: u8,
    /// All addresses of the prefix with a claim, a wish, an offer or another level than the
    /// default, in order of their keys; the first [`addresses_that_fit`] travel.
    pub addresses: Vec<Entry>,
}

impl Page {
    /// The index by which an offer names this peer; it is listed if it was not. None if there is
    /// no room for it.
    pub fn name(&mut self, id: NodeId) -> Option<u8> {
        let index = self.peers.iter().position(|listed| listed.id == id);
        let index = index.unwrap_or(self.peers.len());
        if index == self.peers.len() {
            if index >= MAX_PEERS {
                return None;
            }
            self.peers.push(ListedPeer {
                id,
                direct: false,
                heard: false,
                held: false,
            });
        }
        u8::try_from(index).ok()
    }

    /// Whether all of it travels.
    pub fn fits(&self) -> bool {
        self.fits_in(MAX_LENGTH)
    }

    /// Whether all of it travels in a datagram of at most so many bytes.
    pub fn fits_in(&self, length: usize) -> bool {
        let fitting = addresses_that_fit_in(length.min(MAX_LENGTH), self.peers.len());
        self.peers.len() <= MAX_PEERS && self.addresses.len() <= fitting
    }
}

/// One peer as the sender sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListedPeer {
    /// Which peer.
    pub id: NodeId,
    /// Heard without a relay.
    pub direct: bool,
    /// Heard, directly or relayed.
    pub heard: bool,
    /// Silent after having said `restarting`: its claims are held for it.
    pub held: bool,
}

/// One address as the sender sees itself for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Which address.
    pub key: AddressKey,
    /// The term of the claim or wish; without one, the highest term known.
    pub term: u64,
    /// The highest term known; travels as a distance of at most 255 from `term`.
    pub highest: u64,
    /// The stated level, 0 to 3.
    pub level: u8,
    /// What the sender claims.
    pub claim: ClaimKind,
    /// Placed here by the operator: fail-back leaves it alone.
    pub moved: bool,
    /// To whom it is offered: an index into the peers of the same page.
    pub offer: Option<u8>,
    /// The offer is for a time only; nothing without an offer. It travels where it fits.
    pub lease: Option<Lease>,
}

/// For how long an address is offered: then the taker offers it back (R21).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// Whole seconds, at most [`Lease::MAX_SECS`].
    pub secs: u32,
    /// Whether the operator had placed it at the node that offers.
    pub was_moved: bool,
}

impl Lease {
    /// The longest: 30 days.
    pub const MAX_SECS: u32 = 30 * 86_400;
}

/// What a node claims of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClaimKind {
    /// Nothing.
    None,
    /// It speaks for it.
    Active,
    /// It spoke for it in a former life, and would again.
    Wish,
}

/// Who a node is, for people and for the warning about a second machine with this name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Greeting {
    /// Its name.
    pub name: NodeName,
    /// Its program's version: printable ASCII, of which [`MAX_VERSION_LENGTH`] bytes travel.
    pub version: String,
    /// First 4 bytes of the hash of its config.
    pub config_hash: u32,
    /// The sender's share of the addresses, 1 to 16; 1 if it does not say.
    pub weight: u8,
    /// Where it is; travels in a relay only.
    pub address: Option<IpAddr>,
}

/// Why bytes are no datagram that can be looked at. Normal on a LAN: counted, never logged singly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Reject {
    /// Shorter than a header and its authentication code.
    #[error("truncated")]
    Truncated,
    /// Longer than [`MAX_LENGTH`].
    #[error("too long")]
    TooLong,
    /// Another program's datagram: it starts with this.
    #[error("not a heartbeat: starts with {0:#06x}")]
    NotOurs(u16),
    /// Protected by a key that this node does not have; [`KeyId::NONE`] = by none.
    #[error("unknown key {0}")]
    Key(KeyId),
    /// The authentication code is wrong.
    #[error("wrong authentication code")]
    Mac,
    /// The code is right and the version is unknown: the sender counts as alive, and what it last
    /// stated stands.
    #[error("unknown version {}", .0.version)]
    Version(Foreign),
    /// The code is right and the content is not possible.
    #[error("malformed")]
    Malformed,
}

/// What every version says at the same place, so that a mixed upgrade takes nobody for dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Foreign {
    /// The unknown version.
    pub version: u8,
    /// Who sent it.
    pub sender: NodeId,
    /// The sender's session.
    pub session: u64,
    /// The receiver's session as the sender knows it; 0 = unknown.
    pub receiver_session: u64,
    /// Counts up within the sender's session.
    pub sequence: u64,
}

/// How many addresses go into a page that names so many peers.
pub fn addresses_that_fit(peers: usize) -> usize {
    addresses_that_fit_in(MAX_LENGTH, peers)
}

fn addresses_that_fit_in(length: usize, peers: usize) -> usize {
    let rest = length.saturating_sub(SMALLEST_PAGE + peers.min(MAX_PEERS) * PEER_LENGTH);
    MAX_ADDRESSES.min(rest / ENTRY_LENGTH)
}

/// One peer of a page, in bytes.
const PEER_LENGTH: usize = 9;
/// One address of a page, in bytes.
const ENTRY_LENGTH: usize = 16;
/// One lease, in bytes: which entry, and how long.
const LEASE_LENGTH: usize = 5;
/// Header, start of a page (bits, two numbers, default level, prefix), room for one lease, and code,
/// in bytes.
const SMALLEST_PAGE: usize = HEADER_LENGTH + 7 + (1 + LEASE_LENGTH) + super::keys::MAC_LENGTH;
/// In place of an offer's index: no offer.
const NO_OFFER: u8 = 0xff;
/// First byte of a page: its peers are the whole list.
const IS_LIST: u8 = 1;
/// First byte of a page: it tells of the addresses of a prefix.
const HAS_PREFIX: u8 = 2;
/// In place of a page's first byte, in a relay: a greeting.
const IS_GREETING: u8 = 0x80;
