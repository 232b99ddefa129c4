//! Who is believed: names, ids, keys, clocks.

use std::time::Duration;

use sovnet_tests::lan::arp::Ask;
use sovnet_tests::lan::daemon::{CONFIG, Start};
use sovnet_tests::lan::{NODES, Plan};

use crate::support::{Bench, DNS, PAGE, SOON, example, new_key, plan};

/// After the rules for wire evidence have had their second.
const SETTLED: Duration = Duration::from_secs(2);

/// Exactly one of the nodes answers for each address, for a while.
fn assert_one_speaker(bench: &Bench) {
    sovnet_tests::clock::wait_for("one speaker for each address", SOON, || {
        [PAGE, DNS]
            .iter()
            .all(|address| bench.answers(*address, Ask::Broadcast).len() == 1)
            .then_some(())
    })
    .unwrap();
    bench.hold_for("one speaker for each address", SETTLED, |bench| {
        [PAGE, DNS]
            .iter()
            .all(|address| bench.answers(*address, Ask::Broadcast).len() == 1)
    });
}

#[test]
fn two_nodes_with_one_name_are_told_apart_and_the_operator_is_told() {
    let mut bench = Bench::prepare(&plan());
    for name in NODES {
        let config = example().replace("#name = \"civil\"", "name = \"civil\"");
        assert_ne!(config, example());
        bench.lan.node(name).write(CONFIG, &config).unwrap();
        bench.start(name, &Start::default());
    }
    let told = |name: &str| {
        let problems = bench.status(name).problems;
        problems.iter().any(|one| one.code == "identity-in-use")
    };
    sovnet_tests::clock::wait_for("a node to tell", SOON, || {
        NODES.into_iter().any(told).then_some(())
    })
    .unwrap();
    assert_one_speaker(&bench);
}

#[test]
fn two_machines_with_one_identity_do_not_both_speak() {
    let mut bench = Bench::prepare(&plan());
    let id = std::fs::read_to_string(bench.lan.node("civil").path("/etc/machine-id")).unwrap();
    bench
        .lan
        .node("box-01")
        .write("/etc/machine-id", &id)
        .unwrap();
    for name in NODES {
        bench.start(name, &Start::default());
    }
    let is_mute = |name: &str| {
        bench
            .status(name)
            .segments
            .iter()
            .any(|segment| segment.state == "mute")
    };
    sovnet_tests::clock::wait_for("one of them to be mute", SOON, || {
        NODES.into_iter().any(is_mute).then_some(())
    })
    .unwrap();
    assert_one_speaker(&bench);
}

#[test]
fn a_different_key_on_one_node_is_told_and_leaves_one_speaker() {
    let mut bench = Bench::prepare(&plan());
    let key = new_key(&bench.lan);
    bench
        .lan
        .node("box-01")
        .write("/etc/sovnet/cluster.key", &key)
        .unwrap();
    for name in NODES {
        bench.start(name, &Start::default());
    }
    for name in NODES {
        let problem = bench.wait_problem("it names the key", name, |problem| {
            problem.code.contains("key")
        });
        assert!(!problem.remedy.is_empty(), "{problem:?}");
    }
    assert_one_speaker(&bench);
}

#[test]
fn a_missing_key_file_is_told_and_that_node_announces_nothing() {
    let mut bench = Bench::prepare(&plan());
    std::fs::remove_file(bench.lan.node("box-01").path("/etc/sovnet/cluster.key")).unwrap();
    for name in NODES {
        bench.start(name, &Start::default());
    }
    let problem = bench.wait_problem("it names the key file", "box-01", |problem| {
        problem.what.contains("/etc/sovnet/cluster.key")
    });
    assert_eq!(problem.severity, "unhealthy", "{problem:?}");
    bench.wait_holder("civil", "civil");
    assert_eq!(bench.answers(PAGE, Ask::Broadcast), [bench.mac("civil")]);
}

#[test]
fn clocks_that_are_hours_apart_make_no_difference() {
    let ahead = Plan {
        clock_ahead: Some(("box-01", 5 * 3600)),
        ..plan()
    };
    let bench = Bench::up_with(&ahead);
    let holder = bench.holder("civil", PAGE).unwrap();
    let survivor = crate::support::other(&holder);
    let cut_at = sovnet_tests::clock::now();
    bench.lan.cut(&holder).unwrap();
    bench.wait_holder(survivor, survivor);
    bench.assert_lost_at_most(cut_at, crate::support::UNPLANNED);
    let uptime = Duration::from_millis(bench.status("box-01").uptime_ms.unsigned_abs());
    assert!(uptime < Duration::from_secs(600), "{uptime:?}");
}
