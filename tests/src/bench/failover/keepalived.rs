//! keepalived on both nodes: the program of the Debian package, never its service.

use std::fs;
use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::Context as _;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::cluster::{Cluster, tail};
use crate::lan::{Lan, NODES, Node};

#[cfg(test)]
mod tests;

/// Where the config is inside a machine.
const CONFIG: &str = "/run/machine/keepalived.conf";

/// Lines of log kept.
const KEPT_LINES: usize = 2_000;

/// The first node is configured as the master.
const ROLES: [(&str, &str); 2] = [("MASTER", "150"), ("BACKUP", "100")];

/// Both daemons.
pub(super) struct Keepalived {
    daemons: Vec<Running>,
}

/// One of them: the process that was started, which has one child that speaks VRRP.
struct Running {
    node: String,
    process: Child,
    log: Arc<Mutex<Vec<String>>>,
}

impl Keepalived {
    /// Gives both nodes their config and starts the daemons.
    pub(super) fn start(lan: &Lan, template: &str) -> anyhow::Result<Keepalived> {
        let mut daemons = Vec::new();
        for (name, role) in NODES.into_iter().zip(ROLES) {
            let node = lan.node(name);
            node.write(CONFIG, &filled(template, name, role))?;
            daemons.push(launch(node)?);
        }
        Ok(Keepalived { daemons })
    }

    fn pid(&self, node: &str) -> anyhow::Result<i32> {
        let found = self.daemons.iter().find(|daemon| daemon.node == node);
        let daemon = found.with_context(|| format!("no keepalived was started on {node}"))?;
        Ok(i32::try_from(daemon.process.id())?)
    }
}

impl Cluster for Keepalived {
    fn is_ready(&self) -> bool {
        let mut states: Vec<_> = self.daemons.iter().map(|one| state(&one.lines())).collect();
        states.sort();
        states == [Some("BACKUP".to_owned()), Some("MASTER".to_owned())]
    }

    /// All of its processes: alone, the child would be started again, and the parent's death would
    /// let the child end in order.
    fn kill(&mut self, node: &str) -> anyhow::Result<()> {
        let pid = self.pid(node)?;
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
        signal(pid, Signal::SIGSTOP)?;
        for child in children.split_ascii_whitespace() {
            signal(child.parse()?, Signal::SIGKILL)?;
        }
        signal(pid, Signal::SIGKILL)
    }

    /// It has no drain; a stop in order is the nearest: it says that it leaves (priority 0).
    fn drain(&mut self, node: &str) -> anyhow::Result<()> {
        signal(self.pid(node)?, Signal::SIGTERM)
    }

    fn log(&self) -> Vec<String> {
        let logs = self.daemons.iter();
        logs.flat_map(|one| tail(&one.node, &one.lines())).collect()
    }
}

impl Running {
    fn lines(&self) -> Vec<String> {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.clone()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn signal(pid: i32, signal: Signal) -> anyhow::Result<()> {
    kill(Pid::from_raw(pid), signal)
        .with_context(|| format!("failed to send {signal} to process {pid} of keepalived"))
}

fn filled(template: &str, node: &str, (state, priority): (&str, &str)) -> String {
    template
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let line = line.replace("@NODE@", node).replace("@STATE@", state);
            line.replace("@PRIORITY@", priority) + "\n"
        })
        .collect()
}

fn launch(node: &Node) -> anyhow::Result<Running> {
    // As sovnetd is started on this LAN.
    let mut command = Command::new("nice");
    command.args(["-n", "-19", "keepalived", "--dont-fork", "--vrrp"]);
    command.args(["--log-console", "--log-detail"]);
    command
        .arg(format!("--use-file={CONFIG}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut process = node.spawn(command)?;
    let stderr = process.stderr.take().context("no standard error")?;
    let log = Arc::new(Mutex::new(Vec::new()));
    let running = Running {
        node: node.name().to_owned(),
        process,
        log: Arc::clone(&log),
    };
    thread::Builder::new()
        .name("log".to_owned())
        .spawn(move || keep(stderr, &log))?;
    Ok(running)
}

/// Reads until the last writer is gone.
fn keep(stderr: impl Read, log: &Mutex<Vec<String>>) {
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.len() < KEPT_LINES {
            log.push(line);
        }
    }
}

/// The state that it entered last, as its log says: `(bench) Entering MASTER STATE`.
fn state(log: &[String]) -> Option<String> {
    let entered = log
        .iter()
        .rev()
        .find_map(|line| line.split_once(") Entering "));
    let state = entered?.1.split_ascii_whitespace().next()?;
    Some(state.to_owned())
}
