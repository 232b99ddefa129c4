//! What arrived on the control socket, and what was refused there.

use std::cell::Cell;
use std::collections::BTreeMap;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counter {
    /// Connections that were served.
    Connections,
    /// Connections that were closed at once: too many, or without credentials.
    Refused,
    /// Calls of a method of our interface.
    Calls,
    /// Commands that the caller had no right to give.
    Denied,
    /// Requests that are no Varlink call; the connection was closed.
    Malformed,
    /// Requests above the size limit; the connection was closed.
    Oversized,
    /// Requests whose end never came.
    Half,
    /// Requests or replies that took too long; the connection was closed.
    Slow,
}

const ALL: [(Counter, &str); 8] = [
    (Counter::Connections, "connections"),
    (Counter::Refused, "refused"),
    (Counter::Calls, "calls"),
    (Counter::Denied, "denied"),
    (Counter::Malformed, "malformed"),
    (Counter::Oversized, "oversized"),
    (Counter::Half, "half"),
    (Counter::Slow, "slow"),
];

/// The counts of one shell; every connection of it shares them.
#[derive(Debug, Default)]
pub(super) struct Counters {
    counts: [Cell<u64>; ALL.len()],
}

impl Counters {
    /// One more.
    pub(super) fn add(&self, counter: Counter) {
        if let Some(cell) = self.cell(counter) {
            cell.set(cell.get().saturating_add(1));
        }
    }

    /// By name.
    pub(super) fn snapshot(&self) -> BTreeMap<&'static str, u64> {
        let names = ALL.iter().map(|(_, name)| *name);
        names.zip(self.counts.iter().map(Cell::get)).collect()
    }

    fn cell(&self, counter: Counter) -> Option<&Cell<u64>> {
        let position = ALL.iter().position(|(known, _)| *known == counter)?;
        self.counts.get(position)
    }
}
