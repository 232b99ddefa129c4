//! Schedules that broke the protocol while one of its rules was missing; the numbers are those of
//! the list of counterexamples. Each ran into the outcome that its name denies.

mod complete;
mod joins;
mod links;
mod sessions;

use crate::decide::Ability;
use crate::member::Command;

use super::lan::{Lan, Setup, ms};
use super::verdict::counterexample;
use crate::member::rules::Rule;

/// A LAN of so many nodes.
fn nodes(nodes: usize, addresses: u16) -> Setup {
    Setup {
        nodes,
        addresses,
        ..Setup::default()
    }
}

#[test]
fn counterexample_01_equal_terms_after_a_partition_end_with_one_speaker() {
    let shown = counterexample(1..2, |seed| {
        let mut lan = Lan::new(Setup {
            seed,
            ..nodes(2, 1)
        });
        lan.cut_direction(0, 1);
        lan.cut_direction(1, 0);
        lan.start(0);
        lan.start(1);
        lan.run(ms(6_000));
        let address = lan.addresses()[0];
        let both = lan.records[&address].speakers.len();
        lan.check(both == 2, "each side of a partition is served");
        lan.heal();
        lan.mark();
        lan.run(ms(2_000));
        // They never met, so only the next hello brings them together.
        lan.check_doubled(ms(1_100));
        lan.settle();
    });
    shown.needs(Rule::OrderByRank);
}

#[test]
fn counterexample_02_a_draining_holder_speaks_until_its_successor_does() {
    let shown = counterexample(0..10, |seed| {
        let mut lan = Lan::started(Setup {
            seed,
            ..nodes(3, 4)
        });
        lan.run(ms(3_000));
        let holder = lan.speaker(lan.addresses()[0]);
        lan.mark();
        lan.command(holder, Command::Drain);
        lan.run(ms(1_000));
        lan.check_unspoken(ms(0));
        let left = lan.speakers().values().any(|speaker| *speaker == holder);
        lan.check(!left, "a drained node keeps nothing that others can serve");
        lan.settle();
    });
    shown.needs(Rule::R8BreakAfterSight);
}

#[test]
fn counterexample_04_a_rolling_update_has_no_gap() {
    let shown = counterexample(0..10, |seed| {
        let mut lan = Lan::new(Setup {
            seed,
            ..nodes(2, 1)
        });
        let address = lan.addresses()[0];
        lan.hosts[1].abilities.insert(address, Ability::Cannot);
        lan.start(0);
        lan.start(1);
        lan.run(ms(3_000));
        lan.check(lan.speaker(address) == 0, "the only able node speaks");
        lan.mark();
        lan.set_ability(1, address, Ability::Serves);
        lan.run(ms(100));
        lan.set_ability(0, address, Ability::Going);
        lan.run(ms(500));
        lan.set_ability(0, address, Ability::Cannot);
        lan.run(ms(500));
        lan.check_unspoken(ms(0));
        lan.check(lan.speaker(address) == 1, "it went with the endpoint");
        lan.settle();
    });
    shown.needs(Rule::Levels);
}

#[test]
fn counterexample_05_a_newcomer_with_an_old_disk_takes_nothing() {
    let shown = counterexample(0..10, |seed| {
        let mut lan = Lan::started(Setup {
            seed,
            ..nodes(3, 5)
        });
        lan.run(ms(3_000));
        lan.power_off(2);
        lan.run(ms(8_000));
        let before = lan.speakers();
        lan.mark();
        lan.power_on(2);
        lan.run(ms(5_000));
        lan.check_no_claims("a join with an old disk");
        lan.settle();
        lan.check(lan.speakers() == before, "a join moves nothing");
    });
    shown.needs(Rule::R10Wish);
}

#[test]
fn counterexample_07_restart_is_not_taken_for_death() {
    let shown = counterexample(0..10, |seed| {
        let loss_per_mille = if seed % 2 == 0 { 0 } else { 100 };
        let mut lan = Lan::started(Setup {
            seed,
            loss_per_mille,
            ..nodes(3, 4)
        });
        lan.run(ms(3_000));
        let before = lan.speakers();
        for node in lan.nodes() {
            lan.mark();
            lan.restart(node, ms(900));
            lan.run(ms(4_000));
            lan.check(
                lan.speakers() == before,
                "a restart within the hold moves nothing",
            );
        }
        lan.settle();
    });
    shown.needs(Rule::R16Hold);
}

#[test]
fn counterexample_10_a_zombie_does_not_win_with_what_was_queued_before_the_take_over() {
    let shown = counterexample(0..10, |seed| {
        let mut lan = Lan::started(Setup {
            seed,
            ..nodes(2, 3)
        });
        lan.run(ms(3_000));
        let zombie = lan.speaker(lan.addresses()[0]);
        lan.pause_for(zombie, ms(2_500));
        let taken = lan.speakers();
        lan.check(
            taken.values().all(|speaker| *speaker != zombie),
            "a hung daemon is taken over",
        );
        lan.mark();
        lan.run(ms(1_000));
        lan.check_doubled(ms(0));
        lan.check(
            lan.speakers() == taken,
            "the new speakers keep what they took",
        );
        lan.settle();
    });
    shown.needs(Rule::R2Zombie);
}

