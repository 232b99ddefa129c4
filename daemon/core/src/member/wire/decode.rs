//! Bytes to values. Total over any bytes; the authentication code comes before everything else.

use std::net::IpAddr;

use super::{
    AddressKey, ClaimKind, Datagram, Entry, Flags, Foreign, Greeting, HAS_PREFIX, HEADER_LENGTH,
    IS_GREETING, IS_LIST, Kind, Lease, ListedPeer, MAGIC, MAX_ADDRESSES, MAX_LENGTH, MAX_OBSERVED,
    MAX_PEERS, MAX_TERM, MAX_VERSION_LENGTH, NO_OFFER, Observed, Page, Prefix, ROUTINE, Reject,
    Sight, VERSION, pins,
};
use crate::member::keys::{KeyId, Keys};
use crate::names::{Mac, NodeId};
use crate::report::NodeState;

/// Where the key's id stands.
const KEY_ID_AT: usize = 4;

/// The datagram in these bytes, if one of the keys protects it. Without a configured key, pass
/// [`Keys::none`]: then, and only then, key id 0 is known.
pub fn decode(bytes: &[u8], keys: &[&Keys]) -> Result<Datagram, Reject> {
    let (start, _rest) = bytes.split_first_chunk().ok_or(Reject::Truncated)?;
    let magic = u16::from_be_bytes(*start);
    if magic != MAGIC {
        return Err(Reject::NotOurs(magic));
    }
    if bytes.len() > MAX_LENGTH {
        return Err(Reject::TooLong);
    }
    let (content, code) = bytes.split_last_chunk().ok_or(Reject::Truncated)?;
    let (header, body) = content
        .split_at_checked(HEADER_LENGTH)
        .ok_or(Reject::Truncated)?;
    let mut header = Reader(header);
    header.skip_magic()?;
    let [version, kind] = header.take()?;
    let id = KeyId(header.take()?);
    let key = keys.iter().find(|key| key.id() == id);
    if !key.ok_or(Reject::Key(id))?.is_code(content, code) {
        return Err(Reject::Mac);
    }
    let foreign = Foreign {
        version,
        sender: NodeId(header.take()?),
        session: header.u64()?,
        receiver_session: header.u64()?,
        sequence: header.u48()?,
    };
    if version != VERSION {
        return Err(Reject::Version(foreign));
    }
    known_version(kind_of(kind)?, foreign, header, Reader(body))
}

/// The id of the key that is said to protect these bytes.
pub fn key_id(bytes: &[u8]) -> Option<KeyId> {
    let id = bytes.get(KEY_ID_AT..)?.first_chunk()?;
    Some(KeyId(*id))
}

fn known_version(
    kind: Kind,
    start: Foreign,
    mut header: Reader<'_>,
    mut body: Reader<'_>,
) -> Result<Datagram, Reject> {
    let mut datagram = Datagram {
        kind,
        sender: start.sender,
        session: start.session,
        receiver_session: start.receiver_session,
        sequence: start.sequence,
        interval_ms: u16::from_be_bytes(header.take()?),
        challenge: header.u64()?,
        echo: header.u64()?,
        facts_version: header.u32()?,
        acked_version: header.u32()?,
        follows: header.u32()?,
        state: state_of(header.u8()?)?,
        flags: flags_of(header.u8()?)?,
        hold_10ms: u16::from_be_bytes(header.take()?),
        facts: None,
        observed: Vec::new(),
        pins: None,
        hello: None,
    };
    if !body.is_empty() {
        match kind {
            Kind::Heartbeat => datagram.facts = Some(page(&mut body)?),
            Kind::Hello | Kind::Reply => datagram.hello = Some(greeting(&mut body)?),
            Kind::Relay if body.0.first() == Some(&IS_GREETING) => {
                datagram.hello = Some(relayed_greeting(&mut body)?);
            }
            Kind::Relay => datagram.facts = Some(page(&mut body)?),
            Kind::Observed => datagram.observed = observed(&mut body)?,
            Kind::Pins => datagram.pins = Some(pins::take(&mut body)?),
            Kind::Ping | Kind::Pong => {}
        }
    }
    // What is left over belongs to a version that we do not speak, and would carry its number.
    if body.is_empty() {
        Ok(datagram)
    } else {
        Err(Reject::Malformed)
    }
}

