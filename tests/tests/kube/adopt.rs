//! A cluster comes from MetalLB with every address as it is.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use sovnet_tests::clock::{now, wait_for};
use sovnet_tests::cluster::metallb::{self, Metallb, advertisement, pool};
use sovnet_tests::cluster::{self, objects::Service};
use sovnet_tests::lan::daemon::CONFIG;
use sovnet_tests::lan::fetch::Fetcher;
use sovnet_tests::lan::probe::Watched as _;
use sovnet_tests::lan::{NODES, control};

use crate::scene::{SOON, Scene, config, in_kubernetes};
use crate::stage::{CREDENTIALS, HOUSE};

/// Between two fetches of the page.
const EVERY: Duration = Duration::from_millis(10);

/// What a part may lose: connections that an announcement by another node has ended. A tenth of a
/// second without an announcer is more.
const LOST_MAX: usize = 10;

/// Longer than the time between two announcements of a speaker, 1.1 s.
const QUIET: Duration = Duration::from_secs(2);

/// The shipped example with the nodes' own credentials, and without a pool.
pub(crate) fn config_without_pool() -> String {
    let text = config();
    let (before, rest) = text.split_once("\n[[pool]]\n").expect("it has a pool");
    let (_pool, after) = rest
        .split_once("\n[[reserve]]\n")
        .expect("a [[reserve]] follows");
    format!("{before}\n[[reserve]]\n{after}")
}

/// MetalLB's kinds with the pools of these tests: one for everybody, one that is asked for.
pub(crate) fn furnish(scene: &Scene) {
    let programs = cluster::metallb_programs().unwrap();
    let cluster = &scene.house.cluster;
    metallb::install(cluster, &programs).unwrap();
    let first = json!({ "addresses": ["192.168.8.242-192.168.8.245"] });
    let second = json!({
        "addresses": ["192.168.8.248/30"],
        "autoAssign": false,
        "serviceAllocation": {
            "priority": 10,
            "namespaceSelectors": [{ "matchLabels": { "kubernetes.io/metadata.name": HOUSE } }],
        },
    });
    let objects = [
        pool("first", &first),
        pool("second", &second),
        advertisement("both", &json!({ "ipAddressPools": ["first", "second"] })),
    ];
    metallb::apply(cluster, "pools", &objects).unwrap();
    let admin = cluster
        .plane
        .pki()
        .client("owner", "system:masters")
        .unwrap();
    for name in ["civil", "laptop"] {
        let node = scene.lan().node(name);
        cluster
            .plane
            .provide(node, CREDENTIALS, "admin", &admin)
            .unwrap();
    }
}

/// What `sovnetctl adopt` says on civil, with its exit code.
fn adopt(scene: &Scene, more: &str) -> (String, Option<i32>) {
    adopt_on(scene, "civil", more)
}

fn adopt_on(scene: &Scene, name: &str, more: &str) -> (String, Option<i32>) {
    let kubeconfig = format!("{CREDENTIALS}/admin.kubeconfig");
    let line = format!("sovnetctl adopt --from metallb --kubeconfig {kubeconfig} {more}");
    let output = scene.lan().node(name).run(&line).unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(complaint, "", "{line}");
    (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        output.status.code(),
    )
}

/// Services as MetalLB serves them, with the addresses that it may give them.
fn services() -> Vec<(Service, &'static str)> {
    let new = |name| Service::new(HOUSE, name);
    let shared = |name, port: u16| {
        let port = json!([{ "name": "web", "port": port, "protocol": "TCP" }]);
        let service = new(name).with("ports", port);
        let service = service.annotated("metallb.universe.tf/allow-shared-ip", "one key");
        service.annotated("metallb.universe.tf/loadBalancerIPs", "192.168.8.244")
    };
    vec![
        (new("plain"), "192.168.8.243"),
        (
            new("local")
                .local()
                .annotated("metallb.io/address-pool", "second"),
            "192.168.8.249",
        ),
        (
            new("by-field").with("loadBalancerIP", "192.168.8.251"),
            "192.168.8.251",
        ),
        (shared("one", 80), "192.168.8.244"),
        (shared("two", 81), "192.168.8.244"),
    ]
}

