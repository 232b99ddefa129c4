//! Calls `decide` whenever the kernel's facts change, and publishes the result. Owns nothing else.

use std::convert::Infallible;
use std::sync::Arc;

use sovnet_core::config::Config;
use sovnet_core::decide::{Decision, decide};
use sovnet_core::facts::LinkFacts;
use sovnet_core::report::Problem;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The caller of `decide`.
pub(crate) struct Brain {
    /// The config in force.
    pub(crate) config: Arc<Config>,
    /// The kernel's facts.
    pub(crate) links: watch::Receiver<Arc<LinkFacts>>,
    /// What follows from both.
    pub(crate) decision: watch::Sender<Arc<Decision>>,
    /// What stands in the way, for status.
    pub(crate) problems: watch::Sender<Arc<Vec<Problem>>>,
    /// Why nothing may be announced at all, whatever the facts say (a key that cannot be read).
    pub(crate) obstacle: Option<Problem>,
}

impl Brain {
    /// Decides until `stop`.
    ///
    /// # Errors
    /// Never: `decide` is total.
    pub(crate) async fn run(mut self, stop: CancellationToken) -> Result<(), Infallible> {
        loop {
            let links = Arc::clone(&self.links.borrow_and_update());
            self.think(&links);
            // Cancel-safe: a change that is not waited for is found at the next look.
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                changed = self.links.changed() => if changed.is_err() { return Ok(()) },
            }
        }
    }

    fn think(&self, links: &LinkFacts) {
        if links.links.is_empty() {
            // Not read yet: every namespace has a loopback link.
            return;
        }
        let mut decision = decide(&self.config, links);
        if let Some(obstacle) = &self.obstacle {
            decision.segments.clear();
            decision.problems.push(obstacle.clone());
        }
        let problems = Arc::new(decision.problems.clone());
        self.problems.send_if_modified(|current| {
            let is_news = **current != *problems;
            *current = problems;
            is_news
        });
        self.decision.send_if_modified(|current| {
            let is_news = **current != decision;
            if is_news {
                log::debug!(segments = decision.segments.len(); "decided");
                *current = Arc::new(decision);
            }
            is_news
        });
    }
}
