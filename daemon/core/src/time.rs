//! Time as a value. The core never asks what time it is; a shell tells it.

mod pace;

use std::ops::{Add, Sub};
use std::time::Duration;

pub use pace::Pace;

/// A moment on this node's boot-time clock (`CLOCK_BOOTTIME`, which goes on in suspend), in
/// nanoseconds. Moments of two nodes are never compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(u64);

impl Moment {
    /// A moment so many nanoseconds after the clock's start.
    pub const fn from_nanos(nanos: u64) -> Moment {
        Moment(nanos)
    }

    /// A moment so many milliseconds after the clock's start.
    pub const fn from_millis(millis: u64) -> Moment {
        Moment(millis.saturating_mul(1_000_000))
    }

    /// Nanoseconds since the clock's start.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// How long ago `earlier` was; zero if it is still to come.
    pub fn since(self, earlier: Moment) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Moment {
    type Output = Moment;

    fn add(self, length: Duration) -> Moment {
        let nanos = u64::try_from(length.as_nanos()).unwrap_or(u64::MAX);
        Moment(self.0.saturating_add(nanos))
    }
}

impl Sub<Duration> for Moment {
    type Output = Moment;

    fn sub(self, length: Duration) -> Moment {
        let nanos = u64::try_from(length.as_nanos()).unwrap_or(u64::MAX);
        Moment(self.0.saturating_sub(nanos))
    }
}
