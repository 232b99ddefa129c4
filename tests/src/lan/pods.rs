//! Pods: a machine behind each node's own bridge, with a page of its own, and the routes between
//! the nodes that a cluster network would make. Nothing here knows Kubernetes.

use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};

use super::{END_WITHIN, Lan};
use crate::clock::wait_for;

/// The port that pods serve their page on.
pub const PAGE_PORT: u16 = 8080;

/// All pods' addresses.
pub const POD_NETWORK: &str = "10.42.0.0/16";

/// One pod.
#[derive(Debug, Clone, Copy)]
pub struct Pod {
    /// Its machine, and the name on its page.
    pub name: &'static str,
    /// The node that it is on.
    pub node: &'static str,
    /// The node's address on the LAN.
    node_address: Ipv4Addr,
    /// The third number of its network, 10.42.N.0/24.
    net: u8,
}

/// One pod on each node.
pub const PODS: [Pod; 2] = [
    Pod {
        name: "web-civil",
        node: "civil",
        node_address: Ipv4Addr::new(192, 168, 8, 222),
        net: 0,
    },
    Pod {
        name: "web-box-01",
        node: "box-01",
        node_address: Ipv4Addr::new(192, 168, 8, 218),
        net: 1,
    },
];

impl Pod {
    /// Its address.
    pub fn address(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, 42, self.net, 10)
    }

    /// The address of its node's bridge.
    fn gateway(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, 42, self.net, 1)
    }
}

/// The pod on `node`.
///
/// # Panics
/// If `node` is none of the two.
pub fn pod_on(node: &str) -> Pod {
    let found = PODS.into_iter().find(|pod| pod.node == node);
    found.expect("there is a pod on each node")
}

/// Names of the machines.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    PODS.into_iter().map(|pod| pod.name)
}

/// Wires the pods, and starts their pages.
///
/// # Errors
/// What the kernel refused, or that a page is not served in time.
pub(super) fn start(lan: &Lan) -> anyhow::Result<Vec<Child>> {
    for pod in PODS {
        wire(lan, pod)?;
    }
    let pages = PODS.into_iter().map(|pod| start_page(lan, pod));
    let pages = pages.collect::<anyhow::Result<Vec<Child>>>()?;
    for pod in PODS {
        let line = format!("ss -Hlnt sport = :{PAGE_PORT}");
        wait_for(&format!("the page of {}", pod.name), END_WITHIN, || {
            let text = lan.node(pod.name).must(&line).ok()?;
            (!text.is_empty()).then_some(())
        })?;
    }
    Ok(pages)
}

fn wire(lan: &Lan, pod: Pod) -> anyhow::Result<()> {
    let node = lan.node(pod.node);
    node.set_sysctl("ipv4/ip_forward", "1")?;
    let mut batch = format!(
        "link add name cni0 type bridge stp_state 0 mcast_snooping 0\n\
         link set cni0 up\n\
         addr add {gateway}/24 brd + dev cni0\n\
         link add name pod0 type veth peer name eth0 netns {pid}\n\
         link set pod0 master cni0\n\
         link set pod0 up\n",
        gateway = pod.gateway(),
        pid = lan.node(pod.name).inner_pid(),
    );
    for other in PODS.into_iter().filter(|other| other.node != pod.node) {
        let Pod {
            net, node_address, ..
        } = other;
        batch.push_str(&format!("route add 10.42.{net}.0/24 via {node_address}\n"));
    }
    node.feed("ip -batch -", &batch)?;
    let inside = format!(
        "link set lo up\nlink set eth0 up\naddr add {}/24 brd + dev eth0\nroute add default via {}\n",
        pod.address(),
        pod.gateway(),
    );
    lan.node(pod.name).feed("ip -batch -", &inside)?;
    Ok(())
}

fn start_page(lan: &Lan, pod: Pod) -> anyhow::Result<Child> {
    let node = lan.node(pod.name);
    // As the daemons: what else this computer does must not look like a page that is lost.
    let mut command = Command::new("nice");
    command
        .args(["-n", "-19"])
        .arg(node.lab())
        .arg("page")
        .args(["--name", pod.name])
        .args(["--listen", &format!("0.0.0.0:{PAGE_PORT}")])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    node.spawn(command)
}