fn page(body: &mut Reader<'_>) -> Result<Page, Reject> {
    let [bits, listed, count, default_level, prefix_bits] = body.take()?;
    let start = u16::from_be_bytes(body.take()?);
    let prefix = Prefix::new(start, prefix_bits).ok_or(Reject::Malformed)?;
    let prefix = (bits & HAS_PREFIX != 0).then_some(prefix);
    // What no prefix covers says nothing.
    let is_silent = count == 0 && default_level == 0 && prefix_bits == 0;
    let is_possible = bits & !(IS_LIST | HAS_PREFIX) == 0
        && usize::from(listed) <= MAX_PEERS
        && usize::from(count) <= MAX_ADDRESSES
        && default_level <= 3
        && (prefix.is_some() || is_silent);
    if !is_possible {
        return Err(Reject::Malformed);
    }
    let peers = (0..listed).map(|_| peer(body)).collect::<Result<_, _>>()?;
    let addresses = (0..count).map(|_| entry(body, listed));
    let mut addresses = addresses.collect::<Result<Vec<Entry>, _>>()?;
    let is_in_order = addresses.is_sorted_by(|one, next| one.key < next.key);
    let is_inside = |entry: &Entry| prefix.is_some_and(|prefix| prefix.has(entry.key));
    if !is_in_order || !addresses.iter().all(is_inside) {
        return Err(Reject::Malformed);
    }
    if !body.is_empty() {
        leases(body, &mut addresses)?;
    }
    Ok(Page {
        is_list: bits & IS_LIST != 0,
        peers,
        prefix,
        default_level,
        addresses,
    })
}

/// What may follow the addresses: how long some are offered for.
fn leases(body: &mut Reader<'_>, addresses: &mut [Entry]) -> Result<(), Reject> {
    let count = body.u8()?;
    for _ in 0..count {
        let index = usize::from(body.u8()?);
        let word = body.u32()?;
        let lease = Lease {
            secs: word & !(1 << 31),
            was_moved: word >> 31 == 1,
        };
        let entry = addresses.get_mut(index).ok_or(Reject::Malformed)?;
        if lease.secs > Lease::MAX_SECS || entry.lease.is_some() {
            return Err(Reject::Malformed);
        }
        entry.lease = Some(lease);
    }
    if count == 0 {
        Err(Reject::Malformed)
    } else {
        Ok(())
    }
}

fn peer(body: &mut Reader<'_>) -> Result<ListedPeer, Reject> {
    let id = NodeId(body.take()?);
    let [direct, heard, held] = bits(body.u8()?)?;
    Ok(ListedPeer {
        id,
        direct,
        heard,
        held,
    })
}

fn entry(body: &mut Reader<'_>, listed: u8) -> Result<Entry, Reject> {
    let key = AddressKey(body.u64()?);
    let [a, b, c, d, e] = body.take()?;
    let term = u64::from_be_bytes([0, 0, 0, a, b, c, d, e]);
    let highest = term + u64::from(body.u8()?);
    let flags = body.u8()?;
    let offer = Some(body.u8()?).filter(|index| *index != NO_OFFER);
    let is_possible = highest <= MAX_TERM && offer.is_none_or(|index| index < listed);
    if !is_possible || flags >> 5 != 0 {
        return Err(Reject::Malformed);
    }
    Ok(Entry {
        key,
        term,
        highest,
        level: flags & 3,
        claim: claim_of(flags >> 2 & 3)?,
        moved: flags >> 4 == 1,
        offer,
        lease: None,
    })
}

fn observed(body: &mut Reader<'_>) -> Result<Vec<Observed>, Reject> {
    let count = usize::from(body.u8()?);
    if count > MAX_OBSERVED {
        return Err(Reject::Malformed);
    }
    let one = |_| {
        Ok(Observed {
            key: AddressKey(body.u64()?),
            sight: match body.u8()? {
                1 => Sight::Unheard,
                2 => Sight::Occupied,
                _ => return Err(Reject::Malformed),
            },
            mac: Mac(body.take()?),
        })
    };
    (0..count).map(one).collect()
}

