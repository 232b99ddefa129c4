//! How long a peer may be silent before it is suspected (ELECTION section 6).
//!
//! Gaps on a LAN are not normally distributed: what counts is the longest silence that was seen and
//! survived. It is remembered for a day, in three generations of eight hours.

use std::time::Duration;

use super::timers::Timers;
use crate::report::Clause;
use crate::time::Moment;

/// Shorter stretches, in intervals of the peer, are what two lost beats look like anyway.
const SHORTEST_BEATS: u32 = 3;
/// Longer ones were outages: nothing to learn.
const LONGEST: Duration = Duration::from_millis(1_500);
const GENERATION: Duration = Duration::from_secs(8 * 3_600);

/// The estimator of one peer.
#[derive(Debug, Clone)]
pub(crate) struct Detector {
    generations: [Duration; 3],
    generation_at: Moment,
    sign_at: Moment,
    last_gap: Duration,
}

impl Detector {
    /// An estimator that remembers `learned` from an earlier life.
    pub(crate) fn new(learned: Duration, now: Moment) -> Detector {
        let learned = if learned > LONGEST {
            Duration::ZERO
        } else {
            learned
        };
        let generations = [learned, Duration::ZERO, Duration::ZERO];
        Detector {
            generations,
            generation_at: now,
            sign_at: now,
            last_gap: Duration::ZERO,
        }
    }

    /// A believed datagram, or an ARP answer to a probe, of a peer with this interval.
    pub(crate) fn handle_sign_of_life(&mut self, interval: Duration, now: Moment) {
        if now < self.sign_at {
            // It had lain, and a later one was read before it.
            return;
        }
        let gap = now.since(self.sign_at);
        self.sign_at = now;
        self.last_gap = gap;
        if now.since(self.generation_at) >= GENERATION {
            self.generations = [Duration::ZERO, self.generations[0], self.generations[1]];
            self.generation_at = now;
        }
        if (interval * SHORTEST_BEATS..=LONGEST).contains(&gap) {
            self.generations[0] = self.generations[0].max(gap);
        }
    }

    /// The peer was away for another reason than silence (death, this node's own pause): the gap
    /// until now teaches nothing.
    pub(crate) fn forget_gap(&mut self, now: Moment) {
        self.sign_at = now;
    }

    /// The longest silence of the last day.
    pub(crate) fn silence(&self) -> Duration {
        self.generations.iter().copied().max().unwrap_or_default()
    }

    /// The longest silence and in which generation it was, 0 being the present one; none without any.
    pub(crate) fn learned(&self) -> Option<(Duration, u8)> {
        let found = (0..).zip(self.generations);
        let longest = found.max_by_key(|(age, silence)| (*silence, std::cmp::Reverse(*age)));
        longest
            .map(|(age, silence)| (silence, age))
            .filter(|(silence, _)| !silence.is_zero())
    }

    /// The time between the last two signs of life.
    pub(crate) fn last_gap(&self) -> Duration {
        self.last_gap
    }

    /// Silence from which the host is probed.
    pub(crate) fn floor(interval: Duration, is_wireless: bool, timers: &Timers) -> Duration {
        let floor = timers.floor_for(interval);
        if is_wireless {
            floor.max(timers.floor_wireless)
        } else {
            floor
        }
    }

    /// Silence from which the peer is suspected, and what gives it.
    pub(crate) fn threshold(
        &self,
        interval: Duration,
        is_wireless: bool,
        timers: &Timers,
    ) -> (Duration, Clause) {
        let floor = Detector::floor(interval, is_wireless, timers);
        let above = self.silence().saturating_sub(interval);
        let learned = interval + above * 3 / 2 + Duration::from_millis(10);
        if learned <= floor {
            let is_wireless = is_wireless && floor == timers.floor_wireless;
            let clause = if is_wireless {
                Clause::Wireless
            } else {
                Clause::Floor
            };
            (floor, clause)
        } else if learned > LONGEST {
            (LONGEST.max(floor), Clause::Ceiling)
        } else {
            (learned, Clause::Learned)
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
