//! keepalived on the nodes: the program of the Debian package, never its service.

use std::net::Ipv4Addr;

use anyhow::{Context as _, bail};

use super::running::Running;
use super::{Addresses, Cluster, Ground, Wanted, tail};

#[cfg(test)]
mod tests;

/// Where the config is inside a machine.
const CONFIG: &str = "/run/machine/keepalived.conf";

/// The line of the committed configs that stands for the addresses.
const PLACE: &str = "192.168.8.240/24";

/// Addresses that an advertisement names; the rest stands beside them, as its manual says for more
/// than a few (`virtual_ipaddress_excluded`).
const ADVERTISED: usize = 20;

/// All daemons. Each is one process with one child that speaks VRRP.
pub(super) struct Keepalived {
    daemons: Vec<Running>,
}

impl Keepalived {
    /// Gives the nodes their config and starts the daemons.
    pub(super) fn start(
        ground: &Ground,
        wanted: &Wanted,
        template: &str,
    ) -> anyhow::Result<Keepalived> {
        let template = match &wanted.addresses {
            Addresses::Shipped => template.to_owned(),
            Addresses::These(addresses, bits) => with_addresses(template, addresses, *bits),
            Addresses::Pool(_) => bail!("keepalived knows no Services"),
        };
        let mut daemons = Vec::new();
        for (at, name) in ground.nodes.iter().enumerate() {
            let node = ground.lan.node(name);
            node.write(CONFIG, &filled(&template, name, at))?;
            let config = format!("--use-file={CONFIG}");
            let words = ["keepalived", "--dont-fork", "--vrrp", "--log-console"];
            let words = words.into_iter().chain(["--log-detail", &config]);
            let words = words.map(str::to_owned).collect();
            daemons.push(Running::start(node, words, Vec::new())?);
        }
        Ok(Keepalived { daemons })
    }

    fn daemon(&mut self, node: &str) -> anyhow::Result<&mut Running> {
        let found = self.daemons.iter_mut().find(|one| one.node() == node);
        found.with_context(|| format!("no keepalived was started on {node}"))
    }
}

impl Cluster for Keepalived {
    fn is_ready(&self) -> bool {
        let states: Vec<_> = self.daemons.iter().map(|one| state(&one.lines())).collect();
        let count = |wanted: &str| {
            let is_it = |state: &&Option<String>| state.as_deref() == Some(wanted);
            states.iter().filter(is_it).count()
        };
        count("MASTER") == 1 && count("BACKUP") == states.len() - 1
    }

    fn kill(&mut self, node: &str) -> anyhow::Result<()> {
        self.daemon(node)?.kill()
    }

    fn stop(&mut self, node: &str) -> anyhow::Result<()> {
        self.daemon(node)?.stop()
    }

    fn start(&mut self, node: &str) -> anyhow::Result<()> {
        self.daemon(node)?.start_again()
    }

    /// It has no drain; a stop in order is the nearest: it says that it leaves (priority 0).
    fn drain(&mut self, node: &str) -> anyhow::Result<()> {
        self.daemon(node)?.terminate()
    }

    fn pids(&self, node: &str) -> Vec<i32> {
        let found = self.daemons.iter().find(|one| one.node() == node);
        found.map(Running::pids).unwrap_or_default()
    }

    fn log(&self) -> Vec<String> {
        let logs = self.daemons.iter();
        logs.flat_map(|one| tail(one.node(), &one.lines()))
            .collect()
    }
}

/// The config of one node; the first one is the master, and each one gives way to those before it.
fn filled(template: &str, node: &str, at: usize) -> String {
    let state = if at == 0 { "MASTER" } else { "BACKUP" };
    let priority = if at == 0 { 150 } else { 101 - at.min(100) };
    template
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let line = line.replace("@NODE@", node).replace("@STATE@", state);
            line.replace("@PRIORITY@", &priority.to_string()) + "\n"
        })
        .collect()
}

/// The config with other addresses.
fn with_addresses(template: &str, addresses: &[Ipv4Addr], bits: u8) -> String {
    let listed = |of: &[Ipv4Addr]| {
        let lines = of.iter().map(|one| format!("        {one}/{bits}\n"));
        lines.collect::<String>()
    };
    let (named, beside) = addresses.split_at(addresses.len().min(ADVERTISED));
    let mut list = listed(named);
    if !beside.is_empty() {
        let beside = listed(beside);
        list.push_str(&format!(
            "    }}\n    virtual_ipaddress_excluded {{\n{beside}"
        ));
    }
    template.replace(&format!("        {PLACE}\n"), &list)
}

/// The state that it entered last, as its log says: `(bench) Entering MASTER STATE`.
fn state(log: &[String]) -> Option<String> {
    let entered = log
        .iter()
        .rev()
        .find_map(|line| line.split_once(") Entering "));
    let state = entered?.1.split_ascii_whitespace().next()?;
    Some(state.to_owned())
}
