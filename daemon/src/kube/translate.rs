//! From objects of the API to the core's values: pure, total, and the only place that knows their
//! fields. What is not needed is dropped here, before anything is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use sovnet_core::facts::cluster::{
    Backend, Bar, Families, LABELS_MAX, STATUS_MANAGER, Service, StatusBy, TrafficPolicy, ingress,
};
use sovnet_core::facts::request::{FROM_POOL_ANNOTATION, Request};
use sovnet_core::names::{NodeName, ServiceName};

/// The most addresses of a status, and of a node, that are looked at.
const ADDRESSES_MAX: usize = 16;

/// The label of a slice that names its Service.
pub(super) const SERVICE_LABEL: &str = "kubernetes.io/service-name";

/// A Service of type LoadBalancer without its endpoints, and its version; none for other types, but
/// for one that still has what sovnet wrote: an address, or the note of its pool alone.
pub(super) fn service(object: &core::Service) -> Option<(Service, String)> {
    let spec = object.spec.as_ref()?;
    let metadata = &object.metadata;
    let annotation = |name: &str| {
        let annotations = metadata.annotations.as_ref();
        annotations
            .and_then(|all| all.get(name))
            .map(String::as_str)
    };
    let note = annotation(FROM_POOL_ANNOTATION);
    let noted_pool = note.filter(|_| is_note_ours(metadata)).map(str::to_owned);
    let is_former = spec.type_.as_deref() != Some("LoadBalancer");
    let (assigned, has_foreign_status) = assigned(object);
    if is_former && noted_pool.is_none() {
        return None;
    }
    let request = Request::read(annotation, spec.load_balancer_ip.as_deref());
    let created = metadata.creation_timestamp.as_ref();
    let labels = metadata.labels.iter().flatten().take(LABELS_MAX);
    let service = Service {
        uid: metadata.uid.clone().unwrap_or_default(),
        created_secs: created.map_or(i64::MAX, |time| time.0.as_second()),
        class: spec.load_balancer_class.clone(),
        policy: TrafficPolicy::read(spec.external_traffic_policy.as_deref()),
        health_port: health_port(spec),
        labels: labels
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
        namespace_labels: BTreeMap::new(),
        families: families(spec),
        // Who shares nothing is never compared with others.
        backend: request
            .sharing
            .as_ref()
            .map_or_else(Backend::default, |_key| backend(spec)),
        request,
        assigned,
        status_by: status_by(metadata),
        has_foreign_status,
        is_former,
        has_foreign_note: note.is_some() && noted_pool.is_none(),
        noted_pool,
        ready_on: BTreeSet::new(),
        ending_on: BTreeSet::new(),
        is_ready_outside: false,
    };
    Some((
        service,
        metadata.resource_version.clone().unwrap_or_default(),
    ))
}

/// Whether the annotation with the pool is a field that sovnet applied: a manifest may repeat one.
fn is_note_ours(metadata: &ObjectMeta) -> bool {
    let key = format!("f:{FROM_POOL_ANNOTATION}");
    let mut entries = metadata.managed_fields.iter().flatten();
    entries.any(|entry| {
        let fields = entry.fields_v1.as_ref().map(|fields| &fields.0);
        let annotations = fields.and_then(|all| all.get("f:metadata")?.get("f:annotations"));
        let is_there = annotations.is_some_and(|annotations| annotations.get(&key).is_some());
        is_there && entry.manager.as_deref() == Some(STATUS_MANAGER)
    })
}

/// Who wrote what stands in the status. Who only removes something owns nothing by that, and so leaves
/// no name.
fn status_by(metadata: &ObjectMeta) -> StatusBy {
    let mut by = StatusBy::Nobody;
    for entry in metadata.managed_fields.iter().flatten() {
        let fields = entry.fields_v1.as_ref().map(|fields| &fields.0);
        let balancer = fields.and_then(|all| all.get("f:status")?.get("f:loadBalancer"));
        let Some(balancer) = balancer else { continue };
        let manager = entry.manager.as_deref().unwrap_or_default();
        let is_ours = manager == STATUS_MANAGER;
        match balancer.get("f:ingress") {
            Some(_) if is_ours => return StatusBy::Sovnet,
            Some(_) => by = StatusBy::Other(manager.to_owned()),
            // It wrote that nothing is to stand there.
            None if is_ours && by == StatusBy::Nobody => by = StatusBy::Sovnet,
            None => {}
        }
    }
    by
}

/// The families of a Service's cluster IPs.
fn families(spec: &core::ServiceSpec) -> Families {
    let single = spec.cluster_ip.as_slice();
    let texts = spec.cluster_ips.as_deref().unwrap_or(single);
    Families::read(spec.ip_family_policy.as_deref(), texts)
}

/// Where kube-proxy says whether it delivers to its own node's endpoints; 0 stands for nowhere.
fn health_port(spec: &core::ServiceSpec) -> Option<u16> {
    let port = spec.health_check_node_port?;
    u16::try_from(port).ok().filter(|port| *port != 0)
}

/// Which packets a Service takes, and where they go.
fn backend(spec: &core::ServiceSpec) -> Backend {
    let ports = spec.ports.iter().flatten();
    let ports = ports.map(|port| (port.port, port.protocol.as_deref()));
    Backend::read(ports, spec.selector.iter().flatten())
}

