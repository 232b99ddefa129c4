//! Time for tests: now, and waiting for a level with a limit.
//!
//! Nothing waits for an edge or for a fixed time: a test names what it waits for, and gets an error
//! that says so if it does not come.

use std::fmt;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// How often a level is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The present moment. The one place of the test package that reads a clock.
#[expect(clippy::disallowed_methods, reason = "the clock of the tests")]
pub fn now() -> Instant {
    Instant::now()
}

/// The date and time of day, for certificates.
#[expect(clippy::disallowed_methods, reason = "the clock of the tests")]
pub fn wall() -> SystemTime {
    SystemTime::now()
}

/// A level that did not come in time.
#[derive(Debug)]
pub struct TimedOut {
    /// What was waited for.
    pub what: String,
    /// How long.
    pub limit: Duration,
}

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "waited {:?} in vain for: {}", self.limit, self.what)
    }
}

impl std::error::Error for TimedOut {}

/// Waits until `look` gives a value.
///
/// # Errors
/// [`TimedOut`] with the name of the level after `limit`.
pub fn wait_for<T>(
    what: &str,
    limit: Duration,
    mut look: impl FnMut() -> Option<T>,
) -> Result<T, TimedOut> {
    let started_at = now();
    loop {
        if let Some(value) = look() {
            return Ok(value);
        }
        if now().duration_since(started_at) >= limit {
            return Err(TimedOut {
                what: what.to_owned(),
                limit,
            });
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// Waits until `at`. For what has to keep a rate, not for what has to happen.
pub fn wait_until(at: Instant) {
    thread::sleep(at.saturating_duration_since(now()));
}
