//! Where Services are created: a LAN with a control plane, and one program that gives them
//! addresses, with a pool that is large enough.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use crate::bench::peer::metallb::Site;
use crate::bench::peer::sovnet::CREDENTIALS;
use crate::bench::peer::{Addresses, Cluster, Ground, Wanted, Who};
use crate::clock::wait_for;
use crate::cluster::api::Api;
use crate::cluster::{self, Cluster as Kubernetes};
use crate::lan::{Lan, NODES, Plan, control};
use crate::tidy::workspace::root;

/// The first address of a pool in the LAN's network of 24 bits.
const SMALL: Ipv4Addr = Ipv4Addr::new(192, 168, 8, 110);

/// No more, so that no machine of the LAN has one of them.
const SMALL_MOST: usize = 101;

/// The first address of any larger pool, in the network of 16 bits around that one.
const LARGE: Ipv4Addr = Ipv4Addr::new(192, 168, 32, 1);

/// How long a program may take until it follows the cluster and may write to it.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// Kubernetes, and a program that follows it.
pub(super) struct ServiceGround {
    pub(super) cluster: Box<dyn Cluster>,
    plane: Plane,
    pub(super) lan: Arc<Lan>,
}

/// The control plane: MetalLB's comes with its controller.
enum Plane {
    Bare(Box<Kubernetes>),
    Metallb(Arc<Site>),
}

impl ServiceGround {
    /// Builds it with a pool of that many addresses and with kube-proxy on these nodes, and waits
    /// until it is settled.
    pub(super) fn build(
        plan: &Plan,
        who: Who,
        pool: usize,
        proxies: &[&str],
    ) -> anyhow::Result<ServiceGround> {
        let is_small = pool <= SMALL_MOST;
        let first = if is_small { SMALL } else { LARGE };
        let numbers = (u32::from(first)..).take(pool);
        let wanted = Wanted {
            addresses: Addresses::Pool(numbers.map(Ipv4Addr::from).collect()),
            fails_back: false,
        };
        let (plane, lan) = if who == Who::Metallb {
            let site = Arc::new(Site::start(plan, &wanted.addresses, proxies)?);
            let lan = site.clean_lan()?;
            (Plane::Metallb(site), lan)
        } else {
            bare(plan, proxies)?
        };
        if !is_small {
            for (name, number) in NODES.into_iter().zip(1..) {
                let own = format!("ip addr add 192.168.16.{number}/16 dev eth0");
                lan.node(name).must(&own)?;
            }
        }
        let site = match &plane {
            Plane::Metallb(site) => Some(Arc::clone(site)),
            Plane::Bare(_) => None,
        };
        let ground = Ground {
            plan: plan.clone(),
            site,
            lan: Arc::clone(&lan),
            nodes: NODES.map(str::to_owned).to_vec(),
        };
        let cluster = who.start(&ground, &wanted)?;
        let ground = ServiceGround {
            cluster,
            plane,
            lan,
        };
        ground.wait_ready()?;
        Ok(ground)
    }

    /// The API as its administrator sees it.
    pub(super) fn api(&self) -> &Api {
        match &self.plane {
            Plane::Bare(kubernetes) => kubernetes.api(),
            Plane::Metallb(site) => site.api(),
        }
    }

    /// The processes of a controller beside what runs on the nodes.
    pub(super) fn controller(&self) -> Vec<i32> {
        match &self.plane {
            Plane::Bare(_) => Vec::new(),
            Plane::Metallb(site) => site.controller(),
        }
    }

    fn wait_ready(&self) -> anyhow::Result<()> {
        wait_for("all nodes to agree", READY_WITHIN, || {
            self.cluster.is_ready().then_some(())
        })?;
        if let Plane::Bare(_) = self.plane {
            wait_for("a node that writes", READY_WITHIN, || {
                NODES.iter().all(|name| self.has_writer(name)).then_some(())
            })?;
        }
        Ok(())
    }

    fn has_writer(&self, name: &str) -> bool {
        let status = control::status(self.lan.node(name)).ok();
        let part = status.and_then(|status| status.kubernetes);
        part.is_some_and(|part| part.state == "connected" && part.writer.is_some())
    }
}

/// A control plane with sovnet's rights, and credentials on the nodes.
fn bare(plan: &Plan, proxies: &[&str]) -> anyhow::Result<(Plane, Arc<Lan>)> {
    let programs = cluster::programs()?;
    let plan = Plan {
        kubernetes: Some(programs.clone()),
        ..plan.clone()
    };
    let lan = Lan::build(&plan)?;
    let kubernetes = Kubernetes::start_with(&lan, &programs, proxies)?;
    let manifests = root().join("packaging/kubernetes");
    kubernetes.api().kubectl_apply(&manifests)?;
    for name in NODES {
        let pki = kubernetes.plane.pki();
        let own = pki.client(&format!("sovnet:node:{name}"), "sovnet:nodes")?;
        let node = lan.node(name);
        kubernetes.plane.provide(node, CREDENTIALS, "own", &own)?;
    }
    Ok((Plane::Bare(Box::new(kubernetes)), Arc::new(lan)))
}
