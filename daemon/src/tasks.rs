//! Spawning and ending of long-lived tasks: the only place that spawns any, called by `app` alone.
//!
//! The tasks of a set live and die together: when one ends, for whatever reason, the others are
//! asked to stop, and what has not stopped after a deadline is dropped.

use std::collections::BTreeSet;
use std::time::Duration;

use thiserror::Error;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How long tasks may take to stop.
const DEADLINE: Duration = Duration::from_secs(5);

/// What a task failed with; only printed, nobody branches on it.
type TaskFailure = Box<dyn std::error::Error + Send + Sync + 'static>;

/// Why a set of tasks ended.
#[derive(Debug, Error)]
pub(crate) enum TasksError {
    /// A task returned an error.
    #[error("{name} failed")]
    Failed {
        /// Which task.
        name: &'static str,
        /// The cause.
        #[source]
        source: TaskFailure,
    },
    /// Tasks did not stop in time.
    #[error("{} did not stop within {} s", .0.join(", "), DEADLINE.as_secs())]
    Stuck(Vec<&'static str>),
}

/// Long-lived tasks with one common end. The runtime must be tokio's `LocalRuntime`, since the
/// control shell's tasks cannot move between threads.
#[derive(Debug)]
pub(crate) struct TaskSet {
    stop: CancellationToken,
    tasks: JoinSet<(&'static str, Result<(), TaskFailure>)>,
    running: BTreeSet<&'static str>,
}

impl TaskSet {
    /// An empty set.
    pub(crate) fn new() -> TaskSet {
        TaskSet {
            stop: CancellationToken::new(),
            tasks: JoinSet::new(),
            running: BTreeSet::new(),
        }
    }

    /// The signal that every task of the set has to obey; whoever cancels it ends the set.
    pub(crate) fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Starts a task. Names are unique in a set: they are what is logged.
    pub(crate) fn spawn<E>(
        &mut self,
        name: &'static str,
        task: impl Future<Output = Result<(), E>> + 'static,
    ) where
        E: Into<TaskFailure>,
    {
        let is_new = self.running.insert(name);
        debug_assert!(is_new, "two tasks are called {name}");
        let work = async move { (name, task.await.map_err(Into::into)) };
        self.tasks.spawn_local(work);
    }

    /// Runs until the first task ends or `stop` is cancelled, then stops the rest.
    ///
    /// # Errors
    ///
    /// The first failure; else [`TasksError::Stuck`] if tasks outlive the deadline, which are
    /// dropped then.
    pub(crate) async fn run(mut self) -> Result<(), TasksError> {
        let stop = self.stop.clone();
        let mut failure = tokio::select! {
            () = stop.cancelled() => None,
            // Cancel-safe: a join that is dropped has taken nothing.
            ended = self.next_end() => ended,
        };
        stop.cancel();
        let rest = async {
            while !self.tasks.is_empty() {
                let ended = self.next_end().await;
                failure = failure.take().or(ended);
            }
        };
        let is_in_time = tokio::time::timeout(DEADLINE, rest).await.is_ok();
        match failure {
            Some(failure) => Err(failure),
            None if is_in_time => Ok(()),
            None => Err(TasksError::Stuck(self.running.iter().copied().collect())),
        }
    }

    /// Waits for one task; its failure, if it has one.
    async fn next_end(&mut self) -> Option<TasksError> {
        // Nothing aborts a task of this set, and a panic ends the process.
        let (name, result) = self.tasks.join_next().await?.ok()?;
        self.running.remove(name);
        log::debug!(task = name; "task ended");
        result
            .err()
            .map(|source| TasksError::Failed { name, source })
    }
}

/// The whole chain of causes: "dns failed: failed to bind 192.168.8.241:53: Address in use".
pub(crate) fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests;
