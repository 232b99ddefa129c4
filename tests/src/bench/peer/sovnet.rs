//! sovnetd on the nodes.

use std::fs;
use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::Context as _;
use nix::sys::signal::Signal;
use sovnet_control::status::Status;

use super::{Addresses, Cluster, Ground, Wanted, tail};
use crate::lan::control;
use crate::lan::daemon::{CONFIG, Daemon, Start};

/// How long a daemon may take to end in order.
const END_WITHIN: Duration = Duration::from_secs(20);

/// How long a node must have been well until an address goes back to it, in the case that measures
/// that.
const FAIL_BACK: &str = r#"{ after = "10s" }"#;

/// The directory of the daemons' credentials, where they have some.
pub(in crate::bench) const CREDENTIALS: &str = "/etc/sovnet";

/// All daemons.
pub(super) struct Sovnet {
    daemons: Vec<Daemon>,
}

impl Sovnet {
    /// Makes a key, gives all nodes key and config, and starts the daemons.
    pub(super) fn start(ground: &Ground, wanted: &Wanted, config: &str) -> anyhow::Result<Sovnet> {
        let path = "/run/machine/new.key";
        let laptop = ground.lan.node("laptop");
        // It may be there from an earlier boot on the same LAN.
        laptop.must(&format!("rm -f {path}"))?;
        laptop.must(&format!("sovnetctl key new {path}"))?;
        let key = fs::read_to_string(laptop.path(path)).context("no key was made")?;
        let mut config = match &wanted.addresses {
            Addresses::Shipped => config.to_owned(),
            Addresses::These(addresses, _) => with_addresses(config, addresses),
            Addresses::Pool(addresses) => with_pool(config, addresses),
        };
        if wanted.fails_back {
            config = with(&config, "fail-back", FAIL_BACK);
        }
        let mut daemons = Vec::new();
        for name in &ground.nodes {
            let node = ground.lan.node(name);
            node.write("/etc/sovnet/cluster.key", &key)?;
            node.write(CONFIG, &config)?;
            let programs = &ground.plan.programs;
            daemons.push(Daemon::start(node, programs, &Start::default())?);
        }
        Ok(Sovnet { daemons })
    }

    fn daemon(&mut self, node: &str) -> anyhow::Result<&mut Daemon> {
        let mut daemons = self.daemons.iter_mut();
        let found = daemons.find(|daemon| daemon.node().name() == node);
        found.with_context(|| format!("no sovnetd was started on {node}"))
    }

    /// Sends a signal that ends it, and waits for the end.
    fn end(&mut self, node: &str, signal: Signal) -> anyhow::Result<()> {
        let daemon = self.daemon(node)?;
        daemon.signal(signal)?;
        daemon.wait_end(END_WITHIN)?;
        Ok(())
    }
}

impl Cluster for Sovnet {
    fn is_ready(&self) -> bool {
        let statuses = self.daemons.iter().map(|daemon| daemon.status().ok());
        let Some(statuses) = statuses.collect::<Option<Vec<Status>>>() else {
            return false;
        };
        let holders: Vec<_> = statuses.iter().map(holders).collect();
        statuses.iter().all(|one| sees(one, statuses.len() - 1))
            && holders.windows(2).all(|pair| pair.first() == pair.last())
            && holders
                .first()
                .is_some_and(|all| all.iter().all(Option::is_some))
    }

    fn kill(&mut self, node: &str) -> anyhow::Result<()> {
        self.end(node, Signal::SIGKILL)
    }

    fn stop(&mut self, node: &str) -> anyhow::Result<()> {
        self.end(node, Signal::SIGTERM)
    }

    fn start(&mut self, node: &str) -> anyhow::Result<()> {
        self.daemon(node)?.start_again(&Start::default())
    }

    /// As its unit does.
    fn restart(&mut self, node: &str) -> anyhow::Result<()> {
        self.end(node, Signal::SIGUSR2)?;
        Cluster::start(self, node)
    }

    fn drain(&mut self, node: &str) -> anyhow::Result<()> {
        self.daemon(node)?.node().must("sovnetctl drain").map(drop)
    }

    fn move_to(&mut self, address: Ipv4Addr, node: &str) -> anyhow::Result<bool> {
        // Only the holder hands over: of the two it is the other one.
        let mut daemons = self.daemons.iter().map(Daemon::node);
        let holder = daemons
            .find(|holder| holder.name() != node)
            .context("a cluster has two nodes")?;
        let help = holder.must("sovnetctl --help")?;
        if !names_command(&help, "move") {
            return Ok(false);
        }
        holder.must(&format!("sovnetctl move {address} --to {node}"))?;
        Ok(true)
    }

    fn pids(&self, node: &str) -> Vec<i32> {
        let mut daemons = self.daemons.iter();
        let found = daemons.find(|daemon| daemon.node().name() == node);
        let pid = found.and_then(|daemon| i32::try_from(daemon.pid()).ok());
        pid.into_iter().collect()
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

/// Who has each address.
fn holders(status: &Status) -> Vec<Option<String>> {
    let addresses = status.segments.iter().flat_map(|one| &one.addresses);
    addresses.map(|one| one.holder.clone()).collect()
}

fn sees(status: &Status, peers: usize) -> bool {
    control::segment(status).is_some_and(|segment| {
        let alive = segment.peers.iter().filter(|peer| peer.liveness == "alive");
        segment.state != "joining" && alive.count() >= peers
    })
}

/// Whether a help text lists that command.
pub(super) fn names_command(help: &str, command: &str) -> bool {
    let mut lines = help.lines();
    lines.any(|line| line.split_ascii_whitespace().next() == Some(command))
}

/// The shipped example with a setting that it has switched off.
pub(super) fn with(config: &str, setting: &str, value: &str) -> String {
    let is_it = |line: &str| line.starts_with(&format!("#{setting} = "));
    let lines = config.lines().map(|line| {
        if is_it(line) {
            format!("{setting} = {value}\n")
        } else {
            format!("{line}\n")
        }
    });
    lines.collect()
}

/// A config with these addresses, and of `config` only what says how they are announced.
pub(super) fn with_addresses(config: &str, addresses: &[Ipv4Addr]) -> String {
    let mut text = announcing_as(config);
    for address in addresses {
        text.push_str(&format!(
            "[[address]]\naddress = \"{address}\"\npurpose = \"host\"\n"
        ));
    }
    text
}

/// The same with a pool for Services, and credentials at [`CREDENTIALS`].
pub(super) fn with_pool(config: &str, addresses: &[Ipv4Addr]) -> String {
    let mut text = announcing_as(config);
    let ends = addresses.first().zip(addresses.last());
    let range = ends
        .map(|(first, last)| format!("\"{first}-{last}\""))
        .unwrap_or_default();
    text.push_str(&format!(
        "[[pool]]\nname = \"bench\"\naddresses = [{range}]\n\
         [kubernetes]\nkubeconfig = \"{CREDENTIALS}/own.kubeconfig\"\n"
    ));
    text
}

/// The cluster's key, and of `config` what says how addresses are announced.
fn announcing_as(config: &str) -> String {
    let kept = config.lines().filter(|line| {
        let name = line.split_once(" = ").map(|(name, _)| name);
        matches!(
            name,
            Some("detection" | "fail-back" | "#detection" | "#fail-back")
        )
    });
    let mut text = String::from("[cluster]\nkey-file = \"/etc/sovnet/cluster.key\"\n[announce]\n");
    for line in kept {
        text.push_str(line);
        text.push('\n');
    }
    text
}
