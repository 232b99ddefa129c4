//! MetalLB's controller and speakers, on a real Kubernetes.
//!
//! The control plane is started once per run and stays ([`Site`]); the speakers, which keep nothing
//! on disk, are started for each boot. Both are the programs of the module in `tests/peers/metallb`,
//! with an administrator's identity and the Pod objects that they look for; what a kubelet would
//! have done besides is not needed.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use super::running::Running;
use super::{Addresses, Cluster, Ground, Who, tail};
use crate::clock::wait_for;
use crate::cluster::api::Api;
use crate::cluster::objects::{self, Service};
use crate::cluster::{self, Cluster as Kubernetes};
use crate::lan::{Lan, NODES, PLANE, Plan, address_of};

/// The version that `tests/peers/metallb` names.
pub(in crate::bench) const VERSION: &str = "v0.16.2";

/// Where everything of it lives in Kubernetes.
const NAMESPACE: &str = "metallb-system";

/// Where its files are inside a machine.
const DIR: &str = "/run/machine";

/// The label by which it is told to take a node out of service.
const EXCLUDE: &str = "node.kubernetes.io/exclude-from-external-load-balancers";

/// How long it may take until all Services have their address.
const ASSIGNED_WITHIN: Duration = Duration::from_secs(120);

/// The directory of its programs.
pub(in crate::bench) fn programs() -> anyhow::Result<PathBuf> {
    cluster::metallb_programs()
}

/// A LAN with a control plane, MetalLB's controller, and as many Services as there are addresses.
pub(in crate::bench) struct Site {
    programs: PathBuf,
    kubeconfig: String,
    // In this order: the LAN ends what is left.
    controller: Running,
    kubernetes: Kubernetes,
    lan: Arc<Lan>,
}

impl Site {
    /// Starts all of it.
    ///
    /// kube-proxy is on these nodes.
    pub(in crate::bench) fn start(
        plan: &Plan,
        wanted: &Addresses,
        proxies: &[&str],
    ) -> anyhow::Result<Site> {
        let kubernetes_dir = cluster::programs()?;
        let plan = Plan {
            kubernetes: Some(kubernetes_dir.clone()),
            ..plan.clone()
        };
        let programs = programs()?;
        let lan = Lan::build(&plan).context("failed to build the LAN with Kubernetes")?;
        let kubernetes = Kubernetes::start_with(&lan, &kubernetes_dir, proxies)?;
        let admin = kubernetes.plane.pki().client("metallb", "system:masters")?;
        let mut kubeconfig = String::new();
        for machine in NODES.into_iter().chain([PLANE.0]) {
            let node = lan.node(machine);
            kubeconfig = kubernetes.plane.provide(node, DIR, "metallb", &admin)?;
        }
        describe(&lan, &kubernetes, &programs, wanted)?;
        let words = [
            "--port=0",
            "--webhook-mode=disabled",
            "--disable-cert-rotation",
        ];
        let environment = environment(&kubeconfig, "controller");
        let words = command(&programs, "controller", &words);
        let controller = Running::start(lan.node(PLANE.0), words, environment)?;
        wait_assigned(kubernetes.api(), count(wanted)).map_err(|error| {
            let log = tail("controller", &controller.lines()).join("\n");
            anyhow::anyhow!("{error:#}\n{log}")
        })?;
        Ok(Site {
            programs,
            kubeconfig,
            controller,
            kubernetes,
            lan: Arc::new(lan),
        })
    }

    /// Its LAN, as it was at first.
    pub(in crate::bench) fn clean_lan(&self) -> anyhow::Result<Arc<Lan>> {
        for name in NODES {
            self.lan.heal(name)?;
            self.exclude(name, false)?;
        }
        Ok(Arc::clone(&self.lan))
    }

    /// The processes of its controller, as the host counts.
    pub(in crate::bench) fn controller(&self) -> Vec<i32> {
        self.controller.pids()
    }

    /// The API as its administrator sees it.
    pub(in crate::bench) fn api(&self) -> &Api {
        self.kubernetes.api()
    }

