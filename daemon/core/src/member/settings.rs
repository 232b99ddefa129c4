//! What a member is told once, when it is made: who it is, whom it expects, what the operator wants.
//!
//! Read from the config by the daemon's start; nothing here changes afterwards but the keys, of
//! which the member keeps its own copy.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::keys::KeyRing;
use super::policy::Policy;
use crate::config::Detection;
use crate::names::{NodeId, NodeName};

/// Who this node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The identity that follows from the machine-id.
    pub id: NodeId,
    /// The node's name.
    pub name: NodeName,
    /// This program's version, at most 31 bytes go out.
    pub version: String,
    /// First 4 bytes of the hash of the config, so that peers can see a difference.
    pub config_hash: u32,
}

/// What a member is told once.
#[derive(Clone)]
pub struct Settings {
    /// Who this node is.
    pub identity: Identity,
    /// What protects heartbeats.
    pub keys: KeyRing,
    /// How soon a silent node is taken for dead.
    pub detection: Detection,
    /// UDP port of heartbeats.
    pub port: u16,
    /// Peers that are known from the config and from disk, without this node's own address.
    pub peers: BTreeSet<IpAddr>,
    /// What the operator wants.
    pub policy: Policy,
}

impl std::fmt::Debug for Settings {
    /// Keys by their ids: what is printed may be logged (I14).
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("identity", &self.identity)
            .field("keys", &self.keys)
            .field("detection", &self.detection)
            .field("port", &self.port)
            .field("peers", &self.peers)
            .field("policy", &self.policy)
            .finish()
    }
}
