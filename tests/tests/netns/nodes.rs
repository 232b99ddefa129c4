//! More than two nodes.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Duration;

use nix::sys::signal::Signal;
use sovnet_control::status::Status;
use sovnet_tests::clock::{now, wait_for};
use sovnet_tests::lan::arp::Ask;
use sovnet_tests::lan::control;
use sovnet_tests::lan::daemon::Start;
use sovnet_tests::lan::faults::Frames;

use crate::support::{Bench, DNS, PAGE, SOON, UNPLANNED, holder_in, plan};

/// The nodes besides the usual two, with the last parts of their addresses.
const MORE: [(&str, u8); 3] = [("box-02", 219), ("box-03", 220), ("box-04", 221)];

/// So many nodes, of which each hears all others.
fn nodes(count: usize) -> (Bench, Vec<&'static str>) {
    let more = &MORE[..count - 2];
    let mut bench = Bench::prepare_more(&plan(), more);
    let names: Vec<&str> = ["civil", "box-01"]
        .into_iter()
        .chain(more.iter().map(|(name, _)| *name))
        .collect();
    for name in &names {
        bench.start(name, &Start::default());
    }
    wait_agreement(&bench, &names);
    bench.wait_probes();
    (bench, names)
}

/// Waits until all of these hear each other and name the same holders.
fn wait_agreement(bench: &Bench, names: &[&str]) {
    wait_for("all nodes to agree", SOON, || {
        let all: Option<Vec<Status>> = names
            .iter()
            .map(|name| control::status(bench.lan.node(name)).ok())
            .collect();
        let all = all?;
        let holders = |address: Ipv4Addr| -> BTreeSet<Option<String>> {
            all.iter()
                .map(|status| holder_in(status, address))
                .collect()
        };
        let is_one = |address| holders(address).len() == 1 && !holders(address).contains(&None);
        let is_heard = |status: &Status| {
            let segment = control::segment(status);
            segment.is_some_and(|segment| {
                let alive = segment.peers.iter().filter(|peer| peer.liveness == "alive");
                segment.state == "active" && alive.count() + 1 == names.len()
            })
        };
        (is_one(PAGE) && is_one(DNS) && all.iter().all(is_heard)).then_some(())
    })
    .unwrap();
}

#[test]
fn five_nodes_agree_and_a_dead_one_moves_only_what_it_had() {
    let (mut bench, names) = nodes(5);
    let holder = bench.holder("civil", PAGE).unwrap();
    let other_before = bench.holder("civil", DNS).unwrap();
    let killed_at = now();
    bench.daemon(&holder).signal(Signal::SIGKILL).unwrap();
    bench.daemon(&holder).wait_end(SOON).unwrap();
    let left: Vec<&str> = names.into_iter().filter(|name| *name != holder).collect();
    wait_agreement(&bench, &left);
    bench.assert_lost_at_most(killed_at, UNPLANNED);
    let successor = bench.holder(left[0], PAGE).unwrap();
    assert!(left.contains(&successor.as_str()), "{successor}");
    if other_before != holder {
        assert_eq!(bench.holder(left[0], DNS), Some(other_before));
    }
    assert_eq!(bench.answers(PAGE, Ask::Broadcast), [bench.mac(&successor)]);
}

#[test]
fn a_drain_among_three_nodes_loses_nothing() {
    let (bench, names) = nodes(3);
    let holder = bench.holder("civil", PAGE).unwrap();
    let drained_at = now();
    bench.lan.node(&holder).must("sovnetctl drain").unwrap();
    for name in &names {
        bench.wait_status("another holder", name, |status| {
            holder_in(status, PAGE).is_some_and(|now| now != holder)
        });
    }
    bench.assert_nothing_lost(drained_at);
}

/// Two nodes that do not hear each other, with a third that hears both: it passes on what it hears
/// (R13), so that they are never strangers.
#[test]
fn nodes_with_a_common_neighbour_never_both_speak() {
    let (bench, _) = nodes(3);
    let holder = bench.holder("civil", PAGE).unwrap();
    let apart = ["civil", "box-01", "box-02"]
        .into_iter()
        .find(|name| **name != holder)
        .unwrap();
    let cut_at = now();
    bench.lan.separate(&holder, apart, Frames::All).unwrap();
    bench.hold_for("one speaker", Duration::from_secs(4), |bench| {
        bench.answers(PAGE, Ask::Broadcast) == [bench.mac(&holder)]
    });
    bench.assert_nothing_lost(cut_at);
    let status = bench.status(apart);
    assert_eq!(holder_in(&status, PAGE), Some(holder.clone()));
    bench.lan.forward_all().unwrap();
    wait_agreement(&bench, &["civil", "box-01", "box-02"]);
    assert_eq!(bench.holder("civil", PAGE), Some(holder));
}
