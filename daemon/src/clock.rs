//! The only place that reads clocks.

use std::convert::Infallible;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime};
use sovnet_core::time::Moment;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The time of day is looked at this often.
const DAY_STEP: Duration = Duration::from_secs(20);

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

/// A time of the wall clock, in seconds since 1970, for people: `2026-01-08 00:00:00 UTC`.
pub(crate) fn utc(secs: i64) -> String {
    let time = Timestamp::from_second(secs).unwrap_or(Timestamp::MAX);
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// How long ago that was on the wall clock; zero if it is still to come.
pub(crate) fn wall_since(earlier: TimeSpec) -> Duration {
    let now = clock_gettime(ClockId::CLOCK_REALTIME).expect("Linux has a wall clock");
    let secs = i128::from(now.tv_sec()) - i128::from(earlier.tv_sec());
    let nanos = i128::from(now.tv_nsec()) - i128::from(earlier.tv_nsec());
    let length = secs * 1_000_000_000 + nanos;
    Duration::from_nanos(u64::try_from(length).unwrap_or(0))
}

/// Tells the local time of day, in minutes after midnight, until `stop`: the windows in which
/// addresses may fail back are written in it. The time zone is read from the disk, so this is
/// nothing for the latency thread.
///
/// # Errors
/// None.
pub(crate) async fn follow_day(
    day_minute: watch::Sender<Option<u16>>,
    stop: CancellationToken,
) -> Result<(), Infallible> {
    loop {
        let local = jiff::Zoned::now();
        let hour = u16::from(local.hour().unsigned_abs());
        let minute = hour * 60 + u16::from(local.minute().unsigned_abs());
        day_minute.send_replace(Some(minute));
        // Cancel-safe: nothing is lost with a sleep.
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(DAY_STEP) => {}
        }
    }
}
