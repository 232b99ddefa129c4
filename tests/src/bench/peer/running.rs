//! One program of others on one node: its process, its log, and its end.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::clock::wait_for;
use crate::lan::Node;

/// Lines of log kept.
const KEPT_LINES: usize = 20_000;

/// How long a program may take to end in order.
const END_WITHIN: Duration = Duration::from_secs(20);

/// A process and what it started; killed when dropped.
pub(super) struct Running {
    node: Node,
    words: Vec<String>,
    environment: Vec<(String, String)>,
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
}

impl Running {
    /// Starts `words` (program, arguments) on `node`, at the nice level of sovnetd on this LAN.
    pub(super) fn start(
        node: &Node,
        words: Vec<String>,
        environment: Vec<(String, String)>,
    ) -> anyhow::Result<Running> {
        let log = Arc::new(Mutex::new(Vec::new()));
        let child = launch(node, &words, &environment, &log)?;
        Ok(Running {
            node: node.clone(),
            words,
            environment,
            child,
            log,
        })
    }

    /// Starts it again after its end, with the same log.
    pub(super) fn start_again(&mut self) -> anyhow::Result<()> {
        self.child = launch(&self.node, &self.words, &self.environment, &self.log)?;
        Ok(())
    }

    pub(super) fn node(&self) -> &str {
        self.node.name()
    }

    /// The process that was started, and its children, as the host counts.
    pub(super) fn pids(&self) -> Vec<i32> {
        let Ok(pid) = i32::try_from(self.child.id()) else {
            return Vec::new();
        };
        let path = format!("/proc/{pid}/task/{pid}/children");
        let children = fs::read_to_string(path).unwrap_or_default();
        let children = children.split_ascii_whitespace();
        [pid]
            .into_iter()
            .chain(children.filter_map(|child| child.parse().ok()))
            .collect()
    }

    /// SIGKILL for all of its processes. Alone, a child would be started again, and its parent's
    /// death would let it end in order.
    pub(super) fn kill(&mut self) -> anyhow::Result<()> {
        let pids = self.pids();
        let (parent, children) = pids.split_first().context("a process has an id")?;
        signal(*parent, Signal::SIGSTOP)?;
        for child in children {
            signal(*child, Signal::SIGKILL)?;
        }
        signal(*parent, Signal::SIGKILL)?;
        self.wait_end()
    }

    /// SIGTERM, and waits for the end.
    pub(super) fn stop(&mut self) -> anyhow::Result<()> {
        self.terminate()?;
        self.wait_end()
    }

    /// SIGTERM.
    pub(super) fn terminate(&self) -> anyhow::Result<()> {
        signal(i32::try_from(self.child.id())?, Signal::SIGTERM)
    }

    fn wait_end(&mut self) -> anyhow::Result<()> {
        let child = &mut self.child;
        wait_for("a program to end", END_WITHIN, || {
            child.try_wait().ok().flatten()
        })?;
        Ok(())
    }

    /// Its log so far.
    pub(super) fn lines(&self) -> Vec<String> {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.clone()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn signal(pid: i32, signal: Signal) -> anyhow::Result<()> {
    kill(Pid::from_raw(pid), signal)
        .with_context(|| format!("failed to send {signal} to process {pid}"))
}

fn launch(
    node: &Node,
    words: &[String],
    environment: &[(String, String)],
    log: &Arc<Mutex<Vec<String>>>,
) -> anyhow::Result<Child> {
    let (reader, writer) = io::pipe()?;
    let mut command = Command::new("nice");
    command
        .args(["-n", "-19"])
        .args(words)
        .envs(environment.iter().map(|(key, value)| (key, value)))
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer);
    let child = node.spawn(command)?;
    let log = Arc::clone(log);
    thread::Builder::new()
        .name("log".to_owned())
        .spawn(move || keep(reader, &log))?;
    Ok(child)
}

/// Reads until the last writer is gone.
fn keep(output: impl Read, log: &Mutex<Vec<String>>) {
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.len() < KEPT_LINES {
            log.push(line);
        }
    }
}
