//! How fast work that comes again and again is done, so that it leaves time for everything else.

use std::time::Duration;

use super::Moment;

#[cfg(test)]
mod tests;

/// The same work is begun again after this many times as long as it took.
const SHARE: u32 = 10;
/// But for so much of it at once: a few changes are never kept waiting.
const CREDIT: Duration = Duration::from_secs(1);

/// Keeps work to a tenth of the time, once a tenth of a second was spent on credit. What comes in
/// between is done together afterwards.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pace {
    rested_at: Moment,
}

impl Pace {
    /// The work was done, and took so long.
    pub fn note(&mut self, took: Duration, now: Moment) {
        self.rested_at = self.rested_at.max(now) + took.saturating_mul(SHARE);
    }

    /// Before this moment it is not begun again, nor later than `longest` after `now`.
    pub fn next_at(&self, longest: Duration, now: Moment) -> Moment {
        (self.rested_at - CREDIT).min(now + longest)
    }
}
