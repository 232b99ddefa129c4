//! What a segment watches beside the addresses that it announces: free addresses of its pools, so
//! that who has one is known before a Service gets it, and the ranges that no DHCP server may give
//! away.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::{Known, SegmentPlan};
use crate::allocate;
use crate::config::Conflict;
use crate::config::range::AddressRange;

/// How many free addresses of a segment are probed: those that Services would get next.
pub const FREE_MAX: usize = 256;

/// What is watched on a segment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Watched {
    /// What is done when a host that is no node uses an address.
    pub policy: Conflict,
    /// The ranges of the pools on this segment.
    pub ranges: Vec<AddressRange>,
    /// Addresses of them that nobody has, at most [`FREE_MAX`], those that are given next first.
    pub free: Vec<IpAddr>,
}

/// What the segment of `plan` watches. `firsts` are the first addresses of its ranges.
pub(super) fn watched(known: &Known<'_>, firsts: &BTreeSet<IpAddr>, plan: &SegmentPlan) -> Watched {
    let config = known.config;
    let pools = config.pools.iter().flat_map(|pool| &pool.ranges);
    let ranges: Vec<AddressRange> = pools
        .filter(|range| firsts.contains(&range.first()))
        .copied()
        .collect();
    let announced = known.cluster.announced(config);
    let taken = allocate::withheld(known.links, known.cluster);
    let is_free = |address: &IpAddr| {
        let is_static = config.addresses.iter().any(|one| one.address == *address);
        let is_node = config.cluster.peers.contains(address) || plan.is_own(*address);
        !is_static && !is_node && !announced.contains_key(address) && !taken.contains_key(address)
    };
    // Of a large IPv6 range, more than are ever announced.
    let addresses = |range: &AddressRange| range.iter().take(most(range));
    let free = ranges.iter().flat_map(addresses).filter(is_free);
    Watched {
        policy: config.announce.conflict,
        free: free.take(FREE_MAX).collect(),
        ranges,
    }
}

fn most(range: &AddressRange) -> usize {
    if range.first().is_ipv6() {
        2 * FREE_MAX
    } else {
        usize::MAX
    }
}
