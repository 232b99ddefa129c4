//! Who answers ARP on one link: a machine without sockets and clock.
//!
//! Answers for the addresses that it is told to speak for, and for nothing else; announces them by
//! gratuitous ARP at once, then spaced past the lock time of receivers, then as a slow refresh.

pub mod schedule;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use crate::member::Heard;
use crate::names::Mac;
use crate::time::Moment;

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handled {
    /// A request for an address of ours: a reply is among the outputs.
    Answered,
    /// A frame of somebody else: evidence for the member.
    Heard(Heard),
    /// Nothing: dropped and counted under this name.
    Ignored(&'static str),
}

/// The machine.
#[derive(Debug)]
pub struct Speaker {
    mac: Mac,
    own: Ipv4Addr,
}

impl Speaker {
    /// A speaker that speaks for nothing yet. `own` is the node's own address on the link, the
    /// sender of its questions.
    pub fn new(mac: Mac, own: Ipv4Addr) -> Speaker {
        Speaker { mac, own }
    }

    /// Speak for exactly these from now on. What is new is announced at once; what is gone is
    /// silent at once, pending frames of it included.
    pub fn set_speaking(&mut self, _addresses: &BTreeSet<Ipv4Addr>, _now: Moment) {}

    /// The link's hardware or own address changed, or its carrier came back: announce all again.
    pub fn set_link(&mut self, mac: Mac, own: Ipv4Addr, _now: Moment) {
        self.mac = mac;
        self.own = own;
    }

    /// Announce one address again, as if it were new.
    pub fn announce_again(&mut self, _address: Ipv4Addr, _now: Moment) {}

    /// Ask who has `target`: by broadcast, and unicast to `mac` if given. Sender is the node's own
    /// address, never an announced one.
    pub fn ask(&mut self, _target: Ipv4Addr, _mac: Option<Mac>) {}

    /// A frame from the wire.
    pub fn handle_frame(&mut self, _bytes: &[u8], _now: Moment) -> Handled {
        Handled::Ignored("nothing")
    }

    /// A deadline has passed.
    pub fn handle_timeout(&mut self, _now: Moment) {}

    /// When `handle_timeout` wants to be called, and what for.
    pub fn next_timeout(&self) -> Option<(Moment, &'static str)> {
        None
    }

    /// The next frame to transmit.
    pub fn next_frame(&mut self) -> Option<Vec<u8>> {
        None
    }

    /// Throw away what waits to be sent and speak for nothing (R2).
    pub fn reset(&mut self) {}

    /// Frames answered, announced, ignored: by a fixed name.
    pub fn counters(&self) -> BTreeMap<&'static str, u64> {
        BTreeMap::new()
    }
}
