//! Objects as the API sends them, and what is kept of them.

use serde_json::{Value, json};
use sovnet_core::facts::cluster::{Family, FamilyPolicy};

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
        "labels": { "team": "web" },
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
    let (address, _) = &service.request.addresses[0];
    assert_eq!(address.to_string(), "192.0.2.241");
    assert!(service.has_foreign_status);
    assert_eq!(service.labels["team"], "web");
    assert_eq!(service.noted_pool, None);
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
fn the_families_are_those_of_the_cluster_ips_and_none_while_there_are_none() {
    let of = |spec: Value| service_of(spec, json!({})).unwrap().families;
    let families = |addresses: &[&str], policy: &str| {
        of(json!({
            "type": "LoadBalancer", "clusterIPs": addresses, "ipFamilyPolicy": policy,
        }))
    };
    let dual = families(&["fd00::1", "10.43.0.1"], "RequireDualStack");
    assert_eq!(dual.policy, FamilyPolicy::RequireDualStack);
    assert_eq!(dual.of, [Family::V6, Family::V4]);
    let single = families(&["10.43.0.1"], "SingleStack");
    assert_eq!(single, Families::default());
    assert!(families(&["None"], "SingleStack").of.is_empty());
    assert!(of(json!({ "type": "LoadBalancer" })).of.is_empty());
    // As older versions write it.
    let older = of(json!({ "type": "LoadBalancer", "clusterIP": "fd00::1" }));
    assert_eq!(older.of, [Family::V6]);
}

#[test]
fn ports_and_pods_are_kept_of_those_that_would_share_only() {
    let spec = json!({ "type": "LoadBalancer", "selector": { "b": "2", "a": "1" } });
    let none = service_of(spec.clone(), json!({})).unwrap();
    assert_eq!(none.backend, Backend::default());
    let annotations = json!({ "annotations": { "metallb.io/allow-shared-ip": "key" } });
    let shared = service_of(spec, annotations).unwrap();
    assert_eq!(shared.request.sharing.as_deref(), Some("key"));
    assert_eq!(shared.backend.selector, "a=1,b=2");
    let ports = shared.backend.ports.iter().map(ToString::to_string);
    assert_eq!(ports.collect::<Vec<_>>(), ["TCP port 80"]);
}

#[test]
fn a_load_balancer_that_became_something_else_gives_back_what_sovnet_gave_it() {
    let metadata = |manager: &str| {
        let note = json!({ "f:sovnet.internal/ip-allocated-from-pool": {} });
        json!({
            "annotations": { "sovnet.internal/ip-allocated-from-pool": "lan" },
            "managedFields": [{
                "manager": manager, "operation": "Apply", "subresource": "status",
                "fieldsV1": { "f:metadata": { "f:annotations": note } },
            }],
        })
    };
    let spec = json!({ "type": "NodePort" });
    let former = service_of(spec.clone(), metadata(STATUS_MANAGER)).unwrap();
    assert!(former.is_former && !former.has_foreign_note);
    assert_eq!(former.noted_pool.as_deref(), Some("lan"));
    // A manifest that repeats the annotation does not make it sovnet's.
    assert_eq!(service_of(spec, metadata("kubectl")), None);
    let spec = json!({ "type": "LoadBalancer" });
    let copied = service_of(spec, metadata("kubectl")).unwrap();
    assert!(copied.has_foreign_note);
    assert_eq!(copied.noted_pool, None);
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
    let names =
        |nodes: &[NodeName]| -> Vec<String> { nodes.iter().map(ToString::to_string).collect() };
    assert_eq!(names(&endpoints.ready), ["box-01", "civil"]);
    assert_eq!(names(&endpoints.terminating), ["ending"]);
    assert!(endpoints.is_outside, "one names no node");
    assert_eq!(slice(&EndpointSlice::default()), None);
    let unready = json!({ "addresses": ["10.42.3.5"], "conditions": { "ready": false } });
    let object = json!({
        "addressType": "IPv4",
        "metadata": {
            "namespace": "web",
            "labels": { "kubernetes.io/service-name": "page" },
        },
        "endpoints": [unready],
    });
    let object: EndpointSlice = serde_json::from_value(object).unwrap();
    let (_owner, endpoints) = slice(&object).unwrap();
    assert!(!endpoints.is_outside);
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
    let (name, node_seen) = node(&object).unwrap();
    assert_eq!(name.as_str(), "civil");
    let expected = Node {
        addresses: vec!["192.0.2.1".parse().unwrap()],
        bar: None,
    };
    assert_eq!(node_seen, expected);
    assert_eq!(node(&core::Node::default()), None);
}

