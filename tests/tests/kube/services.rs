//! Services get addresses, are announced and named, and give back what they had.

use std::collections::BTreeSet;
use std::fs;
use std::net::Ipv4Addr;
use std::time::Duration;

use serde_json::json;
use sovnet_tests::clock::{now, wait_for};
use sovnet_tests::cluster::objects::Service;
use sovnet_tests::lan::NODES;

use crate::outage::problem;
use crate::scene::{SOON, Scene, config, in_kubernetes};
use crate::stage::{HOUSE, PAGE};

/// What the DNS of the LAN calls a Service.
fn name_of(service: &Service) -> String {
    let key = service.key();
    let (namespace, name) = key.split_once('/').unwrap();
    format!("{name}.{namespace}.svc.internal.cloud.payne.io")
}

/// Whether the two nodes have rules for, and one of them answers for, the address.
fn serve(scene: &Scene, address: Ipv4Addr) {
    let holder = scene.wait_holder(address);
    assert_eq!(scene.answers(address), [scene.mac(&holder)]);
    scene.wait_page(address, |page| page.contains("saw"));
}

#[test]
fn a_service_gets_an_address_is_announced_by_one_node_named_and_forgotten_with_it() {
    let scene = Scene::up();
    let service = Service::new(HOUSE, "shop");
    scene.apply(&service, &NODES);
    // .240 is reserved for another one, .241 is the DNS's.
    scene.wait_gets(&service, "192.168.8.242");
    let address = scene.wait_given(&service);
    serve(&scene, address);
    let note = scene.wait_event(&service, "IPAllocated", "Normal");
    assert!(note.contains("192.168.8.242"), "{note}");
    let note = scene.wait_event(&service, "nodeAssigned", "Normal");
    let holder = scene.wait_holder(address);
    assert_eq!(
        note,
        format!("announcing 192.168.8.242 from node \"{holder}\" with protocol \"layer2\"")
    );
    for name in NODES {
        let line = scene.wait_line("is assigned", (name, &service), |line| {
            line.state == "assigned" && line.ready_here
        });
        assert_eq!(line.addresses, ["192.168.8.242"]);
        assert_eq!(line.pool.as_deref(), Some("production"));
        assert!(!line.reason.is_empty());
    }
    let named = || (scene.lookup(&name_of(&service)) == "192.168.8.242").then_some(());
    wait_for("its name", SOON, named).unwrap();
    scene.delete(&service);
    scene.wait_silence(address);
    let gone = || scene.lookup(&name_of(&service)).is_empty().then_some(());
    wait_for("its name to be gone", SOON, gone).unwrap();
    let since = now();
    scene.hold_for("silence", Duration::from_secs(1), |scene| {
        scene.answers(address).is_empty()
    });
    scene.assert_silent(address, since);
}

#[test]
fn services_that_are_made_at_once_get_different_addresses_and_keep_them() {
    let scene = Scene::up();
    // Not in the order of their names: of two of one second, the first by name is the older one.
    let services = ["web", "shop", "mail", "app"].map(|name| Service::new(HOUSE, name));
    let objects: Vec<_> = services.iter().map(Service::object).collect();
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": objects });
    let file = std::env::temp_dir().join(format!("sovnet-at-once-{}.json", std::process::id()));
    fs::write(&file, list.to_string()).unwrap();
    scene.api().kubectl_apply(&file).unwrap();
    fs::remove_file(&file).unwrap();
    let given: Vec<Ipv4Addr> = services.iter().map(|one| scene.wait_given(one)).collect();
    let different: BTreeSet<&Ipv4Addr> = given.iter().collect();
    assert_eq!(different.len(), services.len(), "{given:?}");
    for (service, address) in services.iter().zip(&given) {
        let note = scene.wait_event(service, "IPAllocated", "Normal");
        assert!(note.contains(&address.to_string()), "{note}: {given:?}");
    }
    scene.hold_for("the same addresses", Duration::from_secs(1), |scene| {
        let mut all = services.iter().zip(&given);
        all.all(|(service, address)| scene.given(service) == [address.to_string()])
    });
}

