//! Runs one command to its end, or to the end of its time.

use std::fs::File;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

#[cfg(test)]
mod tests;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Exit code 0.
    Success,
    /// Another exit code, or a signal.
    Failure,
    /// It was stopped because it took too long.
    TimedOut,
}

/// How long a command may take.
#[derive(Debug, Clone, Copy)]
pub struct Watch {
    /// The limit.
    pub limit: Duration,
}

/// How often a running command is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

impl Watch {
    /// Runs the command with its output in `log`. It stays in our process group, so that Ctrl-C
    /// reaches it too.
    pub fn run(&self, mut command: Command, log: &File) -> anyhow::Result<Ending> {
        let copy = || log.try_clone().context("failed to share the log");
        command.stdin(Stdio::null()).stdout(copy()?).stderr(copy()?);
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command
            .spawn()
            .with_context(|| format!("failed to start {program}"))?;
        self.wait(child)
    }

    fn wait(&self, mut child: Child) -> anyhow::Result<Ending> {
        let mut waited = Duration::ZERO;
        while waited < self.limit {
            if let Some(status) = child.try_wait().context("failed to wait for the command")? {
                return Ok(ending(status));
            }
            std::thread::sleep(LOOK_EVERY);
            waited += LOOK_EVERY;
        }
        stop_with_children(child.id());
        child
            .wait()
            .context("failed to wait for the stopped command")?;
        Ok(Ending::TimedOut)
    }
}

fn ending(status: ExitStatus) -> Ending {
    if status.success() {
        Ending::Success
    } else {
        Ending::Failure
    }
}

/// Ends a process and all that it started.
fn stop_with_children(pid: u32) {
    let parents = parents();
    let mut all = vec![pid];
    let mut next = 0;
    while let Some(parent) = all.get(next).copied() {
        let children = parents.iter().filter(|(_pid, other)| *other == parent);
        all.extend(children.map(|(pid, _parent)| *pid));
        next += 1;
    }
    for pid in all {
        if let Ok(pid) = i32::try_from(pid) {
            // One that has ended meanwhile is what was wanted.
            kill(Pid::from_raw(pid), Signal::SIGTERM).ok();
        }
    }
}

/// Every process with its parent, from `/proc`.
fn parents() -> Vec<(u32, u32)> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        Some((pid, parent_in(&stat)?))
    })
    .collect()
}

/// The fourth field of `/proc/PID/stat`; the second, the program's name, may hold anything.
fn parent_in(stat: &str) -> Option<u32> {
    let (_name, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(1)?.parse().ok()
}
