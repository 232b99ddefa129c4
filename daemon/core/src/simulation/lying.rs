//! Routine heartbeats lie until their receiver's next turn; nothing else does.

use crate::member::Command;

use super::lan::{Lan, Setup, ms};

/// A LAN at rest.
fn rested(seed: u64, nodes: usize) -> Lan {
    let mut lan = Lan::started(Setup {
        seed,
        nodes,
        addresses: 4,
        ..Setup::default()
    });
    lan.run(ms(3_000));
    lan
}

#[test]
fn at_rest_a_node_is_woken_by_its_own_heartbeat_and_not_by_those_of_nine_others() {
    let mut lan = rested(1, 10);
    let before = lan.turns;
    lan.run(ms(10_000));
    let each = (lan.turns - before) / 10 / 10;
    // 40 heartbeats per second, and the questions and answers of the self-test.
    lan.check(
        (40..80).contains(&each),
        &format!("{each} turns per second"),
    );
}

/// Whether routine heartbeats may lie at node 1.
fn may_lie(lan: &Lan) -> bool {
    let daemon = lan.hosts[1].daemon.as_ref();
    daemon.is_some_and(|daemon| daemon.member.may_lie())
}

#[test]
fn news_wakes_a_node_at_once() {
    for seed in 0..10 {
        let mut lan = rested(seed, 2);
        lan.check(may_lie(&lan), "at rest");
        lan.command(0, Command::Drain);
        lan.run(ms(9));
        lan.check(
            lan.speakers().values().all(|speaker| *speaker == 1),
            "offered, taken and given up in far less than a heartbeat",
        );
    }
}

#[test]
fn everything_wakes_a_node_that_asks_for_a_silent_peer() {
    let mut lan = rested(1, 2);
    lan.power_off(0);
    lan.run(ms(70));
    lan.check(!may_lie(&lan), "while it is being asked for");
    lan.run(ms(1_000));
    lan.check(may_lie(&lan), "and when that is settled");
}