/// Who owns the addresses in a Service's status.
fn owners(scene: &Scene, service: &Service) -> Vec<String> {
    let object = scene.api().get(&service.path()).unwrap().unwrap();
    let entries = object
        .pointer("/metadata/managedFields")
        .and_then(Value::as_array);
    let entries = entries.cloned().unwrap_or_default().into_iter();
    let owns = |entry: &Value| {
        let ingress = "/fieldsV1/f:status/f:loadBalancer/f:ingress";
        entry.pointer(ingress).is_some()
    };
    let owners = entries.filter(owns);
    owners
        .filter_map(|one| Some(one.get("manager")?.as_str()?.to_owned()))
        .collect()
}

/// The version of each Service: it changes with every write.
fn versions(scene: &Scene, services: &[(Service, &str)]) -> Vec<String> {
    let version = |(service, _): &(Service, &str)| {
        let object = scene.api().get(&service.path()).unwrap().unwrap();
        let version = object
            .pointer("/metadata/resourceVersion")
            .and_then(Value::as_str);
        version.unwrap_or_default().to_owned()
    };
    services.iter().map(version).collect()
}

#[test]
fn what_the_plan_adds_to_the_config_makes_the_daemons_keep_every_address_as_it_is() {
    let mut scene = Scene::bare();
    furnish(&scene);
    let services = services();
    for (service, address) in &services {
        scene.apply(service, &NODES);
        scene.patch_status(service, Some(address.parse().unwrap()));
    }
    let config = config_without_pool();
    scene.lan().node("civil").write(CONFIG, &config).unwrap();
    let (plan, code) = adopt(&scene, "");
    println!("{plan}");
    assert_eq!(code, Some(0), "{plan}");
    assert!(plan.contains("5 of 5 with an address keep it"), "{plan}");
    let (toml, _) = adopt(&scene, "--toml");
    let before = versions(&scene, &services);
    scene.start_all(&format!("{config}\n{toml}"));
    for (service, address) in &services {
        for name in NODES {
            let line = scene.wait_line("is assigned", (name, service), |line| {
                line.state == "assigned" && line.addresses == [*address]
            });
            assert!(line.pool.is_some(), "{line:?}");
        }
        let holder = scene.wait_holder(address.parse().unwrap());
        assert!(NODES.contains(&holder.as_str()));
    }
    let after = versions(&scene, &services);
    assert_eq!(before, after, "nothing of any Service was written");
    let (again, _) = adopt(&scene, "--toml");
    assert_eq!(again, "", "the config of civil has it all now");
}

#[test]
fn an_address_of_the_config_that_a_service_has_is_freed_first_and_then_sovnets() {
    let mut scene = Scene::bare();
    furnish(&scene);
    let coredns = Service::new("kube-system", "coredns-lb");
    let coredns = coredns.annotated("metallb.universe.tf/loadBalancerIPs", "192.168.8.241");
    scene.apply(&coredns, &NODES);
    scene.patch_status(&coredns, Some(Ipv4Addr::new(192, 168, 8, 241)));
    scene
        .lan()
        .node("civil")
        .write(CONFIG, &config_without_pool())
        .unwrap();
    let (plan, code) = adopt(&scene, "");
    println!("{plan}");
    assert_eq!(code, Some(3), "{plan}");
    let what = "the Service kube-system/coredns-lb has 192.168.8.241, which is an [[address]]";
    assert!(plan.contains(what), "{plan}");
    // As the plan says.
    let patch = json!({ "spec": { "type": "ClusterIP" } });
    scene.api().merge(&coredns.path(), &patch).unwrap();
    assert_eq!(scene.given(&coredns), Vec::<String>::new());
    assert_eq!(adopt(&scene, "").1, Some(0));
    let (toml, _) = adopt(&scene, "--toml");
    scene.start_all(&format!("{}\n{toml}", config_without_pool()));
    let router = "router.internal.cloud.payne.io";
    let answered = || (scene.lookup(router) == "192.168.8.1").then_some(());
    wait_for("the DNS of the LAN on that address", SOON, answered).unwrap();
}

/// Waits until the speakers know each other: until then, both speak for the address.
fn wait_met(scene: &Scene, address: Ipv4Addr) {
    let is_one = || (scene.answers(address).len() == 1).then_some(());
    wait_for("one speaker", SOON * 3, is_one).unwrap();
}

/// Waits until the speakers only answer: for some seconds they repeat what they announce, and each
/// repetition beside another announcer ends connections.
fn wait_settled(scene: &Scene, address: Ipv4Addr) {
    let ear = &scene.house.ear;
    let is_quiet = || {
        let since = now().checked_sub(QUIET)?;
        let mut nodes = NODES.iter();
        let is_quiet = nodes.all(|name| ear.from_machine(name, address, since).is_empty());
        is_quiet.then_some(())
    };
    wait_for("the speakers to have announced", SOON, is_quiet).unwrap();
}

