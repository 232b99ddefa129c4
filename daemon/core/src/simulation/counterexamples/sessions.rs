//! Counterexamples of recorded datagrams and of machines with one identity.

use std::net::IpAddr;
use std::rc::Rc;

use super::nodes;
use crate::decide::Ability;
use crate::member::rules::Rule;
use crate::report::Liveness;
use crate::simulation::lan::{Lan, Setup, ms};
use crate::simulation::verdict::counterexample;

/// What `from` sent to `to` lately, oldest first.
fn recorded(lan: &Lan, from: usize, to: usize) -> Vec<(IpAddr, Rc<[u8]>)> {
    let source = lan.hosts[from].address;
    let all = lan.recorded.iter().rev();
    all.filter(|(host, sender, _bytes)| *host == to && *sender == source)
        .map(|(_host, sender, bytes)| (*sender, bytes.clone()))
        .collect()
}

/// Plays datagrams to a host again, one each 20 ms.
fn replay(lan: &mut Lan, to: usize, datagrams: &[(IpAddr, Rc<[u8]>)]) {
    for (source, bytes) in datagrams {
        lan.inject(to, *source, bytes.clone());
        lan.run(ms(20));
    }
}

fn check_nobody_lives(lan: &Lan, node: usize) {
    let report = lan.hosts[node].report(lan.now).expect("it runs");
    let mut peers = report.peers.iter();
    let is_ghost = peers.any(|peer| peer.liveness == Liveness::Alive);
    lan.check(!is_ghost, "a peer that is gone counts as alive");
}

#[test]
fn counterexample_23_datagrams_of_a_dead_peer_do_not_keep_it_alive() {
    let shown = counterexample(0..5, |seed| {
        let mut lan = Lan::started(Setup {
            seed,
            ..nodes(2, 2)
        });
        lan.run(ms(3_000));
        let old = recorded(&lan, 1, 0);
        lan.mark();
        lan.power_off(1);
        replay(&mut lan, 0, &old[old.len().saturating_sub(40)..]);
        lan.check_unspoken(ms(200));
        check_nobody_lives(&lan, 0);
    });
    shown.needs(Rule::S2Window);
}

#[test]
fn counterexample_23_datagrams_of_an_earlier_life_claim_nothing() {
    let shown = counterexample(0..5, |seed| {
        let mut lan = Lan::started(Setup {
            seed,
            ..nodes(2, 2)
        });
        lan.run(ms(3_000));
        let old = recorded(&lan, 1, 0);
        let address = lan.addresses()[0];
        lan.set_ability(0, address, Ability::Cannot);
        lan.power_off(1);
        lan.run(ms(4_000));
        lan.set_ability(0, address, Ability::Serves);
        lan.mark();
        replay(&mut lan, 0, &old[old.len().saturating_sub(40)..]);
        lan.check_unspoken(ms(200));
        check_nobody_lives(&lan, 0);
    });
    shown.needs(Rule::S3Challenge);
}

#[test]
fn counterexample_24_a_datagram_to_somebody_else_is_nothing_to_me() {
    let shown = counterexample(0..5, |seed| {
        let mut lan = Lan::new(Setup {
            seed,
            ..nodes(3, 3)
        });
        lan.start(0);
        lan.start(1);
        lan.run(ms(2_000));
        lan.start(2);
        lan.run(ms(6_000));
        let old = recorded(&lan, 0, 1);
        lan.mark();
        lan.power_off(0);
        replay(&mut lan, 2, &old[old.len().saturating_sub(40)..]);
        check_nobody_but(&lan, 2, 1);
        lan.check_unspoken(ms(200));
    });
    shown.needs(Rule::S2Receiver);
}

fn check_nobody_but(lan: &Lan, node: usize, other: usize) {
    let report = lan.hosts[node].report(lan.now).expect("it runs");
    let name = &lan.hosts[other].name;
    let alive = report
        .peers
        .iter()
        .filter(|peer| peer.liveness == Liveness::Alive);
    let count = alive.count();
    lan.check(count == 1, &format!("{count} are alive, not {name} alone"));
}

/// The second node hears the first and is not heard; what it says is recorded and played later.
#[test]
fn counterexample_25_an_echo_that_was_never_used_expires() {
    let shown = counterexample(0..5, |seed| {
        let mut lan = Lan::started(Setup {
            seed,
            ..nodes(2, 2)
        });
        lan.run(ms(3_000));
        lan.cut_direction(1, 0);
        lan.run(ms(1_500));
        let old = recorded(&lan, 1, 0);
        lan.power_off(1);
        lan.run(ms(3_000));
        let last = &old[old.len().saturating_sub(20)..];
        for datagram in last {
            replay(&mut lan, 0, std::slice::from_ref(datagram));
            check_nobody_lives(&lan, 0);
        }
    });
    shown.needs(Rule::S3Expiry);
}

/// A datagram that was late when its sender said goodbye.
#[test]
fn counterexample_26_what_a_peer_said_before_its_goodbye_is_nothing_after_it() {
    let shown = counterexample(0..10, |seed| {
        let mut lan = Lan::started(Setup {
            seed,
            loss_per_mille: 200,
            ..nodes(2, 2)
        });
        lan.run(ms(3_000));
        let old = recorded(&lan, 1, 0);
        lan.stop(1);
        lan.run(ms(20));
        for datagram in &old[old.len().saturating_sub(40)..] {
            replay(&mut lan, 0, std::slice::from_ref(datagram));
            check_nobody_lives(&lan, 0);
        }
    });
    // After a goodbye nothing of that session is believed; and what was late said nothing anyway.
    shown.needs_one_of(&[Rule::S3Goodbye, Rule::S6Late]);
}

#[test]
fn counterexample_27_a_clone_that_boots_does_not_silence_the_original() {
    let shown = counterexample(0..20, |seed| {
        let mut lan = Lan::new(Setup {
            seed,
            knows_peers: false,
            ..nodes(3, 4)
        });
        lan.hosts[2].machine = lan.hosts[0].machine.clone();
        lan.start(0);
        lan.start(1);
        lan.run(ms(6_000));
        let before = lan.speakers();
        lan.mark();
        lan.start(2);
        lan.run(ms(6_000));
        lan.check_no_claims("with a clone");
        lan.check_unspoken(ms(0));
        lan.check(lan.speakers() == before, "nothing moves");
    });
    // A reply to the clone acknowledges nothing; and without the peers' facts no join ends early.
    shown.needs_one_of(&[Rule::S5ReplyAcknowledgesNothing, Rule::R4Facts]);
}

#[test]
fn counterexample_28_of_two_clones_that_meet_one_is_mute() {
    let shown = counterexample(0..10, |seed| {
        let mut lan = Lan::new(Setup {
            seed,
            ..nodes(3, 4)
        });
        lan.hosts[2].machine = lan.hosts[0].machine.clone();
        lan.cut_direction(0, 2);
        lan.cut_direction(2, 0);
        lan.cut_direction(1, 2);
        lan.cut_direction(2, 1);
        for node in lan.nodes() {
            lan.start(node);
        }
        lan.run(ms(6_000));
        lan.heal();
        lan.run(ms(3_000));
        lan.speakers();
        lan.run(ms(9_000));
        lan.speakers();
    });
    // What both announce after the heal makes one of them yield as well.
    shown.needs_one_of(&[Rule::S5Mute, Rule::R14Wire]);
}
