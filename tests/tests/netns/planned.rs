//! What is planned loses nothing: stop, drain, restart.

use std::time::Duration;

use nix::sys::signal::Signal;
use sovnet_tests::clock::now;
use sovnet_tests::lan::arp::Ask;
use sovnet_tests::lan::daemon::Start;
use sovnet_tests::lan::{NODES, control};

use crate::support::{Bench, PAGE, SOON, other};

#[test]
fn a_stop_hands_over_and_loses_nothing() {
    let mut bench = Bench::up();
    let holder = bench.holder("civil", PAGE).unwrap();
    let stopped_at = now();
    bench.daemon(&holder).signal(Signal::SIGTERM).unwrap();
    let end = bench.daemon(&holder).wait_end(SOON).unwrap();
    assert!(end.success(), "{end}");
    let ended_at = now();
    bench.wait_holder(other(&holder), other(&holder));
    bench.assert_nothing_lost(stopped_at);
    bench.assert_silent(&holder, ended_at);
    assert_eq!(
        bench.answers(PAGE, Ask::Broadcast),
        [bench.mac(other(&holder))]
    );
}

#[test]
fn a_drain_and_its_end_lose_nothing_and_move_only_once() {
    let bench = Bench::up();
    let holder = bench.holder("civil", PAGE).unwrap();
    let drained_at = now();
    bench.lan.node(&holder).must("sovnetctl drain").unwrap();
    bench.wait_holder(&holder, other(&holder));
    bench.wait_holder(other(&holder), other(&holder));
    bench.assert_nothing_lost(drained_at);
    let status = bench.status(&holder);
    let segment = control::segment(&status).unwrap();
    assert_eq!(segment.state, "draining");
    assert!(!segment.state_reason.is_empty());
    let claims = bench.claims(other(&holder));
    let undrained_at = now();
    bench.lan.node(&holder).must("sovnetctl undrain").unwrap();
    bench.wait_status("active again", &holder, |status| {
        status
            .segments
            .iter()
            .all(|segment| segment.state == "active")
    });
    bench.hold_for("the claims", Duration::from_secs(1), |bench| {
        bench.claims(other(&holder)) == claims
    });
    bench.assert_nothing_lost(undrained_at);
}

#[test]
fn a_restart_moves_nothing_and_loses_no_ping() {
    let mut bench = Bench::up();
    let holder = bench.holder("civil", PAGE).unwrap();
    let restarted_at = now();
    let daemon = bench.daemon(&holder);
    daemon.signal(Signal::SIGUSR2).unwrap();
    let end = daemon.wait_end(SOON).unwrap();
    assert!(end.success(), "{end}");
    daemon.start_again(&Start::default()).unwrap();
    bench.wait_agreement();
    for name in NODES {
        assert_eq!(
            bench.holder(name, PAGE).as_deref(),
            Some(holder.as_str()),
            "seen by {name}"
        );
    }
    // The address stays local over the gap, so the kernel goes on answering.
    let (echo, _) = bench.outcome(restarted_at);
    assert_eq!(echo.lost, 0, "{echo:?}");
    let frames = bench.ear.from_machine(other(&holder), PAGE, restarted_at);
    assert!(frames.is_empty(), "{frames:?}");
}

#[test]
fn settings_of_the_lan_link_are_set_while_it_runs_and_restored_when_it_stops() {
    let mut bench = Bench::up();
    let keys = ["ipv4/conf/eth0/arp_ignore", "ipv4/conf/eth0/arp_announce"];
    let node = bench.lan.node("civil").clone();
    let read = || keys.map(|key| node.sysctl(key).unwrap());
    assert_eq!(read(), ["1", "2"]);
    bench.daemon("civil").signal(Signal::SIGTERM).unwrap();
    bench.daemon("civil").wait_end(SOON).unwrap();
    assert_eq!(read(), ["0", "0"]);
    let local = bench
        .lan
        .node("civil")
        .must("ip -4 -o addr show dev lo")
        .unwrap();
    assert!(!local.contains("192.168.8."), "{local}");
}

#[test]
fn only_who_may_can_give_commands_and_everybody_can_read() {
    let bench = Bench::up();
    let civil = bench.lan.node("civil");
    let nobody = "setpriv --reuid 65534 --regid 65534 --clear-groups";
    let denied = civil.run(&format!("{nobody} sovnetctl drain")).unwrap();
    assert_eq!(denied.status.code(), Some(6), "{denied:?}");
    let status = civil
        .run(&format!("{nobody} sovnetctl status --json"))
        .unwrap();
    assert_ne!(status.status.code(), Some(6), "{status:?}");
    assert!(
        String::from_utf8_lossy(&status.stdout).contains("sovnet.status/1"),
        "{status:?}"
    );
    assert_eq!(
        control::segment(&bench.status("civil")).unwrap().state,
        "active"
    );
}

#[test]
fn the_status_command_tells_health_by_its_exit_code() {
    let mut bench = Bench::up();
    let civil = bench.lan.node("civil").clone();
    let code = || civil.run("sovnetctl status").unwrap().status.code();
    bench.daemon("box-01").signal(Signal::SIGKILL).unwrap();
    bench.wait_status("degraded", "civil", |status| status.health == "degraded");
    assert_eq!(code(), Some(3));
    bench.daemon("civil").signal(Signal::SIGKILL).unwrap();
    bench.daemon("civil").wait_end(SOON).unwrap();
    assert_eq!(code(), Some(5));
}
