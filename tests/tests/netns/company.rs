//! What a node makes of the company that it has: a majority or less, and peers that do not hear it
//! speak.

use std::time::Duration;

use sovnet_tests::clock::now;
use sovnet_tests::lan::arp::Ask;
use sovnet_tests::lan::control;
use sovnet_tests::lan::daemon::{CONFIG, Start};
use sovnet_tests::lan::faults::Frames;

use crate::support::{Bench, DNS, PAGE, UNPLANNED, holder_in, plan};

const NAMES: [&str; 3] = ["civil", "box-01", "box-02"];

/// For how long something is watched that must not change.
const WHILE: Duration = Duration::from_secs(2);

/// Three nodes that hear each other, with or without the rule of the majority.
fn three(has_quorum: bool) -> Bench {
    let mut bench = Bench::prepare_more(&plan(), &[("box-02", 219)]);
    for name in NAMES {
        let path = bench.lan.node(name).path(CONFIG);
        let config = std::fs::read_to_string(path).unwrap();
        let with = config.replace("#quorum = false", &format!("quorum = {has_quorum}"));
        assert_ne!(with, config, "the example has the setting");
        bench.lan.node(name).write(CONFIG, &with).unwrap();
        bench.start(name, &Start::default());
    }
    for name in NAMES {
        bench.wait_status("in company", name, |status| {
            let segment = control::segment(status).unwrap();
            let alive = segment.peers.iter().filter(|peer| peer.liveness == "alive");
            let has_all = segment.addresses.iter().all(|one| one.holder.is_some());
            segment.state == "active" && alive.count() == 2 && has_all
        });
    }
    bench.wait_probes();
    bench
}

/// Cuts `one` off from both others, on a LAN where all of them reach the router and the clients.
fn cut_off(bench: &Bench, one: &str) -> Vec<&'static str> {
    let rest: Vec<&str> = NAMES.into_iter().filter(|name| *name != one).collect();
    for name in &rest {
        bench.lan.separate(one, name, Frames::All).unwrap();
    }
    rest
}

#[test]
fn with_quorum_the_node_that_is_cut_off_serves_nothing_and_two_of_three_go_on() {
    let bench = three(true);
    let alone = bench.holder("civil", PAGE).unwrap();
    let cut_at = now();
    let rest = cut_off(&bench, &alone);
    let problem = bench.wait_problem("it says why", &alone, |problem| problem.code == "no-quorum");
    assert!(problem.what.contains("1 of 3"), "{problem:?}");
    bench.wait_status("it serves nothing", &alone, |status| {
        let mut addresses = control::segment(status).unwrap().addresses.iter();
        addresses.all(|one| !one.is_held_here && !one.is_local)
    });
    for name in &rest {
        bench.wait_status("the others have everything", name, |status| {
            let has_it = |address| {
                let holder = holder_in(status, address);
                holder.is_some_and(|holder| rest.contains(&holder.as_str()))
            };
            has_it(PAGE) && has_it(DNS)
        });
    }
    bench.assert_lost_at_most(cut_at, UNPLANNED);
    let silent_from = now();
    let holder = bench.holder(rest[0], PAGE).unwrap();
    bench.hold_for("no second speaker", WHILE, |bench| {
        let right = bench.mac(&holder);
        bench
            .answers(PAGE, Ask::Broadcast)
            .iter()
            .all(|mac| *mac == right)
    });
    bench.assert_silent(&alone, silent_from);
    bench.lan.forward_all().unwrap();
    bench.wait_status("in a majority again", &alone, |status| {
        control::problem(status, "no-quorum").is_none()
            && holder_in(status, PAGE).as_deref() == Some(&*holder)
    });
}

#[test]
fn without_quorum_the_node_that_is_cut_off_and_reaches_the_router_serves_on() {
    let bench = three(false);
    let alone = bench.holder("civil", PAGE).unwrap();
    let cut_at = now();
    let rest = cut_off(&bench, &alone);
    // Neither side can know of the other; each serves whom it reaches.
    bench.wait_status("alone, with everything", &alone, |status| {
        let segment = control::segment(status).unwrap();
        segment.peers.iter().all(|peer| peer.liveness == "dead")
            && segment.addresses.iter().all(|one| one.is_held_here)
    });
    bench.wait_status("the others have everything", rest[0], |status| {
        let holder = holder_in(status, PAGE);
        holder.is_some_and(|holder| rest.contains(&holder.as_str()))
    });
    bench.assert_lost_at_most(cut_at, UNPLANNED);
    let status = bench.status(&alone);
    assert!(control::problem(&status, "no-quorum").is_none());
    // And one that reaches nobody at all is silent, with or without the rule.
    bench.lan.cut(&alone).unwrap();
    bench.wait_status("isolated", &alone, |status| {
        let segment = control::segment(status).unwrap();
        segment.state == "isolated" && segment.addresses.iter().all(|one| !one.is_held_here)
    });
}

#[test]
fn a_holder_whose_answers_nobody_hears_hands_over_to_one_that_is_heard() {
    let mut bench = Bench::prepare(&plan());
    for address in [PAGE, DNS] {
        let frames = Frames::ArpOf(address);
        bench.lan.drop_from("civil", frames).unwrap();
    }
    bench.start("civil", &Start::default());
    bench.wait_holder("civil", "civil");
    bench.start("box-01", &Start::default());
    let problem = bench.wait_problem("it is not heard", "box-01", |problem| {
        problem.code == "not-heard-on-the-wire"
    });
    assert!(problem.what.contains("192.168.8.24"), "{problem:?}");
    bench.wait_holder("box-01", "box-01");
    bench.wait_holder("civil", "box-01");
    bench.wait_probes();
    bench.wait_status("the new holder is heard", "civil", |status| {
        let entry = control::address(status, &PAGE.to_string());
        entry.is_some_and(|one| one.seen_by == ["civil"] && one.unseen_by.is_empty())
    });
    let shown = bench.lan.node("civil").must("sovnetctl status").unwrap();
    let row = shown.lines().find(|line| line.contains("192.168.8.240"));
    assert!(shown.contains("SEEN BY"), "{shown}");
    assert!(row.is_some_and(|row| row.contains("1 of 1")), "{shown}");
    let word = bench.holder("box-01", PAGE);
    bench.hold_for("it stays where it is heard", WHILE, |bench| {
        bench.holder("box-01", PAGE) == word
    });
}
