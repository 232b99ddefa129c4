//! The only place that reads the boot-time clock.

use nix::time::{ClockId, clock_gettime};
use sovnet_core::time::Moment;

/// Now, on `CLOCK_BOOTTIME`.
pub(crate) fn now() -> Moment {
    let time = clock_gettime(ClockId::CLOCK_BOOTTIME).expect("Linux has a boot-time clock");
    let secs = u64::try_from(time.tv_sec()).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec()).unwrap_or(0);
    Moment::from_nanos(secs.saturating_mul(1_000_000_000).saturating_add(nanos))
}
