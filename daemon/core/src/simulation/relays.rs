//! Relays (R13): nodes that do not hear each other have a neighbour that hears both. The numbers
//! are those of the list of counterexamples.

use std::net::IpAddr;

use super::lan::{Lan, Setup, ms};
use super::verdict::counterexample;
use crate::member::rules::Rule;
use crate::report::Liveness;

/// Three nodes at rest.
fn three(seed: u64, addresses: u16) -> Lan {
    let mut lan = Lan::started(Setup {
        seed,
        nodes: 3,
        addresses,
        ..Setup::default()
    });
    lan.run(ms(3_000));
    lan
}

/// Two hosts do not hear each other any more.
fn part(lan: &mut Lan, one: usize, other: usize) {
    lan.cut_direction(one, other);
    lan.cut_direction(other, one);
}

/// Each address has one speaker, and nobody begins to speak any more.
fn check_quiet(lan: &mut Lan, what: &str) {
    lan.mark();
    lan.run(ms(5_000));
    lan.check_no_claims(what);
    let _one_of_each = lan.speakers();
}

fn liveness(lan: &Lan, node: usize, of: usize) -> Option<(Liveness, String)> {
    let address = lan.hosts[of].address;
    let report = lan.hosts[node].report(lan.now)?;
    let peer = report.peers.iter().find(|peer| peer.address == address)?;
    Some((peer.liveness, peer.reason.clone()))
}

#[test]
fn counterexample_20_two_nodes_with_a_common_neighbour_do_not_both_speak() {
    let shown = counterexample(0..10, |seed| {
        let mut lan = three(seed, 6);
        let before = lan.speakers();
        lan.mark();
        part(&mut lan, 0, 2);
        lan.run(ms(5_000));
        lan.check_no_claims("a cut between two of three");
        lan.check(lan.speakers() == before, "a common neighbour keeps them");
        for (node, of) in [(0, 2), (2, 0)] {
            let (liveness, reason) = liveness(&lan, node, of).expect("a known peer");
            let is_relayed = liveness == Liveness::Alive && reason.contains("through");
            lan.check(is_relayed, &format!("{liveness:?}: {reason}"));
        }
        lan.heal();
        lan.settle();
        lan.check(lan.speakers() == before, "the heal moves nothing");
    });
    shown.needs(Rule::R13Relay);
}

#[test]
fn counterexample_20_two_that_never_met_do_not_both_speak() {
    let shown = counterexample(0..60, |seed| {
        let mut lan = Lan::new(Setup {
            seed,
            nodes: 3,
            addresses: 6,
            knows_peers: seed % 2 == 0,
            ..Setup::default()
        });
        part(&mut lan, 0, 2);
        for node in lan.nodes() {
            lan.start(node);
        }
        lan.run(ms(8_000));
        check_quiet(&mut lan, "two that never met");
        lan.heal();
        lan.settle();
    });
    shown.needs(Rule::R13Relay);
}

#[test]
fn a_relayed_node_that_dies_is_taken_over_and_one_that_restarts_is_not() {
    for seed in 0..10 {
        let mut lan = three(seed, 6);
        part(&mut lan, 0, 2);
        lan.run(ms(2_000));
        let before = lan.speakers();
        lan.restart(2, ms(900));
        lan.run(ms(5_000));
        lan.check(lan.speakers() == before, "a restart moves nothing");
        lan.mark();
        lan.power_off(2);
        lan.run(ms(1_500));
        // The node that only heard of it waits until the one that heard it gives it up.
        lan.check_unspoken(ms(400));
        check_quiet(&mut lan, "after a relayed death");
        lan.power_on(2);
        lan.heal();
        lan.settle();
    }
}

#[test]
fn a_relayed_node_that_starts_over_is_heard_directly_again_after_the_heal() {
    for seed in 0..10 {
        let mut lan = three(seed, 2);
        part(&mut lan, 0, 2);
        lan.run(ms(2_000));
        lan.step_clock(2, ms(600_000));
        lan.run(ms(1_000 * (seed % 2)));
        lan.heal();
        lan.run(ms(3_000));
        for (node, of) in [(0, 2), (2, 0)] {
            let (liveness, reason) = liveness(&lan, node, of).expect("a known peer");
            let is_direct = liveness == Liveness::Alive && !reason.contains("through");
            lan.check(
                is_direct,
                &format!("{node} of {of}: {liveness:?}: {reason}"),
            );
        }
        let relayed = |lan: &Lan| lan.counter(1, "relayed");
        let before = relayed(&lan);
        lan.run(ms(2_000));
        lan.check(relayed(&lan) == before, "nothing is relayed any more");
        lan.settle();
    }
}

