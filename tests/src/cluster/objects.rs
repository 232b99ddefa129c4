//! Kubernetes objects as the tests write them, and where they live in the API.

use std::net::Ipv4Addr;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use crate::lan::pods::{PAGE_PORT, PODS, Pod};

/// Where the Lease of the node that writes lives.
pub const LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/sovnet-system/leases/sovnet";

/// A Service in the making: of type LoadBalancer, port 80, for the pages of the pods.
#[derive(Debug, Clone)]
pub struct Service {
    namespace: String,
    name: String,
    object: Value,
}

impl Service {
    /// A plain one.
    pub fn new(namespace: &str, name: &str) -> Service {
        let object = json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": { "namespace": namespace, "name": name },
            "spec": {
                "type": "LoadBalancer",
                "ports": [{ "name": "web", "port": 80, "targetPort": PAGE_PORT, "protocol": "TCP" }],
            },
        });
        Service {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            object,
        }
    }

    /// With an annotation.
    pub fn annotated(mut self, key: &str, value: &str) -> Service {
        self.object["metadata"]["annotations"][key] = Value::from(value);
        self
    }

    /// With a field of its spec.
    pub fn with(mut self, field: &str, value: impl Into<Value>) -> Service {
        self.object["spec"][field] = value.into();
        self
    }

    /// With `externalTrafficPolicy: Local`.
    pub fn local(self) -> Service {
        self.with("externalTrafficPolicy", "Local")
    }

    /// `namespace/name`.
    pub fn key(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    /// Where it lives.
    pub fn path(&self) -> String {
        service_path(&self.namespace, &self.name)
    }

    /// As JSON.
    pub fn object(&self) -> &Value {
        &self.object
    }

    /// Its endpoints: one on each of `ready`'s nodes, and one that is not ready on each other node.
    pub fn endpoints(&self, ready: &[&str]) -> Value {
        self.ending_endpoints(ready, &[])
    }

    /// The same, with some that end and still serve.
    pub fn ending_endpoints(&self, ready: &[&str], ending: &[&str]) -> Value {
        let endpoint = |pod: Pod| {
            let is_ready = ready.contains(&pod.node);
            let ends = ending.contains(&pod.node);
            json!({
                "addresses": [pod.address().to_string()],
                "conditions": { "ready": is_ready, "serving": is_ready || ends, "terminating": ends },
                "nodeName": pod.node,
            })
        };
        json!({
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "namespace": self.namespace,
                "name": format!("{}-pods", self.name),
                "labels": { "kubernetes.io/service-name": self.name },
            },
            "addressType": "IPv4",
            "endpoints": PODS.map(endpoint),
            "ports": [{ "name": "web", "port": PAGE_PORT, "protocol": "TCP" }],
        })
    }
}

/// Where a Service lives.
pub fn service_path(namespace: &str, name: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/services/{name}")
}

/// The addresses in a Service's status.
pub fn ingress(service: &Value) -> Vec<String> {
    let entries = service.pointer("/status/loadBalancer/ingress");
    let entries = entries.and_then(Value::as_array).into_iter().flatten();
    entries
        .filter_map(|entry| Some(entry.get("ip")?.as_str()?.to_owned()))
        .collect()
}

/// A patch that puts one address into a Service's status, or empties it.
pub fn status_with(address: Option<Ipv4Addr>) -> Value {
    let entry = |address: Ipv4Addr| json!({ "ip": address.to_string(), "ipMode": "VIP" });
    let entries: Vec<Value> = address.map(entry).into_iter().collect();
    json!({ "status": { "loadBalancer": { "ingress": entries } } })
}

/// A namespace.
pub fn namespace(name: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } })
}

/// A Node, without its status.
pub(super) fn node(name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": { "kubernetes.io/hostname": name, "kubernetes.io/os": "linux" },
        },
    })
}

/// Its status: the address on the LAN, and Ready.
pub(super) fn node_status(name: &str, address: Ipv4Addr, now: &str) -> Value {
    json!({ "status": {
        "addresses": [
            { "type": "InternalIP", "address": address.to_string() },
            { "type": "Hostname", "address": name },
        ],
        "conditions": [{
            "type": "Ready",
            "status": "True",
            "reason": "KubeletReady",
            "message": "the tests' kubelet runs",
            "lastHeartbeatTime": now,
            "lastTransitionTime": now,
        }],
    } })
}

/// The Lease that a kubelet renews.
pub(super) fn node_lease(name: &str, now: &str) -> Value {
    json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": { "namespace": "kube-node-lease", "name": name },
        "spec": {
            "holderIdentity": name,
            "leaseDurationSeconds": 40,
            "renewTime": now,
        },
    })
}

/// Where an object lives in the API.
///
/// # Errors
/// If it has no name, or is of a kind that the tests do not use.
pub(super) fn path_of(object: &Value) -> anyhow::Result<String> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
    let kind = text("/kind").context("an object has a kind")?;
    let plural = match kind {
        "Service" => "services",
        "EndpointSlice" => "endpointslices",
        "Node" => "nodes",
        "Namespace" => "namespaces",
        "Lease" => "leases",
        "ClusterRole" => "clusterroles",
        "ClusterRoleBinding" => "clusterrolebindings",
        _ => bail!("the tests do not know where a {kind} lives"),
    };
    let version = text("/apiVersion").context("an object has a version")?;
    let group = if version.contains('/') {
        "/apis"
    } else {
        "/api"
    };
    let within = text("/metadata/namespace").map(|name| format!("/namespaces/{name}"));
    let within = within.unwrap_or_default();
    let name = text("/metadata/name").context("an object has a name")?;
    Ok(format!("{group}/{version}{within}/{plural}/{name}"))
}

#[cfg(test)]
mod tests;
