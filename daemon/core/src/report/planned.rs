//! What is planned for an address, or keeps it from moving, as values.

use std::time::Duration;

use crate::names::NodeName;

/// Where a pin comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinnedBy {
    /// A `[[pin]]` of the config.
    Config,
    /// An operator, at run time.
    Operator,
}

/// What is planned for an address, as far as this node knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Planned {
    /// An operator placed it where it is, so fail-back leaves it alone.
    pub is_moved: bool,
    /// The node that it is pinned to, and by what.
    pub pinned: Option<(NodeName, PinnedBy)>,
    /// It goes back to that node after this time; told by the holder only.
    pub returns: Option<(String, Duration)>,
    /// Placement from scratch gives it to that node, where it goes after this time; no time while
    /// the window of the day is closed. Told by the holder only.
    pub fails_back: Option<(String, Option<Duration>)>,
    /// Why this node is only a last resort for it for a while.
    pub held_back: Option<String>,
}
