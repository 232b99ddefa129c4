//! The API is absent, gone, slow or refuses; the credentials are missing or wrong. What was known
//! goes on, and the status says what is the matter.

use std::time::Duration;

use nix::sys::signal::Signal;
use sovnet_tests::clock::now;
use sovnet_tests::cluster::objects::Service;
use sovnet_tests::lan::NODES;
use sovnet_tests::lan::daemon::Start;

use crate::scene::{SOON, Scene, config, config_with, other};
use crate::stage::{CREDENTIALS, HOUSE, PAGE};

/// The LAN's DNS, which has nothing to do with Kubernetes.
const ROUTER: &str = "router.internal.cloud.payne.io";

/// How long the Lease of a writer that is gone keeps others away.
const LEASE_LASTS: Duration = Duration::from_secs(9);

/// Waits until `name` has a problem with one of these codes, and gives its text.
pub(crate) fn problem(scene: &Scene, name: &str, code: &str) -> String {
    let has = |status: &sovnet_control::status::Status| {
        status.problems.iter().any(|one| one.code == code)
    };
    let status = scene.wait_status(&format!("the problem {code}"), name, has);
    let mut problems = status.problems.into_iter();
    problems
        .find(|one| one.code == code)
        .expect("just seen")
        .what
}

#[test]
fn without_the_api_everything_goes_on_through_a_cut_and_restarts_and_then_catches_up() {
    let mut scene = Scene::up();
    let service = Service::new("kube-system", "traefik").local();
    scene.apply(&service, &NODES);
    scene.wait_gets(&service, &PAGE.to_string());
    scene.wait_page(PAGE, |page| page.contains("saw"));
    scene.house.cluster.plane.kill_api();
    for name in NODES {
        let part =
            scene.wait_kubernetes("sees the outage", name, |part| part.state == "unreachable");
        assert!(
            !part.reason.is_empty() && part.server.contains("192.168.8.10"),
            "{part:?}"
        );
        problem(&scene, name, "kubernetes-unreachable");
    }
    for name in NODES {
        let daemon = scene.daemon(name);
        daemon.signal(Signal::SIGTERM).unwrap();
        daemon.wait_end(SOON).unwrap();
        daemon.start_again(&Start::default()).unwrap();
    }
    let holder = scene.wait_holder(PAGE);
    scene.wait_page(PAGE, |page| page.contains("saw"));
    let line = scene.wait_line("is remembered", ("civil", &service), |line| {
        line.state == "assigned"
    });
    assert_eq!(line.addresses, [PAGE.to_string()]);
    scene.lan().cut(&holder).unwrap();
    let survivor = other(&holder);
    scene.wait_page(PAGE, |page| page.starts_with(&format!("web-{survivor} ")));
    scene.lan().heal(&holder).unwrap();
    let meanwhile = Service::new(HOUSE, "meanwhile");
    scene.house.cluster.plane.start_api().unwrap();
    scene.apply(&meanwhile, &NODES);
    scene.wait_gets(&meanwhile, "192.168.8.242");
    for name in NODES {
        scene.wait_kubernetes("is connected", name, |part| part.state == "connected");
    }
    assert_eq!(scene.given(&service), [PAGE.to_string()]);
}

#[test]
fn an_api_that_is_absent_at_the_first_start_is_waited_for() {
    let mut scene = Scene::bare();
    let service = Service::new(HOUSE, "early");
    scene.apply(&service, &NODES);
    scene.house.cluster.plane.kill_api();
    scene.start_all(&config());
    for name in NODES {
        scene.wait_kubernetes("has no API", name, |part| part.state == "unreachable");
    }
    assert_eq!(scene.lookup(ROUTER), "192.168.8.1", "DNS does not wait");
    scene.house.cluster.plane.start_api().unwrap();
    scene.wait_gets(&service, "192.168.8.242");
    scene.wait_page("192.168.8.242".parse().unwrap(), |page| {
        page.contains("saw")
    });
}

#[test]
fn an_api_that_hangs_is_noticed_and_stops_nothing() {
    let scene = Scene::up();
    let service = Service::new(HOUSE, "steady");
    scene.apply(&service, &NODES);
    let address = scene.wait_given(&service);
    let holder = scene.wait_holder(address);
    scene.house.cluster.plane.freeze_api().unwrap();
    for name in NODES {
        scene.wait_kubernetes("notices, and writes no more", name, |part| {
            part.state == "unreachable" && !part.is_writer
        });
    }
    assert_eq!(scene.answers(address), [scene.mac(&holder)]);
    scene.wait_page(address, |page| page.contains("saw"));
    scene.house.cluster.plane.thaw_api().unwrap();
    for name in NODES {
        scene.wait_kubernetes("is connected", name, |part| part.state == "connected");
    }
    scene.writer();
    scene.wait_held_by(address, &holder);
}

