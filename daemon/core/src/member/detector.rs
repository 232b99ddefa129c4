//! How long a peer may be silent before it is suspected (ELECTION section 6).
//!
//! Gaps on a LAN are not normally distributed: what counts is the longest silence that was seen and
//! survived. It is remembered for a day, in three generations of eight hours.

use std::time::Duration;

use super::timers::Timers;
use crate::time::Moment;

/// Shorter stretches are what two lost beats look like anyway.
const SHORTEST: Duration = Duration::from_millis(75);
/// Longer ones were outages: nothing to learn.
const LONGEST: Duration = Duration::from_millis(1_500);
const GENERATION: Duration = Duration::from_secs(8 * 3_600);

/// The estimator of one peer.
#[derive(Debug, Clone)]
pub(crate) struct Detector {
    generations: [Duration; 3],
    generation_at: Moment,
    sign_at: Moment,
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
        }
    }

    /// A believed datagram, or an ARP answer to a probe.
    pub(crate) fn handle_sign_of_life(&mut self, now: Moment) {
        let gap = now.since(self.sign_at);
        self.sign_at = now;
        if now.since(self.generation_at) >= GENERATION {
            self.generations = [Duration::ZERO, self.generations[0], self.generations[1]];
            self.generation_at = now;
        }
        if (SHORTEST..=LONGEST).contains(&gap) {
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

    /// Silence from which the host is probed.
    pub(crate) fn floor(interval: Duration, is_wireless: bool, timers: &Timers) -> Duration {
        let floor = if is_wireless {
            timers.floor_wireless
        } else {
            timers.floor
        };
        floor.max(interval * 12 / 5)
    }

    /// Silence from which the peer is suspected.
    pub(crate) fn threshold(
        &self,
        interval: Duration,
        is_wireless: bool,
        timers: &Timers,
    ) -> Duration {
        let floor = Detector::floor(interval, is_wireless, timers);
        let above = self.silence().saturating_sub(interval);
        let learned = interval + above * 3 / 2 + Duration::from_millis(10);
        learned.max(floor).min(LONGEST.max(floor))
    }
}

#[cfg(test)]
mod tests;
