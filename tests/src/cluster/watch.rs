//! A watch of the API that notes when each change was read: what a program of the cluster sees, and
//! when.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use anyhow::Context as _;
use serde_json::Value;

use crate::clock::now;
use crate::lan::Node;

/// Changes kept; more are a mistake of the caller, and the oldest stay.
const KEPT: usize = 20_000;

/// A change of an object.
#[derive(Debug, Clone)]
pub struct Change {
    /// When it was read.
    pub at: Instant,
    /// The object as it is since then, or as it was last.
    pub object: Value,
}

/// Records until dropped.
#[derive(Debug)]
pub struct Watch {
    child: Child,
    changes: Arc<Mutex<Vec<Change>>>,
}

impl Watch {
    /// Runs `command` on `node`, which prints one change per line.
    pub(super) fn start(node: &Node, mut command: Command) -> anyhow::Result<Watch> {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = node.spawn(command).context("failed to start a watch")?;
        let output = child.stdout.take().context("its output is piped")?;
        let changes = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&changes);
        let watch = Watch { child, changes };
        thread::Builder::new()
            .name("watch".to_owned())
            .spawn(move || keep(output, &into))?;
        Ok(watch)
    }

    /// The first change whose object satisfies `is_it`.
    pub fn first(&self, is_it: impl Fn(&Value) -> bool) -> Option<Change> {
        let changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        changes.iter().find(|one| is_it(&one.object)).cloned()
    }

    /// How many changes had an object that satisfies `is_it`.
    pub fn count(&self, is_it: impl Fn(&Value) -> bool) -> usize {
        let changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        changes.iter().filter(|one| is_it(&one.object)).count()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Reads until the watch ends.
fn keep(output: ChildStdout, into: &Mutex<Vec<Change>>) {
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        let at = now();
        let Ok(mut event) = serde_json::from_str::<Value>(&line) else {
            continue;
        };
        let object = event["object"].take();
        let mut changes = into.lock().unwrap_or_else(PoisonError::into_inner);
        if changes.len() < KEPT {
            changes.push(Change { at, object });
        }
    }
}
