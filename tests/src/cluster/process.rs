//! One program of the cluster: started on a machine, its output in a file there, killed when
//! dropped.

use std::fs::{self, File};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::clock::{now, wait_for};
use crate::lan::Node;

/// Lines of the log that an error carries.
const LAST_LINES: usize = 12;

/// A running program.
#[derive(Debug)]
pub(super) struct Process {
    name: &'static str,
    node: Node,
    log: String,
    child: std::process::Child,
}

impl Process {
    /// Starts `words` (program, arguments) on `node`; the output goes to `dir/NAME.log` there.
    pub(super) fn start(
        node: &Node,
        dir: &str,
        name: &'static str,
        words: &[String],
    ) -> anyhow::Result<Process> {
        let log = format!("{dir}/{name}.log");
        let path = node.path(&log);
        let file = File::options().create(true).append(true).open(&path);
        let file = file.with_context(|| format!("failed to open {}", path.display()))?;
        let (program, arguments) = words.split_first().context("a command has a program")?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file);
        Ok(Process {
            name,
            node: node.clone(),
            log,
            child: node.spawn(command)?,
        })
    }

    /// Waits until `is_ready`; an end before is an error with the last lines of the log.
    pub(super) fn wait_ready(
        &mut self,
        limit: Duration,
        mut is_ready: impl FnMut() -> bool,
    ) -> anyhow::Result<()> {
        let until = now() + limit;
        while now() < until {
            if is_ready() {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended with {status}:\n{}", self.name, self.tail());
            }
        }
        bail!(
            "{} was not ready after {limit:?}:\n{}",
            self.name,
            self.tail()
        )
    }

    /// Sends a signal.
    pub(super) fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let pid = Pid::from_raw(i32::try_from(self.child.id())?);
        kill(pid, signal).with_context(|| format!("failed to signal {}", self.name))
    }

    /// Asks it to end, and waits until it has.
    pub(super) fn stop(&mut self, limit: Duration) -> anyhow::Result<()> {
        self.signal(Signal::SIGTERM)?;
        let what = format!("{} to end", self.name);
        let child = &mut self.child;
        wait_for(&what, limit, || child.try_wait().ok().flatten())?;
        Ok(())
    }

    /// What it said last.
    pub(super) fn tail(&self) -> String {
        let text = fs::read_to_string(self.node.path(&self.log)).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let from = lines.len().saturating_sub(LAST_LINES);
        lines.get(from..).unwrap_or_default().join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
