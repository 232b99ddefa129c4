//! The process that keeps the namespaces of one machine alive: `lab hold`.
//!
//! It makes its namespaces, arranges the few files that make it a machine of its own (host name,
//! machine id, resolver, empty state directories), says `ready` and then only reaps orphans. Nothing
//! that it does is seen outside its mount namespace.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::Context as _;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{getpid, sethostname};

/// What a machine is to be.
#[derive(Debug, Clone, clap::Args)]
pub struct Machine {
    /// Host name.
    #[arg(long)]
    pub name: String,
    /// Name server for /etc/resolv.conf.
    #[arg(long)]
    pub resolver: Option<String>,
    /// Seconds by which the monotonic and the boot-time clock are ahead of the host's.
    #[arg(long)]
    pub clock_ahead_secs: Option<u64>,
}

/// Where a machine keeps the files that stand for its own; inside its mount namespace.
pub const OWN_DIR: &str = "/run/machine";

/// Makes the machine, says `ready` on standard output, and stays.
///
/// # Errors
/// The step that failed, with its subject.
pub fn hold(machine: &Machine) -> anyhow::Result<()> {
    enter_namespaces(machine).context("failed to make the namespaces")?;
    arrange_files(machine)?;
    writeln!(std::io::stdout(), "ready").context("failed to report")?;
    reap_orphans()
}

/// As init of the process-id namespace the first holder inherits orphans; others have no children.
fn reap_orphans() -> anyhow::Result<()> {
    let mut children = SigSet::empty();
    children.add(Signal::SIGCHLD);
    children.thread_block()?;
    loop {
        children.wait()?;
        while let Ok(status) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            if status == WaitStatus::StillAlive {
                break;
            }
        }
    }
}

fn enter_namespaces(machine: &Machine) -> anyhow::Result<()> {
    let kinds = CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWUTS;
    unshare(kinds)?;
    sethostname(&machine.name)?;
    if let Some(secs) = machine.clock_ahead_secs {
        // Takes effect for processes that enter `time_for_children`, not for this one.
        unshare(CloneFlags::from_bits_retain(libc::CLONE_NEWTIME))?;
        fs::write(
            "/proc/self/timens_offsets",
            format!("monotonic {secs} 0\nboottime {secs} 0\n"),
        )?;
    }
    Ok(())
}

fn arrange_files(machine: &Machine) -> anyhow::Result<()> {
    let none: Option<&str> = None;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)
        .context("failed to make the mounts private")?;
    fresh("tmpfs", "/run")?;
    fs::create_dir_all(OWN_DIR)?;
    fresh("proc", "/proc")?;
    fresh("sysfs", "/sys")?;
    shadow(
        "/etc",
        &[
            "sovnet",
            "rancher",
            "machine-id",
            "hostname",
            "hosts",
            "resolv.conf",
        ],
    )?;
    shadow("/var/lib", &["sovnet", "rancher"])?;
    for dir in [
        "/etc/sovnet",
        "/etc/rancher",
        "/var/lib/sovnet",
        "/var/lib/rancher",
        "/run/sovnet",
        "/run/machine/www",
    ] {
        fs::create_dir(dir).with_context(|| format!("failed to make {dir}"))?;
    }
    let name = &machine.name;
    fs::write("/etc/machine-id", machine_id(name))?;
    fs::write("/etc/hostname", format!("{name}\n"))?;
    fs::write(
        "/etc/hosts",
        format!("127.0.0.1 localhost\n127.0.1.1 {name}\n"),
    )?;
    if let Some(server) = &machine.resolver {
        fs::write("/etc/resolv.conf", format!("nameserver {server}\n"))?;
    }
    fs::write(
        "/run/machine/www/index.html",
        format!("This page was served by {name}.\n"),
    )?;
    Ok(())
}

/// Mounts a fresh file system over `target`.
fn fresh(kind: &str, target: &str) -> anyhow::Result<()> {
    let none: Option<&str> = None;
    mount(Some(kind), target, Some(kind), MsFlags::empty(), none)
        .with_context(|| format!("failed to mount {kind} on {target}"))
}

/// Lays an empty directory over `dir` in which everything but `own` points to the original.
fn shadow(dir: &str, own: &[&str]) -> anyhow::Result<()> {
    let none: Option<&str> = None;
    let original = Path::new(OWN_DIR).join(dir.trim_start_matches('/').replace('/', "-"));
    fs::create_dir(&original)?;
    mount(
        Some(dir),
        &original,
        none,
        MsFlags::MS_BIND | MsFlags::MS_REC,
        none,
    )
    .with_context(|| format!("failed to keep {dir} in sight"))?;
    fresh("tmpfs", dir)?;
    for entry in fs::read_dir(&original)? {
        let entry = entry?;
        if own.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        // A link that is there already may be relative, so it is copied, not pointed to.
        let target = fs::read_link(entry.path()).unwrap_or_else(|_| entry.path());
        symlink(target, Path::new(dir).join(entry.file_name()))?;
    }
    Ok(())
}

/// 32 hexadecimal digits that differ by name, and by process, so that two LANs share no machine.
fn machine_id(name: &str) -> String {
    let mut digits: String = name.bytes().map(|byte| format!("{byte:02x}")).collect();
    digits.push_str(&format!("{:08x}", getpid().as_raw()));
    digits.truncate(32);
    format!("{digits:0<32}\n")
}
