//! A real MetalLB on the cluster: its kinds, its controller, and a speaker on each node.
//!
//! What a kubelet would have done is left out: the programs are started on the machines, with the
//! administrator's identity and with the Pod objects that they look for. Its Deployment and its
//! DaemonSet are there as objects only.

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::Cluster;
use super::api::Api;
use super::objects::{self, ingress};
use super::process::Process;
use crate::clock::wait_for;
use crate::lan::{Lan, NODES, Node, address_of};

/// Where everything of it lives in Kubernetes.
pub const NAMESPACE: &str = "metallb-system";

/// Where its files are inside a machine.
const DIR: &str = "/run/machine";

/// How long a step may take.
const WITHIN: Duration = Duration::from_secs(60);

/// Puts MetalLB's kinds, its namespace, its Deployment and its DaemonSet into the cluster, and takes
/// the pools and advertisements of an earlier test away.
///
/// # Errors
/// What the API gave.
pub fn install(cluster: &Cluster, programs: &Path) -> anyhow::Result<()> {
    let api = cluster.api();
    api.kubectl(&format!("apply --server-side -f {}", programs.display()))?;
    api.kubectl("wait --for=condition=Established --timeout=60s crd --all")?;
    api.apply(&objects::namespace(NAMESPACE))?;
    let account = format!("/api/v1/namespaces/{NAMESPACE}/serviceaccounts/default");
    wait_for("the namespace's account", WITHIN, || {
        api.get(&account).ok().flatten()
    })?;
    for kind in ["ipaddresspools", "l2advertisements", "bgpadvertisements"] {
        api.delete(&format!(
            "/apis/metallb.io/v1beta1/namespaces/{NAMESPACE}/{kind}"
        ))?;
    }
    let parts = [("Deployment", "controller"), ("DaemonSet", "speaker")];
    apply(
        cluster,
        "parts",
        &parts.map(|(kind, name)| part(kind, name)),
    )
}

/// Applies objects of any kind.
///
/// # Errors
/// What kubectl says.
pub fn apply(cluster: &Cluster, name: &str, objects: &[Value]) -> anyhow::Result<()> {
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": objects });
    let path = format!("/run/{name}.json");
    cluster.plane.host().write(&path, &list.to_string())?;
    let line = format!("apply --server-side --force-conflicts -f {path}");
    cluster.api().kubectl(&line).map(drop)
}

/// A pool.
pub fn pool(name: &str, spec: &Value) -> Value {
    object("IPAddressPool", name, spec)
}

/// An advertisement by ARP.
pub fn advertisement(name: &str, spec: &Value) -> Value {
    object("L2Advertisement", name, spec)
}

fn object(kind: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "metallb.io/v1beta1",
        "kind": kind,
        "metadata": { "namespace": NAMESPACE, "name": name },
        "spec": spec,
    })
}

/// The Deployment or the DaemonSet, which starts nothing here.
fn part(kind: &str, name: &str) -> Value {
    let own = json!({ "part-of": "the-tests" });
    let mut spec = json!({
        "selector": { "matchLabels": own },
        "template": {
            "metadata": { "labels": own },
            "spec": {
                "nodeSelector": { "kubernetes.io/os": "none" },
                "containers": [{ "name": name, "image": "runs-outside-of-kubernetes" }],
            },
        },
    });
    if kind == "Deployment" {
        spec["replicas"] = json!(1);
    }
    json!({
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {
            "namespace": NAMESPACE,
            "name": name,
            "labels": { "app": "metallb", "component": name },
        },
        "spec": spec,
    })
}

/// MetalLB as it runs; dropping it kills it.
#[derive(Debug)]
pub struct Metallb {
    host: Node,
    controller_words: Vec<String>,
    controller: Option<Process>,
    nodes: Vec<(Node, Vec<String>)>,
    speakers: Vec<Process>,
}

