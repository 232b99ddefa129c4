//! A node gets an identity of its own with its kubelet's, from the approver and the real signer.

use serde_json::json;
use sovnet_tests::cluster::api::Api;
use sovnet_tests::cluster::objects::{LEASE, Service};
use sovnet_tests::lan::NODES;

use crate::scene::{Scene, shipped};
use crate::stage::{CREDENTIALS, HOUSE};

#[test]
fn nodes_that_join_serve_with_the_example_as_it_ships() {
    let mut scene = Scene::bare();
    scene.house.cluster.start_approver().unwrap();
    for name in NODES {
        let said = scene.lan().node(name).must("sovnetctl k8s join").unwrap();
        assert!(said.contains("has joined"), "{said}");
        let again = scene.lan().node(name).must("sovnetctl k8s join").unwrap();
        assert!(again.contains("nothing to do"), "{again}");
    }
    scene.start_all(&shipped());
    let service = Service::new(HOUSE, "joined");
    scene.apply(&service, &NODES);
    scene.wait_gets(&service, "192.168.8.242");
    for name in NODES {
        scene.wait_kubernetes("is connected", name, |part| part.state == "connected");
    }
}

#[test]
fn a_node_gets_no_certificate_in_the_name_of_another() {
    let mut scene = Scene::bare();
    scene.house.cluster.start_approver().unwrap();
    let civil = scene.lan().node("civil");
    let output = civil.run("sovnetctl k8s join --node box-01").unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(6), "{complaint}");
    assert!(complaint.contains("denied"), "{complaint}");
    let file = civil.path("/var/lib/sovnet/kubernetes/kubeconfig");
    assert!(!file.exists(), "it got an identity all the same");
}

#[test]
fn a_nodes_identity_may_do_what_it_needs_and_nothing_more() {
    let scene = Scene::bare();
    let server = scene.house.cluster.plane.url();
    let own = Api::new(scene.lan().node("civil"), &server, CREDENTIALS, "own");
    for path in [
        "/api/v1/services",
        "/api/v1/nodes",
        "/api/v1/namespaces",
        "/apis/discovery.k8s.io/v1/endpointslices",
    ] {
        own.list(path).unwrap();
    }
    own.get(LEASE).unwrap();
    let kubernetes = "/api/v1/namespaces/default/services/kubernetes";
    let leases = LEASE.rsplit_once('/').unwrap().0;
    for path in [
        kubernetes,
        leases,
        "/api/v1/nodes/civil",
        "/api/v1/events",
        "/apis/events.k8s.io/v1/events",
        "/api/v1/secrets",
        "/api/v1/configmaps",
        "/api/v1/pods",
        "/apis/certificates.k8s.io/v1/certificatesigningrequests",
        "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/civil",
    ] {
        let refusal = own.get(path).unwrap_err().to_string();
        assert!(refusal.contains("gave 403"), "{path}: {refusal}");
    }
    let label = json!({ "metadata": { "labels": { "a": "b" } } });
    for path in [kubernetes, LEASE, "/api/v1/nodes/civil/status"] {
        let refusal = own.merge(path, &label).unwrap_err().to_string();
        assert!(refusal.contains("gave 403"), "{path}: {refusal}");
    }
    for path in [kubernetes, LEASE, "/api/v1/nodes/civil"] {
        let refusal = own.delete(path).unwrap_err().to_string();
        assert!(refusal.contains("gave 403"), "{path}: {refusal}");
    }
}

#[test]
fn what_an_identity_may_do_is_shown_beside_what_it_needs() {
    let scene = Scene::bare();
    let civil = scene.lan().node("civil");
    let asked = |name: &str| {
        let line = format!("sovnetctl k8s can-i --kubeconfig {CREDENTIALS}/{name}.kubeconfig");
        let output = civil.run(&line).unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), text)
    };
    let (code, text) = asked("own");
    assert_eq!(code, Some(0), "{text}");
    assert!(text.starts_with("sovnet:node:civil at https://"), "{text}");
    assert!(!text.contains('✗'), "{text}");
    let stranger = scene.house.cluster.plane.pki().client("nobody", "nothing");
    let plane = &scene.house.cluster.plane;
    plane
        .provide(civil, CREDENTIALS, "stranger", &stranger.unwrap())
        .unwrap();
    let (code, text) = asked("stranger");
    assert_eq!(code, Some(3), "{text}");
    let lines = text.lines().filter(|line| line.contains('✗'));
    assert_eq!(lines.count(), 8, "it may do nothing: {text}");
}
