//! Plans of objects as a real API server gives them, and of objects that nobody would write.

use clap::Parser;
use expect_test::{Expect, expect};
use serde_json::{Value, json};

use super::fate::Fate;
use super::{ConfigFile, Found, Plan, answer, plan};
use crate::cli::{Adopt, Cli, Command};

mod garbage;
mod problems;
mod stages;

/// The config of the tests, without Kubernetes.
const PATH: &str = "/etc/sovnet/sovnet.toml";

fn options(more: &[&str]) -> Adopt {
    let line = ["sovnetctl", "adopt", "--from", "metallb"]
        .iter()
        .chain(more);
    let Command::Adopt(options) = Cli::try_parse_from(line).unwrap().command else {
        panic!("another command");
    };
    options
}

fn file(text: &str) -> ConfigFile {
    let text = (!text.is_empty()).then(|| text.to_owned());
    ConfigFile::parse(PATH, text).unwrap()
}

fn pool(name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": "metallb.io/v1beta1",
        "kind": "IPAddressPool",
        "metadata": { "namespace": "metallb-system", "name": name, "labels": { "pool": name } },
        "spec": spec,
    })
}

fn layer2(name: &str, spec: Value) -> Value {
    json!({ "metadata": { "namespace": "metallb-system", "name": name }, "spec": spec })
}

/// A Service that MetalLB has given these addresses.
fn service(id: &str, addresses: &[&str]) -> Value {
    let (namespace, name) = id.split_once('/').unwrap();
    let ingress = addresses
        .iter()
        .map(|at| json!({ "ip": at, "ipMode": "VIP" }));
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "namespace": namespace,
            "name": name,
            "uid": id,
            "resourceVersion": "77",
            "creationTimestamp": "2025-05-24T10:00:00Z",
            "managedFields": [{
                "manager": "controller",
                "operation": "Update",
                "subresource": "status",
                "fieldsV1": { "f:status": { "f:loadBalancer": { "f:ingress": {} } } },
            }],
        },
        "spec": { "type": "LoadBalancer", "clusterIP": "10.43.0.9", "clusterIPs": ["10.43.0.9"] },
        "status": { "loadBalancer": { "ingress": ingress.collect::<Vec<_>>() } },
    })
}

fn part(name: &str, kind: &str) -> Value {
    let labels = json!({ "app": "metallb", "component": kind });
    let metadata = json!({ "namespace": "metallb-system", "name": name, "labels": labels });
    json!({ "metadata": metadata, "spec": { "replicas": 1 } })
}

/// MetalLB with these pools and Services, and an advertisement for all.
fn found(pools: Vec<Value>, services: Vec<Value>) -> Found {
    Found {
        server: "https://127.0.0.1:6443".to_owned(),
        pools,
        layer2: vec![layer2("all", json!({}))],
        services,
        deployments: vec![part("controller", "controller")],
        daemon_sets: vec![part("speaker", "speaker")],
        ..Found::default()
    }
}

fn production() -> Value {
    pool(
        "production",
        json!({ "addresses": ["192.168.8.240-192.168.8.250"] }),
    )
}

/// Name, fate and reason of every Service.
fn fates(plan: &Plan) -> Vec<String> {
    let line = |line: &super::Line| format!("{} {}: {}", line.name, line.fate.word(), line.why);
    plan.lines.iter().map(line).collect()
}

fn check_toml(found: &Found, config: &str, expected: &Expect) {
    let plan = plan(found, &file(config));
    let outcome = answer(&options(&["--toml"]), &plan, None);
    expected.assert_eq(&outcome.text);
    let whole = format!("{config}\n{}", outcome.text);
    sovnet_core::config::parse(&whole).unwrap();
}