impl Metallb {
    /// Starts the controller beside the API server, and a speaker on each node.
    ///
    /// # Errors
    /// What the API or a program gave.
    pub fn start(lan: &Lan, cluster: &Cluster, programs: &Path) -> anyhow::Result<Metallb> {
        let [one, other] = NODES.map(|name| pod(&format!("speaker-{name}"), "speaker", name));
        let controller = pod("controller", "controller", NODES[0]);
        apply(cluster, "metallb-pods", &[one, other, controller])?;
        for name in NODES {
            let address = own_address(name)?.to_string();
            let status = json!({ "status": { "phase": "Running", "podIP": address,
                "podIPs": [{ "ip": address }], "hostIP": address } });
            let path = format!("/api/v1/namespaces/{NAMESPACE}/pods/speaker-{name}/status");
            cluster.api().merge(&path, &status)?;
        }
        let admin = cluster.plane.pki().client("metallb", "system:masters")?;
        let provide = |node: &Node| cluster.plane.provide(node, DIR, "metallb", &admin);
        let host = cluster.plane.host();
        let mut nodes = Vec::new();
        for name in NODES {
            let node = lan.node(name);
            node.write(&format!("{DIR}/secretkey"), "a secret of the tests\n")?;
            let words = speaker_words(programs, &provide(node)?, name)?;
            nodes.push((node.clone(), words));
        }
        let mut metallb = Metallb {
            host: host.clone(),
            controller_words: controller_words(programs, &provide(host)?),
            controller: None,
            nodes,
            speakers: Vec::new(),
        };
        metallb.start_controller()?;
        metallb.start_speakers()?;
        Ok(metallb)
    }

    /// Starts the controller.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start_controller(&mut self) -> anyhow::Result<()> {
        let words = &self.controller_words;
        let controller = Process::start(&self.host, "/run", "metallb-controller", words)?;
        self.controller = Some(controller);
        Ok(())
    }

    /// Starts a speaker on each node.
    ///
    /// # Errors
    /// If one cannot be started.
    pub fn start_speakers(&mut self) -> anyhow::Result<()> {
        let nodes = self.nodes.iter();
        let started =
            nodes.map(|(node, words)| Process::start(node, "/run", "metallb-speaker", words));
        self.speakers = started.collect::<anyhow::Result<_>>()?;
        Ok(())
    }

    /// Waits until the controller has given a Service an address.
    ///
    /// # Errors
    /// If that takes too long, with what the controller said last.
    pub fn wait_given(&self, api: &Api, path: &str) -> anyhow::Result<Ipv4Addr> {
        let given = wait_for("an address of MetalLB", WITHIN, || {
            let service = api.get(path).ok().flatten()?;
            ingress(&service).first()?.parse().ok()
        });
        let log = self.controller.as_ref().map(Process::tail);
        given.with_context(|| format!("its controller:\n{}", log.unwrap_or_default()))
    }

    /// Ends the controller, as a Deployment of no replicas does.
    ///
    /// # Errors
    /// If it does not end.
    pub fn stop_controller(&mut self) -> anyhow::Result<()> {
        let mut controller = self.controller.take().context("the controller runs")?;
        controller.stop(WITHIN)
    }

    /// Ends the speakers, as a DaemonSet that fits no node does.
    ///
    /// # Errors
    /// If one does not end.
    pub fn stop_speakers(&mut self) -> anyhow::Result<()> {
        let speakers = std::mem::take(&mut self.speakers);
        speakers
            .into_iter()
            .try_for_each(|mut one| one.stop(WITHIN))
    }
}

fn own_address(name: &str) -> anyhow::Result<Ipv4Addr> {
    address_of(name).context("a node is on the LAN")
}

fn controller_words(programs: &Path, kubeconfig: &str) -> Vec<String> {
    let program = programs.join("controller").display().to_string();
    let mut words = environment(kubeconfig, "controller");
    words.push(program);
    let options = [
        "--port=0",
        "--webhook-mode=disabled",
        "--disable-cert-rotation",
    ];
    words.extend(options.map(str::to_owned));
    words
}

fn speaker_words(programs: &Path, kubeconfig: &str, name: &str) -> anyhow::Result<Vec<String>> {
    let mut words = environment(kubeconfig, &format!("speaker-{name}"));
    words.extend([
        format!("METALLB_NODE_NAME={name}"),
        "METALLB_BGP_TYPE=native".to_owned(),
        format!("METALLB_ML_BIND_ADDR={}", own_address(name)?),
        "METALLB_ML_LABELS=app=metallb,component=speaker".to_owned(),
        format!("METALLB_ML_SECRET_KEY_PATH={DIR}"),
        programs.join("speaker").display().to_string(),
        "--port=0".to_owned(),
    ]);
    Ok(words)
}

fn environment(kubeconfig: &str, pod: &str) -> Vec<String> {
    vec![
        "env".to_owned(),
        format!("KUBECONFIG={kubeconfig}"),
        format!("METALLB_NAMESPACE={NAMESPACE}"),
        format!("METALLB_POD_NAME={pod}"),
    ]
}

fn pod(name: &str, component: &str, node: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "namespace": NAMESPACE,
            "name": name,
            "labels": { "app": "metallb", "component": component },
        },
        "spec": {
            "nodeName": node,
            "hostNetwork": true,
            "tolerations": [{ "operator": "Exists" }],
            "containers": [{ "name": component, "image": "runs-outside-of-kubernetes" }],
        },
    })
}
