//! From facts to what this node could serve: a total, deterministic function.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use crate::config::Config;
use crate::facts::LinkFacts;
use crate::names::{LinkIndex, Mac, Subnet};
use crate::report::{ConfiguredAddress, Problem};

/// How able a node is to serve an address (ELECTION section 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Ability {
    /// Cannot: link down, isolated, mute.
    #[default]
    Cannot,
    /// Going: stopping.
    Going,
    /// Last resort: draining, gateway lost.
    LastResort,
    /// Serves.
    Serves,
}

impl Ability {
    /// The level as it travels, 0 to 3.
    pub fn level(self) -> u8 {
        match self {
            Ability::Cannot => 0,
            Ability::Going => 1,
            Ability::LastResort => 2,
            Ability::Serves => 3,
        }
    }
}

/// What follows from the config and the kernel's facts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decision {
    /// Announcing links with the addresses that this node could serve there.
    pub segments: BTreeMap<LinkIndex, SegmentPlan>,
    /// What stands in the way, for status.
    pub problems: Vec<Problem>,
}

/// One announcing link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentPlan {
    /// This node's own address on the link.
    pub own: Ipv4Addr,
    /// The subnet of that address.
    pub subnet: Subnet,
    /// The link's hardware address.
    pub mac: Mac,
    /// Whether frames go over the air.
    pub is_wireless: bool,
    /// The default gateway on this segment.
    pub gateway: Option<Ipv4Addr>,
    /// Addresses of this segment with this node's ability for each.
    pub abilities: BTreeMap<Ipv4Addr, Ability>,
    /// The configured addresses of this segment.
    pub addresses: Vec<ConfiguredAddress>,
}

/// Decides. Never fails: what cannot be done is a problem in the result.
pub fn decide(_config: &Config, _links: &LinkFacts) -> Decision {
    Decision::default()
}
