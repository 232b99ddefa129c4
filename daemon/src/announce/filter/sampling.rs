//! How many of the frames that do not concern us pass: all while there are few of them.
//!
//! From those the member learns who else is on the segment. In a storm one in some hundreds is
//! enough for that, and each that passes costs more than the kernel's refusal of a hundred.

use std::time::Duration;

use sovnet_core::time::Moment;

/// More than this in a second is a storm.
const TOO_MANY: u32 = 400;
/// What a storm is brought down to, at most, per second.
const ENOUGH: u32 = 100;
/// Fewer than this in a second, and twice as many may pass.
const FEW: u32 = 40;
/// At least one in 1,024 passes.
const LEAST: u32 = 10;

const SECOND: Duration = Duration::from_secs(1);

/// One in so many passes, a power of two.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::announce) struct Sampling {
    halvings: u32,
}

impl Sampling {
    /// As good as nothing: for tests of what is dropped.
    #[cfg(test)]
    pub(in crate::announce) fn nothing() -> Sampling {
        Sampling { halvings: 31 }
    }

    /// The bits of a random number that are all zero if a frame passes.
    pub(super) fn mask(self) -> u32 {
        (1 << self.halvings) - 1
    }
}

/// Counts what passed and says how many shall.
#[derive(Debug)]
pub(in crate::announce) struct Sampler {
    sampling: Sampling,
    since: Moment,
    passed: u32,
}

impl Sampler {
    pub(in crate::announce) fn new(now: Moment) -> Sampler {
        Sampler {
            sampling: Sampling::default(),
            since: now,
            passed: 0,
        }
    }

    pub(in crate::announce) fn sampling(&self) -> Sampling {
        self.sampling
    }

    /// So many frames passed that did not concern us; whether another part shall pass from now on.
    pub(in crate::announce) fn handle_passed(&mut self, frames: u32, now: Moment) -> bool {
        self.passed = self.passed.saturating_add(frames);
        let elapsed = now.since(self.since);
        if self.passed <= TOO_MANY && elapsed < SECOND {
            return false;
        }
        let before = self.sampling;
        if self.passed > TOO_MANY {
            // Not within the millisecond, where one burst would look like an endless storm.
            let millis = elapsed.as_millis().clamp(1, 1_000);
            let per_second = u128::from(self.passed) * 1_000 / millis;
            let factor = per_second / u128::from(ENOUGH);
            self.sampling.halvings = LEAST.min(before.halvings + factor.max(2).ilog2());
        } else if self.passed < FEW {
            self.sampling.halvings = before.halvings.saturating_sub(1);
        }
        self.passed = 0;
        self.since = now;
        self.sampling != before
    }
}

#[cfg(test)]
mod tests;
