//! What the service manager is told: that the daemon is ready, one line of status, that it stops,
//! and that it is alive, fed by real progress.
//!
//! A loop that hangs while it holds an address is the worst failure of all: its kernel keeps the
//! link up and nobody takes over. So the watchdog is fed only while every loop makes progress, and
//! the service manager kills us otherwise. Without a service manager all of this does nothing.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sd_notify::NotifyState;
use sovnet_core::time::{Moment, Pace};
use tokio_util::sync::CancellationToken;

use crate::clock;

/// How often the status line and the readiness are looked at until the daemon is ready.
const LOOK: Duration = Duration::from_millis(250);
/// And how often afterwards.
const LOOK_READY: Duration = Duration::from_secs(1);

/// After this the daemon counts as started whatever is missing, and the status says what: a
/// restart would not bring it. Below the unit's `TimeoutStartSec`.
const PATIENCE: Duration = Duration::from_secs(20);

/// A loop's sign of life: it counts up at least once a second, also when it has nothing to do.
pub(crate) type Progress = Arc<AtomicU64>;

/// Tells progress from standstill, for a fixed set of loops.
#[derive(Debug)]
pub(crate) struct Watchdog {
    loops: Vec<(&'static str, Progress, Option<u64>)>,
}

impl Watchdog {
    /// Watches these loops.
    pub(crate) fn new(loops: Vec<(&'static str, Progress)>) -> Watchdog {
        let loops = loops.into_iter();
        Watchdog {
            loops: loops
                .map(|(name, progress)| (name, progress, None))
                .collect(),
        }
    }

    /// The loops that did not move since the last call; none at the first.
    pub(crate) fn stuck(&mut self) -> Vec<&'static str> {
        let mut stuck = Vec::new();
        for (name, progress, last) in &mut self.loops {
            let count = progress.load(Ordering::Relaxed);
            if last.replace(count) == Some(count) {
                stuck.push(*name);
            }
        }
        stuck
    }
}

/// Tells the service manager that the daemon stops: to be called before the first address is
/// handed over.
pub(crate) fn tell_stopping() {
    if let Err(error) = sd_notify::notify(&[NotifyState::Stopping]) {
        log::warn!(error:% = error; "the service manager does not listen");
    }
}

/// What the keeper asks each time it looks.
pub(crate) struct Questions {
    /// Whether start-up is done: first facts read, first decision made, sockets bound.
    pub(crate) is_ready: Box<dyn Fn() -> bool>,
    /// The status in one line.
    pub(crate) summary: Box<dyn Fn() -> String>,
}

/// Keeps the service manager informed. `Notify` is where messages go, for tests.
pub(crate) struct Keeper<Notify> {
    questions: Questions,
    watchdog: Watchdog,
    /// Half of the service manager's time-out; none = it does not watch.
    feed_every: Option<Duration>,
    notify: Notify,
    started_at: Moment,
    fed_at: Option<Moment>,
    is_ready: bool,
    told: String,
    /// How often the summary is asked for, if that takes its time.
    summaries: Pace,
}

impl Keeper<fn(&[NotifyState<'_>]) -> io::Result<()>> {
    /// A keeper that talks to the service manager that started this process, if there is one.
    pub(crate) fn new(questions: Questions, watchdog: Watchdog, now: Moment) -> Self {
        let feed_every = sd_notify::watchdog_enabled().map(|timeout| timeout / 2);
        Keeper::with_notify(questions, watchdog, feed_every, sd_notify::notify, now)
    }
}

impl<Notify: Fn(&[NotifyState<'_>]) -> io::Result<()>> Keeper<Notify> {
    fn with_notify(
        questions: Questions,
        watchdog: Watchdog,
        feed_every: Option<Duration>,
        notify: Notify,
        now: Moment,
    ) -> Self {
        Keeper {
            questions,
            watchdog,
            feed_every,
            notify,
            started_at: now,
            fed_at: None,
            is_ready: false,
            told: String::new(),
            summaries: pace_of_summaries(),
        }
    }

    /// Looks regularly until `stop`, then says that the daemon stops.
    ///
    /// # Errors
    ///
    /// Never: a service manager that does not listen is logged, and handles itself.
    pub(crate) async fn run(mut self, stop: CancellationToken) -> Result<(), Infallible> {
        while !stop.is_cancelled() {
            self.look(clock::now());
            // Both outcomes lead to the same place: the loop's condition.
            let pause = if self.is_ready { LOOK_READY } else { LOOK };
            let _stopped_or_due = tokio::time::timeout(pause, stop.cancelled()).await;
        }
        self.send(&[NotifyState::Stopping]);
        Ok(())
    }

    fn look(&mut self, now: Moment) {
        if now >= self.summaries.next_at(Duration::MAX, now) {
            let begun = clock::now();
            self.tell_summary();
            self.summaries.note(clock::now().since(begun), now);
        }
        self.tell_readiness(now);
        self.feed(now);
    }

    fn tell_summary(&mut self) {
        let summary = (self.questions.summary)();
        if summary != self.told {
            // The protocol is one assignment per line.
            let line = summary.replace('\n', " ");
            self.send(&[NotifyState::Status(&line)]);
            self.told = summary;
        }
    }

    fn tell_readiness(&mut self, now: Moment) {
        let is_late = now.since(self.started_at) >= PATIENCE;
        if self.is_ready || !((self.questions.is_ready)() || is_late) {
            return;
        }
        self.is_ready = true;
        if is_late {
            log::warn!("started without everything that was asked for: see sovnetctl status");
        }
        self.send(&[NotifyState::Ready]);
    }

    fn feed(&mut self, now: Moment) {
        let Some(every) = self.feed_every else {
            return;
        };
        if self.fed_at.is_some_and(|fed| now.since(fed) < every) {
            return;
        }
        self.fed_at = Some(now);
        let stuck = self.watchdog.stuck();
        if stuck.is_empty() {
            self.send(&[NotifyState::Watchdog]);
        } else {
            log::error!(loops:% = stuck.join(", "); "a loop hangs: not feeding the watchdog");
        }
    }

    fn send(&self, message: &[NotifyState<'_>]) {
        if let Err(error) = (self.notify)(message) {
            log::warn!(error:% = error; "the service manager does not listen");
        }
    }
}

/// A summary of thousands of addresses costs a five hundredth of a processor at most; a household's
/// is asked for at each look.
fn pace_of_summaries() -> Pace {
    Pace::new(500, Duration::ZERO)
}

#[cfg(test)]
mod tests;
