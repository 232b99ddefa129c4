//! Counterexamples of broken links and of what the wire says.

use super::nodes;
use crate::decide::Ability;
use crate::member::Command;
use crate::member::rules::Rule;
use crate::simulation::lan::{Lan, Setup, ms};
use crate::simulation::verdict::counterexample;

/// The holder does not hear the third node, which the hash would pick for some.
#[test]
fn counterexample_03_the_holder_names_its_one_successor() {
    let shown = counterexample(0..5, |seed| {
        let mut lan = Lan::started(Setup {
            seed,
            ..nodes(3, 8)
        });
        lan.run(ms(3_000));
        lan.cut_direction(2, 0);
        lan.run(ms(1_000));
        lan.mark();
        lan.command(0, Command::Drain);
        lan.run(ms(600));
        lan.check_unspoken(ms(0));
        let keeps = lan.speakers().values().any(|speaker| *speaker == 0);
        lan.check(!keeps, "a drained node keeps nothing that others can serve");
        let most = lan.records.values().map(|record| record.claims).max();
        lan.check(most <= Some(1), "each address has one successor");
        lan.heal();
        lan.settle();
    });
    // A relay would tell the holder what it does not hear itself.
    shown.needs_one_of(&[Rule::R8HolderNames, Rule::R13Relay]);
}

/// Both announce at once when their ports come back, before the first heartbeat.
#[test]
fn counterexample_18_announcements_before_the_first_heartbeat_do_not_make_both_yield() {
    let shown = counterexample(0..30, |seed| {
        let mut lan = Lan::started(Setup {
            seed,
            delay: (ms(1), ms(4)),
            ..nodes(2, 3)
        });
        lan.run(ms(3_000));
        lan.cut_direction(0, 1);
        lan.cut_direction(1, 0);
        lan.run(ms(2_000));
        lan.mark();
        lan.heal();
        for node in lan.nodes() {
            lan.tell_carrier(node);
        }
        lan.run(ms(1_000));
        lan.check_unspoken(ms(0));
        lan.settle();
    });
    shown.needs(Rule::R14Delay);
}

/// The one that is not heard claims at the term that the other has meanwhile.
#[test]
fn counterexample_19_whom_it_hears_and_who_does_not_hear_it_a_node_gives_way_to() {
    let shown = counterexample(0..5, |seed| {
        let mut lan = Lan::started(Setup {
            seed,
            ..nodes(2, 4)
        });
        lan.run(ms(3_000));
        lan.cut_direction(1, 0);
        lan.run(ms(2_000));
        for ability in [Ability::Cannot, Ability::Serves] {
            for address in lan.addresses() {
                lan.set_ability(0, address, ability);
            }
            lan.run(ms(2_000));
        }
        for address in lan.addresses() {
            lan.check(lan.speaker(address) == 0, "the one that is heard speaks");
        }
        lan.heal();
        lan.settle();
    });
    shown.needs(Rule::R12Deaf);
}

/// Two nodes whose heartbeats are filtered: ARP passes.
fn filtered(seed: u64, delay: u64) {
    let mut lan = Lan::new(Setup {
        seed,
        ..nodes(2, 3)
    });
    lan.filtered.insert((0, 1));
    lan.filtered.insert((1, 0));
    lan.start(0);
    lan.run(ms(delay));
    lan.start(1);
    lan.run(ms(15_000));
    lan.mark();
    lan.run(ms(5_000));
    lan.check_no_claims("behind a firewall");
    lan.speakers();
}

#[test]
fn counterexample_22_behind_a_firewall_the_second_leaves_alone_what_is_answered() {
    let shown = counterexample(0..5, |seed| filtered(seed, 6_000));
    shown.needs(Rule::R11Wire);
}

#[test]
fn counterexample_22_behind_a_firewall_rank_decides_between_two_that_began_at_once() {
    let shown = counterexample(0..5, |seed| filtered(seed, 0));
    shown.needs(Rule::R14Wire);
}

/// The endpoint on the node that stays ends as well, but still serves.
#[test]
fn counterexample_29_a_stopping_node_hands_over_to_whoever_can_serve_at_all() {
    let shown = counterexample(0..5, |seed| {
        let mut lan = Lan::started(Setup {
            seed,
            ..nodes(2, 2)
        });
        lan.run(ms(3_000));
        for address in lan.addresses() {
            lan.set_ability(1, address, Ability::Going);
        }
        lan.run(ms(1_000));
        lan.mark();
        lan.stop(0);
        lan.run(ms(500));
        lan.check_unspoken(ms(0));
        lan.settle();
    });
    shown.needs(Rule::R8Stopping);
}

/// While the old holder gets no time, its successor claims and offers the address back.
#[test]
fn counterexample_31_an_offer_that_stands_while_this_node_yields_is_taken_at_once() {
    let shown = counterexample(0..5, |seed| {
        let mut lan = Lan::started(Setup {
            seed,
            ..nodes(2, 1)
        });
        lan.run(ms(3_000));
        let address = lan.addresses()[0];
        let holder = lan.speaker(address);
        let other = 1 - holder;
        lan.command(holder, Command::Drain);
        lan.pause(holder);
        lan.run(ms(10));
        lan.check(lan.speaker(address) == other, "the successor speaks");
        lan.set_ability(other, address, Ability::Going);
        lan.run(ms(5));
        lan.resume(holder);
        let speaks = lan.records[&address].speakers.contains(&holder);
        lan.check(speaks, "the offer is taken in the turn that yields");
        lan.run(ms(500));
        lan.check(lan.speaker(address) == holder, "it is back");
    });
    shown.needs(Rule::UntilNothingChanges);
}
