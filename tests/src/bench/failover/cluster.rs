//! The programs that are measured, as the cases see them: alike.

use anyhow::Context as _;

use super::keepalived::Keepalived;
use super::sovnet::Sovnet;
use crate::lan::{Lan, Plan};
use crate::tidy::workspace::root;

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// sovnetd with the shipped example.
    Sovnet,
    /// keepalived as most people run it.
    Keepalived,
    /// keepalived with ten advertisements per second.
    KeepalivedFast,
}

impl Who {
    pub(super) const ALL: [Who; 3] = [Who::Sovnet, Who::Keepalived, Who::KeepalivedFast];

    /// As the table names it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Who::Sovnet => "sovnet",
            Who::Keepalived => "keepalived",
            Who::KeepalivedFast => "keepalived-0.1s",
        }
    }

    /// Where its config is in the repository.
    pub(super) fn config_file(self) -> &'static str {
        match self {
            Who::Sovnet => "packaging/static.toml",
            Who::Keepalived => "tests/bench/keepalived/default.conf",
            Who::KeepalivedFast => "tests/bench/keepalived/0.1s.conf",
        }
    }

    /// The config that both nodes run with; for keepalived with places to fill in.
    pub(super) fn config(self) -> anyhow::Result<String> {
        let path = root().join(self.config_file());
        std::fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))
    }

    /// Starts the program on both nodes.
    pub(super) fn start(self, plan: &Plan, lan: &Lan) -> anyhow::Result<Box<dyn Cluster>> {
        let config = self.config()?;
        Ok(match self {
            Who::Sovnet => Box::new(Sovnet::start(plan, lan, &config)?),
            Who::Keepalived | Who::KeepalivedFast => Box::new(Keepalived::start(lan, &config)?),
        })
    }
}

/// The same program on both nodes; dropping it ends it.
pub(super) trait Cluster {
    /// Whether one node has the address, and the other one stands by and knows of it.
    fn is_ready(&self) -> bool;

    /// Ends the program on `node` without a word.
    fn kill(&mut self, node: &str) -> anyhow::Result<()>;

    /// Has `node` hand over what it holds, in the way that the program offers.
    fn drain(&mut self, node: &str) -> anyhow::Result<()>;

    /// How often the program has noticed that the machine stood still under it; such a figure is
    /// the machine's. Programs that cannot tell say 0.
    fn pauses(&self) -> usize {
        0
    }

    /// The last lines of both logs, for a measurement that failed.
    fn log(&self) -> Vec<String>;
}

/// The end of one node's log, each line with the node's name.
pub(super) fn tail(node: &str, log: &[String]) -> Vec<String> {
    const SHOWN: usize = 30;
    let end = log.iter().skip(log.len().saturating_sub(SHOWN));
    end.map(|line| format!("{node}: {line}")).collect()
}
