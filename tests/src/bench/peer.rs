//! The programs that are measured, as the benchmarks see them: alike.
//!
//! Owns who there is and how each is configured; a module each starts one of them. Never measures.

mod keepalived;
pub(super) mod metallb;
mod running;
pub(super) mod sovnet;

use std::net::Ipv4Addr;
use std::sync::Arc;

use anyhow::Context as _;
use clap::ValueEnum;

use crate::lan::{Lan, Plan};
use crate::tidy::workspace::root;
use keepalived::Keepalived;
use metallb::{Metallb, Site};
use sovnet::Sovnet;

#[cfg(test)]
mod tests;

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Who {
    /// sovnetd with the shipped example.
    #[value(name = "sovnet")]
    Sovnet,
    /// The same with `detection = "fast"`.
    #[value(name = "sovnet-fast")]
    SovnetFast,
    /// keepalived as most people run it.
    #[value(name = "keepalived")]
    Keepalived,
    /// keepalived with ten advertisements per second.
    #[value(name = "keepalived-0.1s")]
    KeepalivedTenth,
    /// keepalived with a hundred advertisements per second, the most that it can.
    #[value(name = "keepalived-0.01s")]
    KeepalivedHundredth,
    /// MetalLB's speaker, announcing by ARP.
    #[value(name = "metallb")]
    Metallb,
}

impl Who {
    /// Everybody, in the order of the tables.
    pub const ALL: [Who; 6] = [
        Who::Sovnet,
        Who::SovnetFast,
        Who::Keepalived,
        Who::KeepalivedTenth,
        Who::KeepalivedHundredth,
        Who::Metallb,
    ];

    /// As the tables and the command line name it.
    pub fn name(self) -> &'static str {
        match self {
            Who::Sovnet => "sovnet",
            Who::SovnetFast => "sovnet-fast",
            Who::Keepalived => "keepalived",
            Who::KeepalivedTenth => "keepalived-0.1s",
            Who::KeepalivedHundredth => "keepalived-0.01s",
            Who::Metallb => "metallb",
        }
    }

    /// Where its config is in the repository.
    pub(super) fn config_file(self) -> &'static str {
        match self {
            Who::Sovnet | Who::SovnetFast => "packaging/static.toml",
            Who::Keepalived => "tests/bench/keepalived/default.conf",
            Who::KeepalivedTenth => "tests/bench/keepalived/0.1s.conf",
            Who::KeepalivedHundredth => "tests/bench/keepalived/0.01s.conf",
            Who::Metallb => "tests/bench/metallb/pool.yaml",
        }
    }

    /// The config in that file; for keepalived and MetalLB with places to fill in.
    pub(super) fn config(self) -> anyhow::Result<String> {
        let path = root().join(self.config_file());
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("failed to read {}", path.display()))?;
        Ok(match self {
            Who::SovnetFast => sovnet::with(&text, "detection", "\"fast\""),
            Who::Sovnet
            | Who::Keepalived
            | Who::KeepalivedTenth
            | Who::KeepalivedHundredth
            | Who::Metallb => text,
        })
    }

    /// Whether the program answers ARP; else the kernel of the node does, which has the address.
    pub(super) fn answers_itself(self) -> bool {
        match self {
            Who::Sovnet | Who::SovnetFast | Who::Metallb => true,
            Who::Keepalived | Who::KeepalivedTenth | Who::KeepalivedHundredth => false,
        }
    }

    /// Starts the program on every node of `ground`.
    pub(super) fn start(
        self,
        ground: &Ground,
        wanted: &Wanted,
    ) -> anyhow::Result<Box<dyn Cluster>> {
        let config = self.config()?;
        Ok(match self {
            Who::Sovnet | Who::SovnetFast => Box::new(Sovnet::start(ground, wanted, &config)?),
            Who::Keepalived | Who::KeepalivedTenth | Who::KeepalivedHundredth => {
                Box::new(Keepalived::start(ground, wanted, &config)?)
            }
            Who::Metallb => Box::new(Metallb::start(ground)?),
        })
    }
}

/// What a program runs on.
#[derive(Clone)]
pub(super) struct Ground {
    pub(super) plan: Plan,
    /// What MetalLB needs besides; on its LAN. Goes before the LAN.
    pub(super) site: Option<Arc<Site>>,
    pub(super) lan: Arc<Lan>,
    /// The nodes, the one that is to be master first.
    pub(super) nodes: Vec<String>,
}

/// What a program is to do.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) addresses: Addresses,
    /// Whether addresses go back to the node that had them, when that returns. keepalived and
    /// MetalLB always do so.
    pub(super) fails_back: bool,
}

/// The addresses that are to be announced.
#[derive(Debug, Clone)]
pub(super) enum Addresses {
    /// Those of the committed config.
    Shipped,
    /// These, in a network of that many bits.
    These(Vec<Ipv4Addr>, u8),
    /// A pool of these for Services of Kubernetes; none is given yet.
    Pool(Vec<Ipv4Addr>),
}

/// The same program on all nodes; dropping it ends it.
pub(super) trait Cluster {
    /// Whether one node has the address, and the other ones stand by and know of it.
    fn is_ready(&self) -> bool;

    /// Ends the program on `node` without a word.
    fn kill(&mut self, node: &str) -> anyhow::Result<()>;

    /// Ends the program on `node` in order, as a stop of its unit does, and waits for the end.
    fn stop(&mut self, node: &str) -> anyhow::Result<()>;

    /// Starts the program on `node` again, after its end.
    fn start(&mut self, node: &str) -> anyhow::Result<()>;

    /// Ends the program on `node` and starts it again, as the installation of a new version does.
    fn restart(&mut self, node: &str) -> anyhow::Result<()> {
        self.stop(node)?;
        self.start(node)
    }

    /// Has `node` hand over what it holds, in the way that the program offers.
    fn drain(&mut self, node: &str) -> anyhow::Result<()>;

    /// Has `address` go to `node`; false if the program has no such command.
    fn move_to(&mut self, _address: Ipv4Addr, _node: &str) -> anyhow::Result<bool> {
        Ok(false)
    }

    /// The processes on `node`, as the host counts.
    fn pids(&self, node: &str) -> Vec<i32>;

    /// How often the program has noticed that the machine stood still under it; such a figure is
    /// the machine's. Programs that cannot tell say 0.
    fn pauses(&self) -> usize {
        0
    }

    /// The last lines of all logs, for a measurement that failed.
    fn log(&self) -> Vec<String>;
}

/// The end of one node's log, each line with the node's name.
fn tail(node: &str, log: &[String]) -> Vec<String> {
    const SHOWN: usize = 30;
    let end = log.iter().skip(log.len().saturating_sub(SHOWN));
    end.map(|line| format!("{node}: {line}")).collect()
}
