//! The command line of `bench`. What each option means to a benchmark is said in its `Settings`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::announce::Work;
use super::kubernetes::Case;
use super::peer::Who;
use crate::lan::holder::Machine;
use crate::lan::page::Page;

#[cfg(test)]
mod tests;

/// Benchmarks: a table, and the same figures in the target directory under `bench`.
#[derive(Debug, Parser)]
#[command(name = "bench")]
pub struct Arguments {
    /// Which benchmark.
    #[command(subcommand)]
    pub what: What,
}

/// What can be asked for.
#[derive(Debug, Subcommand)]
pub enum What {
    /// What a client loses when the node that has an address fails or is drained.
    Failover(Failover),
    /// What announcing costs: answers, storms, memory, rest, many addresses, many nodes.
    Announce(Announce),
    /// Whether an address moves although nobody failed, with all processors busy.
    Quiet(Quiet),
    /// What a load balancer of Kubernetes takes for Services, moving pods and large clusters.
    Kube(Kube),
    /// The raw samples of several runs of one benchmark as one table.
    Join {
        /// Their files, such as failover.raw.json.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Which benchmark they are of.
        #[arg(long = "of", default_value = "failover", value_parser = ["failover", "announce", "quiet", "kube"])]
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

/// Options of this benchmark.
#[derive(Debug, Args)]
pub struct Failover {
    /// How often each case is measured for each program.
    #[arg(long, default_value_t = 30)]
    pub runs: usize,
    /// Measure only this program; can be given several times.
    #[arg(long = "peer", value_enum)]
    pub peers: Vec<Who>,
    /// Measure only this case; can be given several times.
    #[arg(long = "case")]
    pub cases: Vec<String>,
    /// Measure what is slow (MetalLB, and long cases) in one round of this many.
    #[arg(long, default_value_t = 3)]
    pub slow_every: usize,
    /// Begin when this file is there: runs side by side wait until all of them are prepared.
    #[arg(long)]
    pub begin: Option<PathBuf>,
}

/// Options of this benchmark.
#[derive(Debug, Args)]
pub struct Announce {
    /// How often everything is measured.
    #[arg(long, default_value_t = 5)]
    pub runs: usize,
    /// Measure only this program; can be given several times.
    #[arg(long = "peer", value_enum)]
    pub peers: Vec<Who>,
    /// Measure only this; can be given several times.
    #[arg(long = "case", value_enum)]
    pub works: Vec<Work>,
    /// How many addresses memory is measured with; answers, storms and rest with the first.
    #[arg(long, value_delimiter = ',', default_values_t = [11, 1000])]
    pub addresses: Vec<usize>,
    /// How many addresses are taken over.
    #[arg(long, default_value_t = 500)]
    pub take_over: usize,
    /// How many nodes rest is measured with.
    #[arg(long, value_delimiter = ',', default_values_t = [2, 5, 10, 20])]
    pub nodes: Vec<usize>,
    /// How many addresses they have in all.
    #[arg(long, default_value_t = 1000)]
    pub rest_addresses: usize,
    /// How long floods, storms and rest are measured.
    #[arg(long, default_value_t = 20)]
    pub seconds: u64,
}

/// Options of this benchmark.
#[derive(Debug, Args)]
pub struct Kube {
    /// How often everything is measured.
    #[arg(long, default_value_t = 1)]
    pub runs: usize,
    /// Measure only this program; can be given several times.
    #[arg(long = "peer", value_enum)]
    pub peers: Vec<Who>,
    /// Measure only this; can be given several times.
    #[arg(long = "case", value_enum)]
    pub cases: Vec<Case>,
    /// How many Services are created, one after the other.
    #[arg(long, default_value_t = 100)]
    pub services: usize,
    /// How often an endpoint moves.
    #[arg(long, default_value_t = 30)]
    pub moves: usize,
    /// How many Services the large cluster has, each with an EndpointSlice.
    #[arg(long, default_value_t = 10_000)]
    pub large_services: usize,
    /// How many of them are of type LoadBalancer.
    #[arg(long, default_value_t = 5_000)]
    pub large_addresses: usize,
}

/// Options of this benchmark.
#[derive(Debug, Args)]
pub struct Quiet {
    /// How long.
    #[arg(long, default_value_t = 60)]
    pub minutes: u32,
    /// Measure only this program; can be given several times.
    #[arg(long = "peer", value_enum)]
    pub peers: Vec<Who>,
}
