//! Calls `decide` whenever the facts of the kernel, of the cluster or of kube-proxy change, and
//! publishes the result. Owns nothing else.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use sovnet_core::config::Config;
use sovnet_core::decide::{Decision, Known, decide};
use sovnet_core::facts::LinkFacts;
use sovnet_core::facts::cluster::{ClusterFacts, Service};
use sovnet_core::facts::proxy::{ProxyFacts, ProxyState};
use sovnet_core::metallb::InForce;
use sovnet_core::names::{NodeName, ServiceName};
use sovnet_core::report::Problem;
use sovnet_core::time::Pace;
use sovnet_core::zones::ServiceAddresses;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock;

/// While much changes in a large cluster, changes are gathered for so long at most: a link that goes
/// down is one, too.
const GATHER_MAX: Duration = Duration::from_millis(100);

/// Whether nothing follows from what has changed in the cluster: most of the time a pod that came
/// or went, of a Service that any node can take packets for.
fn is_same_cluster(known: &ClusterFacts, now: &ClusterFacts) -> bool {
    known.nodes == now.nodes
        && known.barred == now.barred
        && known.pools == now.pools
        && known.has_same_services(now, Service::is_same_to_announce)
}

/// What was decided on.
struct Seen {
    links: Arc<LinkFacts>,
    cluster: Arc<ClusterFacts>,
    proxy: Arc<ProxyFacts>,
    delivered: Arc<BTreeSet<ServiceName>>,
    /// What this node speaks for since kube-proxy was well.
    kept: BTreeSet<IpAddr>,
}

impl Seen {
    /// Whether nothing follows from what is seen now.
    fn is_same(&self, now: &Seen) -> bool {
        // What is kept matters to a node without kube-proxy alone.
        let is_kept_nothing = now.proxy.state != ProxyState::Gone;
        Arc::ptr_eq(&self.links, &now.links)
            && Arc::ptr_eq(&self.proxy, &now.proxy)
            && Arc::ptr_eq(&self.delivered, &now.delivered)
            && (is_kept_nothing || self.kept == now.kept)
            && is_same_cluster(&self.cluster, &now.cluster)
    }
}

/// The caller of `decide`.
pub(crate) struct Brain {
    /// The config of the file.
    pub(crate) config: Arc<Config>,
    /// This node.
    pub(crate) node: NodeName,
    /// The kernel's facts.
    pub(crate) links: watch::Receiver<Arc<LinkFacts>>,
    /// What the cluster says.
    pub(crate) cluster: watch::Receiver<Arc<ClusterFacts>>,
    /// The node's kube-proxy.
    pub(crate) proxy: watch::Receiver<Arc<ProxyFacts>>,
    /// Services of the policy `Local` that kube-proxy delivers to endpoints here.
    pub(crate) delivered: watch::Receiver<Arc<BTreeSet<ServiceName>>>,
    /// Addresses that this node announces.
    pub(crate) held: watch::Receiver<Arc<BTreeSet<IpAddr>>>,
    /// Services with the addresses that the LAN reaches them by.
    pub(crate) services: watch::Sender<Arc<ServiceAddresses>>,
    /// What follows from all of it.
    pub(crate) decision: watch::Sender<Arc<Decision>>,
    /// What stands in the way, for status.
    pub(crate) problems: watch::Sender<Arc<Vec<Problem>>>,
    /// Why nothing may be announced at all, whatever the facts say (a key that cannot be read).
    pub(crate) obstacle: Option<Problem>,
}

impl Brain {
    /// Decides until `stop`.
    ///
    /// # Errors
    /// Never: `decide` is total.
    pub(crate) async fn run(mut self, stop: CancellationToken) -> Result<(), Infallible> {
        let mut known: Option<Seen> = None;
        let mut in_force = InForce::new(Arc::clone(&self.config));
        let mut pace = Pace::of_changes();
        loop {
            let now = clock::now();
            let wait = pace.next_at(GATHER_MAX, now).since(now);
            if !wait.is_zero() {
                let gathered = stop.run_until_cancelled(tokio::time::sleep(wait));
                if gathered.await.is_none() {
                    return Ok(());
                }
            }
            let begun = clock::now();
            let proxy = Arc::clone(&self.proxy.borrow_and_update());
            let held = Arc::clone(&self.held.borrow_and_update());
            let before = known.as_ref().map_or(&*held, |known| &known.kept);
            let kept = proxy.kept(before, &held);
            let seen = Seen {
                links: Arc::clone(&self.links.borrow_and_update()),
                cluster: Arc::clone(&self.cluster.borrow_and_update()),
                proxy,
                delivered: Arc::clone(&self.delivered.borrow_and_update()),
                kept,
            };
            if !known.is_some_and(|known| known.is_same(&seen)) {
                in_force.take(&seen.cluster.pools);
                self.name_services(in_force.config(), &seen.cluster);
                self.think(in_force.config(), &seen);
            }
            known = Some(seen);
            let now = clock::now();
            pace.note(now.since(begun), now);
            // Cancel-safe: a change that is not waited for is found at the next look.
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                changed = self.links.changed() => if changed.is_err() { return Ok(()) },
                changed = self.cluster.changed() => if changed.is_err() { return Ok(()) },
                changed = self.proxy.changed() => if changed.is_err() { return Ok(()) },
                changed = self.delivered.changed() => if changed.is_err() { return Ok(()) },
                changed = self.held.changed() => if changed.is_err() { return Ok(()) },
            }
        }
    }

    /// The Services that DNS gives names.
    fn name_services(&self, config: &Config, cluster: &ClusterFacts) {
        let mut services = ServiceAddresses::new();
        for (address, names) in cluster.announced(config) {
            for name in names {
                let addresses = services.entry(name.clone()).or_default();
                addresses.push(address);
            }
        }
        self.services.send_if_modified(|current| {
            let is_news = **current != services;
            *current = Arc::new(services);
            is_news
        });
    }

    fn think(&self, config: &Config, seen: &Seen) {
        if seen.links.links.is_empty() {
            // Not read yet: every namespace has a loopback link.
            return;
        }
        let mut decision = decide(&Known {
            config,
            node: &self.node,
            links: &seen.links,
            cluster: &seen.cluster,
            proxy: &seen.proxy,
            delivered: &seen.delivered,
            kept: &seen.kept,
        });
        if let Some(obstacle) = &self.obstacle {
            decision.segments.clear();
            decision.problems.push(obstacle.clone());
        }
        let problems = Arc::new(decision.problems.clone());
        self.problems.send_if_modified(|current| {
            let is_news = **current != *problems;
            *current = problems;
            is_news
        });
        self.decision.send_if_modified(|current| {
            let is_news = **current != decision;
            if is_news {
                log::debug!(segments = decision.segments.len(); "decided");
                *current = Arc::new(decision);
            }
            is_news
        });
    }
}
