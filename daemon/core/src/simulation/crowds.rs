//! Many addresses: what a node states is many pages then, and what changes is a page of them.

use super::lan::{Lan, Setup, ms};
use crate::decide::Ability;

/// Five nodes at rest with a thousand addresses.
fn crowd(seed: u64, loss_per_mille: u64) -> Lan {
    let mut lan = Lan::started(Setup {
        seed,
        nodes: 5,
        addresses: 1_000,
        loss_per_mille,
        ..Setup::default()
    });
    lan.run(ms(2_000));
    lan
}

#[test]
fn a_thousand_addresses_are_shared_evenly_and_taken_over_at_once() {
    let mut lan = crowd(1, 0);
    for node in lan.nodes() {
        let speaking = lan.hosts[node].speaking().count();
        lan.check(speaking == 200, &format!("{speaking} at one of five"));
    }
    let before = lan.speakers();
    lan.mark();
    lan.power_off(4);
    lan.run(ms(1_500));
    lan.check_unspoken(ms(300));
    for (address, speaker) in lan.speakers() {
        let stayed = before[&address] == 4 || before[&address] == speaker;
        lan.check(stayed, &format!("{address} moved for no reason"));
    }
    lan.settle();
}

#[test]
fn with_loss_a_thousand_addresses_survive_a_death_and_a_restart() {
    let mut lan = crowd(2, 100);
    lan.crash(0);
    lan.run(ms(3_000));
    lan.start(0);
    lan.run(ms(5_000));
    let before = lan.speakers();
    lan.restart(1, ms(900));
    lan.run(ms(4_000));
    lan.check(lan.speakers() == before, "a restart moves nothing");
    lan.settle();
}

#[test]
fn a_partition_of_a_thousand_addresses_heals_with_one_speaker_of_each() {
    let mut lan = crowd(3, 10);
    for near in [0, 1] {
        for far in [2, 3, 4] {
            lan.cut_direction(near, far);
            lan.cut_direction(far, near);
        }
    }
    lan.mark();
    lan.run(ms(4_000));
    lan.check_unspoken(ms(300));
    lan.heal();
    lan.mark();
    lan.run(ms(2_000));
    lan.check_unspoken(ms(0));
    lan.check_doubled(ms(500));
    lan.settle();
}

/// Each change is one page; the others are known and are not said again.
#[test]
fn of_a_thousand_addresses_those_change_hands_whose_endpoints_move() {
    let mut lan = crowd(4, 100);
    let before = lan.speakers();
    let moved: Vec<_> = lan.addresses().into_iter().step_by(100).collect();
    lan.mark();
    for address in &moved {
        lan.set_ability(before[address], *address, Ability::Going);
        lan.run(ms(20));
    }
    lan.run(ms(1_500));
    lan.check_unspoken(ms(0));
    for (address, speaker) in lan.speakers() {
        let has_moved = speaker != before[&address];
        lan.check(
            has_moved == moved.contains(&address),
            &format!("{address} is at {speaker}, it was at {}", before[&address]),
        );
    }
    lan.settle();
}
