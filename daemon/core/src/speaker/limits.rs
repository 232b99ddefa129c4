//! How many answers go out: so many for each asker, so many in all.
//!
//! Without this, one hostile or broken host could make us send a frame for each of its own. A
//! bucket for each asker that leaks at a fixed rate; the table of buckets is bounded. Used by the
//! speaker alone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::names::Mac;
use crate::time::Moment;

/// 1,000 answers per second and asker. A router that resolves a whole segment and a monitor that
/// asks every 2 ms stay below; at 60 bytes it is half a megabit per second.
const SOURCE_GAP: Duration = Duration::from_millis(1);
/// So much may an asker be ahead of that: a thousand questions at once.
const SOURCE_BURST: Duration = Duration::from_secs(1);

/// 10,000 answers per second in all, after a thousand at once.
const SEGMENT_GAP: Duration = Duration::from_micros(100);
const SEGMENT_BURST: Duration = Duration::from_millis(100);

/// More askers than this within a burst are an attack with forged senders; the limit of the
/// segment holds for those.
const SOURCES_MAX: usize = 1_024;

/// Why an answer does not go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    /// This asker asks too much.
    Source,
    /// All together ask too much.
    Segment,
}

impl Limit {
    /// The name of its counter.
    pub(super) fn name(self) -> &'static str {
        match self {
            Limit::Source => "answer-over-limit-of-source",
            Limit::Segment => "answer-over-limit-of-segment",
        }
    }
}

/// The buckets. Each is the moment at which it will be empty.
#[derive(Debug, Default)]
pub(super) struct Limits {
    empty_at: BTreeMap<Mac, Moment>,
    /// The same by time: who is empty first makes room.
    by_time: BTreeSet<(Moment, Mac)>,
    segment_empty_at: Moment,
}

impl Limits {
    /// Whether an answer to this asker may go out now; if so it is counted.
    pub(super) fn admit(&mut self, asker: Mac, now: Moment) -> Result<(), Limit> {
        let source = self.empty_at.get(&asker).copied().unwrap_or_default();
        let source = source.max(now) + SOURCE_GAP;
        if source.since(now) > SOURCE_BURST {
            return Err(Limit::Source);
        }
        let segment = self.segment_empty_at.max(now) + SEGMENT_GAP;
        if segment.since(now) > SEGMENT_BURST {
            return Err(Limit::Segment);
        }
        self.segment_empty_at = segment;
        self.set(asker, source);
        Ok(())
    }

    fn set(&mut self, asker: Mac, empty_at: Moment) {
        if let Some(before) = self.empty_at.insert(asker, empty_at) {
            self.by_time.remove(&(before, asker));
        }
        self.by_time.insert((empty_at, asker));
        if self.empty_at.len() > SOURCES_MAX
            && let Some((_, first)) = self.by_time.pop_first()
        {
            self.empty_at.remove(&first);
        }
    }
}

#[cfg(test)]
mod tests;
