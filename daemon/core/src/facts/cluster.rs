//! What the Kubernetes API says, trimmed to what sovnet needs: Services of type LoadBalancer, where
//! their ready endpoints are, and the nodes' addresses.
//!
//! The same values stand on the disk, so that a restart without the API goes on. Built by the
//! kube shell from watches that are all initialised; nothing here knows of objects of the API.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::request::Request;
use crate::config::Config;
use crate::names::{NodeName, ServiceName};

/// The `spec.loadBalancerClass` that is sovnet's own. Services without a class are served, too.
pub const OWN_CLASS: &str = "sovnet.internal/l2";

/// The most Services of type LoadBalancer that are looked at; the first by name are.
pub const SERVICES_MAX: usize = 1024;

/// The cluster as it was last seen whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterFacts {
    /// Services of type LoadBalancer.
    pub services: BTreeMap<ServiceName, Service>,
    /// Nodes with their addresses.
    pub nodes: BTreeMap<NodeName, Vec<IpAddr>>,
}

/// A Service of type LoadBalancer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// `metadata.uid`: a Service that was deleted and made anew is another one.
    pub uid: String,
    /// `metadata.creationTimestamp` in seconds since 1970: of two that want the same, the older
    /// one has it.
    pub created_secs: i64,
    /// `spec.loadBalancerClass`.
    pub class: Option<String>,
    /// `spec.externalTrafficPolicy`.
    pub policy: TrafficPolicy,
    /// What it asks for.
    pub request: Request,
    /// The addresses in `status.loadBalancer.ingress`.
    pub assigned: Vec<IpAddr>,
    /// Nodes on which it has a ready endpoint.
    pub ready_on: BTreeSet<NodeName>,
}

/// `spec.externalTrafficPolicy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TrafficPolicy {
    /// Any node takes packets, and passes them to any endpoint.
    Cluster,
    /// A node passes packets to endpoints of its own only; the client's address is kept.
    Local,
}

impl Service {
    /// Whether it is for sovnet: without a class, or with sovnet's own.
    pub fn is_ours(&self) -> bool {
        self.class.as_deref().is_none_or(|class| class == OWN_CLASS)
    }

    /// Whether packets for it can be delivered by this node, as far as endpoints go.
    pub fn is_deliverable_by(&self, node: &NodeName) -> bool {
        match self.policy {
            TrafficPolicy::Cluster => true,
            TrafficPolicy::Local => self.ready_on.contains(node),
        }
    }
}

impl ClusterFacts {
    /// The addresses to announce, with the Services that have them: what stands in a status, is for
    /// Services by the config, and belongs to a Service of ours.
    pub fn announced(&self, config: &Config) -> BTreeMap<IpAddr, Vec<&ServiceName>> {
        let mut announced: BTreeMap<IpAddr, Vec<&ServiceName>> = BTreeMap::new();
        for (name, service) in self
            .services
            .iter()
            .filter(|(_, service)| service.is_ours())
        {
            for address in service.assigned.iter() {
                if is_for(config, *address, name) {
                    announced.entry(*address).or_default().push(name);
                }
            }
        }
        announced
    }
}

/// Whether the config lets this Service have this address: of a pool or reserved for it, no
/// `[[address]]`, and not reserved for another one.
pub fn is_for(config: &Config, address: IpAddr, service: &ServiceName) -> bool {
    let is_static = config
        .addresses
        .iter()
        .any(|entry| entry.address == address);
    let is_pooled = || config.pools.iter().any(|pool| pool.contains(address));
    !is_static
        && match config.reserves.get(&address) {
            Some(owner) => owner == service,
            None => is_pooled(),
        }
}