fn greeting(body: &mut Reader<'_>) -> Result<Greeting, Reject> {
    let name = body.text()?.parse().map_err(|_no_name| Reject::Malformed)?;
    let version = body.text()?;
    let is_printable = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
    if version.len() > MAX_VERSION_LENGTH || !version.bytes().all(is_printable) {
        return Err(Reject::Malformed);
    }
    let config_hash = body.u32()?;
    let weight = if body.is_empty() { 1 } else { body.u8()? };
    Ok(Greeting {
        name,
        version: version.to_owned(),
        config_hash,
        weight,
        address: None,
    })
}

fn relayed_greeting(body: &mut Reader<'_>) -> Result<Greeting, Reject> {
    let _marker = body.u8()?;
    let address = body.address()?;
    Ok(Greeting {
        address: Some(address),
        ..greeting(body)?
    })
}

fn kind_of(byte: u8) -> Result<Kind, Reject> {
    Ok(match byte {
        1 => Kind::Heartbeat,
        2 => Kind::Hello,
        3 => Kind::Reply,
        4 => Kind::Relay,
        5 => Kind::Ping,
        6 => Kind::Pong,
        7 => Kind::Observed,
        8 => Kind::Pins,
        _ => return Err(Reject::Malformed),
    })
}

fn state_of(byte: u8) -> Result<NodeState, Reject> {
    Ok(match byte {
        1 => NodeState::Joining,
        2 => NodeState::Active,
        3 => NodeState::Draining,
        4 => NodeState::Stopping,
        5 => NodeState::Gone,
        6 => NodeState::Isolated,
        7 => NodeState::Restarting,
        8 => NodeState::Mute,
        _ => return Err(Reject::Malformed),
    })
}

fn claim_of(bits: u8) -> Result<ClaimKind, Reject> {
    Ok(match bits {
        0 => ClaimKind::None,
        1 => ClaimKind::Active,
        2 => ClaimKind::Wish,
        _ => return Err(Reject::Malformed),
    })
}

fn flags_of(byte: u8) -> Result<Flags, Reject> {
    if byte >> 4 != 0 {
        return Err(Reject::Malformed);
    }
    let [wireless, gateway_seen, busy] = bits(byte & !ROUTINE)?;
    Ok(Flags {
        wireless,
        gateway_seen,
        busy,
        routine: byte & ROUTINE != 0,
    })
}

/// Three single bits, lowest first; the others must be zero.
fn bits(byte: u8) -> Result<[bool; 3], Reject> {
    if byte >> 3 == 0 {
        Ok([byte & 1 != 0, byte & 2 != 0, byte & 4 != 0])
    } else {
        Err(Reject::Malformed)
    }
}

/// The bytes that are still to be read.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn take<const N: usize>(&mut self) -> Result<[u8; N], Reject> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Reject::Malformed)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn skip_magic(&mut self) -> Result<(), Reject> {
        self.take::<2>().map(|_magic| ())
    }

    pub(super) fn u8(&mut self) -> Result<u8, Reject> {
        let [byte] = self.take()?;
        Ok(byte)
    }

    fn u32(&mut self) -> Result<u32, Reject> {
        self.take().map(u32::from_be_bytes)
    }

    fn u48(&mut self) -> Result<u64, Reject> {
        let [a, b, c, d, e, f] = self.take()?;
        Ok(u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
    }

    pub(super) fn u64(&mut self) -> Result<u64, Reject> {
        self.take().map(u64::from_be_bytes)
    }

    /// An address with its length before it.
    pub(super) fn address(&mut self) -> Result<IpAddr, Reject> {
        Ok(match self.u8()? {
            4 => IpAddr::from(self.take::<4>()?),
            16 => IpAddr::from(self.take::<16>()?),
            _ => return Err(Reject::Malformed),
        })
    }

    /// A text with its length before it.
    pub(super) fn text(&mut self) -> Result<&'a str, Reject> {
        let length = usize::from(self.u8()?);
        let (text, rest) = self.0.split_at_checked(length).ok_or(Reject::Malformed)?;
        self.0 = rest;
        str::from_utf8(text).map_err(|_not_text| Reject::Malformed)
    }
}