#[test]
fn credentials_without_rights_are_said_to_be_refused() {
    let mut scene = Scene::bare();
    let nobody = scene
        .house
        .cluster
        .plane
        .pki()
        .client("nobody", "")
        .unwrap();
    for name in NODES {
        let node = scene.lan().node(name);
        let plane = &scene.house.cluster.plane;
        plane.provide(node, CREDENTIALS, "nobody", &nobody).unwrap();
    }
    scene.start_all(&config_with(&format!("{CREDENTIALS}/nobody.kubeconfig")));
    for name in NODES {
        scene.wait_kubernetes("is refused", name, |part| part.state == "refused");
        let text = problem(&scene, name, "kubernetes-refused");
        assert!(text.contains("nobody"), "{text}");
    }
    assert_eq!(scene.lookup(ROUTER), "192.168.8.1");
}

#[test]
fn a_kubeconfig_that_is_missing_broken_or_points_nowhere_is_named() {
    let mut scene = Scene::bare();
    let broken = format!("{CREDENTIALS}/broken.kubeconfig");
    let node = scene.lan().node("civil").clone();
    node.write(
        &broken,
        "clusters: [{name: x, cluster: {server: 'http://[::'",
    )
    .unwrap();
    let nowhere = format!("{CREDENTIALS}/nowhere.kubeconfig");
    let own = std::fs::read_to_string(node.path(&format!("{CREDENTIALS}/own.kubeconfig"))).unwrap();
    node.write(&nowhere, &own.replace(":6443", ":6444"))
        .unwrap();
    let missing = format!("{CREDENTIALS}/missing.kubeconfig");
    for (file, code, part_of_text) in [
        (&missing, "kubernetes-credentials", missing.as_str()),
        (&broken, "kubernetes-credentials", broken.as_str()),
        (&nowhere, "kubernetes-unreachable", "192.168.8.10:6444"),
    ] {
        scene.daemons.clear();
        scene.start("civil", &config_with(file));
        let text = problem(&scene, "civil", code);
        assert!(text.contains(part_of_text), "{text}");
        let part =
            scene.wait_kubernetes("has no Service", "civil", |part| part.services.is_empty());
        assert_ne!(part.state, "connected");
        let dns = "192.168.8.241".parse().unwrap();
        scene.wait_status("the DNS's address is held", "civil", |status| {
            sovnet_tests::lan::control::address(status, "192.168.8.241")
                .is_some_and(|one| one.is_held_here)
        });
        assert_eq!(scene.answers(dns), [scene.mac("civil")]);
    }
}

#[test]
fn credentials_that_come_later_are_found_without_a_restart() {
    let mut scene = Scene::bare();
    let late = format!("{CREDENTIALS}/late.kubeconfig");
    let node = scene.lan().node("civil").clone();
    drop(std::fs::remove_file(node.path(&late)));
    scene.start("civil", &config_with(&late));
    problem(&scene, "civil", "kubernetes-credentials");
    let own = std::fs::read_to_string(node.path(&format!("{CREDENTIALS}/own.kubeconfig"))).unwrap();
    node.write(&late, &own).unwrap();
    scene.wait_kubernetes("is connected", "civil", |part| part.state == "connected");
    std::fs::remove_file(node.path(&late)).unwrap();
}

#[test]
fn the_writer_that_dies_is_replaced_and_one_that_stops_hands_over_at_once() {
    let mut scene = Scene::up();
    let (first, second) = (Service::new(HOUSE, "first"), Service::new(HOUSE, "second"));
    let writer = scene.writer();
    let heir = other(&writer);
    scene.daemon(&writer).signal(Signal::SIGKILL).unwrap();
    scene.daemon(&writer).wait_end(SOON).unwrap();
    let died_at = now();
    scene.apply(&first, &NODES);
    scene.wait_gets(&first, "192.168.8.242");
    let took = now().duration_since(died_at);
    assert!(
        took < LEASE_LASTS,
        "the Lease of the dead was waited for: {took:?}"
    );
    scene.wait_kubernetes("writes", heir, |part| part.is_writer);
    scene
        .daemon(&writer)
        .start_again(&Start::default())
        .unwrap();
    assert_eq!(scene.writer(), heir, "the Lease does not go back by itself");
    let stopped_at = now();
    scene.daemon(heir).signal(Signal::SIGTERM).unwrap();
    scene.daemon(heir).wait_end(SOON).unwrap();
    scene.apply(&second, &NODES);
    scene.wait_gets(&second, "192.168.8.243");
    let took = now().duration_since(stopped_at);
    assert!(took < LEASE_LASTS, "the Lease was not given back: {took:?}");
}

#[test]
fn a_writer_that_stood_still_does_not_write_what_another_has_decided_since() {
    let mut scene = Scene::up();
    let writer = scene.writer();
    let heir = other(&writer);
    scene.daemon(&writer).signal(Signal::SIGSTOP).unwrap();
    let service = Service::new(HOUSE, "contested");
    scene.apply(&service, &NODES);
    scene.wait_gets(&service, "192.168.8.242");
    scene.wait_kubernetes("writes", heir, |part| part.is_writer);
    let moved = Service::new(HOUSE, "contested").with("loadBalancerIP", "192.168.8.250");
    scene.apply(&moved, &NODES);
    scene.wait_gets(&service, "192.168.8.250");
    scene.daemon(&writer).signal(Signal::SIGCONT).unwrap();
    scene.hold_for("the address", Duration::from_secs(3), |scene| {
        scene.given(&service) == ["192.168.8.250"]
    });
    assert_eq!(scene.writer(), heir);
}
