//! What the operator wants of the election beyond its rules: the part of the config that the
//! machine acts on (ELECTION R18, R20, R21, section 7).

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::placement::DEFAULT_WEIGHT;
use crate::config::{Config, FailBack};
use crate::names::NodeName;

/// What the operator wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// When an address goes back to where placement from scratch would put it (R18).
    pub fail_back: FailBack,
    /// This node's share of the addresses relative to others, 0 to [`WEIGHT_MAX`]; 0 = it serves
    /// only what no other node can.
    pub weight: u8,
    /// Whether a node that hears no majority of the configured ones serves nothing (R20).
    pub has_quorum: bool,
    /// The node that each of these addresses belongs to (R21).
    pub pins: BTreeMap<IpAddr, NodeName>,
}

/// The highest weight: each point of it is a draw for each address.
pub const WEIGHT_MAX: u8 = 16;

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            fail_back: FailBack::Never,
            weight: DEFAULT_WEIGHT,
            has_quorum: false,
            pins: BTreeMap::new(),
        }
    }
}

impl Policy {
    /// What the config says.
    pub fn of(config: &Config) -> Policy {
        Policy {
            fail_back: config.announce.fail_back,
            weight: config.node_weight,
            has_quorum: config.cluster.has_quorum,
            pins: config.pins.clone(),
        }
    }
}
