//! Which addresses a filter lets through: as few ranges of 32-bit numbers.
//!
//! Of IPv6 addresses the last 32 bits stand for the whole. A filter may let too much through and
//! never too little, so what is too long is covered by wider ranges.

use std::net::IpAddr;

use sovnet_core::names::Subnet;

/// More ranges than this are covered by wider ones. The kernel counts programs against a limit per
/// socket (`net.core.optmem_max`, 20 KiB in older kernels), the one that is replaced included.
const RANGES_MAX: usize = 64;

/// Ranges in order, apart from each other.
type Ranges = Vec<(u32, u32)>;

/// The addresses that matter on a segment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::announce) struct Watched {
    home: Option<(u32, u32)>,
    targets_v4: Ranges,
    targets_v6: Ranges,
    senders_v4: Ranges,
    senders_v6: Ranges,
}

impl Watched {
    /// Whoever asks for one of `targets`, or has one, matters; of `senders` (peers, the gateway)
    /// only what they say themselves. First and last address of each range; of ordinary hosts of the
    /// subnet only a sample.
    pub(in crate::announce) fn new(
        subnet: Subnet,
        targets: &[(IpAddr, IpAddr)],
        senders: &[(IpAddr, IpAddr)],
    ) -> Watched {
        let all: Vec<(IpAddr, IpAddr)> = targets.iter().chain(senders).copied().collect();
        Watched {
            home: home(subnet),
            targets_v4: covering(targets, IpAddr::is_ipv4),
            targets_v6: covering(targets, IpAddr::is_ipv6),
            senders_v4: covering(&all, IpAddr::is_ipv4),
            senders_v6: covering(&all, IpAddr::is_ipv6),
        }
    }

    /// The addresses of the IPv4 subnet, if it is one.
    pub(super) fn home(&self) -> Option<(u32, u32)> {
        self.home
    }

    pub(super) fn targets_v4(&self) -> &[(u32, u32)] {
        &self.targets_v4
    }

    pub(super) fn targets_v6(&self) -> &[(u32, u32)] {
        &self.targets_v6
    }

    pub(super) fn senders_v4(&self) -> &[(u32, u32)] {
        &self.senders_v4
    }

    pub(super) fn senders_v6(&self) -> &[(u32, u32)] {
        &self.senders_v6
    }
}

fn home(subnet: Subnet) -> Option<(u32, u32)> {
    match subnet.network() {
        IpAddr::V4(network) => {
            let hosts = u32::MAX.checked_shr(subnet.prefix().into()).unwrap_or(0);
            Some((u32::from(network), u32::from(network) | hosts))
        }
        IpAddr::V6(_) => None,
    }
}

fn covering(ranges: &[(IpAddr, IpAddr)], is_family: fn(&IpAddr) -> bool) -> Ranges {
    let family = ranges.iter().filter(|(first, _)| is_family(first));
    let mut parts: Ranges = family.filter_map(|range| part(*range)).collect();
    parts.sort_unstable();
    let mut joined: Ranges = Vec::new();
    for (first, last) in parts {
        match joined.last_mut() {
            Some(before) if before.1 >= first.saturating_sub(1) => before.1 = before.1.max(last),
            Some(_) | None => joined.push((first, last)),
        }
    }
    while joined.len() > RANGES_MAX {
        join_nearest(&mut joined);
    }
    joined
}

/// What is left of a range in 32 bits; none if its ends are of two families.
fn part((first, last): (IpAddr, IpAddr)) -> Option<(u32, u32)> {
    match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => Some((first.into(), last.into())),
        (IpAddr::V6(first), IpAddr::V6(last)) => {
            let (first, last) = (u128::from(first), u128::from(last));
            let low = |address: u128| u32::try_from(address & u128::from(u32::MAX)).ok();
            let is_within_one = first >> 32 == last >> 32;
            Some(if is_within_one {
                (low(first)?, low(last)?)
            } else {
                (0, u32::MAX)
            })
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => None,
    }
}

fn join_nearest(ranges: &mut Ranges) {
    let gap = |at: &usize| ranges[at + 1].0 - ranges[*at].1;
    if let Some(at) = (0..ranges.len().saturating_sub(1)).min_by_key(gap) {
        let (_, last) = ranges.remove(at + 1);
        ranges[at].1 = last;
    }
}

#[cfg(test)]
mod tests;
