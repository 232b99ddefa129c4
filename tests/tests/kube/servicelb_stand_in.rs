//! Another controller writes and empties statuses that are sovnet's, as k3s's ServiceLB does: a
//! stand-in for it, since k3s itself can not be had here.

use std::net::Ipv4Addr;
use std::time::Duration;

use serde_json::Value;
use sovnet_control::status::Status;
use sovnet_tests::clock::{now, wait_for};
use sovnet_tests::cluster::objects::{Service, ingress};
use sovnet_tests::cluster::servicelb_stand_in::{ServiceLbStandIn, Wants};
use sovnet_tests::lan::{NODES, address_of};

use crate::scene::{SOON, Scene};
use crate::stage::HOUSE;

/// The address that the first Service without a wish gets.
const GIVEN: &str = "192.168.8.242";

/// How long a fight is watched. Repairs come at once, then after 5 and 10 s.
const WATCHED: Duration = Duration::from_secs(8);
/// More repairs than that in this time would be a race.
const REPAIRS_MAX: usize = 3;

/// The first words of the warning in the journal.
const WARNING: &str = "another controller writes a Service's status";

/// The text of a problem with that code, and whether it is worse than a note.
fn problem(status: &Status, code: &str) -> Option<(String, bool)> {
    let mut problems = status.problems.iter();
    let problem = problems.find(|one| one.code == code)?;
    let text = format!("{}. {}", problem.what, problem.remedy);
    Some((text, problem.severity != "note"))
}

/// Waits until both nodes have the problem in these words.
fn wait_problem(scene: &Scene, code: &str, words: &[&str]) {
    for name in NODES {
        let what = format!("{code} with {words:?}");
        scene.wait_status(&what, name, |status| {
            let found = problem(status, code);
            found.is_some_and(|(text, is_bad)| {
                is_bad && words.iter().all(|word| text.contains(word))
            })
        });
    }
}

/// A stand-in that never gives up is named everywhere, and put right now and then; nobody else
/// notices, and all is well when it has ended.
fn contest(wants: Wants<'_>, names: &str) {
    let mut scene = Scene::up();
    let service = Service::new(HOUSE, "shop");
    scene.apply(&service, &NODES);
    scene.wait_gets(&service, GIVEN);
    let address: Ipv4Addr = scene.wait_given(&service);
    scene.wait_holder(address);
    scene.wait_event(&service, "nodeAssigned", "Normal");
    let services = format!("/api/v1/namespaces/{HOUSE}/services");
    let watch = scene.api().watch(&services).unwrap();
    wait_for("the watch", SOON, || watch.first(|_| true)).unwrap();
    let is_right = |object: &Value| ingress(object) == [GIVEN];
    let before = watch.count(is_right);

    let stand_in = ServiceLbStandIn::start(scene.api(), &service, wants).unwrap();
    let since = now();
    scene.hold_for("the address is announced", WATCHED, |scene| {
        // A machine that is busy with other things may miss a question, or two.
        (0..3).any(|_| !scene.answers(address).is_empty())
    });
    let (repairs, writes) = (watch.count(is_right) - before, stand_in.writes());
    let time = now().duration_since(since);
    println!("in {time:?} the stand-in wrote {writes} times, sovnet {repairs} times");
    assert!((1..=REPAIRS_MAX).contains(&repairs), "{repairs} repairs");
    wait_problem(
        &scene,
        "service-status-contested",
        &[names, GIVEN, "times by now", "--disable servicelb"],
    );
    let note = scene.wait_event(&service, "StatusConflict", "Warning");
    for words in [names, GIVEN, "--disable servicelb"] {
        assert!(note.contains(words), "{words}: {note}");
    }
    // Once each, however often it goes back and forth.
    for reason in ["StatusConflict", "IPAllocated"] {
        let events = scene.events(&service, reason).unwrap();
        assert_eq!(events.len(), 1, "{events:?}");
    }
    // No more than it was announced anew, which a busy machine does by itself.
    let assigned = scene.events(&service, "nodeAssigned").unwrap();
    let mut begun = 0;
    for name in NODES {
        let log = scene.daemon(name).log();
        let is_it = |line: &&String| line.contains(WARNING) && line.contains("--disable");
        assert_eq!(log.iter().filter(is_it).count(), 1, "{name}: {log:#?}");
        let speaks = format!("speaking for {GIVEN}");
        begun += log.iter().filter(|line| line.contains(&speaks)).count();
    }
    assert!(assigned.len() <= begun, "{begun} times: {assigned:?}");
    let other = Service::new(HOUSE, "other");
    scene.apply(&other, &NODES);
    scene.wait_gets(&other, "192.168.8.243");

    println!("the stand-in ends after {} writes", stand_in.stop());
    scene.wait_gets(&service, GIVEN);
    for name in NODES {
        scene.wait_status("all is well", name, |status| {
            problem(status, "service-status-contested").is_none_or(|(_, is_bad)| !is_bad)
        });
    }
    scene.wait_page(address, |page| page.contains("saw"));
}

#[test]
fn a_stand_in_for_servicelb_that_writes_node_addresses_is_named_and_put_right_with_pauses() {
    let nodes = NODES.map(|name| address_of(name).unwrap());
    contest(Wants::Nodes(&nodes), "\"k3s\"");
}

#[test]
fn a_stand_in_for_servicelb_that_empties_statuses_is_told_and_put_right_with_pauses() {
    contest(Wants::Nothing, "a controller that leaves no name");
}

#[test]
fn what_a_stand_in_for_servicelb_wrote_first_is_left_to_it_and_named() {
    let mut scene = Scene::bare();
    let service = Service::new(HOUSE, "shop");
    scene.apply(&service, &NODES);
    let nodes = NODES.map(|name| address_of(name).unwrap());
    let stand_in = ServiceLbStandIn::start(scene.api(), &service, Wants::Nodes(&nodes)).unwrap();
    wait_for("it to write", SOON, || {
        (stand_in.writes() == 1).then_some(())
    })
    .unwrap();
    scene.start_all(&crate::scene::config());
    let words = ["\"k3s\"", "--disable servicelb", "kubectl -n house patch"];
    wait_problem(&scene, "service-status-unwritten", &words);
    let note = scene.wait_event(&service, "StatusConflict", "Warning");
    for words in &words[..2] {
        assert!(note.contains(words), "{words}: {note}");
    }
    let names: Vec<String> = nodes.iter().map(Ipv4Addr::to_string).collect();
    scene.hold_for("it is left alone", Duration::from_secs(3), |scene| {
        scene.given(&service) == names
    });
    assert_eq!(stand_in.stop(), 1, "sovnet wrote there");
    // What is left is cleared by hand, as the remedy says.
    scene.patch_status(&service, None);
    scene.wait_gets(&service, GIVEN);
    for name in NODES {
        scene.wait_status("all is well", name, |status| {
            problem(status, "service-status-unwritten").is_none()
        });
    }
}
