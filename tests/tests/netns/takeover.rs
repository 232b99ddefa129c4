//! A node is gone without a word: cable, crash, stopped process.

use std::time::Duration;

use nix::sys::signal::Signal;
use sovnet_tests::clock::{now, wait_for};
use sovnet_tests::lan::arp::Ask;

use crate::support::{Bench, DNS, PAGE, SOON, UNPLANNED, other};

#[test]
fn a_cut_cable_moves_the_addresses_within_the_bound_and_healing_moves_nothing() {
    let bench = Bench::up();
    let holder = bench.holder("civil", PAGE).unwrap();
    let survivor = other(&holder);
    let cut_at = now();
    bench.lan.cut(&holder).unwrap();
    bench.wait_holder(survivor, survivor);
    bench.assert_lost_at_most(cut_at, UNPLANNED);
    let mac = bench.mac(survivor);
    let neighbour = || {
        bench
            .lan
            .node("laptop")
            .must(&format!("ip neigh show {PAGE}"))
            .unwrap()
    };
    wait_for("the laptop's entry to name the survivor", SOON, || {
        neighbour().contains(&mac.to_string()).then_some(())
    })
    .unwrap();
    bench.wait_status("isolated", &holder, |status| {
        status
            .segments
            .iter()
            .all(|segment| segment.state == "isolated")
    });
    let healed_at = now();
    let before = bench.claims(survivor);
    bench.lan.heal(&holder).unwrap();
    bench.wait_agreement();
    assert_eq!(bench.claims(survivor), before);
    bench.assert_nothing_lost(healed_at);
    bench.assert_silent(&holder, healed_at);
}

#[test]
fn the_addresses_of_a_killed_daemon_move_within_the_bound() {
    let mut bench = Bench::up();
    let holder = bench.holder("civil", PAGE).unwrap();
    let survivor = other(&holder);
    let killed_at = now();
    bench.daemon(&holder).signal(Signal::SIGKILL).unwrap();
    bench.wait_holder(survivor, survivor);
    bench.assert_lost_at_most(killed_at, UNPLANNED);
    for address in [PAGE, DNS] {
        for how in [
            Ask::Broadcast,
            Ask::Probe,
            Ask::Unicast(bench.mac(survivor)),
        ] {
            assert_eq!(
                bench.answers(address, how),
                [bench.mac(survivor)],
                "{how:?}"
            );
        }
        assert!(
            bench
                .answers(address, Ask::Unicast(bench.mac(&holder)))
                .is_empty()
        );
    }
}

#[test]
fn after_the_death_of_both_daemons_nobody_speaks_for_an_address() {
    let mut bench = Bench::up();
    for name in ["civil", "box-01"] {
        bench.daemon(name).signal(Signal::SIGKILL).unwrap();
        bench.daemon(name).wait_end(SOON).unwrap();
    }
    let dead_at = now();
    bench.hold_for("nobody answers", Duration::from_secs(2), |bench| {
        let ways = ["civil", "box-01"].map(|name| Ask::Unicast(bench.mac(name)));
        [Ask::Broadcast, Ask::Probe]
            .into_iter()
            .chain(ways)
            .all(|how| bench.answers(DNS, how).is_empty() && bench.answers(PAGE, how).is_empty())
    });
    bench.assert_silent("civil", dead_at);
    bench.assert_silent("box-01", dead_at);
}

#[test]
fn a_stopped_process_never_speaks_after_its_addresses_were_taken_over() {
    let mut bench = Bench::up();
    let holder = bench.holder("civil", PAGE).unwrap();
    let survivor = other(&holder);
    bench.daemon(&holder).signal(Signal::SIGSTOP).unwrap();
    bench.wait_holder(survivor, survivor);
    let taken_at = now();
    bench.hold_for(
        "only the survivor answers",
        Duration::from_secs(1),
        |bench| bench.answers(PAGE, Ask::Broadcast) == [bench.mac(survivor)],
    );
    let claims = bench.claims(survivor);
    bench.daemon(&holder).signal(Signal::SIGCONT).unwrap();
    bench.wait_agreement();
    assert_eq!(bench.claims(survivor), claims);
    assert_eq!(bench.claims(&holder), claims);
    bench.hold_for(
        "only the survivor answers",
        Duration::from_secs(1),
        |bench| bench.answers(PAGE, Ask::Broadcast) == [bench.mac(survivor)],
    );
    bench.assert_silent(&holder, taken_at);
}

#[test]
fn a_short_pause_of_the_daemon_on_a_live_host_moves_nothing() {
    let mut bench = Bench::up();
    let holder = bench.holder("civil", PAGE).unwrap();
    let claims = bench.claims("civil");
    bench.daemon(&holder).signal(Signal::SIGSTOP).unwrap();
    let stopped_at = now();
    wait_for("half a second to pass", SOON, || {
        (now().duration_since(stopped_at) >= Duration::from_millis(500)).then_some(())
    })
    .unwrap();
    bench.daemon(&holder).signal(Signal::SIGCONT).unwrap();
    bench.wait_agreement();
    let holders = |claims: Vec<(Option<String>, i64)>| -> Vec<_> {
        claims.into_iter().map(|(holder, _)| holder).collect()
    };
    assert_eq!(holders(bench.claims("civil")), holders(claims));
}

#[test]
fn local_addresses_of_a_killed_daemon_vanish_by_themselves() {
    let mut bench = Bench::up();
    let holder = bench.holder("civil", PAGE).unwrap();
    let node = bench.lan.node(&holder).clone();
    let local = || node.must("ip -4 -o addr show dev lo").unwrap();
    assert!(local().contains(&PAGE.to_string()), "{}", local());
    bench.daemon(&holder).signal(Signal::SIGKILL).unwrap();
    bench.daemon(&holder).wait_end(SOON).unwrap();
    wait_for("the kernel to drop the address", SOON, || {
        (!local().contains(&PAGE.to_string())).then_some(())
    })
    .unwrap();
}
