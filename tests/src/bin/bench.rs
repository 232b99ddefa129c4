//! `bench NAME`: measures sovnet beside other programs. `make bench-NAME` runs it.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, Parser, Subcommand};
use sovnet_tests::bench::announce::{self, Work};
use sovnet_tests::bench::join::join;
use sovnet_tests::bench::peer::Who;
use sovnet_tests::bench::{failover, quiet};
use sovnet_tests::lan::control;
use sovnet_tests::lan::holder::{self, Machine};
use sovnet_tests::lan::page::{self, Page};
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
    Failover(Failover),
    /// What announcing costs: answers, storms, memory, rest, many addresses, many nodes.
    Announce(Announce),
    /// Whether an address moves although nobody failed, with all processors busy.
    Quiet(Quiet),
    /// The raw samples of several runs of one benchmark as one table.
    Join {
        /// Their files, such as failover.raw.json.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Which benchmark they are of.
        #[arg(long = "of", default_value = "failover", value_parser = ["failover", "announce", "quiet"])]
        name: String,
    },
    /// Holds the namespaces of one machine (the benchmark starts this itself).
    #[command(hide = true)]
    Hold(Machine),
    /// Serves the page of a pod (the benchmark starts this itself).
    #[command(hide = true)]
    Page(Page),
    /// Relays between standard input and the control socket (the benchmark starts this itself).
    #[command(hide = true)]
    Relay,
}

#[derive(Debug, Args)]
struct Failover {
    /// How often each case is measured for each program.
    #[arg(long, default_value_t = 30)]
    runs: usize,
    /// Measure only this program; can be given several times.
    #[arg(long = "peer", value_enum)]
    peers: Vec<Who>,
    /// Measure only this case; can be given several times.
    #[arg(long = "case")]
    cases: Vec<String>,
    /// Measure what is slow (MetalLB, and long cases) in one round of this many.
    #[arg(long, default_value_t = 3)]
    slow_every: usize,
}

#[derive(Debug, Args)]
struct Announce {
    /// How often everything is measured.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Measure only this program; can be given several times.
    #[arg(long = "peer", value_enum)]
    peers: Vec<Who>,
    /// Measure only this; can be given several times.
    #[arg(long = "case", value_enum)]
    works: Vec<Work>,
    /// How many addresses memory is measured with; answers, storms and rest with the first.
    #[arg(long, value_delimiter = ',', default_values_t = [11, 1000])]
    addresses: Vec<usize>,
    /// How many addresses are taken over.
    #[arg(long, default_value_t = 500)]
    take_over: usize,
    /// How many nodes rest is measured with.
    #[arg(long, value_delimiter = ',', default_values_t = [2, 5, 10, 20])]
    nodes: Vec<usize>,
    /// How many addresses they have in all.
    #[arg(long, default_value_t = 1000)]
    rest_addresses: usize,
    /// How long floods, storms and rest are measured.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
}

#[derive(Debug, Args)]
struct Quiet {
    /// How long.
    #[arg(long, default_value_t = 60)]
    minutes: u32,
    /// Measure only this program; can be given several times.
    #[arg(long = "peer", value_enum)]
    peers: Vec<Who>,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().what {
        What::Failover(asked) => failover(asked),
        What::Announce(asked) => announce(asked),
        What::Quiet(asked) => quiet(asked),
        What::Join { files, name } => joined(&name, &files),
        What::Hold(machine) => holder::hold(&machine).map(|()| true),
        What::Page(page) => page::serve(&page).map(|()| true),
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

fn joined(name: &str, files: &[PathBuf]) -> anyhow::Result<bool> {
    let (name, show): (_, fn(&_)) = match name {
        "failover" => ("failover", failover::show),
        "announce" => ("announce", announce::show),
        "quiet" => ("quiet", quiet::show),
        _ => bail!("there is no benchmark {name}"),
    };
    let report = join(name, files)?;
    report.write(&dir()?)?;
    show(&report);
    Ok(true)
}

/// Where the figures go.
fn dir() -> anyhow::Result<PathBuf> {
    let target_dir = Workspace::load(&workspace::root())?.target_dir;
    Ok(Path::new(&target_dir).join("bench"))
}

fn this() -> anyhow::Result<PathBuf> {
    std::env::current_exe().context("failed to find this program")
}

fn failover(asked: Failover) -> anyhow::Result<bool> {
    failover::run(&failover::Settings {
        holder: this()?,
        dir: dir()?,
        rounds: asked.runs,
        peers: asked.peers,
        cases: asked.cases,
        slow_every: asked.slow_every,
    })
}

fn announce(asked: Announce) -> anyhow::Result<bool> {
    announce::run(&announce::Settings {
        holder: this()?,
        dir: dir()?,
        rounds: asked.runs,
        peers: asked.peers,
        works: asked.works,
        addresses: asked.addresses,
        take_over: asked.take_over,
        nodes: asked.nodes,
        rest_addresses: asked.rest_addresses,
        seconds: asked.seconds,
    })
}

fn quiet(asked: Quiet) -> anyhow::Result<bool> {
    quiet::run(&quiet::Settings {
        holder: this()?,
        dir: dir()?,
        minutes: asked.minutes,
        peers: asked.peers,
    })
}
