//! Planned moves to a chosen node, fail-back, pins, damping and quorum on the simulated LAN.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use super::lan::{Lan, Setup, ms};
use super::verdict::counterexample;
use crate::config::FailBack;
use crate::decide::Ability;
use crate::member::rules::Rule;
use crate::member::{Command, MoveOrder, Policy};

const SECOND: Duration = Duration::from_secs(1);

impl Lan {
    /// An operator moves an address, by an order to `at`.
    pub(crate) fn order_move(
        &mut self,
        at: usize,
        address: IpAddr,
        to: usize,
        length: Option<Duration>,
    ) {
        let name = self.hosts[to].name.clone();
        self.note(at, &format!("is told to move {address} to {name}"));
        self.hosts[at].tell_move(MoveOrder {
            address,
            to: name.parse().expect("hosts have names of nodes"),
            length,
        });
        self.turn(at);
    }

    /// How long a node's ability for an address is held back, as it says.
    pub(crate) fn held_back(&self, node: usize, address: IpAddr) -> Option<String> {
        let report = self.hosts[node].report(self.now)?;
        let mut addresses = report.addresses.into_iter();
        let line = addresses.find(|line| line.address == address)?;
        line.planned.held_back
    }
}

/// A LAN at rest whose nodes all have this policy.
fn started(setup: Setup, policy: &Policy) -> Lan {
    let mut lan = Lan::new(setup);
    for node in lan.nodes() {
        lan.hosts[node].policy = policy.clone();
        lan.start(node);
    }
    lan.run(ms(7_000));
    lan
}

fn losing(seed: u64, nodes: usize, addresses: u16) -> Setup {
    let loss = [0, 10, 100];
    let index = usize::try_from(seed).expect("seeds are small") % loss.len();
    Setup {
        seed,
        nodes,
        addresses,
        loss_per_mille: loss[index],
        ..Setup::default()
    }
}

fn fails_back_after(length: Duration) -> Policy {
    Policy {
        fail_back: FailBack::After(length),
        ..Policy::default()
    }
}

#[test]
fn a_move_for_a_time_goes_and_comes_back_without_an_instant_of_silence() {
    let shown = counterexample(0..9, |seed| {
        let mut lan = started(losing(seed, 2, 2), &Policy::default());
        let address = lan.addresses()[0];
        let (from, to) = (lan.speaker(address), 1 - lan.speaker(address));
        lan.mark();
        lan.order_move(from, address, to, Some(SECOND * 20));
        lan.run(ms(1_000));
        lan.check(lan.speaker(address) == to, "it moved");
        lan.run(ms(18_000));
        lan.check(lan.speaker(address) == to, "it stays for its time");
        lan.run(ms(8_000));
        lan.check(lan.speaker(address) == from, "it came back");
        lan.check_unspoken(ms(0));
        lan.check_doubled(ms(50 * (1 + 4 * (seed % 3))));
        lan.settle();
    });
    shown.needs(Rule::R21Return);
}

#[test]
fn a_move_for_a_time_outlives_a_restart_and_a_crash_of_the_target() {
    for seed in 0..6 {
        let mut lan = started(losing(0, 2, 1), &Policy::default());
        lan.setup.seed = seed;
        let address = lan.addresses()[0];
        let (from, to) = (lan.speaker(address), 1 - lan.speaker(address));
        lan.order_move(from, address, to, Some(SECOND * 30));
        lan.run(ms(5_000));
        if seed % 2 == 0 {
            lan.restart(to, ms(400));
        } else {
            lan.set_cable(to, false);
            lan.set_cable(from, false);
            lan.run(ms(1_000));
            lan.set_cable(to, true);
            lan.set_cable(from, true);
        }
        lan.run(ms(15_000));
        lan.check(lan.speaker(address) == to, "it is still there");
        lan.run(ms(20_000));
        lan.check(lan.speaker(address) == from, "it came back");
        lan.settle();
    }
}

#[test]
fn only_the_holder_moves_an_address_and_only_to_a_node_that_serves_it() {
    let mut lan = started(losing(0, 3, 1), &Policy::default());
    let address = lan.addresses()[0];
    let holder = lan.speaker(address);
    let (other, third) = ((holder + 1) % 3, (holder + 2) % 3);
    lan.mark();
    lan.order_move(other, address, third, None);
    lan.run(ms(1_000));
    lan.set_ability(other, address, Ability::Cannot);
    lan.run(ms(1_000));
    lan.order_move(holder, address, other, None);
    lan.run(ms(1_000));
    lan.command(other, Command::Drain);
    lan.set_ability(other, address, Ability::Serves);
    lan.run(ms(1_000));
    lan.order_move(holder, address, other, None);
    lan.run(ms(1_000));
    lan.check_no_claims("no order could be followed");
}

