//! A sovnetd on a machine of the LAN: the built program, its log, and the signals that it knows.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, PipeReader};
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sovnet_control::status::Status;

use super::control;
use super::node::Node;
use crate::clock::{TimedOut, wait_for};

/// Lines of log kept.
const KEPT_LINES: usize = 20_000;

/// Where the config is inside a machine.
pub const CONFIG: &str = "/etc/sovnet/sovnet.toml";

/// How the program is started.
#[derive(Debug, Clone, Default)]
pub struct Start {
    /// Program and arguments that stand before sovnetd's own, such as `setpriv`.
    pub wrapper: Vec<String>,
    /// Arguments after the default ones.
    pub arguments: Vec<String>,
    /// Whether its standard error is to look like a stream to the journal, as systemd marks it.
    pub with_journal: bool,
}

/// A daemon; dropping it kills it.
#[derive(Debug)]
pub struct Daemon {
    node: Node,
    program: PathBuf,
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
}

impl Daemon {
    /// Starts the sovnetd that is in the directory `programs` on `node`, with the config that is in place there.
    ///
    /// # Errors
    /// If the program cannot be started.
    pub fn start(node: &Node, programs: &Path, how: &Start) -> anyhow::Result<Daemon> {
        let program = programs.join("sovnetd");
        let log = Arc::new(Mutex::new(Vec::new()));
        let child = launch(node, &program, how, &log)?;
        Ok(Daemon {
            node: node.clone(),
            program,
            child,
            log,
        })
    }

    /// Starts it again after its end, with the same log.
    ///
    /// # Errors
    /// As [`Daemon::start`].
    pub fn start_again(&mut self, how: &Start) -> anyhow::Result<()> {
        self.child = launch(&self.node, &self.program, how, &self.log)?;
        Ok(())
    }

    /// Its machine.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Its process id, as the host counts.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// If the process is gone.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let pid = Pid::from_raw(i32::try_from(self.child.id())?);
        kill(pid, signal)
            .with_context(|| format!("failed to signal sovnetd on {}", self.node.name()))
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// If it has not ended after `limit`.
    pub fn wait_end(&mut self, limit: Duration) -> Result<ExitStatus, TimedOut> {
        let what = format!("sovnetd on {} to end", self.node.name());
        let child = &mut self.child;
        wait_for(&what, limit, || child.try_wait().ok().flatten())
    }

    /// Its status, from the control socket.
    ///
    /// # Errors
    /// If it does not answer.
    pub fn status(&self) -> anyhow::Result<Status> {
        control::status(&self.node)
    }

    /// The name of the node that speaks for `address`, as this daemon sees it.
    pub fn holder(&self, address: Ipv4Addr) -> Option<String> {
        let status = self.status().ok()?;
        control::address(&status, &address.to_string())?
            .holder
            .clone()
    }

    /// What a test that fails shows of it: its status and the end of its log.
    pub fn story(&self) -> String {
        let name = self.node.name();
        let mut lines = match self.status() {
            Ok(status) => vec![format!("-- status of {name}: {status:#?}")],
            Err(error) => vec![format!("-- no status of {name}: {error:#}")],
        };
        lines.push(format!("-- log of {name}"));
        let log = self.log();
        let end = log.iter().skip(log.len().saturating_sub(200));
        lines.extend(end.map(|line| format!("{name}: {line}")));
        lines.join("\n")
    }

    /// Its log so far.
    pub fn log(&self) -> Vec<String> {
        self.log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Resident memory in KiB.
    ///
    /// # Errors
    /// If the process is gone.
    pub fn resident_kib(&self) -> anyhow::Result<u64> {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|rest| rest.split_ascii_whitespace().next());
        Ok(number
            .context("the process has no memory any more")?
            .parse()?)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn launch(
    node: &Node,
    program: &Path,
    how: &Start,
    log: &Arc<Mutex<Vec<String>>>,
) -> anyhow::Result<Child> {
    // Builds and other tests on the same processors must not look like a host that stands still.
    let mut words = ["nice", "-n", "-19"].map(str::to_owned).to_vec();
    words.extend(how.wrapper.iter().cloned());
    words.push(program.display().to_string());
    words.extend(["--log-level", "debug"].map(str::to_owned));
    words.extend(how.arguments.iter().cloned());
    let (first, rest) = words
        .split_first()
        .context("a command line has a program")?;
    let (reader, writer) = io::pipe()?;
    let mut command = Command::new(first);
    command
        .args(rest)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    if how.with_journal {
        let stream = File::from(OwnedFd::from(writer.try_clone()?)).metadata()?;
        command.env(
            "JOURNAL_STREAM",
            format!("{}:{}", stream.dev(), stream.ino()),
        );
    }
    command.stderr(writer);
    let child = node.spawn(command)?;
    let log = Arc::clone(log);
    thread::Builder::new()
        .name("log".to_owned())
        .spawn(move || keep(reader, &log))?;
    Ok(child)
}

/// Reads until the last writer is gone.
fn keep(stderr: PipeReader, log: &Mutex<Vec<String>>) {
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.len() < KEPT_LINES {
            log.push(line);
        }
    }
}
