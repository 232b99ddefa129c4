//! The way to the API and the credentials change while the daemons run: an address that is gone,
//! a certificate that is renewed in place or over, rights that are taken away.

use std::path::Path;
use std::time::Duration;

use sovnet_control::status::Kubernetes;
use sovnet_tests::clock::wait_for;
use sovnet_tests::cluster::balancer::Balancer;
use sovnet_tests::cluster::objects::Service;
use sovnet_tests::cluster::pki::Age;
use sovnet_tests::lan::NODES;

use crate::outage::problem;
use crate::scene::{SOON, Scene, config_with, shipped};
use crate::stage::{CREDENTIALS, HOUSE, MANIFESTS};

/// Where `sovnetctl k8s join` leaves a node's identity.
const JOINED: &str = "/var/lib/sovnet/kubernetes";

/// A watch that goes on after its rights are gone is asked for anew within this time.
const NOTICED: Duration = Duration::from_secs(90);

const DAY: Duration = Duration::from_secs(86_400);

/// Whether the daemon on civil is connected and the writer.
fn is_at_work(part: &Kubernetes) -> bool {
    part.state == "connected" && part.is_writer
}

/// How often the daemon on civil has said this.
fn times_said(scene: &mut Scene, text: &str) -> usize {
    let log = scene.daemon("civil").log();
    log.iter().filter(|line| line.contains(text)).count()
}

#[test]
fn an_api_that_is_gone_is_left_for_a_stand_in_of_k3ss_balancer_and_that_for_the_server_itself() {
    let mut scene = Scene::bare();
    let civil = scene.lan().node("civil").clone();
    let own = civil.path(&format!("{CREDENTIALS}/own.kubeconfig"));
    let own = std::fs::read_to_string(own).unwrap();
    let server = scene.house.cluster.plane.url();
    assert!(own.contains(&server), "{own}");
    std::fs::create_dir_all(civil.path(JOINED)).unwrap();
    // As on a server whose own API is down.
    let joined = own.replace(&server, "https://127.0.0.1:6443");
    civil
        .write(&format!("{JOINED}/kubeconfig"), &joined)
        .unwrap();
    let api = server.trim_start_matches("https://").parse().unwrap();
    let balancer = Balancer::start(&civil, 6444, api).unwrap();
    scene.start("civil", &shipped());
    scene.wait_kubernetes("is connected by the balancer", "civil", |part| {
        is_at_work(part) && part.server == "https://127.0.0.1:6444"
    });
    let service = Service::new(HOUSE, "first");
    scene.apply(&service, &NODES);
    scene.wait_gets(&service, "192.168.8.242");
    drop(balancer);
    scene.wait_kubernetes("is connected without it", "civil", |part| {
        is_at_work(part) && part.server == server
    });
    let service = Service::new(HOUSE, "second");
    scene.apply(&service, &NODES);
    scene.wait_gets(&service, "192.168.8.243");
    // What is said explicitly is taken at its word.
    scene.daemons.clear();
    let explicit = format!("{JOINED}/kubeconfig");
    let _balancer = Balancer::start(&civil, 6444, api).unwrap();
    scene.start("civil", &config_with(&explicit));
    let text = problem(&scene, "civil", "kubernetes-unreachable");
    assert!(text.contains("https://127.0.0.1:6443"), "{text}");
    scene.hold_for("it stays", Duration::from_secs(6), |scene| {
        let part = scene.wait_kubernetes("is known", "civil", |_part| true);
        part.server == "https://127.0.0.1:6443" && part.state != "connected"
    });
}

/// Puts a certificate for civil in the place of the one that it uses.
fn put_in_place(scene: &Scene, age: Age) {
    let plane = &scene.house.cluster.plane;
    let identity = plane
        .pki()
        .client_of_age("sovnet:node:civil", "sovnet:nodes", age)
        .unwrap();
    let civil = scene.lan().node("civil");
    plane
        .provide(civil, CREDENTIALS, "renewed", &identity)
        .unwrap();
}

