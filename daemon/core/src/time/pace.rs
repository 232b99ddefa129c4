//! How fast work that comes again and again is done, so that it leaves time for everything else.

use std::time::Duration;

use super::Moment;

#[cfg(test)]
mod tests;

/// Keeps work to a share of the time. What comes in between is done together afterwards.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// The work is begun again after this many times as long as it took.
    times: u32,
    /// But for so much of that at once.
    credit: Duration,
    rested_at: Moment,
}

impl Pace {
    /// A tenth of the time, once a tenth of a second was spent on credit: a few changes are never
    /// kept waiting.
    pub fn of_changes() -> Pace {
        Pace::new(10, Duration::from_secs(1))
    }

    /// One part in so many of the time, once `credit` is used up.
    pub fn new(times: u32, credit: Duration) -> Pace {
        Pace {
            times,
            credit,
            rested_at: Moment::default(),
        }
    }

    /// The work was done, and took so long.
    pub fn note(&mut self, took: Duration, now: Moment) {
        self.rested_at = self.rested_at.max(now) + took.saturating_mul(self.times);
    }

    /// Before this moment it is not begun again, nor later than `longest` after `now`.
    pub fn next_at(&self, longest: Duration, now: Moment) -> Moment {
        (self.rested_at - self.credit).min(now + longest)
    }
}
