//! What Services ask for by MetalLB's words, and what is written back.

use serde_json::Value;
use sovnet_tests::clock::wait_for;
use sovnet_tests::cluster::objects::Service;
use sovnet_tests::lan::NODES;

use crate::scene::{SOON, Scene, config};
use crate::stage::HOUSE;

/// The pool that the Service's address is from, as it stands there.
fn noted_pool(scene: &Scene, service: &Service) -> Option<String> {
    let object = scene.api().get(&service.path()).unwrap()?;
    let pointer = "/metadata/annotations/sovnet.internal~1ip-allocated-from-pool";
    let pool = object.pointer(pointer).and_then(Value::as_str);
    pool.map(str::to_owned)
}

#[test]
fn services_with_one_key_share_an_address_as_long_as_their_ports_differ() {
    let scene = Scene::up();
    let shared = |name: &str, port: u16| {
        let port = serde_json::json!([{ "name": "web", "port": port, "protocol": "TCP" }]);
        let service = Service::new(HOUSE, name).with("ports", port);
        service.annotated("metallb.io/allow-shared-ip", "one key")
    };
    let (first, second) = (shared("first", 80), shared("second", 81));
    scene.apply(&first, &NODES);
    scene.wait_gets(&first, "192.168.8.242");
    scene.apply(&second, &NODES);
    scene.wait_gets(&second, "192.168.8.242");
    let third = shared("third", 81);
    scene.apply(&third, &NODES);
    scene.wait_gets(&third, "192.168.8.243");
    let holder = scene.wait_holder("192.168.8.242".parse().unwrap());
    let answers = scene.answers("192.168.8.242".parse().unwrap());
    assert_eq!(answers, [scene.mac(&holder)]);
}

#[test]
fn the_pool_is_noted_and_who_is_no_load_balancer_any_more_gives_its_address_back() {
    let scene = Scene::up();
    let service = Service::new(HOUSE, "changes");
    scene.apply(&service, &NODES);
    scene.wait_gets(&service, "192.168.8.242");
    assert_eq!(noted_pool(&scene, &service).as_deref(), Some("production"));
    scene.apply(&service.clone().with("type", "NodePort"), &NODES);
    let is_clean = || scene.given(&service).is_empty() && noted_pool(&scene, &service).is_none();
    wait_for("nothing of sovnet's", SOON, || is_clean().then_some(())).unwrap();
    scene.wait_silence("192.168.8.242".parse().unwrap());
}

#[test]
fn an_address_that_is_reserved_for_a_namespace_is_for_nobody_else() {
    let mut scene = Scene::bare();
    let reserve = "\n[[reserve]]\naddress = '192.168.8.242'\nnamespaces = ['kube-system']\n";
    scene.start_all(&(config() + reserve));
    let asks = |namespace: &str| {
        let service = Service::new(namespace, "asks");
        service.annotated("sovnet.internal/loadBalancerIPs", "192.168.8.242")
    };
    let stranger = asks(HOUSE);
    scene.apply(&stranger, &NODES);
    let note = scene.wait_event(&stranger, "AllocationFailed", "Warning");
    let why = "192.168.8.242 is reserved for Services of the namespace kube-system";
    assert!(note.contains(why), "{note}");
    let plain = Service::new(HOUSE, "plain");
    scene.apply(&plain, &NODES);
    scene.wait_gets(&plain, "192.168.8.243");
    let owner = asks("kube-system");
    scene.apply(&owner, &NODES);
    scene.wait_gets(&owner, "192.168.8.242");
}

#[test]
fn a_deprecated_annotation_is_told_by_one_event_also_after_restarts() {
    let mut scene = Scene::up();
    let old = |name: &str, address: &str| {
        let service = Service::new(HOUSE, name);
        service.annotated("metallb.universe.tf/loadBalancerIPs", address)
    };
    let first = old("a-first", "192.168.8.248");
    scene.apply(&first, &NODES);
    let note = scene.wait_event(&first, "deprecatedAnnotation", "Warning");
    assert_eq!(
        note,
        "the annotation metallb.universe.tf/loadBalancerIPs is deprecated: write \
         sovnet.internal/loadBalancerIPs, which means the same"
    );
    scene.daemons.clear();
    scene.start_all(&config());
    // It is told after the first one.
    let second = old("b-second", "192.168.8.249");
    scene.apply(&second, &NODES);
    scene.wait_event(&second, "deprecatedAnnotation", "Warning");
    let events = scene.events(&first, "deprecatedAnnotation").unwrap();
    assert_eq!(events.len(), 1, "{events:?}");
}
