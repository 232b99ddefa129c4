//! Counterexamples of joins, wishes and holds.

use super::nodes;
use crate::decide::Ability;
use crate::member::Command;
use crate::member::rules::Rule;
use crate::simulation::lan::{Lan, Setup, ms};
use crate::simulation::verdict::counterexample;

#[test]
fn counterexample_06_an_old_wish_does_not_compete_with_the_holder_that_restarts() {
    let shown = counterexample(0..10, |seed| {
        let mut lan = Lan::started(Setup {
            seed,
            ..nodes(3, 1)
        });
        lan.run(ms(3_000));
        let address = lan.addresses()[0];
        let former = lan.speaker(address);
        lan.power_off(former);
        lan.run(ms(8_000));
        let holder = lan.speaker(address);
        lan.command(holder, Command::Restart);
        lan.run(ms(300));
        lan.mark();
        lan.power_on(former);
        lan.run(ms(1_500));
        lan.check_no_claims("with a wish of an earlier term");
        lan.start(holder);
        lan.run(ms(1_000));
        lan.check(lan.speaker(address) == holder, "the holder resumes");
        lan.settle();
    });
    shown.needs(Rule::R10KnownTerm);
}

#[test]
fn counterexample_08_a_restart_is_said_until_everybody_knows() {
    let shown = counterexample(0..20, |seed| {
        let mut lan = Lan::started(Setup {
            seed,
            loss_per_mille: 200,
            ..nodes(2, 3)
        });
        lan.run(ms(4_000));
        let before = lan.speakers();
        for node in lan.nodes() {
            lan.restart(node, ms(900));
            lan.run(ms(4_000));
            lan.check(lan.speakers() == before, "a restart moves nothing");
        }
    });
    shown.needs(Rule::R16Acknowledged);
}

#[test]
fn counterexample_09_a_join_during_a_hold_takes_nothing() {
    let shown = counterexample(0..10, |seed| {
        let mut lan = Lan::started(Setup {
            seed,
            ..nodes(2, 3)
        });
        lan.run(ms(3_000));
        lan.power_off(1);
        lan.run(ms(8_000));
        lan.command(0, Command::Restart);
        lan.run(ms(200));
        lan.mark();
        lan.forget(1);
        lan.power_on(1);
        lan.run(ms(2_500));
        lan.check_no_claims("during a hold");
        lan.start(0);
        lan.run(ms(2_000));
        let all_back = lan.speakers().values().all(|speaker| *speaker == 0);
        lan.check(all_back, "the holder resumes");
        lan.settle();
    });
    shown.needs(Rule::R4Grace);
}

#[test]
fn counterexample_09_a_hold_that_outlasts_the_grace_is_told_by_a_third_node() {
    let shown = counterexample(0..10, |seed| {
        let mut lan = Lan::started(Setup {
            seed,
            ..nodes(3, 5)
        });
        lan.run(ms(3_000));
        lan.power_off(2);
        lan.run(ms(8_000));
        lan.command(0, Command::Restart);
        lan.run(ms(50));
        lan.forget(2);
        lan.mark();
        lan.power_on(2);
        lan.run(ms(4_500));
        lan.check_no_claims("during a hold");
        lan.start(0);
        lan.settle();
    });
    shown.needs(Rule::R11Held);
}

#[test]
fn counterexample_14_the_first_port_of_a_switch_takes_nothing() {
    let shown = counterexample(0..10, |seed| {
        let mut lan = Lan::started(Setup {
            seed,
            ..nodes(3, 5)
        });
        lan.run(ms(3_000));
        let before = lan.speakers();
        let everyone: Vec<usize> = (0..lan.hosts.len()).collect();
        lan.cut_off_each(&everyone);
        lan.run(ms(4_000));
        // No carrier changes: it is another switch that has no power.
        for node in lan.nodes() {
            let still_out: Vec<usize> = (node + 1..lan.setup.nodes).collect();
            lan.heal();
            lan.cut_off_each(&still_out);
            lan.run(ms(450));
        }
        lan.settle();
        lan.check(lan.speakers() == before, "the former holders resume");
    });
    shown.needs(Rule::R3Wish).needs(Rule::R4Grace);
}

/// The second node is heard and hears nobody from its boot on.
#[test]
fn counterexample_15_a_join_that_finds_nobody_ends_in_isolation() {
    let shown = counterexample(0..5, |seed| {
        let mut lan = Lan::started(Setup {
            seed,
            ..nodes(2, 1)
        });
        lan.run(ms(3_000));
        let (gateway, client, address) = (lan.gateway(), lan.client(), lan.addresses()[0]);
        lan.power_off(1);
        lan.run(ms(4_000));
        lan.cut_direction(gateway, 1);
        lan.cut_direction(client, 1);
        // It is given a challenge that it can answer later, and nothing else.
        lan.cut_direction(1, 0);
        lan.power_on(1);
        lan.run(ms(100));
        lan.cut.remove(&(1, 0));
        lan.cut_direction(0, 1);
        lan.run(ms(1_000));
        lan.set_ability(0, address, Ability::Cannot);
        lan.run(ms(500));
        lan.set_ability(0, address, Ability::Serves);
        lan.mark();
        lan.run(ms(1_000));
        lan.check(
            lan.speaker(address) == 0,
            "the one that hears others speaks",
        );
        lan.heal();
        lan.settle();
    });
    shown.needs(Rule::R4End);
}

/// Nobody is in the config, and each one's hellos were lost while it joined.
#[test]
fn counterexample_32_nodes_that_missed_each_others_hellos_meet_soon() {
    let shown = counterexample(0..5, |seed| {
        let mut lan = Lan::new(Setup {
            seed,
            knows_peers: false,
            ..nodes(2, 2)
        });
        lan.cut_direction(0, 1);
        lan.cut_direction(1, 0);
        lan.start(0);
        lan.start(1);
        lan.run(ms(600));
        let both = lan
            .records
            .values()
            .all(|record| record.speakers.len() == 2);
        lan.check(both, "each side of a partition is served");
        lan.heal();
        lan.mark();
        lan.run(ms(2_000));
        lan.check_doubled(ms(1_000));
        lan.settle();
    });
    shown.needs_one_of(&[Rule::S3Again, Rule::S3Unmet]);
}