#[test]
fn pools_become_sections_with_everything_that_they_say() {
    let apart = pool(
        "apart",
        json!({
            "addresses": ["192.168.8.17/28", " 192.168.9.1 - 192.168.9.1 ", "fd00::/120"],
            "autoAssign": false,
            "avoidBuggyIPs": true,
            "serviceAllocation": {
                "priority": 50,
                "namespaces": ["web", "shop"],
                "namespaceSelectors": [{ "matchLabels": { "team": "web", "tier": "a" } }],
                "serviceSelectors": [
                    { "matchExpressions": [
                        { "key": "team", "operator": "In", "values": ["a", "b"] },
                        { "key": "tier", "operator": "NotIn", "values": ["c"] },
                        { "key": "canary", "operator": "DoesNotExist" },
                        { "key": "x.org/y", "operator": "Exists", "values": [] },
                    ] },
                    { "matchLabels": { "open": "" } },
                ],
            },
        }),
    );
    let everybody = pool(
        "everybody",
        json!({
            "addresses": ["192.168.10.0/24"],
            "serviceAllocation": {
                "priority": 0,
                "namespaces": ["web"],
                "namespaceSelectors": [{}],
                "serviceSelectors": [{ "matchLabels": { "a": "b" } }, { "matchLabels": {} }],
            },
        }),
    );
    let found = found(vec![production(), apart, everybody], Vec::new());
    check_toml(
        &found,
        "",
        &expect![[r#"
            [kubernetes]

            [[pool]]
            name = "production"
            addresses = ["192.168.8.240-192.168.8.250"]

            [[pool]]
            name = "apart"
            addresses = ["192.168.8.16/28", "192.168.9.1", "fd00::/120"]
            auto-assign = false
            priority = 50
            namespaces = ["web", "shop"]
            namespace-selectors = ["team=web,tier=a"]
            service-selectors = ["team in (a, b),tier!=c,!canary,x.org/y", "open="]
            avoid-buggy-ips = true

            [[pool]]
            name = "everybody"
            addresses = ["192.168.10.0/24"]
        "#]],
    );
}

#[test]
fn what_the_config_has_already_is_not_added_again_even_with_keys_of_its_own() {
    let config = "[[pool]]\nname = 'production'\naddresses = ['192.168.8.240-192.168.8.250']\n\
                  cool-down = '10m'\n[kubernetes]\n";
    let found = found(
        vec![production()],
        vec![service("web/a", &["192.168.8.242"])],
    );
    check_toml(&found, config, &expect![""]);
    let plan = plan(&found, &file(config));
    assert!(plan.is_settled(), "{:?}", plan.problems);
}

#[test]
fn every_service_keeps_what_metallb_gave_it() {
    let mut local = service("web/local", &["192.168.8.243"]);
    local["spec"]["externalTrafficPolicy"] = json!("Local");
    let mut asking = service("web/asking", &["192.168.8.244"]);
    asking["metadata"]["annotations"] =
        json!({ "metallb.universe.tf/loadBalancerIPs": "192.168.8.244" });
    let shared = |name: &str, port: u16| {
        let mut shared = service(name, &["192.168.8.245"]);
        shared["metadata"]["annotations"] = json!({ "metallb.io/allow-shared-ip": "one" });
        shared["spec"]["ports"] = json!([{ "port": port, "protocol": "TCP" }]);
        shared
    };
    let mut dual = service("web/dual", &["fd00::7", "192.168.8.246"]);
    dual["spec"]["clusterIPs"] = json!(["10.43.0.9", "fd43::9"]);
    dual["spec"]["ipFamilyPolicy"] = json!("PreferDualStack");
    let both = json!({ "addresses": ["192.168.8.246-192.168.8.250", "fd00::/120"] });
    let first = json!({ "addresses": ["192.168.8.240-192.168.8.245"] });
    let services = vec![
        service("kube-system/traefik", &["192.168.8.240"]),
        local,
        asking,
        shared("web/one", 80),
        shared("web/two", 443),
        dual,
    ];
    let found = found(vec![pool("first", first), pool("both", both)], services);
    let plan = plan(&found, &file(""));
    assert!(plan.is_settled(), "{:?}", plan.problems);
    assert!(
        plan.lines.iter().all(|line| line.fate == Fate::Keeps),
        "{:#?}",
        fates(&plan)
    );
    assert_eq!(plan.lines.len(), 6);
}

#[test]
fn the_owners_of_addresses_that_stay_become_sovnet() {
    let entry = |manager: &str, operation: &str, subresource: &str| {
        json!({
            "manager": manager,
            "operation": operation,
            "subresource": subresource,
            "fieldsV1": { "f:status": { "f:loadBalancer": { "f:ingress": {} } } },
        })
    };
    let others = entry("controller", "Update", "status");
    let with = |name: &str, address: &str, entries: &[&Value]| {
        let mut service = service(name, &[address]);
        service["metadata"]["managedFields"] = json!(entries);
        service
    };
    let (plain, own) = (
        entry("helm", "Apply", ""),
        entry("sovnet-lb", "Apply", "status"),
    );
    let services = vec![
        with("web/one", "192.168.8.241", &[&plain, &others]),
        with("web/two", "192.168.8.242", &[&others, &plain, &others]),
        with("web/both", "192.168.8.243", &[&own, &others]),
        with("web/done", "192.168.8.244", &[&plain, &own]),
        with("web/changes", "192.168.8.9", &[&others]),
    ];
    let found = found(vec![production()], services);
    let outcome = answer(&options(&["--owners"]), &plan(&found, &file("")), None);
    expect![[r#"
        kubectl -n web patch service both --type=json -p '[{"op":"test","path":"/metadata/resourceVersion","value":"77"},{"op":"remove","path":"/metadata/managedFields/1"}]'
        kubectl -n web patch service one --type=json -p '[{"op":"test","path":"/metadata/resourceVersion","value":"77"},{"op":"replace","path":"/metadata/managedFields/1/manager","value":"sovnet-lb"},{"op":"replace","path":"/metadata/managedFields/1/operation","value":"Apply"}]'
        kubectl -n web patch service two --type=json -p '[{"op":"test","path":"/metadata/resourceVersion","value":"77"},{"op":"remove","path":"/metadata/managedFields/2"},{"op":"replace","path":"/metadata/managedFields/0/manager","value":"sovnet-lb"},{"op":"replace","path":"/metadata/managedFields/0/operation","value":"Apply"}]'
    "#]].assert_eq(&outcome.text);
    assert_eq!(outcome.code, 3, "one changes");
}

#[test]
fn the_whole_plan_names_the_steps_there_and_back() {
    let services = vec![
        service("kube-system/traefik", &["192.168.8.240"]),
        service("web/shop", &["192.168.8.242"]),
        service("web/new", &[]),
    ];
    let found = found(vec![production()], services);
    let outcome = answer(&options(&[]), &plan(&found, &file("")), None);
    assert_eq!(outcome.code, 0);
    expect![[r#"
        MetalLB at https://127.0.0.1:6443: 1 pool, 3 Services of type LoadBalancer. Judged by sovnet's own allocation, with no config yet (/etc/sovnet/sovnet.toml is not there): 2 of 2 with an address keep it; nothing has to be decided.

        TO ADD TO /etc/sovnet/sovnet.toml

        [kubernetes]

        [[pool]]
        name = "production"
        addresses = ["192.168.8.240-192.168.8.250"]

          SERVICE              HAS            POOL        SOVNET    WHY
        ● kube-system/traefik  192.168.8.240  production  keeps     it has had it
        ○ web/new              -              production  gets one  192.168.8.241: first free address of the pool production
        ● web/shop             192.168.8.242  production  keeps     it has had it

        STEPS
        1. On every node: sovnet is installed, and has its rights in the cluster.
             sovnetctl k8s can-i
        2. Add the above to /etc/sovnet/sovnet.toml, the same on every node, and let each node check it. sovnetd is not restarted yet.
             sovnetctl adopt --from metallb --toml >> /etc/sovnet/sovnet.toml
             sovnetd check-config --here /etc/sovnet/sovnet.toml
        3. Stop MetalLB's controller. From here on no Service gets or loses an address; the speakers go on announcing.
             kubectl -n metallb-system scale deployment controller --replicas=0
        4. Make sovnet the owner of the addresses in the statuses; no address changes.
             sovnetctl adopt --from metallb --owners | sh
        5. Ten seconds later, on every node: start sovnetd. It announces every address; MetalLB still answers for them, too, and whichever node is asked passes the packets on. Go on when `sovnetctl status` names a holder for each address.
             systemctl restart sovnetd
             sovnetctl status
        6. Let MetalLB's speakers go: no node has this label.
             kubectl -n metallb-system patch daemonset speaker --type=merge -p '{"spec":{"template":{"spec":{"nodeSelector":{"sovnet.internal/adopted":"true"}}}}}'
        7. Look from another machine of the LAN (one MAC answers for each address), and once you trust it remove MetalLB in the way in which it was installed. Its controller must not run again before: it would write statuses.
             arping -c 3 192.168.8.240

        BACK, FROM ANY STEP
        1. MetalLB's speakers come back.
             kubectl -n metallb-system patch daemonset speaker --type=merge -p '{"spec":{"template":{"spec":{"nodeSelector":{"sovnet.internal/adopted":null}}}}}'
        2. On every node: `classless = false` in [kubernetes] of /etc/sovnet/sovnet.toml, and restart. sovnet then leaves the Services alone and their statuses as they are. Do not take the pools out while it serves them: it would take the addresses back.
             systemctl restart sovnetd
        3. MetalLB's controller comes back.
             kubectl -n metallb-system scale deployment controller --replicas=1
    "#]].assert_eq(&outcome.text);
}
