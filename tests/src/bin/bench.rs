//! `bench NAME`: measures sovnet beside other programs. `make bench-NAME` runs it.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Parser as _;
use sovnet_tests::bench::arguments::{Announce, Arguments, Failover, Kube, Quiet, What};
use sovnet_tests::bench::join::join;
use sovnet_tests::bench::{announce, failover, kubernetes, quiet};
use sovnet_tests::lan::{control, holder, page};
use sovnet_tests::tidy::workspace::{self, Workspace};

fn main() -> ExitCode {
    let done = match Arguments::parse().what {
        What::Failover(asked) => failover(asked),
        What::Announce(asked) => announce(asked),
        What::Quiet(asked) => quiet(asked),
        What::Kube(asked) => measure_kubernetes(asked),
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
    let (name, conclusion) = match name {
        "failover" => ("failover", failover::CONCLUSION),
        "announce" => ("announce", announce::CONCLUSION),
        "quiet" => ("quiet", quiet::CONCLUSION),
        "kube" => ("kube", kubernetes::CONCLUSION),
        _ => bail!("there is no benchmark {name}"),
    };
    let report = join(name, files)?;
    report.write(&dir()?)?;
    conclusion.show(&report);
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
        begin: asked.begin,
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

fn measure_kubernetes(asked: Kube) -> anyhow::Result<bool> {
    kubernetes::run(&kubernetes::Settings {
        holder: this()?,
        dir: dir()?,
        rounds: asked.runs,
        peers: asked.peers,
        cases: asked.cases,
        services: asked.services,
        moves: asked.moves,
        large_services: asked.large_services,
        large_addresses: asked.large_addresses,
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
