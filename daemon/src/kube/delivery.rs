//! Asks kube-proxy whether it delivers to endpoints that have just become ready on this node, at the
//! `healthCheckNodePort` of their Service.
//!
//! Owns the questions; which there are is the core's ([`Deliveries`]). Run by `app`; `brain` reads
//! what comes of it.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use sovnet_core::facts::cluster::ClusterFacts;
use sovnet_core::facts::delivery::Deliveries;
use sovnet_core::names::{NodeName, ServiceName};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::proxy::is_well;
use crate::clock;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_millis(500);
/// So many are asked for at once.
const AT_ONCE: usize = 16;

/// Asks for Services with the policy `Local`.
pub(crate) struct DeliveryShell {
    node: NodeName,
    cluster: watch::Receiver<Arc<ClusterFacts>>,
    deliveries: Deliveries,
    delivered: watch::Sender<Arc<BTreeSet<ServiceName>>>,
}

impl DeliveryShell {
    /// Before the first question: what the disk remembers of the cluster counts as delivered.
    pub(crate) fn new(
        node: NodeName,
        cluster: watch::Receiver<Arc<ClusterFacts>>,
        delivered: watch::Sender<Arc<BTreeSet<ServiceName>>>,
    ) -> DeliveryShell {
        let deliveries = Deliveries::remembered(&cluster.borrow(), &node);
        let shell = DeliveryShell {
            node,
            cluster,
            deliveries,
            delivered,
        };
        shell.publish();
        shell
    }

    /// Asks until `stop`.
    ///
    /// # Errors
    /// Never: no answer is an answer.
    pub(crate) async fn run(mut self, stop: CancellationToken) -> Result<(), Infallible> {
        let mut cluster = self.look();
        loop {
            let _stopped = stop.run_until_cancelled(self.ask(&cluster)).await;
            for name in self.deliveries.give_up(clock::now()) {
                log::info!(service:% = name; "kube-proxy does not say that it delivers: announced all the same");
            }
            self.publish();
            let pause = self.deliveries.pause(clock::now());
            let next = async {
                match pause {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => std::future::pending().await,
                }
            };
            // Cancel-safe: a change that is not waited for is found at the next look.
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                changed = self.cluster.changed() => {
                    if changed.is_err() { return Ok(()) }
                    cluster = self.look();
                }
                () = next => {}
            }
        }
    }

    /// The cluster as it is now, and what is awaited by it.
    fn look(&mut self) -> Arc<ClusterFacts> {
        let cluster = Arc::clone(&self.cluster.borrow_and_update());
        self.deliveries
            .handle_facts(&cluster, &self.node, clock::now());
        cluster
    }

    /// One question for each that is awaited.
    async fn ask(&mut self, cluster: &ClusterFacts) {
        let places = places(cluster, &self.node);
        let questions = self.deliveries.questions();
        let questions = questions.map(|(name, port)| (name.clone(), port));
        let questions: Vec<(ServiceName, u16)> = questions.collect();
        let answers = stream::iter(questions).map(async |(name, port)| {
            let is_delivered = is_delivered(&places, port).await;
            is_delivered.then_some(name)
        });
        let mut answers = answers.buffer_unordered(AT_ONCE);
        while let Some(answer) = answers.next().await {
            if let Some(name) = answer {
                self.deliveries.handle_delivered(&name);
            }
        }
    }

    fn publish(&self) {
        self.delivered.send_if_modified(|current| {
            let is_news = **current != *self.deliveries.delivered();
            if is_news {
                *current = Arc::new(self.deliveries.delivered().clone());
            }
            is_news
        });
    }
}

/// Where kube-proxy may listen: at the node's own addresses, or everywhere.
fn places(cluster: &ClusterFacts, node: &NodeName) -> Vec<IpAddr> {
    let own = cluster.nodes.get(node).into_iter().flatten().copied();
    own.chain([Ipv4Addr::LOCALHOST.into()]).collect()
}

/// Whether kube-proxy says that it delivers, at any of these places.
async fn is_delivered(places: &[IpAddr], port: u16) -> bool {
    for place in places {
        let asked = is_well(SocketAddr::new(*place, port), "/");
        if let Ok(Ok(())) = tokio::time::timeout(PATIENCE, asked).await {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests;
