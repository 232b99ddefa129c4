//! Pools that MetalLB's objects say, while a cluster moves.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use sovnet_tests::clock::wait_for;
use sovnet_tests::cluster::metallb::{self, advertisement, pool};
use sovnet_tests::cluster::objects::Service;
use sovnet_tests::lan::{NODES, control};

use crate::adopt::{config_without_pool, furnish};
use crate::scene::{SOON, Scene, in_kubernetes};
use crate::stage::HOUSE;

/// What `metallb-pools` needs besides the usual rights.
const RIGHTS: &str = "../packaging/kubernetes/optional/metallb-pools.yaml";

/// The kinds of MetalLB's pools and advertisements.
const KINDS: &str = "crd/ipaddresspools.metallb.io crd/l2advertisements.metallb.io";

/// The sentences of a node's problems with this code.
fn told(scene: &Scene, name: &str, code: &str) -> Vec<String> {
    let status = control::status(scene.lan().node(name)).unwrap();
    let problems = status.problems.into_iter();
    let problems = problems.filter(|problem| problem.code == code);
    problems.map(|problem| problem.what).collect()
}

fn wait_told(scene: &Scene, code: &str, what: &str) {
    for name in NODES {
        let is_told = || {
            let told = told(scene, name, code);
            told.iter().any(|one| one.contains(what)).then_some(())
        };
        wait_for(&format!("{name} to say {what:?}"), SOON, is_told).unwrap();
    }
}

#[test]
fn pools_of_metallbs_objects_are_read_and_stay_for_those_who_have_them_when_metallb_is_gone() {
    let mut scene = Scene::bare();
    furnish(&scene);
    let config = in_kubernetes(&config_without_pool(), "metallb-pools = 'metallb-system'");
    scene.start_all(&config);
    // Without the right to read them, nothing is decided.
    for name in NODES {
        let part = scene.wait_kubernetes("refused", name, |part| part.state == "refused");
        assert!(part.reason.contains("metallb.io"), "{}", part.reason);
    }
    let rights = Path::new(env!("CARGO_MANIFEST_DIR")).join(RIGHTS);
    scene.api().kubectl_apply(&rights).unwrap();
    let service = Service::new(HOUSE, "has");
    scene.apply(&service, &NODES);
    let address = scene.wait_given(&service);
    let line = scene.wait_line("is assigned", ("civil", &service), |line| {
        line.state == "assigned"
    });
    assert_eq!(line.pool.as_deref(), Some("first"));
    scene.wait_page(address, |page| page.contains("saw"));

    // A pool that is new is one at once; one that no advertisement is for is none.
    let more = [
        pool(
            "third",
            &json!({ "addresses": ["192.168.8.246/32"], "autoAssign": false }),
        ),
        advertisement("third", &json!({ "ipAddressPools": ["third"] })),
        pool("routed", &json!({ "addresses": ["198.51.100.0/28"] })),
    ];
    metallb::apply(&scene.house.cluster, "more", &more).unwrap();
    let asks = Service::new(HOUSE, "asks").annotated("metallb.io/address-pool", "third");
    scene.apply(&asks, &NODES);
    scene.wait_gets(&asks, "192.168.8.246");
    wait_told(
        &scene,
        "metallb-pool-left-out",
        "the IPAddressPool routed is no pool here",
    );

    // MetalLB is taken out of the cluster, with its kinds.
    scene
        .api()
        .kubectl(&format!("delete --wait=true {KINDS}"))
        .unwrap();
    wait_told(
        &scene,
        "metallb-pool-gone",
        "the IPAddressPool first is gone",
    );
    scene.daemons.clear();
    scene.start_all(&config);
    wait_told(
        &scene,
        "metallb-pool-gone",
        "the IPAddressPool first is gone",
    );
    let late = Service::new(HOUSE, "late");
    scene.apply(&late, &NODES);
    let note = scene.wait_event(&late, "AllocationFailed", "Warning");
    assert!(note.contains("no pool"), "{note}");
    scene.wait_page(address, |page| page.contains("saw"));
    scene.hold_for("what was given", Duration::from_secs(2), |scene| {
        scene.given(&service) == [address.to_string()]
            && scene.given(&asks) == ["192.168.8.246"]
            && scene.given(&late).is_empty()
    });
}
