//! kube-proxy is stopped, has not come back since the machine started, or makes its rules with
//! iptables.

use std::time::Duration;

use nix::sys::signal::Signal;
use sovnet_tests::clock::wait_for;
use sovnet_tests::cluster::objects::Service;
use sovnet_tests::cluster::proxy::Mode;
use sovnet_tests::lan::NODES;

use crate::outage::problem;
use crate::scene::{SOON, Scene, config, other};
use crate::stage::{HOUSE, PAGE};

const NOT_READY: &str = "kube-proxy-not-ready";

fn wait_ready(scene: &Scene, name: &str) {
    scene.wait_status("no trouble with kube-proxy", name, |status| {
        status.problems.iter().all(|one| one.code != NOT_READY)
    });
}

#[test]
fn a_node_whose_kube_proxy_stops_keeps_its_addresses_and_takes_no_other() {
    let mut scene = Scene::up();
    let service = Service::new("kube-system", "traefik");
    scene.apply(&service, &NODES);
    scene.wait_gets(&service, &PAGE.to_string());
    scene.wait_page(PAGE, |page| page.contains("saw"));
    let holder = scene.wait_holder(PAGE);
    scene.proxy(&holder).pause().unwrap();
    let told = problem(&scene, &holder, NOT_READY);
    assert!(told.contains("addresses of Services stay here"), "{told}");
    assert!(told.contains("did not answer within a second"), "{told}");
    // Four more, of which half would go there.
    for number in 1..=4 {
        let later = Service::new(HOUSE, &format!("later-{number}"));
        scene.apply(&later, &NODES);
        scene.wait_held_by(scene.wait_given(&later), other(&holder));
    }
    assert_eq!(scene.wait_holder(PAGE), holder);
    assert!(scene.page(PAGE).is_some());
    scene.proxy(&holder).resume().unwrap();
    wait_ready(&scene, &holder);
    assert_eq!(scene.wait_holder(PAGE), holder);
}

#[test]
fn after_a_boot_a_node_takes_addresses_of_services_once_kube_proxy_is_back_or_nobody_else_can() {
    let mut scene = Scene::bare();
    let late = "civil";
    let state = "sovnet-proxy/1\nboot another\n";
    let node = scene.lan().node(late);
    node.write("/var/lib/sovnet/proxy.state", state).unwrap();
    scene.proxy(late).pause().unwrap();
    scene.start_all(&config());
    let told = problem(&scene, late, NOT_READY);
    assert!(told.contains("since this machine started"), "{told}");
    let service = Service::new("kube-system", "traefik");
    scene.apply(&service, &NODES);
    scene.wait_gets(&service, &PAGE.to_string());
    scene.wait_held_by(PAGE, other(late));
    // A last resort is one.
    scene.daemon(other(late)).signal(Signal::SIGKILL).unwrap();
    scene.daemon(other(late)).wait_end(SOON).unwrap();
    let here = scene.mac(late);
    scene.wait_answers(PAGE, here);
    scene.proxy(late).resume().unwrap();
    wait_ready(&scene, late);
    let kept = scene.lan().node(late).path("/var/lib/sovnet/proxy.state");
    wait_for("this boot to be remembered", SOON, || {
        let kept = std::fs::read_to_string(&kept).ok()?;
        (!kept.contains("another")).then_some(())
    })
    .unwrap();
}

#[test]
fn an_endpoint_that_has_just_become_ready_is_announced_once_kube_proxy_delivers_to_it() {
    let mut scene = Scene::up();
    let service = Service::new("kube-system", "traefik").local();
    scene.apply(&service, &["box-01"]);
    scene.wait_gets(&service, &PAGE.to_string());
    scene.wait_held_by(PAGE, "box-01");
    scene.wait_page(PAGE, |page| page.starts_with("web-box-01"));
    scene.proxy("civil").pause().unwrap();
    scene.hand_over(&service, &["civil"], &["box-01"]);
    scene.hold_for("box-01 has it", Duration::from_secs(2), |scene| {
        scene.holder(PAGE).as_deref() == Some("box-01") && scene.page(PAGE).is_some()
    });
    scene.proxy("civil").resume().unwrap();
    scene.fetched_until_held_by(PAGE, "civil");
    scene.wait_page(PAGE, |page| page.starts_with("web-civil"));
}

#[test]
fn with_the_iptables_mode_of_kube_proxy_a_page_is_reached_and_moves_without_a_gap() {
    let mut scene = Scene::bare();
    for name in NODES {
        scene.proxy(name).set_mode(Mode::Iptables).unwrap();
    }
    scene.start_all(&config());
    let service = Service::new("kube-system", "traefik");
    scene.apply(&service, &NODES);
    scene.wait_gets(&service, &PAGE.to_string());
    scene.wait_page(PAGE, |page| page.contains("saw"));
    let holder = scene.wait_holder(PAGE);
    let node = scene.lan().node(&holder);
    let rules = node.must("iptables-save -t nat").unwrap();
    assert!(rules.contains(&format!("-d {PAGE}/32")), "{rules}");
    scene.label(&holder, "sovnet.internal/drain", Some("true"));
    scene.fetched_until_held_by(PAGE, other(&holder));
}
