//! What the process says of itself in one line, and how many lines it may write for others.

use std::time::Duration;

use sovnet_core::time::Moment;

/// What the approver has reached and done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ApproverReport {
    /// The API server; none until the kubeconfig has been read.
    pub(super) server: Option<String>,
    /// Whether every pending request has been seen over the present connection.
    pub(super) is_watching: bool,
    /// Why the last attempt ended.
    pub(super) trouble: Option<String>,
    /// Requests approved in this life of the process.
    pub(super) approved: u64,
    /// Requests denied.
    pub(super) denied: u64,
}

impl ApproverReport {
    /// Whether the first attempt has ended, well or not.
    pub(super) fn has_tried(&self) -> bool {
        self.is_watching || self.trouble.is_some()
    }

    /// The status in one line.
    pub(super) fn summary(&self) -> String {
        let (approved, denied) = (self.approved, self.denied);
        match (&self.trouble, &self.server) {
            (Some(trouble), _) => format!("no certificate is approved now: {trouble}"),
            (None, Some(server)) if self.is_watching => format!(
                "judging the nodes' certificate requests at {server}: {approved} approved, {denied} denied"
            ),
            (None, Some(server)) => format!("connecting to {server}"),
            (None, None) => "starting".to_owned(),
        }
    }
}

/// How many lines a minute others can make this process write.
const LINES_PER_MINUTE: u32 = 20;
const MINUTE: Duration = Duration::from_secs(60);

/// A ration of lines: whoever may create requests must not be able to fill the journal.
#[derive(Debug, Default)]
pub(super) struct Ration {
    since: Option<Moment>,
    used: u32,
}

impl Ration {
    /// Whether one more line may be written.
    pub(super) fn take(&mut self, now: Moment) -> bool {
        let is_over = |since: Moment| now.since(since) >= MINUTE;
        if self.since.is_none_or(is_over) {
            self.since = Some(now);
            self.used = 0;
        }
        self.used = self.used.saturating_add(1);
        self.used <= LINES_PER_MINUTE
    }
}

#[cfg(test)]
mod tests;
