//! Cables and switches that bring frames back, or carry short ones only.

use std::net::Ipv4Addr;
use std::time::Duration;

use sovnet_control::status::Status;
use sovnet_tests::clock::{now, wait_for};
use sovnet_tests::lan::arp::{Ask, ask};
use sovnet_tests::lan::daemon::{CONFIG, Start};
use sovnet_tests::lan::faults::Frames;
use sovnet_tests::lan::{NODES, control};

use crate::support::{Bench, PAGE, SOON, example, holder_in, other, plan};

/// More addresses than one page of a heartbeat holds, besides the two of the example.
const MANY: std::ops::Range<u8> = 104..200;

/// A cable with the smallest MTU that still carries what is needed (RFC 791 section 3.1: 576).
const NARROW: &str = "ip link set eth0 mtu 600";

/// Longer datagrams are lost on a path that is narrow in secret.
const LOST_ABOVE: u16 = 560;

/// Waits until `name` has noticed the loop. A node says little to everybody at rest, so both are made
/// to.
fn wait_named(bench: &Bench, name: &str) {
    wait_for("the loop to be named", SOON, || {
        for node in NODES.map(|node| bench.lan.node(node)) {
            for _ in 0..30 {
                ask(node, PAGE, Ask::Broadcast, Duration::from_millis(2)).unwrap();
            }
        }
        control::problem(&bench.status(name), "looped-cable").map(|_| ())
    })
    .unwrap();
}

/// What comes back is not taken for anybody else's.
fn assert_undisturbed(bench: &Bench, claims: &[(Option<String>, i64)]) {
    for name in NODES {
        let status = bench.status(name);
        assert_eq!(control::counted(&status, "foreign-claims-heard"), 0);
        let segment = control::segment(&status).unwrap();
        assert_eq!(segment.conflicts, [], "{name}");
        assert_eq!(segment.state, "active", "{name}");
        assert!(control::problem(&status, "identity-in-use").is_none());
        assert_eq!(bench.claims(name), claims, "seen by {name}");
    }
}

#[test]
fn a_port_that_sends_everything_back_is_named_and_moves_nothing() {
    let bench = Bench::up();
    let claims = bench.claims("civil");
    let holder = bench.holder("civil", PAGE).unwrap();
    let reflected_at = now();
    for name in NODES {
        bench.lan.reflect(name).unwrap();
    }
    wait_named(&bench, &holder);
    bench.assert_nothing_lost(reflected_at);
    assert_undisturbed(&bench, &claims);
}

#[test]
fn a_looped_cable_is_named_and_moves_nothing() {
    let bench = Bench::up();
    let claims = bench.claims("civil");
    let holder = bench.holder("civil", PAGE).unwrap();
    let looped_at = now();
    bench.lan.loop_cable().unwrap();
    wait_named(&bench, &holder);
    bench.assert_nothing_lost(looped_at);
    assert_undisturbed(&bench, &claims);
}

/// Nodes with many addresses, prepared and started; agreement is the test's matter.
fn started(prepare: impl FnOnce(&Bench)) -> Bench {
    let mut bench = Bench::prepare(&plan());
    let mut config = example();
    for last in MANY {
        config.push_str(&format!(
            "\n[[address]]\naddress = \"192.168.8.{last}\"\npurpose = \"host\"\n"
        ));
    }
    prepare(&bench);
    for name in NODES {
        bench.lan.node(name).write(CONFIG, &config).unwrap();
        bench.start(name, &Start::default());
    }
    bench
}

/// Who holds each address, as this status says; none while one of them has nobody.
fn holders(status: &Status) -> Option<Vec<String>> {
    let addresses = &control::segment(status)?.addresses;
    let all = addresses.iter().map(|one| one.holder.clone());
    let all: Option<Vec<String>> = all.collect();
    all.filter(|all| all.len() == MANY.len() + 2)
}

/// Waits until both nodes name the same holder for every address, and asks the wire about some.
fn wait_same_holders(bench: &Bench) {
    bench.wait_agreement();
    wait_for("both nodes to name the same holders", SOON, || {
        let [one, two] = NODES.map(|name| holders(&bench.status(name)));
        (one.is_some() && one == two).then_some(())
    })
    .unwrap();
    let status = bench.status("civil");
    for last in [130, 151, 172, 199] {
        let address = Ipv4Addr::new(192, 168, 8, last);
        let holder = holder_in(&status, address).unwrap();
        wait_for("one speaker", SOON, || {
            (bench.answers(address, Ask::Broadcast) == [bench.mac(&holder)]).then_some(())
        })
        .unwrap();
    }
}

/// One node hands everything over, which is news about every address.
fn drain_one(bench: &Bench) {
    let [one, two] = NODES;
    bench.lan.node(one).must("sovnetctl drain").unwrap();
    for name in NODES {
        bench.wait_status("everything is on the other node", name, |status| {
            holders(status).is_some_and(|all| all.iter().all(|holder| holder == two))
        });
    }
}

#[test]
fn on_a_link_with_a_small_mtu_all_facts_arrive() {
    let bench = started(|bench| {
        for name in NODES {
            bench.lan.node(name).must(NARROW).unwrap();
        }
    });
    wait_same_holders(&bench);
    drain_one(&bench);
}

#[test]
fn a_peer_with_a_smaller_mtu_is_told_everything_and_named() {
    let bench = started(|bench| {
        bench.lan.node("box-01").must(NARROW).unwrap();
    });
    let problem = bench.wait_problem("the lost datagrams are told", "civil", |problem| {
        problem.code == "long-datagrams-lost"
    });
    assert!(problem.what.contains("box-01"), "{problem:?}");
    assert!(problem.remedy.contains("MTU"), "{problem:?}");
    wait_same_holders(&bench);
    drain_one(&bench);
}

#[test]
fn a_path_that_loses_long_datagrams_leaves_one_speaker_for_each_address_and_is_told() {
    let [one, two] = NODES;
    let bench = started(|bench| {
        bench
            .lan
            .separate(one, two, Frames::UdpLonger(LOST_ABOVE))
            .unwrap();
    });
    // Whoever claims much has long facts; the other one's may be short.
    wait_for("the lost datagrams are told", SOON, || {
        NODES.into_iter().find_map(|name| {
            let problems = bench.status(name).problems;
            let mut told = problems.into_iter();
            told.find(|one| one.code == "long-datagrams-lost" && one.what.contains(other(name)))
        })
    })
    .unwrap();
    wait_same_holders(&bench);
    drain_one(&bench);
}

#[test]
fn a_path_that_begins_to_lose_long_datagrams_is_got_round() {
    let [one, two] = NODES;
    let bench = started(|_| {});
    wait_same_holders(&bench);
    bench
        .lan
        .separate(one, two, Frames::UdpLonger(LOST_ABOVE))
        .unwrap();
    drain_one(&bench);
    wait_same_holders(&bench);
}
