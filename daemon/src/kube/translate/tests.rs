//! Objects as the API sends them, and what is kept of them.

use serde_json::{Value, json};

use super::*;

fn service_of(mut spec: Value, metadata: Value) -> Option<Service> {
    spec["ports"] = json!([{ "port": 80 }]);
    let status = json!({ "loadBalancer": { "ingress": [
        { "ip": "192.0.2.240" }, { "hostname": "lb.example" }, { "ip": "no address" },
    ] } });
    let mut object = json!({ "metadata": metadata, "spec": spec, "status": status });
    object["metadata"]["resourceVersion"] = json!("7");
    let object: core::Service = serde_json::from_value(object).unwrap();
    service(&object).map(|(service, version)| {
        assert_eq!(version, "7");
        service
    })
}

#[test]
fn only_load_balancers_are_kept() {
    for other in ["ClusterIP", "NodePort", "ExternalName"] {
        assert_eq!(service_of(json!({ "type": other }), json!({})), None);
    }
    assert_eq!(service(&core::Service::default()), None);
}

#[test]
fn a_load_balancer_is_trimmed_to_what_is_needed() {
    let metadata = json!({
        "name": "traefik", "namespace": "kube-system", "uid": "u-1",
        "creationTimestamp": "2026-01-02T03:04:05Z",
        "annotations": {
            "metallb.universe.tf/loadBalancerIPs": "192.0.2.241",
            "metallb.io/address-pool": "production",
        },
    });
    let spec = json!({
        "type": "LoadBalancer",
        "externalTrafficPolicy": "Local",
        "loadBalancerClass": "sovnet.internal/l2",
    });
    let service = service_of(spec, metadata).unwrap();
    assert_eq!(service.uid, "u-1");
    assert_eq!(service.created_secs, 1_767_323_045);
    assert_eq!(service.policy, TrafficPolicy::Local);
    assert_eq!(service.class.as_deref(), Some("sovnet.internal/l2"));
    assert_eq!(service.assigned, ["192.0.2.240".parse::<IpAddr>().unwrap()]);
    let (address, _) = service.request.address.unwrap();
    assert_eq!(address.to_string(), "192.0.2.241");
    let (pool, _) = service.request.pool.unwrap();
    assert_eq!(pool, "production");
}

#[test]
fn what_is_missing_has_its_default() {
    let service = service_of(json!({ "type": "LoadBalancer" }), json!({})).unwrap();
    assert_eq!(service.policy, TrafficPolicy::Cluster);
    assert_eq!(service.class, None);
    assert_eq!(service.request, Request::default());
    // Of unknown age: everybody else is older.
    assert_eq!(service.created_secs, i64::MAX);
}

#[test]
fn a_service_for_ipv6_only_can_not_be_served() {
    let families = |families: &[&str]| {
        let spec = json!({ "type": "LoadBalancer", "ipFamilies": families });
        service_of(spec, json!({})).unwrap().request.fault.is_some()
    };
    assert!(families(&["IPv6"]));
    assert!(!families(&["IPv4"]) && !families(&["IPv6", "IPv4"]) && !families(&[]));
}

#[test]
fn endpoints_that_are_ready_or_say_nothing_count() {
    let object = json!({
        "addressType": "IPv4",
        "metadata": {
            "namespace": "web",
            "labels": { "kubernetes.io/service-name": "page" },
        },
        "endpoints": [
            { "addresses": ["10.42.0.5"], "nodeName": "civil", "conditions": { "ready": true } },
            { "addresses": ["10.42.1.5"], "nodeName": "box-01" },
            { "addresses": ["10.42.2.5"], "nodeName": "gone", "conditions": { "ready": false } },
            { "addresses": ["10.42.5.5"], "nodeName": "ending",
              "conditions": { "ready": false, "serving": true, "terminating": true } },
            { "addresses": ["10.42.3.5"], "conditions": { "ready": true } },
            { "addresses": ["10.42.4.5"], "nodeName": "no name!" },
        ],
    });
    let object: EndpointSlice = serde_json::from_value(object).unwrap();
    let (owner, endpoints) = slice(&object).unwrap();
    assert_eq!(owner.to_string(), "web/page");
    let names = |nodes: &BTreeSet<NodeName>| -> Vec<String> {
        nodes.iter().map(ToString::to_string).collect()
    };
    assert_eq!(names(&endpoints.ready), ["box-01", "civil"]);
    assert_eq!(names(&endpoints.terminating), ["ending"]);
    assert_eq!(slice(&EndpointSlice::default()), None);
}

#[test]
fn a_node_has_its_addresses_without_its_host_name() {
    let object = json!({
        "metadata": { "name": "civil" },
        "status": { "addresses": [
            { "type": "InternalIP", "address": "192.0.2.1" },
            { "type": "Hostname", "address": "192.0.2.9" },
            { "type": "InternalIP", "address": "nonsense" },
        ] },
    });
    let object: core::Node = serde_json::from_value(object).unwrap();
    let (name, addresses) = node(&object).unwrap();
    assert_eq!(name.as_str(), "civil");
    assert_eq!(addresses, ["192.0.2.1".parse::<IpAddr>().unwrap()]);
    assert_eq!(node(&core::Node::default()), None);
}
