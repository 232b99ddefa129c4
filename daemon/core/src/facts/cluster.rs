//! What the Kubernetes API says, trimmed to what sovnet needs: Services of type LoadBalancer, where
//! their ready endpoints are, and the nodes' addresses.
//!
//! The same values stand on the disk, so that a restart without the API goes on. Built by the
//! kube shell from watches that are all initialised; nothing here knows of objects of the API.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::request::Request;
use crate::config::Config;
use crate::config::pool::Applicant;
use crate::names::{NodeName, ServiceName};

mod bar;
mod families;
pub mod permit;
mod read;

pub use bar::Bar;
pub use families::{Families, Family, FamilyPolicy};
pub use read::ingress;

/// The `spec.loadBalancerClass` of Services that are served, if the config says nothing.
pub const OWN_CLASS: &str = "sovnet.internal/l2";

/// The field manager of what sovnet writes into Services.
pub const STATUS_MANAGER: &str = "sovnet-lb";

/// The most Services of type LoadBalancer that are looked at; the first by name are.
pub const SERVICES_MAX: usize = 10_000;

/// The most labels of a Service that are looked at; the first by key are.
pub const LABELS_MAX: usize = 64;

/// The cluster as it was last seen whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterFacts {
    /// The `metadata.uid` of the namespace kube-system, which is the cluster's own; none if it is
    /// not known.
    #[serde(default)]
    pub uid: Option<String>,
    /// Services of type LoadBalancer. What has not changed is the same object in the next facts.
    pub services: BTreeMap<ServiceName, Arc<Service>>,
    /// Nodes with their addresses.
    pub nodes: BTreeMap<NodeName, Vec<IpAddr>>,
    /// Nodes that are only a last resort, and why.
    #[serde(default)]
    pub barred: BTreeMap<NodeName, Bar>,
    /// Pools of another load balancer by name, if the config asks for them.
    #[serde(default)]
    pub pools: BTreeMap<String, ForeignPool>,
}

/// A pool that an object of another load balancer says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignPool {
    /// The same as a `[[pool]]` of a config.
    pub text: String,
    /// Whether the object is gone, and Services still have addresses of it.
    #[serde(default)]
    pub is_gone: bool,
}

/// A Service of type LoadBalancer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// `spec.healthCheckNodePort`: where kube-proxy says whether it delivers to endpoints of its own
    /// node.
    #[serde(default)]
    pub health_port: Option<u16>,
    /// `metadata.labels`, at most [`LABELS_MAX`].
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// The labels of its namespace, if the config asks for any.
    #[serde(default)]
    pub namespace_labels: BTreeMap<String, String>,
    /// The families of addresses that it is for.
    #[serde(default)]
    pub families: Families,
    /// What it asks for.
    pub request: Request,
    /// Of a Service that would share its address: where packets go. Else empty.
    #[serde(default)]
    pub backend: Backend,
    /// The addresses in `status.loadBalancer.ingress`.
    pub assigned: Vec<IpAddr>,
    /// Who wrote that.
    #[serde(default)]
    pub status_by: StatusBy,
    /// Whether something else than addresses stands there, too.
    #[serde(default)]
    pub has_foreign_status: bool,
    /// Whether it is of another type now, and still has what sovnet wrote.
    #[serde(default)]
    pub is_former: bool,
    /// The pool that its address is from, as sovnet noted in an annotation.
    #[serde(default)]
    pub noted_pool: Option<String>,
    /// Whether somebody else wrote that annotation, which is theirs then.
    #[serde(default)]
    pub has_foreign_note: bool,
    /// Nodes on which it has a ready endpoint; if there is none anywhere, those on which one ends
    /// and still serves.
    pub ready_on: BTreeSet<NodeName>,
    /// Other nodes on which one ends and still serves.
    #[serde(default)]
    pub ending_on: BTreeSet<NodeName>,
    /// Whether it has a ready endpoint on no node of the cluster: one that is named by its address
    /// alone.
    #[serde(default)]
    pub is_ready_outside: bool,
}

/// Who wrote what stands in a Service's status, as the API notes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum StatusBy {
    /// Nobody: nothing stands there, or who took it away has left no name.
    #[default]
    Nobody,
    /// A sovnet.
    Sovnet,
    /// The field manager of that name.
    Other(String),
}

/// Which packets a Service takes, and where they go.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backend {
    /// Its ports.
    pub ports: BTreeSet<Port>,
    /// Its selector as one text: equal texts select the same pods.
    pub selector: String,
}

/// A port of a Service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Port {
    /// Its number.
    pub number: u16,
    /// `TCP`, `UDP` or `SCTP`.
    pub protocol: String,
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} port {}", self.protocol, self.number)
    }
}