/// A Service of a running MetalLB that moves, and a reader of its page.
struct Move {
    metallb: Metallb,
    service: Service,
    address: Ipv4Addr,
    fetcher: Fetcher,
    /// The config with what the plan adds.
    config: String,
    begun: Instant,
}

impl Move {
    fn prepare(scene: &Scene) -> Move {
        furnish(scene);
        let programs = cluster::metallb_programs().unwrap();
        let metallb = Metallb::start(scene.lan(), &scene.house.cluster, &programs).unwrap();
        let service = Service::new(HOUSE, "moves");
        scene.apply(&service, &NODES);
        let address = metallb.wait_given(scene.api(), &service.path()).unwrap();
        scene.wait_page(address, |page| page.contains("saw"));
        wait_met(scene, address);
        wait_settled(scene, address);
        let config = config_without_pool();
        scene.lan().node("civil").write(CONFIG, &config).unwrap();
        let (plan, code) = adopt(scene, "");
        println!("{plan}");
        assert_eq!(code, Some(0), "{plan}");
        let (toml, _) = adopt(scene, "--toml");
        // To the node that MetalLB has not chosen, so that the address really moves.
        let there = scene.answers(address);
        let elsewhere = NODES
            .into_iter()
            .find(|name| !there.contains(&scene.mac(name)));
        let elsewhere = elsewhere.expect("one speaker answers");
        let pin = format!("[[pin]]\naddress = '{address}'\nnode = '{elsewhere}'\n");
        let page = SocketAddrV4::new(address, 80);
        let fetcher = Fetcher::start(scene.lan().node("laptop"), page, EVERY).unwrap();
        Move {
            metallb,
            service,
            address,
            fetcher,
            config: format!("{config}\n{toml}\n{pin}"),
            begun: now(),
        }
    }

    /// The controller ends, and what it owns becomes sovnet's. The speakers announce anew whenever a
    /// Service changes, if only in its owners.
    fn hand_over(&mut self, scene: &Scene) {
        self.metallb.stop_controller().unwrap();
        let (commands, _) = adopt(scene, "--owners");
        let status = || scene.api().get(&self.service.path()).unwrap().unwrap()["status"].take();
        let before = status();
        let shell = format!("env KUBECONFIG={CREDENTIALS}/admin.kubeconfig sh -e -s");
        scene.lan().node("civil").feed(&shell, &commands).unwrap();
        assert_eq!(before, status(), "no address is written by that");
        assert_eq!(owners(scene, &self.service), ["sovnet-lb"]);
        wait_settled(scene, self.address);
    }

    /// For a while every page comes, and the address stays.
    fn last(&self, scene: &Scene) {
        let from = now();
        wait_for("a page after that", SOON, || {
            self.fetcher.is_answered_since(from).then_some(())
        })
        .unwrap();
        scene.hold_for("the address", Duration::from_secs(2), |scene| {
            scene.given(&self.service) == [self.address.to_string()]
        });
    }

    /// Says what was lost in each of these parts, and that it is no outage.
    fn judge(&self, parts: &[(&str, Instant)]) {
        let mut from = self.begun;
        for (what, until) in parts {
            let outcome = self.fetcher.outcome(from, *until);
            println!("{what}: {outcome}");
            assert!(outcome.lost < LOST_MAX, "{what}: {outcome}");
            from = *until;
        }
    }

    /// Asks for another address, which whoever serves now gives.
    fn ask_for_another(&self, scene: &Scene) -> Ipv4Addr {
        let changed = self.service.clone().with("loadBalancerIP", "192.168.8.245");
        scene.api().apply(changed.object()).unwrap();
        scene.wait_gets(&self.service, "192.168.8.245");
        scene.wait_given(&self.service)
    }
}

#[test]
fn a_cluster_moves_from_a_running_metallb_by_the_steps_of_the_plan() {
    let mut scene = Scene::bare();
    let mut moved = Move::prepare(&scene);
    moved.hand_over(&scene);
    let owned = now();
    scene.start_all(&moved.config);
    let holder = scene.wait_holder(moved.address);
    moved.last(&scene);
    let beside = now();
    moved.metallb.stop_speakers().unwrap();
    moved.last(&scene);
    moved.judge(&[
        ("the controller ends, the owners change", owned),
        ("sovnetd starts, and announces beside the speakers", beside),
        ("the speakers end", now()),
    ]);
    assert_eq!(scene.wait_holder(moved.address), holder);
    assert_eq!(scene.answers(moved.address), [scene.mac(&holder)]);
    // sovnet is the owner, so that it can write something else.
    moved.ask_for_another(&scene);
}

