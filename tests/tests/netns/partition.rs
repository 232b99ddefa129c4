//! Segments that are broken in parts: one way only, a filtered port, a partition, loss, a switch
//! without power, and a process that slept through it (ELECTION sections 8 and 10).

use std::time::Duration;

use nix::sys::signal::Signal;
use sovnet_tests::clock::{now, wait_for, wait_until};
use sovnet_tests::lan::NODES;
use sovnet_tests::lan::arp::Ask;
use sovnet_tests::lan::faults::Frames;

use crate::support::{Bench, DNS, PAGE, SOON, UNPLANNED, other};

/// Port of the heartbeats.
const HEARTBEATS: u16 = 5847;

/// For how long something is watched that must not change.
const WHILE: Duration = Duration::from_secs(3);

/// Two of a moment ago may both have answered a question while one of them was giving way.
fn wait_one_speaker(bench: &Bench) {
    wait_for("one speaker for each address", SOON, || {
        let is_one = |address| bench.answers(address, Ask::Broadcast).len() == 1;
        (is_one(PAGE) && is_one(DNS)).then_some(())
    })
    .unwrap();
}

#[test]
fn over_a_one_way_link_the_heard_node_speaks_and_the_other_gives_way() {
    let bench = Bench::up();
    let holder = bench.holder("civil", PAGE).unwrap();
    // The holder hears nothing of the other, which still hears it: the other can be told, not the
    // holder, so the holder has everything.
    bench
        .lan
        .drop_between(other(&holder), &holder, Frames::All)
        .unwrap();
    bench.wait_status("alone", &holder, |status| {
        let peers = status.segments.iter().flat_map(|segment| &segment.peers);
        peers.into_iter().all(|peer| peer.liveness == "dead")
    });
    let alone_at = now();
    bench.hold_for("one speaker", WHILE, |bench| {
        bench.answers(PAGE, Ask::Broadcast) == [bench.mac(&holder)]
    });
    bench.assert_silent(other(&holder), alone_at);
    bench.lan.forward_all().unwrap();
    bench.wait_agreement();
    assert_eq!(bench.holder("civil", PAGE), Some(holder));
    bench.assert_nothing_lost(alone_at);
}

#[test]
fn a_node_that_is_not_heard_takes_what_the_deaf_one_gives_up() {
    let bench = Bench::up();
    let holder = bench.holder("civil", PAGE).unwrap();
    let deaf = other(&holder);
    // Now the other one cannot hear the holder: it takes the addresses, and the holder hears that.
    let cut_at = now();
    bench.lan.drop_between(&holder, deaf, Frames::All).unwrap();
    bench.wait_holder(deaf, deaf);
    wait_one_speaker(&bench);
    bench.hold_for("one speaker", WHILE, |bench| {
        bench.answers(PAGE, Ask::Broadcast) == [bench.mac(deaf)]
    });
    bench.assert_lost_at_most(cut_at, UNPLANNED);
    bench.lan.forward_all().unwrap();
    bench.wait_agreement();
    wait_one_speaker(&bench);
}

#[test]
fn a_filtered_heartbeat_port_leaves_the_speaker_alone_and_is_told() {
    let bench = Bench::up();
    let holder = bench.holder("civil", PAGE).unwrap();
    let filtered_at = now();
    let [one, two] = NODES;
    bench
        .lan
        .separate(one, two, Frames::Udp(HEARTBEATS))
        .unwrap();
    for name in NODES {
        bench.wait_problem("the silent peer is named", name, |problem| {
            problem.what.contains(other(name)) || problem.what.contains("192.168.8.2")
        });
    }
    bench.hold_for("one speaker", WHILE, |bench| {
        bench.answers(PAGE, Ask::Broadcast) == [bench.mac(&holder)]
    });
    bench.assert_nothing_lost(filtered_at);
    bench.lan.forward_all().unwrap();
    bench.wait_agreement();
    assert_eq!(bench.holder("civil", PAGE), Some(holder));
}

#[test]
fn after_a_partition_one_of_two_speakers_gives_way_and_nobody_is_lost() {
    let bench = Bench::up();
    let [one, two] = NODES;
    bench.lan.separate(one, two, Frames::All).unwrap();
    // Both sides are served: two nodes cannot know better.
    for name in NODES {
        bench.wait_holder(name, name);
    }
    let healed_at = now();
    bench.lan.forward_all().unwrap();
    bench.wait_agreement();
    wait_one_speaker(&bench);
    bench.assert_nothing_lost(healed_at);
}

#[test]
fn loss_of_every_tenth_frame_moves_nothing() {
    let bench = Bench::up();
    let claims = bench.claims("civil");
    let [one, two] = NODES;
    bench.lan.separate(one, two, Frames::Percent(10)).unwrap();
    bench.hold_for("the claims", WHILE * 2, |bench| {
        bench.claims("civil") == claims && bench.claims("box-01") == claims
    });
}

#[test]
fn a_switch_without_power_moves_nothing_whatever_port_comes_back_first() {
    let bench = Bench::up();
    let holder = bench.holder("civil", PAGE).unwrap();
    for name in ["router", "laptop", "civil", "box-01"] {
        bench.lan.cut(name).unwrap();
    }
    for name in NODES {
        bench.wait_status("isolated", name, |status| {
            status
                .segments
                .iter()
                .all(|segment| segment.state == "isolated")
        });
    }
    // The holder's port is the last, half a second behind the other node's.
    for name in ["router", "laptop", other(&holder)] {
        bench.lan.heal(name).unwrap();
    }
    wait_until(now() + Duration::from_millis(500));
    bench.lan.heal(&holder).unwrap();
    bench.wait_agreement();
    assert_eq!(bench.holder("civil", PAGE), Some(holder.clone()));
    assert_eq!(bench.answers(PAGE, Ask::Broadcast), [bench.mac(&holder)]);
}

#[test]
fn a_node_that_slept_through_its_own_replacement_does_not_win_with_an_old_queue() {
    let mut bench = Bench::up();
    let holder = bench.holder("civil", PAGE).unwrap();
    let survivor = other(&holder);
    // What waits in its queue is from before: that all is well.
    bench.daemon(&holder).signal(Signal::SIGSTOP).unwrap();
    bench.lan.cut(&holder).unwrap();
    bench.wait_holder(survivor, survivor);
    let claims = bench.claims(survivor);
    bench.lan.heal(&holder).unwrap();
    let woken_at = now();
    bench.daemon(&holder).signal(Signal::SIGCONT).unwrap();
    bench.wait_agreement();
    assert_eq!(bench.claims(survivor), claims);
    bench.assert_silent(&holder, woken_at);
}

#[test]
fn a_switch_that_forgot_its_stations_learns_the_new_speaker_at_once() {
    let mut bench = Bench::up();
    let holder = bench.holder("civil", PAGE).unwrap();
    let survivor = other(&holder);
    let mac = bench.mac(survivor);
    bench.daemon(&holder).signal(Signal::SIGKILL).unwrap();
    bench.lan.forget_stations().unwrap();
    bench.wait_holder(survivor, survivor);
    let wanted = format!("to-{survivor}");
    wait_for("the switch to know the new speaker", SOON, || {
        let port = bench.lan.port_of(mac).ok().flatten();
        (port.as_deref() == Some(wanted.as_str())).then_some(())
    })
    .unwrap();
    bench.wait_probes();
}