#[test]
fn a_certificate_that_is_renewed_in_place_is_used_without_a_gap_and_one_that_is_over_is_named() {
    const FOLLOWS: &str = "follows the Kubernetes API";
    const RENEWED: &str = "uses the renewed credentials";
    let mut scene = Scene::bare();
    let young = Age {
        past: DAY,
        left: 6 * DAY,
    };
    put_in_place(&scene, young);
    let file = format!("{CREDENTIALS}/renewed.kubeconfig");
    scene.start("civil", &config_with(&file));
    scene.wait_kubernetes("is at work", "civil", is_at_work);
    let service = Service::new(HOUSE, "steady");
    scene.apply(&service, &NODES);
    let address = scene.wait_given(&service);
    put_in_place(
        &scene,
        Age {
            past: 6 * DAY,
            left: DAY / 2,
        },
    );
    let text = problem(&scene, "civil", "kubernetes-certificate-ends");
    assert!(text.contains(&file), "{text}");
    // Nothing that cannot be used takes the place of what can.
    let civil = scene.lan().node("civil").clone();
    civil.write(&file, "clusters: [{name: x").unwrap();
    let text = problem(&scene, "civil", "kubernetes-credentials");
    assert!(text.contains("stay in use"), "{text}");
    scene.hold_for("it is at work", Duration::from_secs(4), |scene| {
        is_at_work(&scene.wait_kubernetes("is known", "civil", |_part| true))
    });
    put_in_place(
        &scene,
        Age {
            past: Duration::ZERO,
            left: Duration::from_secs(15),
        },
    );
    let text = problem(&scene, "civil", "kubernetes-certificate-expired");
    assert!(text.contains("was valid until"), "{text}");
    assert_eq!(times_said(&mut scene, FOLLOWS), 1, "the watches went on");
    assert!(times_said(&mut scene, RENEWED) >= 2);
    scene.wait_kubernetes("is expired", "civil", |part| part.state == "expired");
    assert_eq!(scene.answers(address), [scene.mac("civil")]);
    put_in_place(&scene, young);
    scene.wait_kubernetes("is at work again", "civil", is_at_work);
    let service = Service::new(HOUSE, "later");
    scene.apply(&service, &NODES);
    scene.wait_given(&service);
}

/// Gives the rights back however the test ends.
struct Rights<'a>(&'a Scene);

impl Rights<'_> {
    fn take(&self) {
        let rbac = "/apis/rbac.authorization.k8s.io/v1";
        for path in [
            format!("{rbac}/clusterrolebindings/sovnet:node"),
            format!("{rbac}/namespaces/sovnet-system/rolebindings/sovnet:node"),
        ] {
            self.0.api().delete(&path).unwrap();
        }
    }

    fn give(&self) -> anyhow::Result<String> {
        let manifests = Path::new(env!("CARGO_MANIFEST_DIR")).join(MANIFESTS);
        self.0.api().kubectl_apply(&manifests)
    }
}

impl Drop for Rights<'_> {
    fn drop(&mut self) {
        drop(self.give());
    }
}

#[test]
fn rights_that_are_taken_away_are_missed_and_taken_up_again_when_they_are_back() {
    let scene = Scene::up();
    let service = Service::new(HOUSE, "steady");
    scene.apply(&service, &NODES);
    let address = scene.wait_given(&service);
    let holder = scene.wait_holder(address);
    let rights = Rights(&scene);
    rights.take();
    for name in NODES {
        let is_refused = || {
            let status = sovnet_tests::lan::control::status(scene.lan().node(name)).ok()?;
            (status.kubernetes?.state == "refused").then_some(())
        };
        wait_for(&format!("{name} is refused"), NOTICED, is_refused).unwrap();
        let text = problem(&scene, name, "kubernetes-refused");
        assert!(text.contains("forbidden"), "{text}");
    }
    assert_eq!(scene.answers(address), [scene.mac(&holder)]);
    assert_eq!(scene.given(&service), [address.to_string()]);
    rights.give().unwrap();
    for name in NODES {
        scene.wait_kubernetes("is connected", name, |part| part.state == "connected");
    }
    let later = Service::new(HOUSE, "later");
    scene.apply(&later, &NODES);
    wait_for("an address", SOON, || scene.given(&later).pop()).unwrap();
    scene.wait_held_by(address, &holder);
}
