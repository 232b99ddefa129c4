//! A key is replaced while two daemons use it.

use nix::sys::signal::Signal;
use sovnet_control::status::Status;
use sovnet_tests::clock::now;
use sovnet_tests::lan::{Lan, NODES, control};

use crate::support::Bench;

const FILE: &str = "/etc/sovnet/cluster.key";

/// One step of the rotation on civil; its file goes to the other node, whose daemon reads it first.
fn step(bench: &mut Bench, step: &str) -> Vec<String> {
    let lan: &Lan = &bench.lan;
    let sovnetctl = crate::support::plan().programs.join("sovnetctl");
    let line = format!("{} key rotate {step} {FILE}", sovnetctl.display());
    let said = lan.node("civil").must(&line).unwrap();
    assert!(said.contains("next: "), "{said}");
    let text = std::fs::read_to_string(lan.node("civil").path(FILE)).unwrap();
    assert!(!text.lines().any(|key| said.contains(&key[..16])), "{said}");
    lan.node("box-01").write(FILE, &text).unwrap();
    let line = format!("{} key show-id {FILE}", sovnetctl.display());
    let shown = lan.node("box-01").must(&line).unwrap();
    let ids: Vec<String> = shown
        .lines()
        .filter_map(|line| Some(line.split_once(' ')?.0.to_owned()))
        .collect();
    for name in ["box-01", "civil"] {
        bench.daemon(name).signal(Signal::SIGHUP).unwrap();
        bench.wait_status("has the keys of the file", name, |status| {
            control::segment(status).is_some_and(|segment| segment.keys == ids)
        });
    }
    for name in NODES {
        bench.wait_status("sees its peer use the first key", name, |status| {
            peers_key(status).as_ref() == ids.first()
        });
    }
    ids
}

fn peers_key(status: &Status) -> Option<String> {
    control::segment(status)?.peers.first()?.key.clone()
}

#[test]
fn a_key_is_replaced_in_three_steps_without_a_lost_probe() {
    let mut bench = Bench::up();
    let claims = bench.claims("civil");
    let since = now();
    let both = step(&mut bench, "--begin");
    let switched = step(&mut bench, "--switch");
    let done = step(&mut bench, "--finish");
    assert_eq!(both.len(), 2);
    assert_eq!(switched, [both[1].clone(), both[0].clone()]);
    assert_eq!(done, [both[1].clone()]);
    bench.assert_nothing_lost(since);
    for name in NODES {
        assert_eq!(bench.claims(name), claims, "seen by {name}");
        let status = bench.status(name);
        for kind in ["wrong-key", "wrong-mac"] {
            let count = control::counted(&status, &format!("heartbeat-{kind}"));
            assert_eq!(count, 0, "{kind} on {name}");
        }
        assert_eq!(control::counted(&status, "suspected"), 0, "{name}");
    }
}

#[test]
fn a_key_file_that_cannot_be_used_leaves_the_keys_in_use_as_they_are() {
    let mut bench = Bench::up();
    let since = now();
    let good = std::fs::read_to_string(bench.lan.node("civil").path(FILE)).unwrap();
    bench.lan.node("civil").write(FILE, "no key\n").unwrap();
    bench.daemon("civil").signal(Signal::SIGHUP).unwrap();
    let problem = bench.wait_problem("the key file is not taken over", "civil", |problem| {
        problem.code == "key-not-taken-over"
    });
    assert!(problem.what.contains(FILE), "{problem:?}");
    bench.assert_nothing_lost(since);
    bench.lan.node("civil").write(FILE, &good).unwrap();
    bench.daemon("civil").signal(Signal::SIGHUP).unwrap();
    bench.wait_status("the problem has ended", "civil", |status| {
        !status
            .problems
            .iter()
            .any(|one| one.code == "key-not-taken-over")
    });
}
