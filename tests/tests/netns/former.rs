//! What a link had before it was made quiet, after a daemon that was killed.

use std::fs;

use nix::sys::signal::Signal;
use sovnet_tests::clock::wait_for;
use sovnet_tests::lan::daemon::Start;

use crate::support::{Bench, SOON, plan};

const NODE: &str = "civil";
const KEPT: &str = "/var/lib/sovnet/links.state";

/// `arp_ignore` and `arp_announce`.
fn modes(bench: &Bench) -> [String; 2] {
    let node = bench.lan.node(NODE);
    ["arp_ignore", "arp_announce"].map(|name| {
        let value = node.sysctl(&format!("ipv4/conf/eth0/{name}"));
        value.unwrap().trim().to_owned()
    })
}

fn wait_modes(bench: &Bench, what: &str, wanted: [&str; 2]) {
    wait_for(what, SOON, || (modes(bench) == wanted).then_some(())).unwrap();
}

/// A daemon has made the link quiet, has kept on disk what it had, and is killed.
fn killed() -> Bench {
    let mut bench = Bench::prepare(&plan());
    let announce = "ipv4/conf/eth0/arp_announce";
    bench.lan.node(NODE).set_sysctl(announce, "1").unwrap();
    bench.start(NODE, &Start::default());
    wait_modes(&bench, "the link to be quiet", ["1", "2"]);
    let kept = bench.lan.node(NODE).path(KEPT);
    wait_for("the file", SOON, || {
        let text = fs::read_to_string(&kept).ok()?;
        text.contains(" 0 1 eth0\n").then_some(())
    })
    .unwrap();
    let daemon = bench.daemon(NODE);
    daemon.signal(Signal::SIGKILL).unwrap();
    daemon.wait_end(SOON).unwrap();
    assert_eq!(modes(&bench), ["1", "2"], "nobody has given it back");
    bench
}

/// The next life until it announces, and its stop.
fn live_and_stop(bench: &mut Bench) {
    let daemon = bench.daemon(NODE);
    daemon.start_again(&Start::default()).unwrap();
    bench.wait_status("to take part", NODE, |status| {
        let mut segments = status.segments.iter();
        segments.any(|segment| segment.state == "active")
    });
    let daemon = bench.daemon(NODE);
    daemon.signal(Signal::SIGTERM).unwrap();
    daemon.wait_end(SOON).unwrap();
}

#[test]
fn a_link_gets_back_what_it_had_when_the_daemon_is_stopped_after_it_was_killed() {
    let mut bench = killed();
    live_and_stop(&mut bench);
    assert_eq!(modes(&bench), ["0", "1"]);
    let kept = fs::read_to_string(bench.lan.node(NODE).path(KEPT)).unwrap();
    assert!(
        !kept.contains("\nlink "),
        "nothing is owed any more: {kept}"
    );
}

#[test]
fn a_broken_file_of_it_is_set_aside_and_told() {
    let mut bench = killed();
    let kept = bench.lan.node(NODE).path(KEPT);
    fs::write(&kept, "sovnet-links/1\nnonsense\n").unwrap();
    bench.daemon(NODE).start_again(&Start::default()).unwrap();
    let problem = bench.wait_problem("the broken file", NODE, |one| {
        one.code == "state-unreadable"
    });
    assert!(
        problem.what.contains("links.state.damaged-1"),
        "{problem:?}"
    );
    assert!(
        bench
            .lan
            .node(NODE)
            .path("/var/lib/sovnet/links.state.damaged-1")
            .exists()
    );
}
