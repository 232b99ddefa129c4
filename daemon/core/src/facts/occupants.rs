//! Hosts that are no nodes and use addresses of ours: what the Kubernetes side has to know of them.
//!
//! Holds what changes with an episode and not with a frame, so that a storm wakes nobody.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::names::Mac;
use crate::time::Moment;

/// Who uses which address.
pub type Occupants = BTreeMap<IpAddr, Occupant>;

/// A host that is no node and uses an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occupant {
    /// Its hardware address.
    pub mac: Mac,
    /// When it was first seen, on this node's clock: a new episode has a new one.
    pub since: Moment,
    /// Whether the address is left to it.
    pub is_left: bool,
    /// Whether the address is announced, or a free one of a pool.
    pub is_announced: bool,
}

/// Whether these are the same episodes; a host that changes its hardware address with every frame
/// begins no new one.
pub fn are_same(one: &Occupants, other: &Occupants) -> bool {
    let stable = |occupants: &Occupants| {
        let pairs = occupants.iter();
        pairs
            .map(|(address, one)| (*address, one.since, one.is_left, one.is_announced))
            .collect::<Vec<_>>()
    };
    stable(one) == stable(other)
}

/// The addresses that no Service is given unless it asks for them, each with the reason as a clause
/// about it.
pub fn not_given(occupants: &Occupants) -> BTreeMap<IpAddr, String> {
    let left = occupants
        .iter()
        .filter(|(_, one)| one.is_left || !one.is_announced);
    left.map(|(address, one)| {
        (
            *address,
            format!("is used by {}, which is no node", one.mac),
        )
    })
    .collect()
}