    /// Takes a node out of service, or back.
    fn exclude(&self, node: &str, is_out: bool) -> anyhow::Result<()> {
        let label = if is_out { json!("true") } else { Value::Null };
        let patch = json!({ "metadata": { "labels": { EXCLUDE: label } } });
        let path = format!("/api/v1/nodes/{node}");
        self.kubernetes.api().merge(&path, &patch).map(drop)
    }
}

/// The speakers.
pub(super) struct Metallb {
    site: Arc<Site>,
    speakers: Vec<Running>,
}

impl Metallb {
    /// Starts a speaker on every node.
    pub(super) fn start(ground: &Ground) -> anyhow::Result<Metallb> {
        let site = ground.site.clone().context("MetalLB needs a site")?;
        let mut speakers = Vec::new();
        for name in &ground.nodes {
            let node = ground.lan.node(name);
            let address = address_of(name).context("a node is on the LAN")?;
            let mut environment = environment(&site.kubeconfig, &format!("speaker-{name}"));
            let own = [
                ("METALLB_NODE_NAME", name.clone()),
                ("METALLB_BGP_TYPE", "native".to_owned()),
                ("METALLB_ML_BIND_ADDR", address.to_string()),
                (
                    "METALLB_ML_LABELS",
                    "app=metallb,component=speaker".to_owned(),
                ),
                ("METALLB_ML_SECRET_KEY_PATH", DIR.to_owned()),
            ];
            environment.extend(own.map(|(key, value)| (key.to_owned(), value)));
            node.write(&format!("{DIR}/secretkey"), "a secret of the benchmarks\n")?;
            let words = command(&site.programs, "speaker", &["--port=0"]);
            speakers.push(Running::start(node, words, environment)?);
        }
        Ok(Metallb { site, speakers })
    }

    fn speaker(&mut self, node: &str) -> anyhow::Result<&mut Running> {
        let found = self.speakers.iter_mut().find(|one| one.node() == node);
        found.with_context(|| format!("no speaker was started on {node}"))
    }
}

impl Cluster for Metallb {
    /// Each knows the others.
    fn is_ready(&self) -> bool {
        self.speakers.iter().all(|one| {
            let lines = one.lines();
            let others = self
                .speakers
                .iter()
                .filter(|other| other.node() != one.node());
            others.into_iter().all(|other| knows(&lines, other.node()))
        })
    }

    fn kill(&mut self, node: &str) -> anyhow::Result<()> {
        self.speaker(node)?.kill()
    }

    fn stop(&mut self, node: &str) -> anyhow::Result<()> {
        self.speaker(node)?.stop()
    }

    fn start(&mut self, node: &str) -> anyhow::Result<()> {
        self.speaker(node)?.start_again()
    }

    fn drain(&mut self, node: &str) -> anyhow::Result<()> {
        self.site.exclude(node, true)
    }

    fn pids(&self, node: &str) -> Vec<i32> {
        let found = self.speakers.iter().find(|one| one.node() == node);
        found.map(Running::pids).unwrap_or_default()
    }

    fn log(&self) -> Vec<String> {
        let logs = self.speakers.iter();
        logs.flat_map(|one| tail(one.node(), &one.lines()))
            .collect()
    }
}

/// Whether a speaker's log says that it has met another one.
fn knows(log: &[String], other: &str) -> bool {
    let mut lines = log.iter();
    lines.any(|line| line.contains("node event") && line.contains(other))
}

fn command(programs: &std::path::Path, name: &str, arguments: &[&str]) -> Vec<String> {
    let program = programs.join(name).display().to_string();
    let arguments = arguments.iter().map(|one| (*one).to_owned());
    std::iter::once(program).chain(arguments).collect()
}

fn environment(kubeconfig: &str, pod: &str) -> Vec<(String, String)> {
    let all = [
        ("KUBECONFIG", kubeconfig),
        ("METALLB_NAMESPACE", NAMESPACE),
        ("METALLB_POD_NAME", pod),
    ];
    all.map(|(key, value)| (key.to_owned(), value.to_owned()))
        .to_vec()
}