#[test]
fn counterexample_11_a_node_that_was_not_run_reads_before_it_judges() {
    let shown = counterexample(0..10, |seed| {
        let mut lan = Lan::started(Setup {
            seed,
            ..nodes(3, 4)
        });
        lan.run(ms(3_000));
        lan.mark();
        for pause in [ms(70), ms(80), ms(85)] {
            for node in lan.nodes() {
                let before = lan.counter(node, "suspected");
                lan.pause_for(node, pause);
                lan.run(ms(400));
                let after = lan.counter(node, "suspected");
                lan.check(after == before, "what waited to be read was heard in time");
            }
        }
        for (address, record) in &lan.records {
            let moved = record.claims > 3 * 3;
            lan.check(!moved, &format!("{address} was claimed again and again"));
        }
        lan.check_doubled(ms(0));
        lan.settle();
    });
    shown.needs(Rule::R1InputFirst);
}

#[test]
fn counterexample_12_a_short_pause_of_a_daemon_on_a_live_host_moves_nothing() {
    let shown = counterexample(0..10, |seed| {
        let mut lan = Lan::started(Setup {
            seed,
            ..nodes(3, 4)
        });
        lan.run(ms(3_000));
        let before = lan.speakers();
        for node in lan.nodes() {
            lan.pause_for(node, ms(700));
            lan.run(ms(4_500));
            lan.check(lan.speakers() == before, "a short pause moves nothing");
        }
        lan.settle();
    });
    shown.needs(Rule::R15Kernel);
}

#[test]
fn counterexample_13_a_cut_off_node_takes_nothing_over() {
    let shown = counterexample(0..10, |seed| {
        let mut lan = Lan::started(Setup {
            seed,
            ..nodes(3, 5)
        });
        lan.run(ms(3_000));
        lan.cut_off(&[0]);
        lan.run(ms(400));
        for (address, record) in &lan.records {
            let speaks = record.speakers.contains(&0);
            lan.check(!speaks, &format!("a cut-off node speaks for {address}"));
        }
        lan.run(ms(4_000));
        let taken = lan.speakers();
        lan.mark();
        lan.heal();
        lan.run(ms(1_000));
        lan.check(lan.speakers() == taken, "nothing moves when it is back");
        lan.settle();
    });
    shown.needs(Rule::R3AskFirst);
}

#[test]
fn counterexample_16_a_common_start_shares_the_addresses() {
    let shown = counterexample(0..20, |seed| {
        let mut lan = Lan::started(Setup {
            seed,
            delay: (ms(10), ms(60)),
            ..nodes(3, 7)
        });
        let mut loads = [0; 3];
        for speaker in lan.speakers().values() {
            loads[*speaker] += 1;
        }
        lan.check(
            loads.iter().all(|load| *load <= 3),
            &format!("shares are {loads:?}"),
        );
        lan.settle();
    });
    shown.needs(Rule::R11Joining);
}

#[test]
fn counterexample_17_a_heal_does_not_make_both_yield() {
    let shown = counterexample(0..120, |seed| {
        let mut lan = Lan::started(Setup {
            seed,
            delay: (ms(5), ms(15)),
            ..nodes(2, 3)
        });
        lan.run(ms(3_000));
        lan.cut_direction(0, 1);
        lan.cut_direction(1, 0);
        let length = lan.random.between(ms(200), ms(2_000));
        lan.run(length);
        lan.mark();
        lan.heal();
        lan.run(ms(1_000));
        lan.check_unspoken(ms(0));
        lan.settle();
    });
    shown.needs(Rule::R12Delay);
}

#[test]
fn counterexample_19_a_one_way_link_has_one_speaker() {
    counterexample(0..10, |seed| {
        let mut lan = Lan::started(Setup {
            seed,
            ..nodes(2, 4)
        });
        lan.run(ms(3_000));
        lan.cut_direction(1, 0);
        lan.run(ms(1_000));
        lan.mark();
        lan.run(ms(5_000));
        lan.check_no_claims("on a one-way link");
        for address in lan.addresses() {
            lan.check(
                lan.speaker(address) == 0,
                "the one that is heard speaks for all",
            );
        }
        lan.heal();
        lan.mark();
        lan.run(ms(1_000));
        lan.check_unspoken(ms(0));
        lan.settle();
    });
}

#[test]
fn counterexample_20_two_nodes_with_a_common_neighbour_are_no_strangers() {
    counterexample(0..10, |seed| {
        let mut lan = Lan::started(Setup {
            seed,
            ..nodes(3, 5)
        });
        lan.run(ms(3_000));
        let before = lan.speakers();
        lan.cut_direction(0, 2);
        lan.cut_direction(2, 0);
        lan.mark();
        lan.run(ms(8_000));
        lan.check_no_claims("with a common neighbour");
        lan.check(lan.speakers() == before, "nothing moves");
        lan.heal();
        lan.settle();
    });
}

#[test]
fn counterexample_29_a_stopping_node_hands_over_to_a_draining_one() {
    counterexample(0..10, |seed| {
        let mut lan = Lan::started(Setup {
            seed,
            ..nodes(2, 3)
        });
        lan.run(ms(3_000));
        lan.command(0, Command::Drain);
        lan.run(ms(1_000));
        lan.mark();
        lan.stop(1);
        lan.run(ms(500));
        lan.check_unspoken(ms(0));
        lan.check(
            lan.speakers().values().all(|speaker| *speaker == 0),
            "all went over",
        );
        lan.settle();
    });
}

#[test]
fn counterexample_29_a_stopping_node_hands_over_to_its_equals() {
    counterexample(0..10, |seed| {
        let mut lan = Lan::started(Setup {
            seed,
            ..nodes(3, 5)
        });
        lan.run(ms(3_000));
        lan.mark();
        lan.stop(0);
        lan.run(ms(500));
        lan.check_unspoken(ms(0));
        lan.settle();
    });
}
