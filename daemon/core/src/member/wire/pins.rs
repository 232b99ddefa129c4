//! Pins of operators on the wire: what the table says of an address, and the body that carries it.
//!
//! Owns the format only; which pin wins is the order of [`Pin`], and what it means is the member's.

use std::net::IpAddr;

use super::decode::Reader;
use super::{HEADER_LENGTH, MAX_LENGTH, MAX_TERM, Reject};
use crate::member::keys::MAC_LENGTH;
use crate::names::{NodeId, NodeName};

/// Highest count of changes of one address's pin: the terms' limit, for the same reasons (S7).
pub const MAX_COUNT: u64 = MAX_TERM;
/// Bits, digest and number of pins, in bytes.
const START_LENGTH: usize = 10;
/// Of what is left of a datagram.
const ROOM: usize = MAX_LENGTH - HEADER_LENGTH - MAC_LENGTH - START_LENGTH;
/// First byte: nobody answers an answer.
const IS_ANSWER: u8 = 1;

/// What operators said last of one address. The greater one is the later one: whoever gives an
/// order counts on from what his node knows; of orders that did not know of each other the one
/// from the node with the higher identity counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pin {
    /// How often it was changed, this time included: 1 to [`MAX_COUNT`].
    pub count: u64,
    /// The node that was told.
    pub by: NodeId,
    /// The node that the address belongs to; none = it was unpinned.
    pub to: Option<NodeName>,
}

/// Some of the pins that the sender knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PinNotice {
    /// Whether it answers a notice of the receiver; else the receiver answers.
    pub is_answer: bool,
    /// The digest of all that the sender knows.
    pub digest: u64,
    /// In order of their addresses, each once; the first that fit travel.
    pub pins: Vec<(IpAddr, Pin)>,
}

/// Cuts what one node knows into as many notices as it takes, in order.
pub fn parts<'a>(pins: impl Iterator<Item = (&'a IpAddr, &'a Pin)>) -> Vec<Vec<(IpAddr, Pin)>> {
    let mut parts: Vec<Vec<(IpAddr, Pin)>> = Vec::new();
    let mut room = 0;
    for (address, pin) in pins {
        let length = length(*address, pin);
        let is_full = parts.last().is_none_or(|part| part.len() >= MAX_IN_NOTICE);
        if is_full || length > room {
            parts.push(Vec::new());
            room = ROOM;
        }
        room -= length;
        if let Some(part) = parts.last_mut() {
            part.push((*address, pin.clone()));
        }
    }
    parts
}

/// What one byte counts.
const MAX_IN_NOTICE: usize = 255;

fn length(address: IpAddr, pin: &Pin) -> usize {
    let address = if address.is_ipv4() { 4 } else { 16 };
    let name = pin.to.as_ref().map_or(0, |name| name.as_str().len());
    1 + address + 5 + 8 + 1 + name
}

/// Writes a notice.
pub(super) fn put(bytes: &mut Vec<u8>, notice: &PinNotice) {
    let mut room = ROOM;
    let fitting = notice.pins.iter().take(MAX_IN_NOTICE);
    let fitting = fitting.take_while(|(address, pin)| {
        let left = room.checked_sub(length(*address, pin));
        room = left.unwrap_or(0);
        left.is_some()
    });
    let fitting: Vec<&(IpAddr, Pin)> = fitting.collect();
    bytes.push(if notice.is_answer { IS_ANSWER } else { 0 });
    bytes.extend_from_slice(&notice.digest.to_be_bytes());
    bytes.push(u8::try_from(fitting.len()).expect("at most 255 pins are taken"));
    for (address, pin) in fitting {
        put_pin(bytes, *address, pin);
    }
}

/// One pin; also what the digest is made of.
pub(in crate::member) fn put_pin(bytes: &mut Vec<u8>, address: IpAddr, pin: &Pin) {
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
    bytes.extend_from_slice(&pin.count.min(MAX_COUNT).to_be_bytes()[3..]);
    bytes.extend_from_slice(&pin.by.0);
    let name = pin.to.as_ref().map_or("", NodeName::as_str);
    bytes.push(u8::try_from(name.len()).expect("names have at most 63 bytes"));
    bytes.extend_from_slice(name.as_bytes());
}

/// Reads a notice.
pub(super) fn take(body: &mut Reader<'_>) -> Result<PinNotice, Reject> {
    let bits = body.u8()?;
    let digest = body.u64()?;
    let count = body.u8()?;
    let pins = (0..count).map(|_| take_pin(body));
    let pins = pins.collect::<Result<Vec<_>, _>>()?;
    let is_in_order = pins.is_sorted_by(|(one, _), (next, _)| one < next);
    if bits & !IS_ANSWER != 0 || !is_in_order {
        return Err(Reject::Malformed);
    }
    Ok(PinNotice {
        is_answer: bits == IS_ANSWER,
        digest,
        pins,
    })
}

fn take_pin(body: &mut Reader<'_>) -> Result<(IpAddr, Pin), Reject> {
    let address = body.address()?;
    let [a, b, c, d, e] = body.take()?;
    let count = u64::from_be_bytes([0, 0, 0, a, b, c, d, e]);
    let by = NodeId(body.take()?);
    let to = match body.text()? {
        "" => None,
        name => Some(name.parse().map_err(|_no_name| Reject::Malformed)?),
    };
    if address.to_canonical() != address || !(1..=MAX_COUNT).contains(&count) {
        return Err(Reject::Malformed);
    }
    Ok((address, Pin { count, by, to }))
}
