//! Who asked for an address of the segment lately, and the gateway: told alone after a claim.
//!
//! Access points send broadcast and multicast once, without acknowledgement, at the lowest rate,
//! and some drop it while stations sleep; a frame to one station is acknowledged and repeated. So
//! after the announcement for everyone, those that most likely hold an entry for the address get
//! one of their own. It is little: once per claim, to no more than these few, within the pace of
//! announcements. Used by the speaker alone.

use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;

use crate::names::Mac;

/// As many of each family are remembered.
const ASKERS_MAX: usize = 8;

/// What a speaker knows of its segment beside the addresses that it speaks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// The addresses of the segment, whoever speaks for them.
    pub addresses: BTreeSet<IpAddr>,
    /// The default gateway.
    pub gateway: Option<IpAddr>,
    /// The other nodes: they ask all the time, and follow heartbeats.
    pub peers: BTreeSet<IpAddr>,
}

/// Somebody to be told.
pub(super) type Host = (IpAddr, Mac);

/// Who is to be told.
#[derive(Debug, Default)]
pub(super) struct Askers {
    surroundings: Surroundings,
    gateway: Option<Host>,
    /// The latest last.
    v4: VecDeque<Host>,
    v6: VecDeque<Host>,
}

impl Askers {
    pub(super) fn set(&mut self, surroundings: Surroundings) {
        if surroundings.gateway != self.surroundings.gateway {
            self.gateway = None;
        }
        self.surroundings = surroundings;
    }

    /// A frame of a host that is not this node.
    pub(super) fn handle_frame(&mut self, host: Host, target: IpAddr, is_question: bool) {
        if self.surroundings.gateway == Some(host.0) {
            self.gateway = Some(host);
            return;
        }
        let is_client = is_question
            && !host.0.is_unspecified()
            && self.surroundings.addresses.contains(&target)
            && !self.surroundings.addresses.contains(&host.0)
            && !self.surroundings.peers.contains(&host.0);
        if !is_client {
            return;
        }
        let askers = match host.0 {
            IpAddr::V4(_) => &mut self.v4,
            IpAddr::V6(_) => &mut self.v6,
        };
        if askers.back() == Some(&host) {
            return;
        }
        askers.retain(|(address, _)| *address != host.0);
        if askers.len() == ASKERS_MAX {
            askers.pop_front();
        }
        askers.push_back(host);
    }

    /// Who is told of this address: the gateway first, then the latest askers.
    pub(super) fn of(&self, address: IpAddr) -> Vec<Host> {
        let askers = match address {
            IpAddr::V4(_) => &self.v4,
            IpAddr::V6(_) => &self.v6,
        };
        let is_family = |host: &&Host| host.0.is_ipv4() == address.is_ipv4();
        let gateway = self.gateway.iter().filter(is_family);
        gateway.chain(askers.iter().rev()).copied().collect()
    }
}

#[cfg(test)]
mod tests;
