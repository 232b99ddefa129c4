//! The only place that reads clocks.

use k8s_openapi::jiff::Timestamp;
use nix::time::{ClockId, clock_gettime};
use sovnet_core::time::Moment;

/// Now, on `CLOCK_BOOTTIME`.
pub(crate) fn now() -> Moment {
    let time = clock_gettime(ClockId::CLOCK_BOOTTIME).expect("Linux has a boot-time clock");
    let secs = u64::try_from(time.tv_sec()).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec()).unwrap_or(0);
    Moment::from_nanos(secs.saturating_mul(1_000_000_000).saturating_add(nanos))
}

/// The date and the time of day, for what people read in the cluster. Nothing is decided by it.
pub(crate) fn wall() -> Timestamp {
    let time = clock_gettime(ClockId::CLOCK_REALTIME).expect("Linux has a wall clock");
    let nanos = i32::try_from(time.tv_nsec()).unwrap_or(0);
    Timestamp::new(time.tv_sec(), nanos).unwrap_or_default()
}
