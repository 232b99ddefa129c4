//! Names and identities, each a type with one door: what does not parse does not exist.

pub mod dns;
pub mod service;

#[cfg(test)]
mod tests;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use thiserror::Error;

pub use dns::DnsName;
use serde::{Deserialize, Serialize};
pub use service::ServiceName;

/// Why a text is no name of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NameError {
    /// Not a node name.
    #[error("a node name has 1 to 63 letters, digits, '-' or '.'")]
    Node,
    /// Not an interface name.
    #[error("an interface name has 1 to 15 characters, without '/' and white space")]
    Link,
    /// Not a hardware address.
    #[error("a hardware address is written 02:00:5e:00:53:01")]
    Mac,
    /// Not a subnet.
    #[error("a subnet is written 192.0.2.0/24")]
    Subnet,
    /// Not the name of a Service.
    #[error(
        "a Service is named by namespace and name, such as kube-system/traefik, each of 1 to 63 \
         small letters, digits, '-' and '.'"
    )]
    Service,
}

/// The name of a node; must be its Kubernetes node name where there is one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NodeName(String);

impl NodeName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for NodeName {
    type Error = NameError;

    fn try_from(text: String) -> Result<NodeName, NameError> {
        text.parse()
    }
}

impl From<NodeName> for String {
    fn from(name: NodeName) -> String {
        name.0
    }
}

impl FromStr for NodeName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<NodeName, NameError> {
        let is_fine = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        if text.is_empty() || text.len() > 63 || !text.chars().all(is_fine) {
            return Err(NameError::Node);
        }
        Ok(NodeName(text.to_ascii_lowercase()))
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The kernel's name of a network interface.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkName(String);

impl LinkName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for LinkName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<LinkName, NameError> {
        let is_bad = |c: char| c == '/' || c.is_whitespace() || c.is_control();
        if text.is_empty() || text.len() > 15 || text.chars().any(is_bad) {
            return Err(NameError::Link);
        }
        Ok(LinkName(text.to_owned()))
    }
}

impl fmt::Display for LinkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The kernel's index of a network interface; never reused for another one while we run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkIndex(pub u32);

/// A hardware (MAC) address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// All ones: every station of the segment.
    pub const BROADCAST: Mac = Mac([0xff; 6]);
    /// All zeroes: not known.
    pub const ZERO: Mac = Mac([0; 6]);

    /// Whether this can be the address of one station (not zero, not a group).
    pub fn is_unicast(self) -> bool {
        self != Mac::ZERO && self.0[0] & 1 == 0
    }
}

impl FromStr for Mac {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Mac, NameError> {
        let mut bytes = [0u8; 6];
        let mut parts = text.split(':');
        for byte in &mut bytes {
            let part = parts.next().ok_or(NameError::Mac)?;
            let is_fine = part.len() == 2 && part.chars().all(|c| c.is_ascii_hexdigit());
            *byte = u8::from_str_radix(if is_fine { part } else { "" }, 16)
                .map_err(|_not_hex| NameError::Mac)?;
        }
        if parts.next().is_some() {
            Err(NameError::Mac)
        } else {
            Ok(Mac(bytes))
        }
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A network: an address with its host bits cleared, and a prefix length that fits its family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subnet {
    network: IpAddr,
    prefix: u8,
}

impl Subnet {
    /// The subnet that `address` with this prefix length lies in; none if the length is too long.
    pub fn of(address: IpAddr, prefix: u8) -> Option<Subnet> {
        let network = match address {
            IpAddr::V4(v4) if prefix <= 32 => {
                let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from(u32::from(v4) & mask))
            }
            IpAddr::V6(v6) if prefix <= 128 => {
                let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
                IpAddr::V6((u128::from(v6) & mask).into())
            }
            IpAddr::V4(_) | IpAddr::V6(_) => return None,
        };
        Some(Subnet { network, prefix })
    }

    /// The first address.
    pub fn network(&self) -> IpAddr {
        self.network
    }

    /// The prefix length in bits.
    pub fn prefix(&self) -> u8 {
        self.prefix
    }

    /// Whether the address lies in this subnet.
    pub fn contains(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.network.is_ipv4()
            && Subnet::of(address, self.prefix).is_some_and(|other| other == *self)
    }

    /// The directed broadcast address of an IPv4 subnet of at most 30 bits.
    pub fn broadcast(&self) -> Option<Ipv4Addr> {
        match self.network {
            IpAddr::V4(v4) if self.prefix <= 30 => {
                let host = u32::MAX.checked_shr(u32::from(self.prefix)).unwrap_or(0);
                Some(Ipv4Addr::from(u32::from(v4) | host))
            }
            IpAddr::V4(_) | IpAddr::V6(_) => None,
        }
    }
}

impl FromStr for Subnet {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Subnet, NameError> {
        let (address, prefix) = text.split_once('/').ok_or(NameError::Subnet)?;
        let address: IpAddr = address.parse().map_err(|_not_ip| NameError::Subnet)?;
        let prefix: u8 = prefix.parse().map_err(|_not_length| NameError::Subnet)?;
        Subnet::of(address, prefix).ok_or(NameError::Subnet)
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

/// Who a node is, for life: the first 8 bytes of BLAKE3(machine-id ‖ "sovnet").
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub [u8; 8]);

impl NodeId {
    /// The identity that follows from the machine-id (32 hex digits, as in `/etc/machine-id`).
    pub fn of_machine(machine_id: &str) -> NodeId {
        let mut hasher = blake3::Hasher::new();
        hasher.update(machine_id.trim().as_bytes());
        hasher.update(b"sovnet");
        let mut id = [0; 8];
        id.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
        NodeId(id)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Text that can come from another machine, safe for a terminal and a sentence: one line, no escapes.
pub fn one_line(text: &str) -> String {
    let visible = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    text.chars().map(visible).collect()
}
