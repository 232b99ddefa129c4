//! Why a peer was taken for silent, and how late this node is itself.

use std::fmt;
use std::time::Duration;

use crate::time::Moment;

/// How late a node's own turns are (ELECTION R1, R2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LatenessReport {
    /// The latest turn of the last minute: how long after a heartbeat was due.
    pub minute: Duration,
    /// The same of the last hour.
    pub hour: Duration,
    /// Turns of the last hour that came after more than half of `limit`.
    pub late: u64,
    /// Not run for longer than this, the node starts over (R2).
    pub limit: Duration,
}

/// What the silence that is allowed to a peer follows from (ELECTION section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Clause {
    /// The least that there is for its interval.
    Floor,
    /// One end is wireless.
    Wireless,
    /// A silence that it survived.
    Learned,
    /// The most that there is.
    Ceiling,
}

impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Clause::Floor => "floor",
            Clause::Wireless => "wireless",
            Clause::Learned => "learned",
            Clause::Ceiling => "ceiling",
        })
    }
}

/// How the silence that is allowed to a peer comes about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetectionReport {
    /// The interval of heartbeats that it states.
    pub interval: Duration,
    /// The longest silence that it survived in the last 24 hours, and in which third of them: 0 is
    /// the present one.
    pub learned: Option<(Duration, u8)>,
    /// What gave the threshold.
    pub clause: Clause,
    /// How long it is asked before it is dead.
    pub confirm: Duration,
    /// The time between its last two signs of life.
    pub last_gap: Duration,
    /// All of it in one sentence.
    pub explanation: String,
}

/// One time that a peer was suspected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuspicionReport {
    /// When it was last heard before.
    pub silent_since: Moment,
    /// Its interval then.
    pub expected: Duration,
    /// For how long it was silent until the verdict, or until now.
    pub observed: Duration,
    /// The silence that was allowed, and what gave it.
    pub threshold: Duration,
    /// See `threshold`.
    pub clause: Clause,
    /// All of it in one sentence: what was expected and observed, what its kernel and other nodes
    /// said, and what followed.
    pub explanation: String,
}
