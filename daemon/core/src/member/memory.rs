//! What a node remembers, as text for the disk: versioned, checksummed, and never believed as a
//! claim (ELECTION idea 3).

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::IpAddr;
use std::time::Duration;

use thiserror::Error;

use super::pins::table::MAX_PINS;
use super::timers::MAX_PEERS;
use super::wire::{Lease, MAX_PIN_COUNT, MAX_TERM, Pin};
use super::{Remembered, RememberedLease};
use crate::config::ADDRESSES_MAX;
use crate::names::{LinkName, Mac, NodeId, NodeName};

const FIRST_LINE: &str = "sovnet-state 1";
/// A file is read up to this many bytes; a full one is far below.
pub const MAX_FILE_LENGTH: usize = 1024 * 1024;

/// What is remembered of each segment.
pub type Memories = BTreeMap<LinkName, Remembered>;

/// Why a text is not what was once written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MemoryError {
    /// Not one of ours, or of a later version.
    #[error("it does not begin with \"{FIRST_LINE}\"")]
    Version,
    /// Damaged.
    #[error("its checksum does not match")]
    Checksum,
    /// The checksum is right and a line is not: written by another program.
    #[error("line {0} is not understood")]
    Line(usize),
}

/// The text to write.
pub fn to_text(memories: &Memories) -> String {
    let mut text = format!("{FIRST_LINE}\n");
    for (link, remembered) in memories {
        let lines = render(link, remembered);
        text.push_str(&lines);
    }
    let checksum = checksum(&text);
    text.push_str(&checksum);
    text
}

/// A body with its right checksum.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn seal(body: &str) -> String {
    format!("{body}{}", checksum(body))
}

/// What was written.
///
/// # Errors
/// Another version, damage, or lines that this program does not write.
pub fn from_text(text: &str) -> Result<Memories, MemoryError> {
    if text.lines().next() != Some(FIRST_LINE) {
        return Err(MemoryError::Version);
    }
    let start = text.rfind("checksum ").ok_or(MemoryError::Checksum)?;
    let (body, sum) = text.split_at(start);
    if checksum(body) != sum {
        return Err(MemoryError::Checksum);
    }
    let mut memories = Memories::new();
    let mut link = None;
    for (number, line) in body.lines().enumerate().skip(1) {
        parse_line(line, &mut memories, &mut link).ok_or(MemoryError::Line(number + 1))?;
    }
    Ok(memories)
}

fn render(link: &LinkName, remembered: &Remembered) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _infallible = writeln!(text, "link {link}");
    for (address, (term, is_held)) in &remembered.terms {
        let held = if *is_held { "held" } else { "seen" };
        let _infallible = writeln!(text, "address {address} {term} {held}");
    }
    for (address, lease) in &remembered.moved {
        let back = lease.map(|lease| {
            let moved = if lease.was_moved { "moved" } else { "placed" };
            format!(" {} {} {moved}", lease.to, lease.left.as_millis())
        });
        let _infallible = writeln!(text, "moved {address}{}", back.unwrap_or_default());
    }
    for (address, pin) in &remembered.pins {
        let (count, by) = (pin.count, pin.by);
        let _infallible = match &pin.to {
            Some(node) => writeln!(text, "pin {address} {count} {by} {node}"),
            None => writeln!(text, "unpin {address} {count} {by}"),
        };
    }
    if remembered.short_lives > 0 {
        let _infallible = writeln!(text, "short-lives {}", remembered.short_lives);
    }
    for (id, (address, silence)) in &remembered.peers {
        let _infallible = writeln!(text, "peer {id} {address} {}", silence.as_millis());
    }
    for (id, mac) in &remembered.macs {
        let _infallible = writeln!(text, "mac {id} {mac}");
    }
    text
}

fn checksum(text: &str) -> String {
    format!("checksum {}\n", blake3::hash(text.as_bytes()).to_hex())
}

fn parse_line(line: &str, memories: &mut Memories, link: &mut Option<LinkName>) -> Option<()> {
    let words: Vec<&str> = line.split(' ').collect();
    if let ["link", name] = words.as_slice() {
        let name: LinkName = name.parse().ok()?;
        memories.entry(name.clone()).or_default();
        *link = Some(name);
        return Some(());
    }
    let remembered = memories.get_mut(link.as_ref()?)?;
    match words.as_slice() {
        ["address", address, term, held @ ("held" | "seen")] => {
            let address: IpAddr = address.parse().ok()?;
            let term: u64 = term.parse().ok().filter(|term| *term <= MAX_TERM)?;
            remembered.terms.insert(address, (term, *held == "held"));
            (remembered.terms.len() <= ADDRESSES_MAX).then_some(())
        }
        ["moved", address] => {
            remembered.moved.insert(address.parse().ok()?, None);
            (remembered.moved.len() <= ADDRESSES_MAX).then_some(())
        }
        ["moved", address, to, left, moved @ ("moved" | "placed")] => {
            let longest = Duration::from_secs(u64::from(Lease::MAX_SECS));
            let left = Duration::from_millis(left.parse().ok()?);
            let lease = RememberedLease {
                to: node_id(to)?,
                left: Some(left).filter(|left| *left <= longest)?,
                was_moved: *moved == "moved",
            };
            let address = address.parse().ok()?;
            remembered.moved.insert(address, Some(lease));
            (remembered.moved.len() <= ADDRESSES_MAX).then_some(())
        }
        ["pin", address, count, by, node] => {
            let node = node.parse().ok()?;
            parse_pin(remembered, [address, count, by], Some(node))
        }
        ["unpin", address, count, by] => parse_pin(remembered, [address, count, by], None),
        ["short-lives", number] => {
            remembered.short_lives = number.parse().ok()?;
            Some(())
        }
        ["peer", id, address, silence] => {
            let id = node_id(id)?;
            let silence = Duration::from_millis(silence.parse().ok()?);
            let peer = (address.parse().ok()?, silence);
            remembered.peers.insert(id, peer);
            (remembered.peers.len() <= MAX_PEERS).then_some(())
        }
        ["mac", id, mac] => {
            let id = u64::from_str_radix(id, 16)
                .ok()
                .filter(|_| id.len() == 16)?;
            let mac: Mac = mac.parse().ok().filter(|mac: &Mac| mac.is_unicast())?;
            remembered.macs.insert(NodeId(id.to_be_bytes()), mac);
            (remembered.macs.len() <= MAX_PEERS).then_some(())
        }
        _ => None,
    }
}

fn parse_pin(
    remembered: &mut Remembered,
    [address, count, by]: [&str; 3],
    to: Option<NodeName>,
) -> Option<()> {
    let count = count.parse().ok();
    let count = count.filter(|count| (1..=MAX_PIN_COUNT).contains(count))?;
    let by = node_id(by)?;
    let address: IpAddr = address.parse().ok()?;
    remembered
        .pins
        .insert(address.to_canonical(), Pin { count, by, to });
    (remembered.pins.len() <= MAX_PINS).then_some(())
}

fn node_id(text: &str) -> Option<NodeId> {
    let id = u64::from_str_radix(text, 16).ok();
    id.filter(|_| text.len() == 16)
        .map(|id| NodeId(id.to_be_bytes()))
}

#[cfg(test)]
mod tests;
