//! From objects of the API to what the allocation knows of them, as the daemon reads them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use k8s_openapi::api::core::v1 as core;
use serde_json::Value;
use sovnet_core::facts::cluster::{Backend, Families, LABELS_MAX, Service, TrafficPolicy, ingress};
use sovnet_core::facts::request::Request;
use sovnet_core::names::{NodeName, ServiceName};

use sovnet_core::metallb::json::{labels, list, name, namespace, text};

use super::{Problem, owners};
use crate::words::one_line;

/// A Service of type LoadBalancer.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) name: ServiceName,
    pub(super) service: Service,
    /// What makes sovnet the owner of the addresses in its status; none if nobody else is.
    pub(super) handover: Option<Value>,
}

/// Every Service of type LoadBalancer; what cannot be read is told.
pub(super) fn read(objects: &[Value], problems: &mut Vec<Problem>) -> Vec<Found> {
    let mut found = Vec::new();
    for object in objects {
        if text(object, "/spec/type") != Some("LoadBalancer") {
            continue;
        }
        match one(object) {
            Some(service) => found.push(service),
            None => {
                let id = format!("{}/{}", namespace(object), name(object));
                let what = format!("the Service {} can't be read", one_line(&id));
                problems.push(Problem::open(
                    what,
                    "sovnet would leave it out, too: look at it",
                ));
            }
        }
    }
    found
}

fn one(object: &Value) -> Option<Found> {
    let handover = owners::handover(object);
    let object: core::Service = serde_json::from_value(object.clone()).ok()?;
    let (metadata, spec) = (&object.metadata, object.spec.as_ref()?);
    let annotation = |name: &str| {
        let annotations = metadata.annotations.as_ref();
        annotations
            .and_then(|all| all.get(name))
            .map(String::as_str)
    };
    let request = Request::read(annotation, spec.load_balancer_ip.as_deref());
    let (assigned, has_foreign_status) = assigned(&object);
    let created = metadata.creation_timestamp.as_ref();
    let labels = metadata.labels.iter().flatten().take(LABELS_MAX);
    let service = Service {
        uid: metadata.uid.clone().unwrap_or_default(),
        created_secs: created.map_or(i64::MAX, |time| time.0.as_second()),
        class: spec.load_balancer_class.clone(),
        policy: TrafficPolicy::read(spec.external_traffic_policy.as_deref()),
        // Nobody asks it for a plan.
        health_port: None,
        labels: labels
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
        families: families(spec),
        backend: backend(spec, &request),
        request,
        assigned,
        has_foreign_status,
        ..Service::default()
    };
    let name = ServiceName::new(metadata.namespace.as_deref()?, metadata.name.as_deref()?).ok()?;
    Some(Found {
        name,
        service,
        handover,
    })
}

/// The families of a Service's cluster IPs.
fn families(spec: &core::ServiceSpec) -> Families {
    let single = spec.cluster_ip.as_slice();
    let texts = spec.cluster_ips.as_deref().unwrap_or(single);
    Families::read(spec.ip_family_policy.as_deref(), texts)
}

/// Which packets a Service that would share takes, and where they go.
fn backend(spec: &core::ServiceSpec, request: &Request) -> Backend {
    if request.sharing.is_none() {
        return Backend::default();
    }
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
    ingress(entries.iter().map(|entry| entry.ip.as_deref()))
}

/// The labels of each object, by its name.
pub(super) fn labels_by_name(objects: &[Value]) -> BTreeMap<String, BTreeMap<String, String>> {
    let of = |object: &Value| (name(object).to_owned(), labels(object));
    objects.iter().map(of).collect()
}

/// The addresses of each node.
pub(super) fn nodes(objects: &[Value]) -> BTreeMap<NodeName, Vec<IpAddr>> {
    let of = |object: &Value| {
        let node: NodeName = name(object).parse().ok()?;
        let addresses = list(object, "/status/addresses").iter();
        let addresses = addresses.filter(|one| text(one, "/type") != Some("Hostname"));
        let addresses = addresses.filter_map(|one| text(one, "/address")?.parse().ok());
        let addresses: BTreeSet<IpAddr> = addresses.collect();
        Some((node, addresses.into_iter().collect()))
    };
    objects.iter().filter_map(of).collect()
}
