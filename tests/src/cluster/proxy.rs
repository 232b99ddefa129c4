//! kube-proxy on a node, with the credentials that k3s gives it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::Signal;

use super::plane::K3S_AGENT;
use super::process::Process;
use crate::lan::Node;
use crate::lan::pods::POD_NETWORK;

/// How long it may take until its rules are in the kernel.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// How long it may take to end.
const ENDS_WITHIN: Duration = Duration::from_secs(10);

/// What it makes its rules with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// nftables, as the tests have it but for those of the other mode.
    Nftables,
    /// iptables, which is kube-proxy's own default, and k3s's.
    Iptables,
}

impl Mode {
    fn word(self) -> &'static str {
        match self {
            Mode::Nftables => "nftables",
            Mode::Iptables => "iptables",
        }
    }
}

/// A kube-proxy; killed when dropped, its rules stay.
#[derive(Debug)]
pub struct Proxy {
    node: Node,
    programs: PathBuf,
    mode: Mode,
    process: Process,
}

impl Proxy {
    /// Starts it; it needs the node's address in the Node's status.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(node: &Node, programs: &Path) -> anyhow::Result<Proxy> {
        let mode = Mode::Nftables;
        Ok(Proxy {
            node: node.clone(),
            programs: programs.to_owned(),
            mode,
            process: run(node, programs, mode)?,
        })
    }

    /// Lets it make its rules with something else, if it does not yet; its former rules it removes
    /// itself.
    ///
    /// # Errors
    /// If it does not end, or is not well again in time.
    pub fn set_mode(&mut self, mode: Mode) -> anyhow::Result<()> {
        if self.mode == mode {
            return Ok(());
        }
        self.process.stop(ENDS_WITHIN)?;
        self.process = run(&self.node, &self.programs, mode)?;
        self.mode = mode;
        self.wait_ready()
    }

    /// Its node.
    pub fn node(&self) -> &str {
        self.node.name()
    }

    /// Waits until it says of itself that it is well.
    ///
    /// # Errors
    /// If it ends, or that takes too long.
    pub fn wait_ready(&mut self) -> anyhow::Result<()> {
        let node = &self.node;
        let is_well = || {
            let output = node.run("curl -sf -m 2 -o /dev/null http://127.0.0.1:10256/healthz");
            output.is_ok_and(|output| output.status.success())
        };
        self.process.wait_ready(READY_WITHIN, is_well)
    }

    /// Stops it where it is: it answers nobody, and its rules stay.
    ///
    /// # Errors
    /// If it has ended.
    pub fn pause(&self) -> anyhow::Result<()> {
        self.process.signal(Signal::SIGSTOP)
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// If it has ended.
    pub fn resume(&self) -> anyhow::Result<()> {
        self.process.signal(Signal::SIGCONT)
    }

    /// Addresses of the LAN that the kernel of the node has rules for.
    ///
    /// # Errors
    /// If kube-proxy has not made its table.
    pub fn addresses(&self) -> anyhow::Result<Vec<String>> {
        let text = self.node.must("nft list map ip kube-proxy service-ips")?;
        // An element reads `192.168.8.240 . tcp . 80 : goto ...`.
        let words = text.split_ascii_whitespace();
        let on_lan = words.filter(|word| word.starts_with("192.168.8."));
        let mut addresses: Vec<String> = on_lan.map(str::to_owned).collect();
        addresses.dedup();
        Ok(addresses)
    }
}

fn run(node: &Node, programs: &Path, mode: Mode) -> anyhow::Result<Process> {
    let arguments = format!(
        "--kubeconfig={K3S_AGENT}/kubeproxy.kubeconfig --hostname-override={name}
         --proxy-mode={mode} --cluster-cidr={POD_NETWORK} --nodeport-addresses=primary
         --conntrack-max-per-core=0 --conntrack-tcp-timeout-established=0
         --conntrack-tcp-timeout-close-wait=0",
        name = node.name(),
        mode = mode.word(),
    );
    let program = programs.join("kube-proxy").display().to_string();
    let words: Vec<String> = std::iter::once(program)
        .chain(arguments.split_ascii_whitespace().map(str::to_owned))
        .collect();
    Process::start(node, "/run", "kube-proxy", &words)
}
