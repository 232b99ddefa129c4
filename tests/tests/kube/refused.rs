//! What cannot be given is said, in an Event and in the status, and disturbs nothing else.

use sovnet_tests::cluster::objects::Service;
use sovnet_tests::lan::NODES;

use crate::scene::{Scene, config};
use crate::stage::HOUSE;

/// The address annotation that most manifests have.
const ADDRESS: &str = "metallb.universe.tf/loadBalancerIPs";

/// Waits until the Service is refused for a reason that contains `why`, in an Event and in the
/// status of both nodes.
fn is_refused(scene: &Scene, service: &Service, why: &str) {
    let note = scene.wait_event(service, "AllocationFailed", "Warning");
    assert!(note.contains(why), "{}: {note}", service.key());
    for name in NODES {
        let line = scene.wait_line("is refused", (name, service), |line| {
            line.state == "refused"
        });
        assert!(line.reason.contains(why), "{line:?}");
    }
    assert_eq!(scene.given(service), Vec::<String>::new());
}

#[test]
fn garbage_and_addresses_that_nobody_may_have_are_refused_and_others_are_served() {
    let scene = Scene::up();
    let new = |name| Service::new(HOUSE, name);
    let long = "x".repeat(5000);
    let bad = [
        (
            new("no-address").annotated(ADDRESS, "one, please"),
            "one, please",
        ),
        (new("too-long").annotated(ADDRESS, &long), "xxx"),
        (
            new("controls").annotated(ADDRESS, "192.168.8.245\n\u{1b}[2J;"),
            "is no IP address",
        ),
        (new("six").annotated(ADDRESS, "fd00::1"), "IPv4 only"),
        (
            new("two").annotated(ADDRESS, "192.168.8.245,192.168.8.246"),
            "more than one",
        ),
        (new("nowhere").annotated(ADDRESS, "10.9.9.9"), "in no pool"),
        (
            new("broadcast").annotated(ADDRESS, "192.168.8.255"),
            "192.168.8.255",
        ),
        (new("router").annotated(ADDRESS, "192.168.8.1"), "gateway"),
        (new("node").with("loadBalancerIP", "192.168.8.222"), "civil"),
        (
            new("dns").with("loadBalancerIP", "192.168.8.241"),
            "[[address]]",
        ),
        (
            new("reserved").with("loadBalancerIP", "192.168.8.240"),
            "kube-system/traefik",
        ),
        (
            new("no-pool").annotated("metallb.io/address-pool", "attic"),
            "attic",
        ),
        (
            new("torn")
                .annotated(ADDRESS, "192.168.8.245")
                .with("loadBalancerIP", "192.168.8.246"),
            "192.168.8.246",
        ),
    ];
    for (service, _) in &bad {
        scene.apply(service, &NODES);
    }
    let good = new("good");
    scene.apply(&good, &NODES);
    scene.wait_gets(&good, "192.168.8.242");
    for (service, why) in &bad {
        is_refused(&scene, service, why);
    }
    scene.wait_page("192.168.8.242".parse().unwrap(), |page| {
        page.contains("saw")
    });
}

#[test]
fn of_two_that_want_one_address_the_older_has_it_until_it_goes() {
    let scene = Scene::up();
    let new = |name| Service::new(HOUSE, name).with("loadBalancerIP", "192.168.8.244");
    // The names stand in the other order than the ages; ages are whole seconds.
    let (older, younger) = (new("z-older"), new("a-younger"));
    scene.apply(&older, &NODES);
    scene.wait_gets(&older, "192.168.8.244");
    scene.apply(&younger, &NODES);
    is_refused(&scene, &younger, "house/z-older");
    assert_eq!(scene.given(&older), ["192.168.8.244"]);
    scene.delete(&older);
    scene.wait_gets(&younger, "192.168.8.244");
}

#[test]
fn a_pool_that_is_used_up_refuses_and_gives_again_what_comes_back() {
    let mut scene = Scene::bare();
    let range = "192.168.8.240-192.168.8.250";
    let small = config().replace(range, "192.168.8.240-192.168.8.242");
    assert_ne!(small, config(), "the example has another range");
    scene.start_all(&small);
    let (first, second) = (Service::new(HOUSE, "first"), Service::new(HOUSE, "second"));
    scene.apply(&first, &NODES);
    scene.wait_gets(&first, "192.168.8.242");
    scene.apply(&second, &NODES);
    is_refused(&scene, &second, "no free address");
    scene.delete(&first);
    scene.wait_gets(&second, "192.168.8.242");
}

#[test]
fn services_that_are_deleted_while_they_get_an_address_leave_nothing_behind() {
    let scene = Scene::up();
    for number in 0..20 {
        let service = Service::new(HOUSE, &format!("short-{number}"));
        scene.api().apply(service.object()).unwrap();
        scene.delete(&service);
    }
    let last = Service::new(HOUSE, "last");
    scene.apply(&last, &NODES);
    scene.wait_gets(&last, "192.168.8.242");
    for name in NODES {
        let part =
            scene.wait_kubernetes("knows one Service", name, |part| part.services.len() == 1);
        assert_eq!(part.state, "connected");
        scene.wait_status("announces one Service", name, |status| {
            let addresses = status.segments.iter().flat_map(|one| &one.addresses);
            let of_services = addresses.filter(|one| one.purpose == "service");
            of_services.count() == 1
        });
    }
}
