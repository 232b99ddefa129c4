//! Address ranges as people write them: `192.168.8.240-192.168.8.250` and `192.168.8.240/29`.
//!
//! A range has one family and runs upward; anything else does not parse, and the refusal says what
//! would. Also which addresses are no address of one machine.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use thiserror::Error;

use crate::names::Subnet;

/// Why a text is no range.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RangeError {
    /// Neither a range nor a CIDR nor an address.
    #[error("is no address range")]
    Form,
    /// The part after '-' is a number.
    #[error("is no address range: the end needs the whole address, {first}-{last}")]
    ShortEnd {
        /// First address as written.
        first: IpAddr,
        /// The last address that was meant.
        last: IpAddr,
    },
    /// IPv4 on one side, IPv6 on the other.
    #[error("mixes IPv4 and IPv6: a range has one family")]
    Families,
    /// The last address is before the first.
    #[error("runs backward: {last} is before {first}")]
    Reversed {
        /// First address as written.
        first: IpAddr,
        /// Last address as written.
        last: IpAddr,
    },
    /// The prefix length does not fit the family.
    #[error("has a prefix length that is too long: an address has {bits} bits")]
    Prefix {
        /// Bits of an address of this family.
        bits: u8,
    },
    /// The address of a CIDR is not the first of its block.
    #[error("is no block of addresses: the block with this address is {block}, that is {range}")]
    HostBits {
        /// The block that it lies in.
        block: Subnet,
        /// The same as a range.
        range: AddressRange,
    },
    /// Holds addresses that no machine can have.
    #[error("holds {0}")]
    Special(&'static str),
}

/// Addresses from the first to the last, both included, of one family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AddressRange {
    first: IpAddr,
    last: IpAddr,
}

impl AddressRange {
    /// The addresses of a subnet, all of them.
    pub fn of_subnet(subnet: &Subnet) -> AddressRange {
        let first = subnet.network();
        let last = match first {
            IpAddr::V4(v4) => {
                let host = u32::MAX
                    .checked_shr(u32::from(subnet.prefix()))
                    .unwrap_or(0);
                IpAddr::V4((u32::from(v4) | host).into())
            }
            IpAddr::V6(v6) => {
                let host = u128::MAX
                    .checked_shr(u32::from(subnet.prefix()))
                    .unwrap_or(0);
                IpAddr::V6((u128::from(v6) | host).into())
            }
        };
        AddressRange { first, last }
    }

    /// The first address.
    pub fn first(&self) -> IpAddr {
        self.first
    }

    /// The last address.
    pub fn last(&self) -> IpAddr {
        self.last
    }

    /// Whether the address is one of these.
    pub fn contains(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.first.is_ipv4() && (self.first..=self.last).contains(&address)
    }

    /// The addresses from first to last.
    pub fn iter(&self) -> impl Iterator<Item = IpAddr> + use<> {
        let (v4, v6) = match (self.first, self.last) {
            (IpAddr::V4(first), IpAddr::V4(last)) => {
                (Some(u32::from(first)..=u32::from(last)), None)
            }
            (IpAddr::V6(first), IpAddr::V6(last)) => {
                (None, Some(u128::from(first)..=u128::from(last)))
            }
            // A range has one family.
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => (None, None),
        };
        let v4 = v4.into_iter().flatten();
        let v6 = v6.into_iter().flatten();
        v4.map(|number| IpAddr::V4(number.into()))
            .chain(v6.map(|number| IpAddr::V6(number.into())))
    }

    /// Whether the two have an address in common.
    pub fn overlaps(&self, other: &AddressRange) -> bool {
        self.contains(other.first) || other.contains(self.first)
    }

    /// How many addresses; `u128::MAX` for all of IPv6.
    pub fn count(&self) -> u128 {
        let number = |address| match address {
            IpAddr::V4(v4) => u128::from(u32::from(v4)),
            IpAddr::V6(v6) => u128::from(v6),
        };
        (number(self.last) - number(self.first)).saturating_add(1)
    }

    /// Checks a range that is well formed for addresses that no machine can have.
    fn without_special(self) -> Result<AddressRange, RangeError> {
        let gates = [Ipv4Addr::LOCALHOST, Ipv4Addr::new(224, 0, 0, 0)];
        let inside = gates
            .map(IpAddr::V4)
            .into_iter()
            .filter(|gate| self.contains(*gate));
        match [self.first, self.last]
            .into_iter()
            .chain(inside)
            .find_map(special)
        {
            Some(kind) => Err(RangeError::Special(kind)),
            None => Ok(self),
        }
    }
}

impl FromStr for AddressRange {
    type Err = RangeError;

    fn from_str(text: &str) -> Result<AddressRange, RangeError> {
        let range = if let Some((first, last)) = text.split_once('-') {
            between(first.trim(), last.trim())?
        } else if let Some((address, prefix)) = text.split_once('/') {
            block(address.trim(), prefix.trim())?
        } else {
            let only = parse_address(text.trim())?;
            AddressRange {
                first: only,
                last: only,
            }
        };
        range.without_special()
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

fn between(first: &str, last: &str) -> Result<AddressRange, RangeError> {
    let first = parse_address(first)?;
    if let (IpAddr::V4(v4), Ok(end)) = (first, last.parse::<u8>()) {
        let [a, b, c, _] = v4.octets();
        let last = IpAddr::V4(Ipv4Addr::new(a, b, c, end));
        return Err(RangeError::ShortEnd { first, last });
    }
    let last = parse_address(last)?;
    if first.is_ipv4() != last.is_ipv4() {
        return Err(RangeError::Families);
    }
    if last < first {
        return Err(RangeError::Reversed { first, last });
    }
    Ok(AddressRange { first, last })
}

fn block(address: &str, prefix: &str) -> Result<AddressRange, RangeError> {
    let address = parse_address(address)?;
    let prefix: u8 = prefix.parse().map_err(|_not_length| RangeError::Form)?;
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let block = Subnet::of(address, prefix).ok_or(RangeError::Prefix { bits })?;
    let range = AddressRange::of_subnet(&block);
    if block.network() != address {
        return Err(RangeError::HostBits { block, range });
    }
    Ok(range)
}

fn parse_address(text: &str) -> Result<IpAddr, RangeError> {
    let address: IpAddr = text.parse().map_err(|_not_ip| RangeError::Form)?;
    Ok(address.to_canonical())
}

/// The next address of the family.
pub fn after(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(v4) => Some(IpAddr::V4(u32::from(v4).checked_add(1)?.into())),
        IpAddr::V6(v6) => Some(IpAddr::V6(u128::from(v6).checked_add(1)?.into())),
    }
}

/// The address before it.
pub fn before(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(v4) => Some(IpAddr::V4(u32::from(v4).checked_sub(1)?.into())),
        IpAddr::V6(v6) => Some(IpAddr::V6(u128::from(v6).checked_sub(1)?.into())),
    }
}

/// Why an address is no address of one machine on a LAN; none if it can be one.
pub fn special(address: IpAddr) -> Option<&'static str> {
    let is_this_network = matches!(address, IpAddr::V4(v4) if v4.octets()[0] == 0);
    if address.is_unspecified() {
        Some("the unspecified address")
    } else if is_this_network {
        Some("an address of 0.0.0.0/8, which no machine can have")
    } else if address.is_loopback() {
        Some("a loopback address")
    } else if address.is_multicast() {
        Some("a multicast address")
    } else if address == IpAddr::V4(Ipv4Addr::BROADCAST) {
        Some("the broadcast address")
    } else {
        None
    }
}