/// `spec.externalTrafficPolicy`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TrafficPolicy {
    /// Any node takes packets, and passes them to any endpoint.
    #[default]
    Cluster,
    /// A node passes packets to endpoints of its own only; the client's address is kept.
    Local,
}

/// Whether packets for a Service can be delivered by a node, as far as endpoints go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Delivery {
    /// No.
    #[default]
    No,
    /// Yes, by endpoints that end, while other nodes have ready ones.
    Ending,
    /// In a moment: kube-proxy has no rule yet for an endpoint that has just become ready.
    Coming,
    /// Yes.
    Yes,
}

impl Service {
    /// Whether it is for sovnet, by its class.
    pub fn is_ours(&self, config: &Config) -> bool {
        !self.is_former && self.has_our_class(config)
    }

    fn has_our_class(&self, config: &Config) -> bool {
        match (&self.class, &config.kubernetes) {
            (Some(class), Some(kubernetes)) => *class == kubernetes.class,
            (Some(class), None) => class == OWN_CLASS,
            (None, Some(kubernetes)) => kubernetes.serves_classless,
            (None, None) => true,
        }
    }

    /// Whether it differs from another version of itself in nothing but where its endpoints are,
    /// which is nothing to the allocation.
    pub fn is_same_but_for_endpoints(&self, other: &Service) -> bool {
        let Service {
            ready_on,
            ending_on,
            is_ready_outside,
            ..
        } = other;
        let mine = Service {
            ready_on: ready_on.clone(),
            ending_on: ending_on.clone(),
            is_ready_outside: *is_ready_outside,
            ..self.clone()
        };
        mine == *other
    }

    /// Whether packets for it go the same ways as for another version of itself: with the policy
    /// `Cluster`, where the endpoints are is nothing to the nodes that announce it.
    pub fn is_same_to_announce(&self, other: &Service) -> bool {
        let is_any_node = |one: &Service| one.policy == TrafficPolicy::Cluster;
        let is_free =
            is_any_node(self) && is_any_node(other) && self.has_endpoint() == other.has_endpoint();
        *self == *other || is_free && self.is_same_but_for_endpoints(other)
    }

    /// Whether any endpoint takes packets for it.
    pub fn has_endpoint(&self) -> bool {
        self.is_ready_outside || !self.ready_on.is_empty()
    }

    /// The Service of that name as far as pools go.
    pub fn applicant<'a>(&'a self, name: &'a ServiceName) -> Applicant<'a> {
        Applicant {
            namespace: name.namespace(),
            namespace_labels: &self.namespace_labels,
            labels: &self.labels,
        }
    }

    /// Where kube-proxy is asked whether it delivers to endpoints of its own node; none if that
    /// makes no difference or nobody says so.
    pub fn asked_at(&self) -> Option<u16> {
        let is_local = self.policy == TrafficPolicy::Local;
        self.health_port.filter(|_| is_local)
    }

    /// Whether packets for it can be delivered by this node, if it is announced at all.
    pub fn delivery_by(&self, node: &NodeName) -> Delivery {
        if self.policy == TrafficPolicy::Cluster || self.ready_on.contains(node) {
            Delivery::Yes
        } else if self.ending_on.contains(node) {
            Delivery::Ending
        } else {
            Delivery::No
        }
    }

    /// Whether any node may announce it, as far as endpoints go.
    pub fn is_announced(&self, announces_unready: bool) -> bool {
        match self.policy {
            TrafficPolicy::Cluster => announces_unready || self.has_endpoint(),
            TrafficPolicy::Local => !self.ready_on.is_empty(),
        }
    }
}

impl ClusterFacts {
    /// Whether the Services are the same as others, as far as `is_same` looks at two of one name.
    /// What is one object in both is not looked at, so this is cheap after a small change.
    pub fn has_same_services(
        &self,
        other: &ClusterFacts,
        is_same: impl Fn(&Service, &Service) -> bool,
    ) -> bool {
        self.services.len() == other.services.len()
            && self
                .services
                .iter()
                .zip(&other.services)
                .all(|(mine, theirs)| {
                    let ((name, mine), (other_name, theirs)) = (mine, theirs);
                    name == other_name && (Arc::ptr_eq(mine, theirs) || is_same(mine, theirs))
                })
    }

    /// The addresses to announce, with the Services that have them: what stands in a status, is for
    /// Services by the config, and belongs to a Service of ours.
    pub fn announced(&self, config: &Config) -> BTreeMap<IpAddr, Vec<&ServiceName>> {
        let mut announced: BTreeMap<IpAddr, Vec<&ServiceName>> = BTreeMap::new();
        for (name, service) in self
            .services
            .iter()
            .filter(|(_, service)| service.is_ours(config))
        {
            for address in service.assigned.iter() {
                if permit::refusal(config, name, service, *address).is_none() {
                    announced.entry(*address).or_default().push(name);
                }
            }
        }
        announced
    }
}

#[cfg(test)]
mod tests;