#[test]
fn what_speaks_against_a_node_is_read_and_the_gravest_counts() {
    let bar_of = |metadata: Value, spec: Value, status: Value| {
        let mut object = json!({ "metadata": metadata, "spec": spec, "status": status });
        object["metadata"]["name"] = json!("civil");
        let object: core::Node = serde_json::from_value(object).unwrap();
        node(&object).unwrap().1.bar
    };
    let labels = |key: &str, value: &str| json!({ "labels": { key: value } });
    let taint = |key: &str| json!({ "taints": [{ "key": key, "effect": "NoExecute" }] });
    let condition = |status: &str| {
        let condition = json!({ "type": "NetworkUnavailable", "status": status });
        json!({ "conditions": [{ "type": "Ready", "status": "True" }, condition] })
    };
    // A cordoned node keeps its addresses: it is not going away.
    let cordoned = json!({ "unschedulable": true });
    assert_eq!(bar_of(json!({}), cordoned, json!({})), None);
    assert_eq!(bar_of(json!({}), json!({}), condition("False")), None);
    let excluded = labels(
        "node.kubernetes.io/exclude-from-external-load-balancers",
        "false",
    );
    let found = bar_of(excluded.clone(), json!({}), json!({}));
    assert_eq!(found, Some(Bar::Excluded));
    let found = bar_of(excluded, json!({}), condition("True"));
    assert_eq!(found, Some(Bar::NetworkUnavailable));
    let mark = "sovnet.internal/drain";
    assert_eq!(bar_of(labels(mark, "false"), json!({}), json!({})), None);
    let found = bar_of(labels(mark, ""), json!({}), condition("True"));
    assert_eq!(found, Some(Bar::Drain));
    let annotation = json!({ "annotations": { mark: "true" } });
    let found = bar_of(annotation, json!({}), json!({}));
    assert_eq!(found, Some(Bar::Drain));
    assert_eq!(bar_of(json!({}), taint(mark), json!({})), Some(Bar::Drain));
    let out = taint("node.kubernetes.io/out-of-service");
    let found = bar_of(labels(mark, ""), out, json!({}));
    assert_eq!(found, Some(Bar::OutOfService));
}

#[test]
fn who_wrote_a_status_is_who_owns_its_addresses() {
    let addresses = json!({ "f:loadBalancer": { "f:ingress": {} } });
    let nothing = json!({ "f:loadBalancer": {} });
    let written = |entries: &[(&str, &Value)]| {
        let entries = entries.iter().map(|(manager, status)| {
            json!({
                "manager": manager, "operation": "Update", "subresource": "status",
                "fieldsV1": { "f:status": status },
            })
        });
        let metadata = json!({ "managedFields": entries.collect::<Vec<_>>() });
        let service = service_of(json!({ "type": "LoadBalancer" }), metadata);
        service.unwrap().status_by
    };
    let other = StatusBy::Other("k3s".to_owned());
    assert_eq!(written(&[("k3s", &addresses)]), other);
    assert_eq!(written(&[(STATUS_MANAGER, &addresses)]), StatusBy::Sovnet);
    let both = [(STATUS_MANAGER, &addresses), ("k3s", &addresses)];
    assert_eq!(written(&both), StatusBy::Sovnet);
    // What sovnet emptied is its own until somebody writes there.
    assert_eq!(written(&[(STATUS_MANAGER, &nothing)]), StatusBy::Sovnet);
    let taken = [("k3s", &addresses), (STATUS_MANAGER, &nothing)];
    assert_eq!(written(&taken), other);
    let conditions = json!({ "f:conditions": {} });
    assert_eq!(written(&[("k3s", &conditions)]), StatusBy::Nobody);
    assert_eq!(written(&[("k3s", &nothing)]), StatusBy::Nobody);
    assert_eq!(written(&[]), StatusBy::Nobody);
}
