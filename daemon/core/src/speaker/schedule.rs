//! When gratuitous frames go out: at once, spaced past the one-second lock time, then refreshed.
//!
//! Knows addresses and moments, no frames. One address at a time is taken by the speaker; the pace
//! is kept here, so that many addresses at once are no burst that switches and routers police.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::time::Moment;

/// Rounds of IPv4 after the claim. Linux ignores a change of an entry within one second of the last
/// one (`locktime`); each later round reaches receivers that lost or ignored the earlier ones.
const ROUNDS_V4: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_millis(1_100),
    Duration::from_millis(2_300),
    Duration::from_millis(4_500),
];

/// Rounds of IPv6: no more than MAX_NEIGHBOR_ADVERTISEMENT, at least RetransTimer apart (RFC 4861
/// sections 7.2.6 and 10).
const ROUNDS_V6: [Duration; 3] = [
    Duration::ZERO,
    Duration::from_millis(1_100),
    Duration::from_millis(2_300),
];

fn rounds(address: IpAddr) -> &'static [Duration] {
    match address {
        IpAddr::V4(_) => &ROUNDS_V4,
        IpAddr::V6(_) => &ROUNDS_V6,
    }
}

/// Switches forget a station after 300 s of silence; three refreshes fit.
const REFRESH_EVERY: Duration = Duration::from_secs(100);

/// An address is announced by two frames in either family.
const FRAMES_PER_ADDRESS: u32 = 2;

/// 2,000 frames per second while addresses are new.
const ROUND_GAP: Duration = Duration::from_millis(1);

/// Five addresses may go at once, so that a timer of one millisecond keeps the pace.
const ROUND_BURST: Duration = Duration::from_millis(4);

/// 50 frames per second of refresh.
const REFRESH_GAP: Duration = Duration::from_millis(40);

/// Before every other in the order of addresses.
const FIRST_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// Why an address is announced now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cause {
    /// It is new, or was asked to be announced again.
    Round,
    /// Only so that nobody forgets.
    Refresh,
}

/// What is due for one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Next {
    cause: Cause,
    due: Moment,
    /// When round 0 was asked for; later rounds count from here.
    begun: Moment,
    round: usize,
}

/// When each address is announced next.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    next: BTreeMap<IpAddr, Next>,
    due: BTreeSet<(Cause, Moment, IpAddr)>,
    round_slot: Moment,
    refresh_slot: Moment,
}

impl Schedule {
    /// Announce this address from round 0 on.
    pub(super) fn begin(&mut self, address: IpAddr, now: Moment) {
        self.set(
            address,
            Next {
                cause: Cause::Round,
                due: now,
                begun: now,
                round: 0,
            },
        );
    }

    /// Never announce it again.
    pub(super) fn end(&mut self, address: IpAddr) {
        if let Some(next) = self.next.remove(&address) {
            self.due.remove(&(next.cause, next.due, address));
        }
    }

    /// Never announce anything again. The pace goes on.
    pub(super) fn clear(&mut self) {
        self.next.clear();
        self.due.clear();
    }

    /// The next address to announce now, if one is due and the pace allows it.
    pub(super) fn take(&mut self, now: Moment) -> Option<(IpAddr, Cause)> {
        let (cause, address) = [Cause::Round, Cause::Refresh]
            .into_iter()
            .filter_map(|cause| self.first(cause).map(|(at, address)| (at, cause, address)))
            .find(|(at, _, _)| *at <= now)
            .map(|(_, cause, address)| (cause, address))?;
        match cause {
            Cause::Round => {
                self.round_slot = self.round_slot.max(now - ROUND_BURST) + ROUND_GAP;
            }
            Cause::Refresh => self.refresh_slot = now + REFRESH_GAP,
        }
        self.advance(address, now);
        Some((address, cause))
    }

    /// Whether so many further frames may go now, in the pace of rounds; asked when no round is left
    /// that could go instead.
    pub(super) fn take_room(&mut self, frames: u32, now: Moment) -> bool {
        if self.round_slot > now {
            return false;
        }
        let gap = ROUND_GAP * frames / FRAMES_PER_ADDRESS;
        self.round_slot = self.round_slot.max(now - ROUND_BURST) + gap;
        true
    }

    /// When [`Schedule::take_room`] says yes, if no round goes before.
    pub(super) fn room_at(&self) -> Moment {
        self.round_slot
    }

    /// When [`Schedule::take`] has something next.
    pub(super) fn next_at(&self) -> Option<(Moment, Cause)> {
        [Cause::Round, Cause::Refresh]
            .into_iter()
            .filter_map(|cause| self.first(cause).map(|(at, _)| (at, cause)))
            .min()
    }

    /// The first address of this cause, with the moment from which due time and pace allow it.
    fn first(&self, cause: Cause) -> Option<(Moment, IpAddr)> {
        let from = (cause, Moment::default(), FIRST_ADDRESS);
        let (found, due, address) = self.due.range(from..).next()?;
        let slot = match cause {
            Cause::Round => self.round_slot,
            Cause::Refresh => self.refresh_slot,
        };
        (*found == cause).then(|| (slot.max(*due), *address))
    }

    fn advance(&mut self, address: IpAddr, now: Moment) {
        let Some(current) = self.next.get(&address).copied() else {
            return;
        };
        let round = current.round + 1;
        let rounds = rounds(address);
        let next = match rounds.get(round) {
            // Held up by the pace, a round still keeps its distance to the one before it.
            Some(after) => Next {
                due: (current.begun + *after).max(now + (*after - rounds[round - 1])),
                round,
                ..current
            },
            None => Next {
                cause: Cause::Refresh,
                due: now + refresh_after(address, current.cause),
                round,
                ..current
            },
        };
        self.set(address, next);
    }

    fn set(&mut self, address: IpAddr, next: Next) {
        self.end(address);
        self.next.insert(address, next);
        self.due.insert((next.cause, next.due, address));
    }
}

/// The first refresh comes somewhere in the second half of the period, by address, so that those
/// which were claimed together are not refreshed together.
fn refresh_after(address: IpAddr, cause: Cause) -> Duration {
    match cause {
        Cause::Refresh => REFRESH_EVERY,
        Cause::Round => {
            let number = match address {
                IpAddr::V4(v4) => u32::from(v4),
                IpAddr::V6(v6) => {
                    let [.., a, b, c, d] = v6.octets();
                    u32::from_be_bytes([a, b, c, d])
                }
            };
            let spread = number.wrapping_mul(0x9e37_79b1) >> 16;
            REFRESH_EVERY / 2 + REFRESH_EVERY / 2 * spread / 0x1_0000
        }
    }
}

#[cfg(test)]
mod tests;