#[test]
fn fail_back_brings_everything_to_its_place_one_after_the_other() {
    let shown = counterexample(0..6, |seed| {
        let mut lan = started(losing(seed, 3, 6), &fails_back_after(SECOND * 20));
        lan.run(ms(40_000));
        let home = lan.speakers();
        lan.command(0, Command::Drain);
        lan.run(ms(5_000));
        lan.command(0, Command::Undrain);
        lan.mark();
        lan.run(ms(17_000));
        lan.check_no_claims("before its time");
        lan.run(ms(40_000));
        lan.check(lan.speakers() == home, "everything is at home again");
        lan.check_unspoken(ms(0));
        lan.mark();
        lan.run(ms(60_000));
        lan.check_no_claims("nothing moves at home");
    });
    shown.needs(Rule::R18FailBack);
}

#[test]
fn without_fail_back_nothing_returns() {
    let mut lan = started(losing(0, 3, 6), &Policy::default());
    lan.command(0, Command::Drain);
    lan.run(ms(5_000));
    lan.command(0, Command::Undrain);
    lan.mark();
    lan.run(ms(60_000));
    lan.check_no_claims("never means never");
}

#[test]
fn what_an_operator_moved_stays_where_it_is() {
    let mut lan = started(losing(0, 2, 4), &fails_back_after(SECOND * 5));
    lan.run(ms(30_000));
    let home = lan.speakers();
    let address = lan.addresses()[0];
    let to = 1 - home[&address];
    lan.order_move(home[&address], address, to, None);
    lan.run(ms(60_000));
    lan.check(lan.speaker(address) == to, "fail-back leaves it alone");
    // Not even a restart forgets that it was moved.
    lan.restart(to, ms(300));
    lan.run(ms(60_000));
    lan.check(lan.speaker(address) == to, "nor after a restart");
}

#[test]
fn a_window_of_the_day_opens_and_closes() {
    let policy = Policy {
        fail_back: FailBack::Between { from: 180, to: 300 },
        ..Policy::default()
    };
    let mut lan = started(losing(0, 2, 4), &policy);
    let tell = |lan: &mut Lan, minute: u16| {
        for node in lan.nodes() {
            if let Some(daemon) = &mut lan.hosts[node].daemon {
                daemon.member.handle_wall_clock(minute);
            }
        }
    };
    lan.command(0, Command::Drain);
    lan.run(ms(3_000));
    lan.command(0, Command::Undrain);
    lan.mark();
    for minute in [0, 179, 300, 1_439] {
        tell(&mut lan, minute);
        lan.run(ms(30_000));
    }
    lan.check_no_claims("outside of the window");
    tell(&mut lan, 180);
    lan.run(ms(30_000));
    let mut held: BTreeMap<usize, usize> = BTreeMap::new();
    for speaker in lan.speakers().into_values() {
        *held.entry(speaker).or_default() += 1;
    }
    lan.check(held == BTreeMap::from([(0, 2), (1, 2)]), "two for each");
    lan.check_unspoken(ms(0));
}

#[test]
fn a_pinned_address_is_at_its_node_whenever_that_can_serve_it() {
    let shown = counterexample(0..6, |seed| {
        let setup = losing(seed, 3, 2);
        let mut lan = Lan::new(setup);
        let address = lan.addresses()[0];
        let policy = Policy {
            pins: BTreeMap::from([(address, "cyd".parse().unwrap())]),
            ..Policy::default()
        };
        for node in 0..2 {
            lan.hosts[node].policy = policy.clone();
            lan.start(node);
        }
        lan.run(ms(8_000));
        lan.check(lan.speaker(address) < 2, "without it another one serves");
        lan.mark();
        lan.hosts[2].policy = policy.clone();
        lan.start(2);
        lan.run(ms(8_000));
        lan.check(lan.speaker(address) == 2, "it goes to its node");
        lan.command(2, Command::Drain);
        lan.run(ms(6_000));
        lan.check(lan.speaker(address) < 2, "a drain goes on as ever");
        lan.command(2, Command::Undrain);
        lan.run(ms(6_000));
        lan.check(lan.speaker(address) == 2, "and comes back");
        lan.check_unspoken(ms(0));
        lan.settle();
    });
    shown.needs(Rule::R21Pin);
}

#[test]
fn a_flapping_node_does_not_make_its_pinned_address_flap() {
    let shown = counterexample(0..2, |seed| {
        let mut lan = Lan::new(losing(seed, 2, 1));
        let address = lan.addresses()[0];
        for node in lan.nodes() {
            lan.hosts[node].policy.pins = BTreeMap::from([(address, "ada".parse().unwrap())]);
            lan.start(node);
        }
        lan.run(ms(7_000));
        lan.check(lan.speaker(address) == 0, "it starts at its node");
        lan.mark();
        for _flap in 0..30 {
            lan.set_ability(0, address, Ability::Cannot);
            lan.run(ms(500));
            lan.set_ability(0, address, Ability::Serves);
            lan.run(ms(1_500));
        }
        let claims = lan.records[&address].claims;
        lan.check(claims <= 6, &format!("{claims} moves in 30 falls"));
        let said = lan.held_back(0, address).unwrap_or_default();
        lan.check(said.contains("fell 8 times"), &format!("it says {said:?}"));
        lan.run(ms(65_000));
        lan.check(lan.speaker(address) == 0, "and comes back in the end");
        lan.settle();
    });
    shown.needs(Rule::R19Damping);
}

