//! `bench NAME`: measures sovnet beside other programs. `make bench-NAME` runs it.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use sovnet_tests::bench::failover::{self, Settings};
use sovnet_tests::bench::join::join;
use sovnet_tests::bench::peer::Who;
use sovnet_tests::lan::control;
use sovnet_tests::lan::holder::{self, Machine};
use sovnet_tests::tidy::workspace::{self, Workspace};

/// Benchmarks: a table, and the same figures in the target directory under `bench`.
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// What a client loses when the node that has an address fails or is drained.
    Failover {
        /// How often each case is measured for each program.
        #[arg(long, default_value_t = 30)]
        runs: usize,
        /// Measure only this program; can be given several times.
        #[arg(long = "peer", value_enum)]
        peers: Vec<Who>,
        /// Measure only this case; can be given several times.
        #[arg(long = "case")]
        cases: Vec<String>,
        /// Measure MetalLB, which is slow, in one round of this many.
        #[arg(long, default_value_t = 3)]
        metallb_every: usize,
    },
    /// The raw samples of several runs of `failover` as one table.
    Join {
        /// Their files, failover.raw.json.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Holds the namespaces of one machine (the benchmark starts this itself).
    #[command(hide = true)]
    Hold(Machine),
    /// Relays between standard input and the control socket (the benchmark starts this itself).
    #[command(hide = true)]
    Relay,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().what {
        What::Failover {
            runs,
            peers,
            cases,
            metallb_every,
        } => failover(runs, peers, cases, metallb_every),
        What::Join { files } => joined(&files),
        What::Hold(machine) => holder::hold(&machine).map(|()| true),
        What::Relay => control::relay().map(|()| true),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Whoever reads may have gone; the exit code still tells.
            drop(writeln!(io::stderr().lock(), "bench: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn joined(files: &[PathBuf]) -> anyhow::Result<bool> {
    let report = join("failover", files)?;
    report.write(&dir()?)?;
    failover::show(&report);
    Ok(true)
}

/// Where the figures go.
fn dir() -> anyhow::Result<PathBuf> {
    let target_dir = Workspace::load(&workspace::root())?.target_dir;
    Ok(Path::new(&target_dir).join("bench"))
}

fn failover(
    rounds: usize,
    peers: Vec<Who>,
    cases: Vec<String>,
    metallb_every: usize,
) -> anyhow::Result<bool> {
    failover::run(&Settings {
        holder: std::env::current_exe().context("failed to find this program")?,
        dir: dir()?,
        rounds,
        peers,
        cases,
        metallb_every,
    })
}
