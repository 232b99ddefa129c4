//! The ground that the other tests stand on: Kubernetes and kube-proxy themselves, without sovnet.

use sovnet_tests::cluster::objects::Service;
use sovnet_tests::lan::arp::link_mac;

use crate::scene::Scene;
use crate::stage::{HOUSE, LAPTOP, PAGE};

/// What sovnet does: the laptop finds the address at a node.
fn point_at(scene: &Scene, node: &str) {
    let mac = link_mac(scene.lan().node(node), "eth0").unwrap();
    let line = format!("ip neigh replace {PAGE} lladdr {mac} dev eth0 nud permanent");
    scene.lan().node("laptop").must(&line).unwrap();
}

#[test]
fn the_page_is_reached_through_the_real_kube_proxy_once_the_status_has_the_address() {
    let mut scene = Scene::bare();
    let service = Service::new(HOUSE, "ground");
    scene.apply(&service, &["box-01"]);
    point_at(&scene, "civil");
    assert_eq!(scene.page(PAGE), None, "nobody has given it the address");
    scene.patch_status(&service, Some(PAGE));
    scene.wait_rules(PAGE);
    let page = scene.wait_page(PAGE, |page| page.contains("saw"));
    assert!(page.starts_with("web-box-01 saw "), "{page}");
    assert!(!page.contains(LAPTOP), "the node stands between: {page}");
}

#[test]
fn with_the_local_policy_a_pod_sees_who_asks_and_other_nodes_serve_nothing() {
    let mut scene = Scene::bare();
    let service = Service::new(HOUSE, "ground-local").local();
    scene.apply(&service, &["civil"]);
    scene.patch_status(&service, Some(PAGE));
    scene.wait_rules(PAGE);
    point_at(&scene, "civil");
    let page = scene.wait_page(PAGE, |page| page.contains("saw"));
    assert_eq!(page, format!("web-civil saw {LAPTOP}"));
    point_at(&scene, "box-01");
    assert_eq!(scene.page(PAGE), None, "box-01 has no endpoint of its own");
}

#[test]
fn both_nodes_are_ready_with_their_addresses() {
    let scene = Scene::bare();
    let nodes = scene.api().list("/api/v1/nodes").unwrap();
    let mut known: Vec<String> = nodes
        .iter()
        .map(|node| {
            let text = |pointer| node.pointer(pointer).and_then(|one| one.as_str());
            let name = text("/metadata/name").unwrap();
            let address = text("/status/addresses/0/address").unwrap();
            let ready = text("/status/conditions/0/status").unwrap();
            format!("{name} {address} {ready}")
        })
        .collect();
    known.sort();
    assert_eq!(
        known,
        ["box-01 192.168.8.218 True", "civil 192.168.8.222 True"]
    );
}