fn count(wanted: &Addresses) -> usize {
    match wanted {
        Addresses::Shipped => 1,
        Addresses::These(addresses, _) => addresses.len(),
        Addresses::Pool(_) => 0,
    }
}

/// Puts into Kubernetes what MetalLB works by: its kinds, its Pods, the pool and the Services.
fn describe(
    lan: &Lan,
    kubernetes: &Kubernetes,
    programs: &std::path::Path,
    wanted: &Addresses,
) -> anyhow::Result<()> {
    let api = kubernetes.api();
    let plane = lan.node(PLANE.0);
    api.kubectl(&format!("apply --server-side -f {}", programs.display()))?;
    let kinds = "wait --for=condition=Established --timeout=60s crd --all";
    api.kubectl(kinds)?;
    let pods: Vec<Value> = NODES.into_iter().map(speaker_pod).collect();
    let pods = pods.into_iter().chain([pod("controller", NODES[0])]);
    let first = [objects::namespace(NAMESPACE)].into_iter();
    apply(lan, api, "namespace", first)?;
    let account = format!("/api/v1/namespaces/{NAMESPACE}/serviceaccounts/default");
    wait_for("the namespace's account", ASSIGNED_WITHIN, || {
        api.get(&account).ok().flatten()
    })?;
    apply(lan, api, "pods", pods)?;
    for name in NODES {
        let address = address_of(name)
            .context("a node is on the LAN")?
            .to_string();
        let status = json!({ "status": { "phase": "Running", "podIP": address,
            "podIPs": [{ "ip": address }], "hostIP": address } });
        let path = format!("/api/v1/namespaces/{NAMESPACE}/pods/speaker-{name}/status");
        api.merge(&path, &status)?;
    }
    let range = match wanted {
        Addresses::Shipped => "192.168.8.240/32".to_owned(),
        Addresses::These(addresses, _) | Addresses::Pool(addresses) => {
            let [Some(first), Some(last)] = [addresses.first(), addresses.last()] else {
                bail!("a benchmark needs one address at least");
            };
            format!("{first}-{last}")
        }
    };
    let pool = Who::Metallb.config()?.replace("@ADDRESSES@", &range);
    plane.write(&format!("{DIR}/pool.yaml"), &pool)?;
    api.kubectl(&format!("apply --server-side -f {DIR}/pool.yaml"))?;
    apply(lan, api, "services", (0..count(wanted)).flat_map(service))
}

/// Applies objects as one list: one by one, a thousand would take minutes.
fn apply(
    lan: &Lan,
    api: &Api,
    name: &str,
    objects: impl Iterator<Item = Value>,
) -> anyhow::Result<()> {
    let items: Vec<Value> = objects.collect();
    if items.is_empty() {
        // kubectl takes an empty list for a mistake.
        return Ok(());
    }
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": items });
    let path = format!("{DIR}/{name}.json");
    lan.node(PLANE.0).write(&path, &list.to_string())?;
    api.kubectl(&format!("apply --server-side -f {path}"))
        .map(drop)
}

fn speaker_pod(node: &str) -> Value {
    pod(&format!("speaker-{node}"), node)
}

fn pod(name: &str, node: &str) -> Value {
    let component = name.split('-').next().unwrap_or(name);
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

/// A Service with an endpoint on both nodes.
fn service(number: usize) -> [Value; 2] {
    let service = Service::new("default", &format!("bench-{number}"));
    [service.object().clone(), service.endpoints(&NODES)]
}

/// Waits until all Services have an address.
fn wait_assigned(api: &Api, count: usize) -> anyhow::Result<()> {
    let what = format!("{count} Services to have an address");
    wait_for(&what, ASSIGNED_WITHIN, || {
        let services = api.list("/api/v1/namespaces/default/services").ok()?;
        let assigned = services
            .iter()
            .filter(|one| !objects::ingress(one).is_empty());
        (assigned.count() >= count).then_some(())
    })?;
    Ok(())
}
