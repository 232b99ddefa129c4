//! What Kubernetes has against a node's taking packets.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a node is only a last resort.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Bar {
    /// Its label says that load balancers leave it out.
    Excluded,
    /// Its pod network is not up.
    NetworkUnavailable,
    /// An operator has marked it to be drained of addresses.
    Drain,
    /// An operator has declared it dead.
    OutOfService,
}

impl Bar {
    /// The label of a node that load balancers leave out; only its presence counts.
    pub const EXCLUDED: &str = "node.kubernetes.io/exclude-from-external-load-balancers";
    /// The label, annotation or taint of a node that is to be drained.
    pub const DRAIN: &str = "sovnet.internal/drain";
    /// The taint of a node that is out of service.
    pub const OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";
    /// The condition of a node without a pod network.
    pub const NETWORK_UNAVAILABLE: &str = "NetworkUnavailable";

    /// Whether it is about every address, not about those of Services alone.
    pub fn is_for_all(self) -> bool {
        match self {
            Bar::Drain | Bar::OutOfService => true,
            Bar::Excluded | Bar::NetworkUnavailable => false,
        }
    }

    /// What to do about it, on the node of that name.
    pub fn remedy(self, node: impl fmt::Display) -> String {
        match self {
            Bar::Excluded => format!(
                "if it is to serve like the others: kubectl label node {node} {}-",
                Bar::EXCLUDED
            ),
            Bar::NetworkUnavailable => {
                "find out why the network plugin of the cluster is not ready there".to_owned()
            }
            Bar::Drain => format!(
                "when it is to serve again, take {} off: kubectl edit node {node}",
                Bar::DRAIN
            ),
            Bar::OutOfService => format!(
                "when it is back: kubectl taint node {node} {}-",
                Bar::OUT_OF_SERVICE
            ),
        }
    }
}

/// What the node has, as a sentence shows it.
impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bar::Excluded => write!(f, "the label {}", Bar::EXCLUDED),
            Bar::NetworkUnavailable => write!(f, "the condition {}", Bar::NETWORK_UNAVAILABLE),
            Bar::Drain => write!(f, "the mark {}", Bar::DRAIN),
            Bar::OutOfService => write!(f, "the taint {}", Bar::OUT_OF_SERVICE),
        }
    }
}