#[test]
fn a_cluster_goes_back_to_metallb_by_the_steps_of_the_plan() {
    let mut scene = Scene::bare();
    let mut moved = Move::prepare(&scene);
    moved.hand_over(&scene);
    scene.start_all(&moved.config);
    scene.wait_holder(moved.address);
    moved.metallb.stop_speakers().unwrap();
    moved.last(&scene);
    let there = now();
    moved.metallb.start_speakers().unwrap();
    moved.last(&scene);
    wait_settled(&scene, moved.address);
    let beside = now();
    for daemon in &mut scene.daemons {
        daemon.signal(Signal::SIGTERM).unwrap();
        daemon.wait_end(SOON).unwrap();
    }
    scene.daemons.clear();
    let config = in_kubernetes(&moved.config, "classless = false");
    scene.start_all(&config);
    for name in NODES {
        scene.wait_line("is foreign", (name, &moved.service), |line| {
            line.state == "foreign"
        });
    }
    moved.metallb.start_controller().unwrap();
    moved.last(&scene);
    moved.judge(&[
        ("there", there),
        ("the speakers start beside sovnetd", beside),
        ("sovnetd leaves the Services, the controller starts", now()),
    ]);
    let address = moved.ask_for_another(&scene);
    scene.wait_page(address, |page| page.contains("saw"));
    for name in NODES {
        let status = control::status(scene.lan().node(name)).unwrap();
        let shown = control::address(&status, &address.to_string());
        assert!(shown.is_none(), "{name} serves it: {shown:?}");
    }
}

/// One step on the laptop, which must end well and lose next to nothing.
fn step(scene: &Scene, more: &str, expected: &str) -> String {
    let (text, code) = adopt_on(scene, "laptop", &format!("{more} --yes"));
    println!("laptop# sovnetctl adopt --from metallb {more} --yes\n{text}");
    assert_eq!(code, Some(0), "{text}");
    assert!(text.starts_with(expected), "{text}");
    if let Some((_, rest)) = text.split_once(" opened, ") {
        let lost: usize = rest.split_once(" lost").unwrap().0.parse().unwrap();
        assert!(lost < LOST_MAX, "{text}");
        assert!(!text.contains("did not answer before"), "{text}");
    }
    text
}

#[test]
fn each_step_there_and_back_is_carried_out_by_a_call_of_its_own_that_counts_what_it_lost() {
    let mut scene = Scene::bare();
    let mut moved = Move::prepare(&scene);
    let laptop = scene.lan().node("laptop").clone();
    laptop.write(CONFIG, &config_without_pool()).unwrap();
    let (text, code) = adopt_on(&scene, "laptop", "--next --yes");
    assert!(
        code == Some(3) && text.starts_with("next, by hand: add what"),
        "{text}"
    );
    laptop.write(CONFIG, &moved.config).unwrap();
    // Without a terminal and without --yes nothing is done.
    let (text, code) = adopt_on(&scene, "laptop", "--next");
    assert!(code == Some(3) && text.contains("give --yes"), "{text}");
    let text = step(&scene, "--next", "done: Stop MetalLB's controller.");
    assert!(
        text.contains("next, by the same command: Make sovnet the owner"),
        "{text}"
    );
    moved.metallb.stop_controller().unwrap();
    step(&scene, "--next", "done: Make sovnet the owner");
    assert_eq!(owners(&scene, &moved.service), ["sovnet-lb"]);
    wait_settled(&scene, moved.address);
    scene.start_all(&moved.config);
    let holder = scene.wait_holder(moved.address);
    step(&scene, "--next", "done: Let MetalLB's speakers go.");
    moved.metallb.stop_speakers().unwrap();
    step(
        &scene,
        "--next",
        "nothing is left to do: MetalLB announces nothing any more",
    );
    moved.last(&scene);
    assert_eq!(scene.answers(moved.address), [scene.mac(&holder)]);
    step(&scene, "--back", "done: Let MetalLB's speakers come back.");
    step(&scene, "--back", "done: Start MetalLB's controller again.");
    step(
        &scene,
        "--back",
        "nothing is left to do: MetalLB's controller and speakers",
    );
    assert_eq!(scene.given(&moved.service), [moved.address.to_string()]);
}
