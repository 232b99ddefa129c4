//! How late this node's own turns are: a host that has no time for the daemon looks to its peers as
//! a network that loses heartbeats.
//!
//! Owns the measurement and its words for status. It decides nothing: R2 is the rule that gives up,
//! and below its limit a late node goes on as if nothing was (R1).

use std::time::Duration;

use crate::report::{LatenessReport, Problem, Severity};
use crate::time::Moment;

/// Buckets of a [`Recent`].
const BUCKETS: usize = 6;
const TEN_SECONDS: Duration = Duration::from_secs(10);
const TEN_MINUTES: Duration = Duration::from_secs(600);
/// So many late turns within the last ten to twenty minutes are worth a word.
const REPEATED: u64 = 3;

/// The longest of a stretch of time that ends now, in six buckets.
#[derive(Debug, Clone, Copy)]
struct Recent {
    bucket: Duration,
    began: Moment,
    longest: [Duration; BUCKETS],
    late: [u64; BUCKETS],
}

impl Recent {
    fn new(bucket: Duration, now: Moment) -> Recent {
        Recent {
            bucket,
            began: now,
            longest: [Duration::ZERO; BUCKETS],
            late: [0; BUCKETS],
        }
    }

    fn advance(&mut self, now: Moment) {
        if now.since(self.began) >= self.bucket * 6 {
            *self = Recent::new(self.bucket, now);
        }
        while now.since(self.began) >= self.bucket {
            self.began = self.began + self.bucket;
            self.longest.rotate_right(1);
            self.late.rotate_right(1);
            self.longest[0] = Duration::ZERO;
            self.late[0] = 0;
        }
    }

    fn add(&mut self, lateness: Duration, is_late: bool) {
        self.longest[0] = self.longest[0].max(lateness);
        self.late[0] = self.late[0].saturating_add(u64::from(is_late));
    }

    fn longest(&self) -> Duration {
        self.longest.iter().copied().max().unwrap_or_default()
    }
}

/// The measurement of one member.
#[derive(Debug, Clone, Copy)]
pub(super) struct Punctuality {
    minute: Recent,
    hour: Recent,
}

impl Punctuality {
    pub(super) fn new(now: Moment) -> Punctuality {
        Punctuality {
            minute: Recent::new(TEN_SECONDS, now),
            hour: Recent::new(TEN_MINUTES, now),
        }
    }

    /// A turn begins: `gap` after the one before, while a heartbeat was due at `due`; after a gap of
    /// `limit` the machine starts over (R2).
    pub(super) fn handle_turn(&mut self, due: Moment, gap: Duration, limit: Duration, now: Moment) {
        let is_late = gap > limit / 2;
        for recent in [&mut self.minute, &mut self.hour] {
            recent.advance(now);
            recent.add(now.since(due), is_late);
        }
    }

    /// For status.
    pub(super) fn report(&self, limit: Duration, now: Moment) -> LatenessReport {
        let (mut minute, mut hour) = (self.minute, self.hour);
        minute.advance(now);
        hour.advance(now);
        LatenessReport {
            minute: minute.longest(),
            hour: hour.longest(),
            late: hour.late.iter().sum(),
            limit,
        }
    }

    /// Late again and again.
    pub(super) fn problem(&self, limit: Duration, now: Moment) -> Option<Problem> {
        let mut hour = self.hour;
        hour.advance(now);
        let [newest, before, ..] = hour.late;
        let late = newest + before;
        (late >= REPEATED).then(|| Problem {
            severity: Severity::Degraded,
            code: "runs-late",
            what: format!(
                "this node was not run for more than {} ms at a time, {late} times in the last 20 \
                 minutes (up to {} ms late): after {} ms it has to take itself for dead",
                (limit / 2).as_millis(),
                hour.longest().as_millis(),
                limit.as_millis()
            ),
            remedy: "look for what else loads this machine, leave the CPUWeight=1000 of \
                     sovnetd.service as it is, or set [announce] detection = \"slow\""
                .to_owned(),
        })
    }
}

#[cfg(test)]
mod tests;
