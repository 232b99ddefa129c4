//! sovnetd on both nodes.

use std::fs;

use anyhow::Context as _;
use nix::sys::signal::Signal;
use sovnet_control::status::Status;

use super::cluster::{Cluster, tail};
use super::stage::ADDRESS;
use crate::lan::daemon::{CONFIG, Daemon, Start};
use crate::lan::{Lan, NODES, Plan, control};

/// Both daemons.
pub(super) struct Sovnet {
    daemons: Vec<Daemon>,
}

impl Sovnet {
    /// Makes a key, gives both nodes key and config, and starts the daemons.
    pub(super) fn start(plan: &Plan, lan: &Lan, config: &str) -> anyhow::Result<Sovnet> {
        let path = "/run/machine/new.key";
        let laptop = lan.node("laptop");
        laptop.must(&format!("sovnetctl key new {path}"))?;
        let key = fs::read_to_string(laptop.path(path)).context("no key was made")?;
        let mut daemons = Vec::new();
        for name in NODES {
            let node = lan.node(name);
            node.write("/etc/sovnet/cluster.key", &key)?;
            node.write(CONFIG, config)?;
            daemons.push(Daemon::start(node, &plan.programs, &Start::default())?);
        }
        Ok(Sovnet { daemons })
    }

    fn daemon(&self, node: &str) -> anyhow::Result<&Daemon> {
        let found = self
            .daemons
            .iter()
            .find(|daemon| daemon.node().name() == node);
        found.with_context(|| format!("no sovnetd was started on {node}"))
    }
}

impl Cluster for Sovnet {
    fn is_ready(&self) -> bool {
        let statuses: Vec<Status> = self
            .daemons
            .iter()
            .filter_map(|daemon| daemon.status().ok())
            .collect();
        let holders: Vec<_> = statuses.iter().filter_map(holder).collect();
        statuses.iter().all(sees_its_peer)
            && matches!(holders.as_slice(), [one, other] if one == other)
    }

    fn kill(&mut self, node: &str) -> anyhow::Result<()> {
        self.daemon(node)?.signal(Signal::SIGKILL)
    }

    fn drain(&mut self, node: &str) -> anyhow::Result<()> {
        self.daemon(node)?.node().must("sovnetctl drain").map(drop)
    }

    fn pauses(&self) -> usize {
        let lines = self.daemons.iter().flat_map(Daemon::log);
        lines
            .filter(|line| line.contains("was not run for too long"))
            .count()
    }

    fn log(&self) -> Vec<String> {
        let logs = self.daemons.iter();
        logs.flat_map(|daemon| tail(daemon.node().name(), &daemon.log()))
            .collect()
    }
}

fn holder(status: &Status) -> Option<String> {
    control::address(status, &ADDRESS.to_string())?
        .holder
        .clone()
}

fn sees_its_peer(status: &Status) -> bool {
    control::segment(status).is_some_and(|segment| {
        segment.state != "joining" && segment.peers.iter().any(|peer| peer.liveness == "alive")
    })
}
