//! Which step comes next, as the cluster stands.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use serde_json::{Value, json};

use super::super::probe::{self, Count, Prober, places};
use super::super::stage::{Kind, Next, back, forward};
use super::super::{ConfigFile, Found, plan};
use super::{file, found, pool, service};

const POOL: &str = "[kubernetes]\n[[pool]]\nname = 'lan'\naddresses = ['192.0.2.0/30']\n";

/// A cluster whose Service has an address, and the config that goes with it.
fn cluster() -> (Found, ConfigFile) {
    let pools = vec![pool("lan", json!({ "addresses": ["192.0.2.0/30"] }))];
    let mut found = found(pools, vec![service("home/web", &["192.0.2.1"])]);
    for object in found.deployments.iter_mut().chain(&mut found.daemon_sets) {
        object["spec"]["selector"] = json!({ "matchLabels": { "app": "metallb", "x/y": "z" } });
    }
    (found, file(POOL))
}

/// The next step there, as one line.
fn next(found: &Found, file: &ConfigFile) -> String {
    told(forward(&plan(found, file), found))
}

fn told(next: Next) -> String {
    match next {
        Next::Person(what) => format!("by hand: {what}"),
        Next::Done(what) => format!("done: {what}"),
        Next::Do(act) => {
            let patches = act.patches.iter().map(|patch| {
                let place = format!("{}/{}", patch.namespace, patch.name);
                match patch.kind {
                    Kind::Service => format!("{:?} {place}", patch.kind),
                    Kind::Deployment | Kind::DaemonSet => {
                        format!("{:?} {place} {}", patch.kind, patch.body)
                    }
                }
            });
            let patches: Vec<String> = patches.collect();
            let gone = act
                .until_gone
                .map(|(home, labels)| format!(" until {home} {labels}"));
            patches.join("; ") + &gone.unwrap_or_default()
        }
    }
}

fn replicas(found: &mut Found, count: i64) {
    found.deployments[0]["spec"]["replicas"] = json!(count);
}

fn own(found: &mut Found) {
    let entry = &mut found.services[0]["metadata"]["managedFields"][0];
    entry["manager"] = json!("sovnet-lb");
    entry["operation"] = json!("Apply");
}

fn nowhere(found: &mut Found, value: Value) {
    let selector = &mut found.daemon_sets[0]["spec"]["template"]["spec"]["nodeSelector"];
    selector["sovnet.internal/adopted"] = value;
}

#[test]
fn each_step_follows_from_what_the_steps_before_have_left_in_the_cluster() {
    let (mut found, config) = cluster();
    assert!(next(&found, &file("")).starts_with("by hand: add what"));
    let stops = next(&found, &config);
    assert_eq!(
        stops,
        "Deployment metallb-system/controller {\"spec\":{\"replicas\":0}} until metallb-system \
         app=metallb,x/y=z"
    );
    replicas(&mut found, 0);
    assert_eq!(next(&found, &config), "Service home/web");
    own(&mut found);
    let goes = next(&found, &config);
    assert!(
        goes.starts_with("DaemonSet metallb-system/speaker "),
        "{goes}"
    );
    assert!(
        goes.contains("\"sovnet.internal/adopted\":\"true\""),
        "{goes}"
    );
    nowhere(&mut found, json!("true"));
    assert!(next(&found, &config).starts_with("done: "));
}

#[test]
fn the_way_back_begins_with_what_announces() {
    let (mut found, config) = cluster();
    replicas(&mut found, 0);
    own(&mut found);
    nowhere(&mut found, json!("true"));
    let comes = told(back(&plan(&found, &config)));
    assert!(
        comes.contains("\"sovnet.internal/adopted\":null"),
        "{comes}"
    );
    let (mut found, config) = cluster();
    replicas(&mut found, 0);
    let comes = told(back(&plan(&found, &config)));
    assert_eq!(
        comes,
        "Deployment metallb-system/controller {\"spec\":{\"replicas\":1}}"
    );
    replicas(&mut found, 1);
    assert!(told(back(&plan(&found, &config))).starts_with("done: "));
}

#[test]
fn what_has_to_be_decided_or_is_not_found_is_never_passed_over() {
    let (mut found, config) = cluster();
    found.deployments.clear();
    assert!(next(&found, &config).starts_with("by hand: MetalLB's controller or speaker"));
    assert!(told(back(&plan(&found, &config))).starts_with("by hand: "));
    let (found, _) = cluster();
    let taken = file(&format!("{POOL}[[address]]\naddress = '192.0.2.1'\n"));
    assert!(next(&found, &taken).starts_with("by hand: something has to be decided first"));
}

#[test]
fn a_service_is_probed_at_its_first_port_of_tcp() {
    let mut web = service("home/web", &["192.0.2.1"]);
    web["spec"]["ports"] =
        json!([{ "port": 53, "protocol": "UDP" }, { "port": 443 }, { "port": 80 }]);
    let dns = service("home/dns", &["192.0.2.2"]);
    let waits = service("home/waits", &[]);
    let places: Vec<String> = places(&[web, dns, waits])
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(places, ["192.0.2.1:443"]);
}

#[test]
fn connections_are_counted_as_long_as_the_work_takes() {
    let listen = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let open = listen();
    let (open_at, closed_at) = (open.local_addr().unwrap(), listen().local_addr().unwrap());
    let prober = Prober::default();
    let enough = async {
        let mut seen = [Count::default(); 2];
        while seen.iter().any(|count| count.opened < 2) {
            tokio::task::yield_now().await;
            for (at, count) in prober.take() {
                let seen = &mut seen[usize::from(at == closed_at)];
                seen.opened += count.opened;
                seen.lost += count.lost;
            }
        }
        seen
    };
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().unwrap();
    let [there, refused] = runtime.block_on(prober.beside(&[open_at, closed_at], enough));
    assert_eq!(there.lost, 0);
    assert_eq!(refused.lost, refused.opened);
}

#[test]
fn what_did_not_answer_before_is_told_and_not_counted() {
    let at = |text: &str| text.parse::<SocketAddr>().unwrap();
    let count = |opened, lost| Count { opened, lost };
    let counts = [
        (at("192.0.2.1:80"), count(40, 0)),
        (at("192.0.2.2:80"), count(40, 3)),
        (at("192.0.2.3:80"), count(9, 9)),
    ];
    assert_eq!(
        probe::losses(&[at("192.0.2.3:80")], &counts.into()),
        "connections from this machine meanwhile: 80 opened, 3 lost\n  192.0.2.2:80: 3 of 40 lost\n  \
         192.0.2.3:80: did not answer before, so nothing is counted\n"
    );
}
