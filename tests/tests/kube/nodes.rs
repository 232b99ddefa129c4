//! What Kubernetes says of a node, and endpoints that end: addresses go to another node without a
//! gap, and come to a last resort when there is nobody else.

use serde_json::{Value, json};
use sovnet_tests::clock::wait_for;
use sovnet_tests::cluster::objects::Service;
use sovnet_tests::lan::{NODES, address_of};

use crate::scene::{SOON, Scene, other};
use crate::stage::{HOUSE, PAGE};

const EXCLUDED: &str = "node.kubernetes.io/exclude-from-external-load-balancers";

/// Waits until kube-proxy on that node passes packets for the Service on to its own endpoint: it says
/// so at the port for health checks, after its rules are in force.
fn wait_delivered_by(scene: &Scene, service: &Service, name: &str) {
    let object = scene.api().get(&service.path()).unwrap().unwrap();
    let port = object.pointer("/spec/healthCheckNodePort").unwrap();
    let line = format!("curl -sf -m 1 http://{}:{port}/", address_of(name).unwrap());
    let laptop = scene.lan().node("laptop");
    let what = format!("kube-proxy of {name} to deliver");
    wait_for(&what, SOON, || laptop.must(&line).ok()).unwrap();
}

#[test]
fn a_node_that_load_balancers_leave_out_is_a_last_resort_and_drained_without_a_gap() {
    let scene = Scene::up();
    let service = Service::new("kube-system", "traefik");
    scene.apply(&service, &NODES);
    scene.wait_gets(&service, &PAGE.to_string());
    scene.wait_page(PAGE, |page| page.contains("saw"));
    for (key, value) in [(EXCLUDED, ""), ("sovnet.internal/drain", "true")] {
        let first = scene.wait_holder(PAGE);
        let second = other(&first);
        scene.label(&first, key, Some(value));
        scene.fetched_until_held_by(PAGE, second);
        scene.wait_status("the reason", &first, |status| {
            let mut problems = status.problems.iter();
            problems.any(|one| {
                one.code == "node-barred-by-kubernetes"
                    && one.what.contains(key)
                    && one.severity == "note"
            })
        });
        // Nobody else is left: then it is served all the same.
        scene.label(second, key, Some(value));
        scene.wait_status("the reason", second, |status| {
            let mut problems = status.problems.iter();
            problems.any(|one| one.code == "node-barred-by-kubernetes")
        });
        let holder = scene.wait_holder(PAGE);
        assert_eq!(scene.answers(PAGE), [scene.mac(&holder)]);
        for name in NODES {
            scene.label(name, key, None);
        }
    }
}

#[test]
fn a_node_that_is_cordoned_keeps_its_addresses() {
    let scene = Scene::up();
    let service = Service::new(HOUSE, "shop");
    scene.apply(&service, &NODES);
    let address = scene.wait_given(&service);
    let holder = scene.wait_holder(address);
    let cordon = |is_on: Value| {
        let path = format!("/api/v1/nodes/{holder}");
        let patch = json!({ "spec": { "unschedulable": is_on } });
        scene.api().merge(&path, &patch).unwrap();
    };
    cordon(json!(true));
    // What the daemons see after it was seen, too.
    let later = Service::new(HOUSE, "later");
    scene.apply(&later, &NODES);
    scene.wait_holder(scene.wait_given(&later));
    assert_eq!(scene.wait_holder(address), holder);
    cordon(Value::Null);
}

#[test]
fn with_the_local_policy_an_endpoint_that_ends_serves_until_another_node_has_the_address() {
    let scene = Scene::up();
    let service = Service::new("kube-system", "traefik").local();
    scene.apply(&service, &["box-01"]);
    scene.wait_gets(&service, &PAGE.to_string());
    scene.wait_held_by(PAGE, "box-01");
    scene.wait_page(PAGE, |page| page.starts_with("web-box-01"));
    // As in a rolling update, the other one was ready before.
    scene.endpoints(&service, &NODES);
    wait_delivered_by(&scene, &service, "civil");
    scene.hand_over(&service, &["civil"], &["box-01"]);
    scene.fetched_until_held_by(PAGE, "civil");
    scene.wait_page(PAGE, |page| page.starts_with("web-civil"));
    // The last endpoint of all serves until it is gone.
    scene.hand_over(&service, &[], &["civil"]);
    let later = Service::new(HOUSE, "later");
    scene.apply(&later, &NODES);
    scene.wait_holder(scene.wait_given(&later));
    assert_eq!(scene.wait_holder(PAGE), "civil");
    scene.wait_page(PAGE, |page| page.starts_with("web-civil"));
    scene.endpoints(&service, &[]);
    scene.wait_silence(PAGE);
}
