//! Wires the Kubernetes side: what the disk remembers, the shells, and the files that it is kept in.

use std::net::SocketAddr;
use std::sync::Arc;

use super::board::Board;
use super::keep::keep;
use super::start::Start;
use crate::Options;
use crate::kube::delivery::DeliveryShell;
use crate::kube::proxy::ProxyShell;
use crate::kube::{Kube, Wires};
use crate::link;
use crate::store;
use crate::tasks::TaskSet;

/// Where `sovnetctl k8s join` leaves the credentials, below the state directory.
const JOINED: &str = "kubernetes/kubeconfig";

/// Whether the config asks for Kubernetes.
pub(super) fn is_on(start: &Start) -> bool {
    let config = start.config.as_ref();
    config.is_some_and(|config| config.kubernetes.is_some())
}

/// Starts it, if the config asks for it. What the disk remembers is in force from here on.
pub(super) fn spawn(tasks: &mut TaskSet, options: &Options, start: &Start, board: &Board) {
    let Some(config) = &start.config else { return };
    let Some(kubernetes) = &config.kubernetes else {
        return;
    };
    let store = ("cluster-store", &store::CLUSTER);
    let (cluster, problems) = (&board.cluster, &board.cluster_store_problems);
    keep(tasks, &options.state_dir, store, cluster, problems);
    if let Some(at) = kubernetes.kube_proxy {
        follow_proxy(tasks, options, at, board);
        let (cluster, delivered) = (board.cluster.subscribe(), board.delivered.clone());
        let shell = DeliveryShell::new(start.info.name.clone(), cluster, delivered);
        tasks.spawn("delivery", shell.run(tasks.stop()));
    }
    let joined = options.state_dir.join(JOINED);
    let wires = Wires {
        config: Arc::clone(config),
        node: start.info.name.clone(),
        kubeconfig: kubernetes.kubeconfig.clone().unwrap_or(joined),
        is_joined: kubernetes.kubeconfig.is_none(),
        identity: format!("{}_{}", start.info.name, start.life),
        links: board.links.subscribe(),
        occupants: board.occupants.subscribe(),
        held: board.held.subscribe(),
        gone: board.gone.subscribe(),
        vendors: board.vendors.subscribe(),
        facts: board.cluster.clone(),
        view: board.kubernetes.clone(),
    };
    tasks.spawn("kube", Kube::new(wires).run(tasks.stop()));
}

/// Asks the node's kube-proxy how it is.
fn follow_proxy(tasks: &mut TaskSet, options: &Options, at: SocketAddr, board: &Board) {
    let store = ("proxy-store", &store::PROXY);
    let (memory, problems) = (&board.proxy_memory, &board.proxy_store_problems);
    keep(tasks, &options.state_dir, store, memory, problems);
    let (facts, memory) = (board.proxy.clone(), board.proxy_memory.clone());
    let shell = ProxyShell::new(at, link::boot(), facts, memory);
    tasks.spawn("proxy", shell.run(tasks.stop()));
}
