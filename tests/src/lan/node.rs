//! One machine of the LAN: its holder process, and what can be done inside.
//!
//! Commands run with the machine's network, files and host name; threads of the test enter only its
//! network. Files are reached from outside through `/proc/PID/root`.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use anyhow::{Context as _, bail};
use nix::sched::{CloneFlags, setns};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigSet, Signal};

use super::Plan;
use super::holder::Machine;
use super::nursery::Nursery;

/// Where programs of the system are looked up inside a machine, after the product's.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// One machine.
#[derive(Debug, Clone)]
pub struct Node {
    name: String,
    pid: u32,
    path: String,
    lab: PathBuf,
    nursery: Arc<Nursery>,
    namespaces: Arc<Vec<(File, CloneFlags)>>,
}

impl Node {
    /// Starts the holder of `machine` and waits until its files are in place.
    ///
    /// # Errors
    /// The step that failed.
    pub(super) fn start(
        nursery: &Arc<Nursery>,
        plan: &Plan,
        machine: &Machine,
    ) -> anyhow::Result<(Node, Child)> {
        let name = machine.name.clone();
        let mut command = Command::new(&plan.lab);
        command.arg("hold").arg("--name").arg(&name);
        if let Some(server) = &machine.resolver {
            command.arg("--resolver").arg(server);
        }
        if let Some(secs) = machine.clock_ahead_secs {
            command.arg("--clock-ahead-secs").arg(secs.to_string());
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .env("PATH", PATH);
        before_exec(&mut command, || {
            set_pdeathsig(Signal::SIGKILL)?;
            Ok(())
        });
        let mut holder = nursery
            .spawn(command)
            .with_context(|| format!("failed to start {name}"))?;
        await_ready(&mut holder).with_context(|| format!("{name} did not come up"))?;
        let namespaces = open_namespaces(holder.id(), machine.clock_ahead_secs.is_some())
            .with_context(|| format!("failed to open the namespaces of {name}"))?;
        let node = Node {
            name,
            pid: holder.id(),
            path: search_path(plan),
            lab: plan.lab.clone(),
            nursery: Arc::clone(nursery),
            namespaces: Arc::new(namespaces),
        };
        Ok((node, holder))
    }

    /// Host name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The lab program, which also relays and serves pages.
    pub(super) fn lab(&self) -> &Path {
        &self.lab
    }

    /// Process id of the holder, as the host counts.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Where its processes look for programs: the product's first.
    pub fn search_path(&self) -> &str {
        &self.path
    }

    /// Process id of the holder, as processes of the LAN count.
    ///
    /// # Panics
    /// If the holder is gone, which ends everything else as well.
    pub fn inner_pid(&self) -> u32 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
        let last = line.and_then(|pids| pids.split_ascii_whitespace().next_back());
        last.and_then(|pid| pid.parse().ok())
            .expect("the holder lives as long as the LAN")
    }

    /// A file of this machine, as a path of the host.
    pub fn path(&self, inside: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{inside}", self.pid))
    }

    /// Writes a file of this machine, readable by its owner alone.
    ///
    /// # Errors
    /// What writing gave, with the path.
    pub fn write(&self, inside: &str, text: &str) -> anyhow::Result<()> {
        let path = self.path(inside);
        fs::write(&path, text).with_context(|| format!("failed to write {}", path.display()))?;
        let only_owner = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(&path, only_owner)?;
        Ok(())
    }

    /// Writes a setting below `/proc/sys/net` of this machine, such as `ipv4/ip_forward`.
    ///
    /// # Errors
    /// What writing gave.
    pub fn set_sysctl(&self, key: &str, value: &str) -> anyhow::Result<()> {
        let path = format!("/proc/sys/net/{key}");
        let value = value.to_owned();
        self.in_network(move || fs::write(path, value))?
            .with_context(|| format!("failed to set {key} on {}", self.name))
    }

    /// The settings of a new machine's network.
    pub(super) fn prepare_network(&self) -> anyhow::Result<()> {
        for scope in ["all", "default"] {
            self.set_sysctl(&format!("ipv6/conf/{scope}/disable_ipv6"), "1")?;
            // As Debian has it; a fresh namespace takes the host's.
            self.set_sysctl(&format!("ipv4/conf/{scope}/rp_filter"), "2")?;
            self.set_sysctl(&format!("ipv4/conf/{scope}/arp_ignore"), "0")?;
            self.set_sysctl(&format!("ipv4/conf/{scope}/arp_announce"), "0")?;
        }
        Ok(())
    }

    /// Reads a setting below `/proc/sys/net` of this machine.
    ///
    /// # Errors
    /// What reading gave.
    pub fn sysctl(&self, key: &str) -> anyhow::Result<String> {
        let path = format!("/proc/sys/net/{key}");
        let text = self
            .in_network(move || fs::read_to_string(path))?
            .with_context(|| format!("failed to read {key} on {}", self.name))?;
        Ok(text.trim().to_owned())
    }

