//! The families of addresses that a Service is for.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// A family of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The family of an address.
    pub fn of(address: IpAddr) -> Family {
        match address {
            IpAddr::V4(_) => Family::V4,
            IpAddr::V6(_) => Family::V6,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Family::V4 => "IPv4",
            Family::V6 => "IPv6",
        })
    }
}

/// `spec.ipFamilyPolicy`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum FamilyPolicy {
    /// One family.
    #[default]
    SingleStack,
    /// Both families where there are both.
    PreferDualStack,
    /// Both families or nothing.
    RequireDualStack,
}

/// The families of addresses that a Service is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Families {
    /// `spec.ipFamilyPolicy`.
    pub policy: FamilyPolicy,
    /// The families of `spec.clusterIPs`, the primary one first: kube-proxy has rules for these
    /// only. Empty while the Service has no such address yet.
    pub of: Vec<Family>,
}

impl Default for Families {
    fn default() -> Families {
        Families {
            policy: FamilyPolicy::SingleStack,
            of: vec![Family::V4],
        }
    }
}
