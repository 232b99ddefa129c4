//! Runs the suites one after another and prints the summary.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use nix::time::{ClockId, clock_gettime};

use super::count::Counts;
use super::tool::extend_path;
use super::watch::{Ending, Watch};
use super::{Outcome, Suite, all, deny, summary};
use crate::cluster;
use crate::tidy::workspace::Workspace;

/// Runs the suites with these names, or all; true if all was well.
pub fn run(root: &Path, names: &[String], out: &mut dyn Write) -> anyhow::Result<bool> {
    let workspace = Workspace::load(root)?;
    let suites = chosen(all(&workspace), names)?;
    let log_dir = Path::new(&workspace.target_dir).join("suites");
    fs::create_dir_all(&log_dir)
        .with_context(|| format!("failed to create {}", log_dir.display()))?;
    let mut outcomes = Vec::new();
    for suite in &suites {
        writeln!(out, "{:<6} {} ...", suite.name, suite.shows)?;
        out.flush()?;
        let log_path = log_dir.join(format!("{}.log", suite.name));
        let outcome = one(root, suite, &log_path, out)?;
        if !outcome.is_fine() {
            let text = fs::read(&log_path).context("failed to read the log")?;
            out.write_all(&text)?;
            writeln!(
                out,
                "\n{} failed; the output above is {}",
                suite.name,
                log_path.display()
            )?;
        }
        outcomes.push(outcome);
    }
    writeln!(out)?;
    out.write_all(summary(&outcomes).as_bytes())?;
    Ok(outcomes.iter().all(Outcome::is_fine))
}

fn chosen(suites: Vec<Suite>, names: &[String]) -> anyhow::Result<Vec<Suite>> {
    for name in names {
        if !suites.iter().any(|suite| suite.name == name) {
            let known: Vec<&str> = suites.iter().map(|suite| suite.name).collect();
            bail!(
                "there is no suite \"{name}\"; there are {}",
                known.join(", ")
            );
        }
    }
    let is_chosen = |suite: &Suite| names.is_empty() || names.iter().any(|name| name == suite.name);
    Ok(suites.into_iter().filter(is_chosen).collect())
}

fn one(
    root: &Path,
    suite: &Suite,
    log_path: &Path,
    out: &mut dyn Write,
) -> anyhow::Result<Outcome> {
    let started = now()?;
    let mut log = File::create(log_path)
        .with_context(|| format!("failed to create {}", log_path.display()))?;
    let ending = match provide(suite, out) {
        Ok(needs) => commands(root, suite, &needs, &mut log)?,
        Err(error) => {
            writeln!(log, "{error:#}")?;
            Ending::Failure
        }
    };
    let text = fs::read(log_path).context("failed to read the log")?;
    Ok(Outcome {
        name: suite.name,
        shows: suite.shows,
        ending,
        counts: Counts::of(&String::from_utf8_lossy(&text)),
        has_tests: suite.has_tests,
        took: now()?.saturating_sub(started),
    })
}

/// What a suite needs besides cargo.
#[derive(Debug, Default)]
struct Needs {
    /// A folder to put in front of PATH.
    path: Option<PathBuf>,
    /// The directory of the real Kubernetes.
    peers: Option<PathBuf>,
    /// The directory of the real MetalLB.
    metallb: Option<PathBuf>,
}

/// Makes sure that what a suite needs is there; what takes long shows its progress.
fn provide(suite: &Suite, out: &mut dyn Write) -> anyhow::Result<Needs> {
    let mut needs = Needs::default();
    match suite.name {
        "deny" => {
            needs.path = deny::TOOL.provide(&mut |line| Ok(writeln!(out, "       {line}")?))?
        }
        "kube" => {
            needs.peers = Some(cluster::programs()?);
            needs.metallb = Some(cluster::metallb_programs()?);
        }
        _ => {}
    }
    Ok(needs)
}

/// Runs all commands; the worst ending counts.
fn commands(root: &Path, suite: &Suite, needs: &Needs, log: &mut File) -> anyhow::Result<Ending> {
    let mut worst = Ending::Success;
    for arguments in &suite.commands {
        writeln!(log, "$ cargo {}", arguments.join(" "))?;
        let mut cargo = Command::new("cargo");
        cargo.args(arguments).current_dir(root);
        cargo.envs(suite.env.iter().map(|(key, value)| (key, value)));
        cargo.envs(needs.peers.iter().map(|dir| (cluster::PROGRAMS, dir)));
        cargo.envs(needs.metallb.iter().map(|dir| (cluster::METALLB, dir)));
        extend_path(&mut cargo, needs.path.as_ref())?;
        let ending = Watch { limit: suite.limit }.run(cargo, log)?;
        if ending != Ending::Success {
            worst = ending;
        }
    }
    Ok(worst)
}

/// Time since the machine started.
fn now() -> anyhow::Result<Duration> {
    let time = clock_gettime(ClockId::CLOCK_BOOTTIME).context("failed to read the clock")?;
    Ok(Duration::from(time))
}
