//! kube-proxy on a node, in nftables mode, with the credentials that k3s gives it.

use std::path::Path;
use std::time::Duration;

use super::plane::K3S_AGENT;
use super::process::Process;
use crate::lan::Node;
use crate::lan::pods::POD_NETWORK;

/// How long it may take until its rules are in the kernel.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// A kube-proxy; killed when dropped, its rules stay.
#[derive(Debug)]
pub struct Proxy {
    node: Node,
    process: Process,
}

impl Proxy {
    /// Starts it; it needs the node's address in the Node's status.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(node: &Node, programs: &Path) -> anyhow::Result<Proxy> {
        let arguments = format!(
            "--kubeconfig={K3S_AGENT}/kubeproxy.kubeconfig --hostname-override={name}
             --proxy-mode=nftables --cluster-cidr={POD_NETWORK} --nodeport-addresses=primary
             --conntrack-max-per-core=0 --conntrack-tcp-timeout-established=0
             --conntrack-tcp-timeout-close-wait=0",
            name = node.name(),
        );
        let program = programs.join("kube-proxy").display().to_string();
        let words: Vec<String> = std::iter::once(program)
            .chain(arguments.split_ascii_whitespace().map(str::to_owned))
            .collect();
        Ok(Proxy {
            node: node.clone(),
            process: Process::start(node, "/run", "kube-proxy", &words)?,
        })
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
