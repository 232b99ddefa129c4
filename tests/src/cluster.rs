//! A real Kubernetes control plane for the tests: etcd, kube-apiserver and kube-controller-manager
//! on a host of the LAN, kube-proxy on the nodes.
//!
//! Nothing here stands in for Kubernetes except the pods, which are machines of the LAN with
//! hand-written EndpointSlices, and the kubelets, of which only the heartbeat is left. What k3s adds
//! can not be had: a stand-in for it is named so.

pub mod api;
pub mod balancer;
mod bulk;
pub mod kubelet;
pub mod metallb;
pub mod objects;
pub mod pki;
pub mod plane;
mod process;
pub mod proxy;
pub mod servicelb_stand_in;
pub mod watch;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

use crate::lan::{Lan, NODES, PLANE};
use api::Api;
use kubelet::Kubelet;
use plane::{Plane, Settings};
use process::Process;
use proxy::Proxy;

/// The variable of the environment that names the directory of the real Kubernetes.
pub const PROGRAMS: &str = "SOVNET_PEERS";

/// The variable of the environment that names the directory of the real MetalLB.
pub const METALLB: &str = "SOVNET_METALLB";

/// The directory of the real Kubernetes: [`PROGRAMS`], or what `tests/scripts/peers` builds, which
/// takes minutes once and shows its progress on standard error.
///
/// # Errors
/// If it cannot be built; the script has said why.
pub fn programs() -> anyhow::Result<PathBuf> {
    provided(PROGRAMS, "kubernetes")
}

/// The directory of the real MetalLB: [`METALLB`], or what `tests/scripts/peers metallb` builds.
///
/// # Errors
/// As [`programs`].
pub fn metallb_programs() -> anyhow::Result<PathBuf> {
    provided(METALLB, "metallb")
}

fn provided(variable: &str, what: &str) -> anyhow::Result<PathBuf> {
    if let Some(dir) = std::env::var_os(variable) {
        return Ok(dir.into());
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/peers");
    let output = Command::new(&script)
        .arg(what)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("failed to run {}", script.display()))?;
    if !output.status.success() {
        bail!("the tests' {what} is not there: see above");
    }
    let dir = String::from_utf8(output.stdout).context("a path in UTF-8")?;
    Ok(dir.trim().into())
}

/// A cluster that is up: the control plane, both nodes registered and Ready, kube-proxy on both.
///
/// Dropping it ends its processes; all that they wrote is in the LAN's machines.
#[derive(Debug)]
pub struct Cluster {
    /// The control plane.
    pub plane: Plane,
    // Their heartbeats end with them.
    _kubelets: Vec<Kubelet>,
    proxies: Vec<Proxy>,
    approver: Option<Process>,
}

impl Cluster {
    /// Starts everything on a LAN that was planned with Kubernetes, and waits until it is ready.
    ///
    /// # Errors
    /// The step that failed, with the last lines of the program's log.
    pub fn start(lan: &Lan, programs: &Path) -> anyhow::Result<Cluster> {
        Cluster::start_with(lan, programs, &NODES)
    }

    /// The same with kube-proxy on these nodes only.
    ///
    /// # Errors
    /// As [`Cluster::start`].
    pub fn start_with(lan: &Lan, programs: &Path, proxies: &[&str]) -> anyhow::Result<Cluster> {
        let mut plane = Plane::start(lan.node(PLANE.0), programs, Settings::default())?;
        let mut kubelets = Vec::new();
        for name in NODES {
            plane.provide_k3s_files(lan.node(name))?;
            kubelets.push(Kubelet::start(lan.node(name), &plane)?);
        }
        plane.start_manager()?;
        let proxies = proxies.iter();
        let proxies = proxies.map(|name| Proxy::start(lan.node(name), programs));
        let mut proxies = proxies.collect::<anyhow::Result<Vec<_>>>()?;
        for proxy in &mut proxies {
            proxy.wait_ready()?;
        }
        plane.wait_manager()?;
        Ok(Cluster {
            plane,
            _kubelets: kubelets,
            proxies,
            approver: None,
        })
    }

    /// Starts `sovnetd cluster` beside the API server, with the administrator's identity as on a
    /// server of k3s. Requests may be made before it is ready.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start_approver(&mut self) -> anyhow::Result<()> {
        let (host, config) = (self.plane.host(), self.plane.admin_kubeconfig());
        let words = ["sovnetd", "--log-level", "debug", "cluster", "--kubeconfig"];
        let words: Vec<String> = words
            .into_iter()
            .chain([config.as_str()])
            .map(str::to_owned)
            .collect();
        self.approver = Some(Process::start(host, "/run", "approver", &words)?);
        Ok(())
    }

    /// The API as its administrator sees it.
    pub fn api(&self) -> &Api {
        self.plane.api()
    }

    /// kube-proxy of a node.
    pub fn proxy(&mut self, node: &str) -> Option<&mut Proxy> {
        self.proxies.iter_mut().find(|one| one.node() == node)
    }
}