#[test]
fn a_claim_of_a_relayed_node_stands_like_any_other() {
    for seed in 0..10 {
        let mut lan = three(seed, 6);
        part(&mut lan, 0, 2);
        lan.run(ms(1_000));
        lan.power_off(1);
        lan.run(ms(3_000));
        // Alone with each other and deaf, both sides speak: nobody is left to tell them.
        lan.power_on(1);
        lan.run(ms(8_000));
        check_quiet(&mut lan, "the common neighbour came back");
        lan.heal();
        lan.settle();
    }
}

/// The first does not reach the third. Where the hash wants the first, then the second, then the
/// third, each waits for the next: the first for the third, which is deaf to it, the third for the
/// second, the second for the first.
#[test]
fn counterexample_21_a_one_way_link_among_three_leaves_nothing_dark() {
    let shown = counterexample(0..20, |seed| {
        let mut lan = Lan::new(Setup {
            seed,
            nodes: 3,
            addresses: 6,
            ..Setup::default()
        });
        // Their order is another one with each seed.
        for host in &mut lan.hosts {
            host.machine = format!("{} {seed}", host.name);
        }
        lan.cut_direction(0, 2);
        for node in lan.nodes() {
            lan.start(node);
        }
        lan.run(ms(10_000));
        check_quiet(&mut lan, "a one-way link among three");
        lan.heal();
        lan.settle();
    });
    // With relays nobody is deaf; without them patience ends the waiting.
    shown.needs_one_of(&[Rule::R13Relay, Rule::R11Patience]);
}

#[test]
fn counterexample_26_a_late_relay_brings_no_one_back_who_said_goodbye() {
    let shown = counterexample(0..60, |seed| {
        let mut lan = Lan::started(Setup {
            seed,
            nodes: 4,
            addresses: 4,
            ..Setup::default()
        });
        lan.run(ms(3_000));
        part(&mut lan, 0, 2);
        lan.run(ms(2_000));
        lan.setup.delay.1 = ms(60);
        lan.run(ms(500));
        lan.stop(2);
        let mut is_over = false;
        for _moment in 0..300 {
            lan.run(ms(1));
            let (liveness, reason) = liveness(&lan, 0, 2).expect("a known peer");
            let is_dead = liveness == Liveness::Dead;
            lan.check(is_dead || !is_over, &format!("{liveness:?}: {reason}"));
            is_over |= is_dead;
        }
        lan.check(is_over, "the goodbye is relayed");
    });
    shown.needs(Rule::R13Ended);
}

#[test]
fn counterexample_30_reordered_and_lost_relays_move_nothing() {
    let shown = counterexample(0..60, |seed| {
        let mut lan = three(seed, 6);
        part(&mut lan, 0, 2);
        lan.run(ms(2_000));
        lan.setup.delay.1 = ms(14);
        lan.setup.loss_per_mille = 50;
        lan.mark();
        lan.run(ms(20_000));
        let claims: u32 = lan.records.values().map(|record| record.claims).sum();
        lan.check(claims == 0, &format!("{claims} claims while relayed"));
        lan.setup.loss_per_mille = 0;
        lan.heal();
        lan.settle();
    });
    // A third node vouches for whom it hears, so what is lost between is no death yet.
    shown.needs_one_of(&[Rule::S2Late, Rule::R15Friend]);
}

#[test]
fn a_whole_mesh_at_rest_relays_nothing() {
    let mut lan = three(1, 4);
    let relayed = |lan: &Lan| -> u64 { lan.nodes().map(|one| lan.counter(one, "relayed")).sum() };
    let before = relayed(&lan);
    lan.run(ms(5_000));
    assert_eq!(relayed(&lan), before);
}

#[test]
fn who_speaks_for_what_is_the_same_seen_from_both_ends_of_a_cut() {
    for seed in 0..10 {
        let mut lan = three(seed, 6);
        part(&mut lan, 0, 2);
        lan.run(ms(3_000));
        let seen = |lan: &Lan, node: usize| -> Vec<(IpAddr, Option<String>)> {
            let report = lan.hosts[node].report(lan.now).expect("it runs");
            let lines = report.addresses.into_iter();
            let name = |name: crate::names::NodeName| name.to_string();
            lines
                .map(|line| (line.address, line.holder_name.map(name)))
                .collect()
        };
        let (one, other) = (seen(&lan, 0), seen(&lan, 2));
        lan.check(one == other, &format!("{one:?} and {other:?}"));
    }
}