#[test]
fn a_reserved_address_and_those_that_are_asked_for_in_each_way_are_given() {
    let scene = Scene::up();
    let new = |name| Service::new(HOUSE, name);
    let services = [
        (Service::new("kube-system", "traefik"), "192.168.8.240"),
        (
            new("by-field").with("loadBalancerIP", "192.168.8.250"),
            "192.168.8.250",
        ),
        (
            new("by-universe").annotated("metallb.universe.tf/loadBalancerIPs", "192.168.8.249"),
            "192.168.8.249",
        ),
        (
            new("by-metallb").annotated("metallb.io/loadBalancerIPs", "192.168.8.248"),
            "192.168.8.248",
        ),
        (
            new("by-sovnet").annotated("sovnet.internal/loadBalancerIPs", "192.168.8.247"),
            "192.168.8.247",
        ),
        (
            new("by-pool").annotated("metallb.universe.tf/address-pool", "production"),
            "192.168.8.242",
        ),
    ];
    for (service, _) in &services {
        scene.apply(service, &NODES);
    }
    for (service, address) in &services {
        scene.wait_gets(service, address);
    }
    for (_, address) in &services {
        serve(&scene, address.parse().unwrap());
    }
}

#[test]
fn an_address_outlives_restarts_of_both_daemons_and_is_free_again_after_the_service() {
    let mut scene = Scene::up();
    let (first, second) = (Service::new(HOUSE, "first"), Service::new(HOUSE, "second"));
    scene.apply(&first, &NODES);
    scene.wait_gets(&first, "192.168.8.242");
    scene.apply(&second, &NODES);
    scene.wait_gets(&second, "192.168.8.243");
    scene.daemons.clear();
    scene.delete(&first);
    scene.start_all(&config());
    let third = Service::new(HOUSE, "third");
    scene.apply(&third, &NODES);
    scene.wait_gets(&third, "192.168.8.242");
    assert_eq!(scene.given(&second), ["192.168.8.243"]);
}

#[test]
fn a_service_of_another_controller_is_left_alone() {
    let scene = Scene::up();
    let foreign = Service::new(HOUSE, "foreign").with("loadBalancerClass", "example.org/other");
    let own = Service::new(HOUSE, "own").with("loadBalancerClass", "sovnet.internal/l2");
    scene.apply(&foreign, &NODES);
    scene.apply(&own, &NODES);
    serve(&scene, scene.wait_given(&own));
    let line = scene.wait_line("is foreign", ("civil", &foreign), |line| {
        line.state == "foreign"
    });
    assert!(line.reason.contains("example.org/other"), "{line:?}");
    assert_eq!(scene.given(&foreign), Vec::<String>::new());
}

#[test]
fn with_the_local_policy_the_address_follows_the_ready_endpoints() {
    let scene = Scene::up();
    let service = Service::new("kube-system", "traefik").local();
    scene.apply(&service, &["box-01"]);
    scene.wait_gets(&service, &PAGE.to_string());
    scene.wait_held_by(PAGE, "box-01");
    let seen = format!("saw {}", crate::stage::LAPTOP);
    scene.wait_page(PAGE, |page| page == format!("web-box-01 {seen}"));
    scene.endpoints(&service, &["civil"]);
    scene.wait_held_by(PAGE, "civil");
    assert_eq!(scene.answers(PAGE), [scene.mac("civil")]);
    scene.wait_page(PAGE, |page| page == format!("web-civil {seen}"));
    scene.endpoints(&service, &[]);
    scene.wait_silence(PAGE);
    let status = scene.wait_status("a problem without an endpoint", "civil", |status| {
        let mut problems = status.problems.iter();
        problems.any(|one| one.code == "service-without-endpoint")
    });
    assert_eq!(status.health, "degraded");
    assert_eq!(
        scene.given(&service),
        [PAGE.to_string()],
        "it keeps its address"
    );
    scene.endpoints(&service, &NODES);
    serve(&scene, PAGE);
}

#[test]
fn without_a_ready_endpoint_nobody_answers_and_the_address_is_kept() {
    let scene = Scene::up();
    let service = Service::new(HOUSE, "web");
    scene.apply(&service, &["box-01"]);
    let address = scene.wait_given(&service);
    serve(&scene, address);
    let holder = scene.wait_holder(address);
    // On which node it is does not matter.
    scene.hand_over(&service, &["civil"], &["box-01"]);
    scene.wait_page(address, |page| page.starts_with("web-civil"));
    assert_eq!(scene.holder(address), Some(holder));
    scene.endpoints(&service, &[]);
    scene.wait_silence(address);
    problem(&scene, "civil", "service-without-endpoint");
    assert_eq!(scene.given(&service), [address.to_string()]);
    scene.endpoints(&service, &["box-01"]);
    serve(&scene, address);
}

#[test]
fn with_announce_unready_a_service_without_an_endpoint_is_announced() {
    let mut scene = Scene::bare();
    scene.start_all(&in_kubernetes(&config(), "announce-unready = true"));
    let service = Service::new(HOUSE, "web");
    scene.apply(&service, &[]);
    let address = scene.wait_given(&service);
    let holder = scene.wait_holder(address);
    scene.wait_answers(address, scene.mac(&holder));
}