    /// Starts a program inside.
    ///
    /// # Errors
    /// What starting it gave.
    pub fn spawn(&self, mut command: Command) -> anyhow::Result<Child> {
        let namespaces = Arc::clone(&self.namespaces);
        command.env("PATH", &self.path).current_dir("/");
        before_exec(&mut command, move || {
            // The lab blocks the signals that end it, and a child would keep them blocked.
            SigSet::empty().thread_set_mask()?;
            for (file, kind) in namespaces.iter() {
                setns(file.as_fd(), *kind)?;
            }
            Ok(())
        });
        let program = command.get_program().to_owned();
        self.nursery
            .spawn(command)
            .with_context(|| format!("failed to start {} on {}", program.display(), self.name))
    }

    /// Runs a command line inside (split at blanks, no quoting) and gives its output, whatever its
    /// exit code.
    ///
    /// # Errors
    /// What starting it gave.
    pub fn run(&self, line: &str) -> anyhow::Result<Output> {
        let child = self.spawn(split(line, Stdio::null()))?;
        Ok(child.wait_with_output()?)
    }

    /// As [`Node::run`]; a failed command is an error that carries its output.
    ///
    /// # Errors
    /// Any exit code but 0.
    pub fn must(&self, line: &str) -> anyhow::Result<String> {
        judge(&self.name, line, &self.run(line)?)
    }

    /// As [`Node::must`], with `input` on its standard input.
    ///
    /// # Errors
    /// Any exit code but 0.
    pub fn feed(&self, line: &str, input: &str) -> anyhow::Result<String> {
        let mut child = self.spawn(split(line, Stdio::piped()))?;
        let mut stdin = child.stdin.take().context("no standard input")?;
        stdin.write_all(input.as_bytes())?;
        drop(stdin);
        judge(&self.name, line, &child.wait_with_output()?)
    }

    /// Runs `work` on a thread of this program that sees the machine's network, and waits for it.
    ///
    /// # Errors
    /// What entering the network gave.
    pub fn in_network<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> anyhow::Result<T> {
        let thread = self.thread_in_network("visit", work)?;
        let done = thread.join();
        done.ok()
            .context("a thread in the machine's network has panicked")?
    }

    /// Starts a thread of this program that sees the machine's network.
    ///
    /// # Errors
    /// What starting the thread gave; its own result carries what entering the network gave.
    pub fn thread_in_network<T: Send + 'static>(
        &self,
        name: &str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<JoinHandle<anyhow::Result<T>>> {
        let namespaces = Arc::clone(&self.namespaces);
        thread::Builder::new()
            .name(format!("{name} {}", self.name))
            .spawn(move || {
                let (network, kind) = namespaces.first().context("a machine has a network")?;
                setns(network.as_fd(), *kind).context("failed to enter a network namespace")?;
                Ok(work())
            })
    }
}

/// The product's programs first, then those of Kubernetes if there are any, then the system's.
fn search_path(plan: &Plan) -> String {
    let own = [Some(&plan.programs), plan.kubernetes.as_ref()];
    let dirs = own
        .into_iter()
        .flatten()
        .map(|dir| dir.display().to_string());
    dirs.chain([PATH.to_owned()]).collect::<Vec<_>>().join(":")
}

/// Splits a command line at blanks; output is captured.
fn split(line: &str, stdin: Stdio) -> Command {
    let mut words = line.split_ascii_whitespace();
    let mut command = Command::new(words.next().unwrap_or_default());
    command
        .args(words)
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn judge(node: &str, line: &str, output: &Output) -> anyhow::Result<String> {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        bail!(
            "{node}: `{line}` ended with {}: {text}{complaint}",
            output.status
        );
    }
    Ok(text)
}

fn await_ready(holder: &mut Child) -> anyhow::Result<()> {
    let mut line = String::new();
    let stdout = holder.stdout.take().context("no standard output")?;
    BufReader::new(stdout).read_line(&mut line)?;
    if line != "ready\n" {
        bail!("it said {line:?} instead of ready");
    }
    Ok(())
}

/// The network first; the mounts last, since they change what a path means.
fn open_namespaces(pid: u32, own_time: bool) -> io::Result<Vec<(File, CloneFlags)>> {
    let open = |kind: &str| File::open(format!("/proc/{pid}/ns/{kind}"));
    let mut all = vec![
        (open("net")?, CloneFlags::CLONE_NEWNET),
        (open("uts")?, CloneFlags::CLONE_NEWUTS),
    ];
    if own_time {
        let kind = CloneFlags::from_bits_retain(libc::CLONE_NEWTIME);
        all.push((open("time_for_children")?, kind));
    }
    all.push((open("mnt")?, CloneFlags::CLONE_NEWNS));
    Ok(all)
}

/// Has `work` done in the child between fork and exec.
#[expect(
    unsafe_code,
    reason = "std offers the step between fork and exec only so"
)]
fn before_exec(
    command: &mut Command,
    work: impl FnMut() -> io::Result<()> + Send + Sync + 'static,
) {
    // SAFETY: every `work` of this module makes system calls only, and allocates nothing.
    unsafe {
        command.pre_exec(work);
    }
}