#[test]
fn a_node_whose_daemon_dies_again_and_again_is_a_last_resort_for_a_while() {
    let mut lan = started(losing(0, 2, 1), &Policy::default());
    let address = lan.addresses()[0];
    for _life in 0..5 {
        lan.crash(0);
        lan.run(ms(1_000));
        lan.start(0);
        lan.run(ms(400));
    }
    let said = lan.held_back(0, address).unwrap_or_default();
    lan.check(
        said.contains("ended without notice 5 times"),
        &format!("it says {said:?}"),
    );
    lan.run(ms(10_000));
    lan.check(lan.held_back(0, address).is_none(), "not for ever");
    lan.restart(0, ms(300));
    lan.run(ms(600_000));
    lan.crash(0);
    lan.start(0);
    lan.run(ms(1_000));
    lan.check(lan.held_back(0, address).is_none(), "a long life forgives");
    lan.settle();
}

#[test]
fn with_a_quorum_the_smaller_side_of_a_partition_is_silent() {
    let shown = counterexample(0..6, |seed| {
        let policy = Policy {
            has_quorum: true,
            ..Policy::default()
        };
        let mut lan = started(losing(0, 3, 5), &policy);
        lan.setup.seed = seed;
        let (gateway, client) = (lan.gateway(), lan.client());
        // The lonely side keeps gateway and client, so that it is not isolated.
        for (one, other) in [(0, 1), (0, 2)] {
            lan.cut_direction(one, other);
            lan.cut_direction(other, one);
        }
        for far in [gateway, client] {
            for node in [1, 2] {
                lan.cut_direction(node, far);
                lan.cut_direction(far, node);
            }
        }
        lan.mark();
        lan.run(ms(4_000));
        lan.check_doubled(ms(150));
        for (address, speaker) in lan.speakers() {
            lan.check(speaker > 0, &format!("the minority speaks for {address}"));
        }
        lan.check_problem(0, "no-quorum");
        lan.heal();
        lan.settle();
    });
    shown.needs(Rule::R20Quorum);
}

#[test]
fn nodes_with_more_weight_get_more_and_those_without_only_what_is_left() {
    for seed in 0..4 {
        let mut lan = Lan::new(Setup {
            seed,
            nodes: 3,
            addresses: 9,
            ..Setup::default()
        });
        for (node, weight) in [(0, 2), (1, 1), (2, 0)] {
            lan.hosts[node].policy.weight = weight;
            lan.start(node);
        }
        lan.run(ms(8_000));
        let held = |lan: &Lan| {
            let mut held = [0; 3];
            lan.speakers().values().for_each(|node| held[*node] += 1);
            held
        };
        let found = held(&lan);
        lan.check(found == [6, 3, 0], &format!("shares are {found:?}"));
        lan.power_off(0);
        lan.power_off(1);
        lan.run(ms(4_000));
        let found = held(&lan);
        lan.check(found == [0, 0, 9], &format!("alone it has {found:?}"));
    }
}

/// With more addresses than are looked at in every turn, what is planned for one is not forgotten.
#[test]
fn among_many_addresses_one_that_is_planned_for_is_looked_at() {
    let mut lan = started(losing(0, 2, 80), &fails_back_after(SECOND * 60));
    let address = lan.addresses()[0];
    let (from, to) = (lan.speaker(address), 1 - lan.speaker(address));
    lan.mark();
    lan.order_move(from, address, to, Some(SECOND * 5));
    lan.run(ms(1_000));
    lan.check(lan.speaker(address) == to, "it moved");
    lan.run(ms(5_000));
    lan.check(lan.speaker(address) == from, "it came back");
    lan.check_unspoken(ms(0));
    // A hold-up ends by time alone: afterwards the node is as able as ever.
    for _fall in 0..3 {
        lan.set_ability(from, address, Ability::Cannot);
        lan.run(ms(300));
        lan.set_ability(from, address, Ability::Serves);
        lan.run(ms(300));
    }
    lan.check(lan.held_back(from, address).is_some(), "it is held back");
    lan.check(lan.speaker(address) == to, "it is elsewhere meanwhile");
    lan.run(ms(3_000));
    lan.order_move(to, address, from, None);
    lan.run(ms(1_000));
    lan.check(lan.speaker(address) == from, "it is told that it can");
    lan.settle();
}
