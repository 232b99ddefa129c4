//! Hosts that are no nodes: those that use addresses of ours, and DHCP servers.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use crate::config::Conflict;
use crate::names::Mac;
use crate::time::Moment;

/// What a frame was that showed a host with an address of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sighting {
    /// It said so without being asked, or asked others with the address as its own.
    Announcement,
    /// It answered a question of this node.
    Answer,
    /// It asked whether the address is free, in order to take it.
    Probe,
    /// Another node saw it.
    Told,
}

impl fmt::Display for Sighting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Sighting::Announcement => "announcement",
            Sighting::Answer => "answer",
            Sighting::Probe => "probe",
            Sighting::Told => "told",
        })
    }
}

/// What was done about a host that is no node and uses an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handling {
    /// Nothing: the address is another node's to defend, or nobody's.
    Noticed,
    /// The address was announced again.
    Defended,
    /// The address is left to the host until that has been silent for a minute.
    Yielded,
    /// The address is left alone until the host has been silent for five minutes.
    Quarantined,
}

impl fmt::Display for Handling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Handling::Noticed => "noticed",
            Handling::Defended => "defended",
            Handling::Yielded => "yielded",
            Handling::Quarantined => "quarantined",
        })
    }
}

/// A host that is no node and uses an address of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictReport {
    /// The address.
    pub address: IpAddr,
    /// The host's hardware address.
    pub mac: Mac,
    /// When it was first seen in this episode, on this node's clock.
    pub first: Moment,
    /// When it was last seen.
    pub last: Moment,
    /// How many frames of it were heard.
    pub count: u64,
    /// What the last of them was.
    pub sighting: Sighting,
    /// What was done.
    pub handling: Handling,
    /// What the config wants to be done.
    pub policy: Conflict,
    /// Whether the address is announced, or a free one of a pool.
    pub is_announced: bool,
}

/// Whose products hardware addresses are, as far as it was looked up.
pub type Vendors = BTreeMap<Mac, String>;

/// A DHCP server that was heard on a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DhcpServerReport {
    /// Its address.
    pub address: Ipv4Addr,
    /// Its hardware address, or that of the relay between.
    pub mac: Mac,
    /// The lowest and the highest address that it was heard to give away.
    pub range: Option<(Ipv4Addr, Ipv4Addr)>,
    /// When it was last heard, on this node's clock.
    pub last: Moment,
    /// How many offers and acknowledgements of it were heard.
    pub count: u64,
}