/// The addresses of a Service's status, and whether something else stands there, too.
fn assigned(object: &core::Service) -> (Vec<IpAddr>, bool) {
    let status = object.status.as_ref();
    let balancer = status.and_then(|status| status.load_balancer.as_ref());
    let entries = balancer.and_then(|balancer| balancer.ingress.as_deref());
    let entries = entries.unwrap_or_default();
    let ips = entries.iter().take(ADDRESSES_MAX);
    let (addresses, has_other) = ingress(ips.map(|entry| entry.ip.as_deref()));
    (addresses, has_other || entries.len() > ADDRESSES_MAX)
}

/// Where the endpoints of a slice are.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Endpoints {
    /// Nodes with a ready one, in order. There are as many slices as Services, and a set would
    /// have room for eleven.
    pub(super) ready: Box<[NodeName]>,
    /// Nodes with one that ends and still serves, in order.
    pub(super) terminating: Box<[NodeName]>,
    /// Whether one that names no node takes packets.
    pub(super) is_outside: bool,
}

/// The Service that a slice belongs to, and where its endpoints are; none for a slice of nothing.
pub(super) fn slice(object: &EndpointSlice) -> Option<(ServiceName, Endpoints)> {
    let labels = object.metadata.labels.as_ref()?;
    let service = labels.get(SERVICE_LABEL)?;
    let namespace = object.metadata.namespace.as_deref()?;
    let name = ServiceName::new(namespace, service).ok()?;
    let (mut ready, mut terminating) = (BTreeSet::new(), BTreeSet::new());
    let mut is_outside = false;
    for endpoint in &object.endpoints {
        let node = endpoint
            .node_name
            .as_deref()
            .and_then(|node| node.parse().ok());
        let conditions = endpoint.conditions.as_ref();
        // "nil should be interpreted as ready" (discovery.k8s.io/v1).
        let is_ready = conditions
            .and_then(|conditions| conditions.ready)
            .unwrap_or(true);
        let is_last = conditions.is_some_and(|conditions| {
            conditions.serving == Some(true) && conditions.terminating == Some(true)
        });
        match node {
            Some(node) if is_ready => {
                ready.insert(node);
            }
            Some(node) if is_last => {
                terminating.insert(node);
            }
            Some(_) => {}
            None => is_outside |= is_ready || is_last,
        }
    }
    let found = Endpoints {
        ready: ready.into_iter().collect(),
        terminating: terminating.into_iter().collect(),
        is_outside,
    };
    Some((name, found))
}

/// A node of the cluster.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) addresses: Vec<IpAddr>,
    /// What makes it a last resort; of several the gravest.
    pub(super) bar: Option<Bar>,
}

/// A node with its name.
pub(super) fn node(object: &core::Node) -> Option<(NodeName, Node)> {
    let name = object.metadata.name.as_deref()?.parse().ok()?;
    let status = object.status.as_ref();
    let addresses = status.and_then(|status| status.addresses.as_ref());
    let addresses = addresses.into_iter().flatten();
    let addresses = addresses.filter(|address| address.type_ != "Hostname");
    let addresses = addresses.filter_map(|address| address.address.parse().ok());
    let addresses = addresses.take(ADDRESSES_MAX).collect();
    let bar = bar(object);
    Some((name, Node { addresses, bar }))
}

fn bar(object: &core::Node) -> Option<Bar> {
    let labels = object.metadata.labels.as_ref();
    let annotations = object.metadata.annotations.as_ref();
    let is_marked = |marks: Option<&BTreeMap<String, String>>| {
        let mark = marks.and_then(|all| all.get(Bar::DRAIN));
        mark.is_some_and(|value| value != "false")
    };
    let taints = object.spec.as_ref().and_then(|spec| spec.taints.as_ref());
    let is_tainted = |key: &str| taints.into_iter().flatten().any(|taint| taint.key == key);
    let conditions = object
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_ref());
    let mut conditions = conditions.into_iter().flatten();
    let is_without_network =
        conditions.any(|one| one.type_ == Bar::NETWORK_UNAVAILABLE && one.status == "True");
    if is_tainted(Bar::OUT_OF_SERVICE) {
        Some(Bar::OutOfService)
    } else if is_tainted(Bar::DRAIN) || is_marked(labels) || is_marked(annotations) {
        Some(Bar::Drain)
    } else if is_without_network {
        Some(Bar::NetworkUnavailable)
    } else {
        let is_excluded = labels.is_some_and(|all| all.contains_key(Bar::EXCLUDED));
        is_excluded.then_some(Bar::Excluded)
    }
}

/// A namespace.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Namespace {
    pub(super) uid: String,
    pub(super) labels: BTreeMap<String, String>,
}

/// A namespace with its name.
pub(super) fn namespace(object: &core::Namespace) -> Option<(String, Namespace)> {
    let metadata = &object.metadata;
    let labels = metadata.labels.iter().flatten().take(LABELS_MAX);
    let namespace = Namespace {
        uid: metadata.uid.clone().unwrap_or_default(),
        labels: labels
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
    };
    Some((metadata.name.clone()?, namespace))
}

/// Namespace and name of an object that has both.
pub(super) fn name(metadata: &ObjectMeta) -> Option<ServiceName> {
    let namespace = metadata.namespace.as_deref()?;
    ServiceName::new(namespace, metadata.name.as_deref()?).ok()
}

#[cfg(test)]
mod tests;
