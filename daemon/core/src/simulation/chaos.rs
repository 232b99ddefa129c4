//! Random schedules of faults, then peace: whatever happened, one able speaker is left.

use std::time::Duration;

use crate::decide::Ability;
use crate::member::Command;

use super::lan::{Lan, Setup, ms};

/// Runs a class of schedules, as many as the environment says or `usual`.
fn each_seed(usual: u64, schedule: impl Fn(u64)) {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
    match number("SOVNET_SIM_SEED") {
        Some(seed) => schedule(seed),
        None => (0..number("SOVNET_SIM_SEEDS").unwrap_or(usual)).for_each(schedule),
    }
}

fn random_setup(seed: u64) -> Setup {
    let mut random = super::random::Random::of_seed(seed ^ 0xc4a0_5000);
    let slowest = [ms(1), ms(5), ms(25), ms(60)][random.below(4)];
    Setup {
        seed,
        nodes: 2 + random.below(3),
        addresses: [1, 2, 3, 5][random.below(4)],
        has_gateway: random.chance(800),
        knows_peers: random.chance(700),
        loss_per_mille: [0, 0, 10, 100, 300][random.below(5)],
        duplicates_per_mille: [0, 50][random.below(2)],
        delay: (Duration::from_micros(80), slowest),
    }
}

/// One fault, chosen at random.
fn strike(lan: &mut Lan) {
    let node = lan.random.below(lan.setup.nodes);
    let other = lan.random.below(lan.setup.nodes + 1);
    match lan.random.below(19) {
        0 => lan.crash(node),
        1 => {
            if lan.hosts[node].is_powered {
                lan.power_off(node);
            }
        }
        2 | 3 => revive(lan, node),
        4 => lan.set_cable(node, false),
        5 => lan.set_cable(node, true),
        6 => lan.cut_direction(node, other),
        7 => {
            lan.cut_direction(node, other);
            lan.cut_direction(other, node);
        }
        8 => lan.cut_off(&[node]),
        9 => lan.heal(),
        10 => lan.pause(node),
        11 => lan.resume(node),
        12 => lan.command(node, Command::Drain),
        13 => lan.command(node, Command::Undrain),
        14 => lan.command(node, [Command::Restart, Command::Stop][other % 2]),
        15 => {
            let addresses = lan.addresses();
            let address = addresses[lan.random.below(addresses.len())];
            let levels = [Ability::Cannot, Ability::Going, Ability::Serves];
            let level = levels[lan.random.below(3)];
            lan.set_ability(node, address, level);
        }
        16 => {
            lan.note(node, "its UDP is filtered toward one host");
            lan.filtered.insert((node, other));
        }
        17 => {
            let length = lan.random.between(ms(30), ms(400));
            lan.pause_for(node, length);
        }
        _ => {
            let gateway = lan.gateway();
            lan.hosts[gateway].is_powered ^= lan.setup.has_gateway;
            lan.note(gateway, "power switched");
        }
    }
}

/// Whatever state a node is in, it runs afterwards.
fn revive(lan: &mut Lan, node: usize) {
    lan.resume(node);
    if !lan.hosts[node].is_powered {
        lan.power_on(node);
    } else if lan.hosts[node].daemon.is_none() {
        if lan.random.chance(200) {
            lan.forget(node);
        }
        lan.start(node);
    }
}

/// Everything is well again, on a network that loses and delays little.
fn peace(lan: &mut Lan) {
    lan.heal();
    let gateway = lan.gateway();
    lan.hosts[gateway].is_powered = lan.setup.has_gateway;
    let network = format!(
        "loss was {}, delay {:?}",
        lan.setup.loss_per_mille, lan.setup.delay
    );
    lan.note(gateway, &network);
    lan.setup.loss_per_mille = lan.setup.loss_per_mille.min(10);
    lan.setup.delay.1 = lan.setup.delay.1.min(ms(5));
    for node in lan.nodes() {
        lan.set_cable(node, true);
        revive(lan, node);
        for address in lan.addresses() {
            lan.set_ability(node, address, Ability::Serves);
        }
        lan.command(node, Command::Undrain);
    }
    // A stop or restart that was under way ends, and its node comes back.
    lan.run(ms(3_500));
    for node in lan.nodes() {
        revive(lan, node);
        lan.hosts[node].is_drained = false;
    }
}

fn chaos(seed: u64, replays: bool) {
    let mut lan = Lan::new(random_setup(seed));
    for node in lan.nodes() {
        lan.start(node);
        let step = lan.random.between(ms(0), ms(300));
        lan.run(step);
    }
    let faults = 1 + lan.random.below(12);
    for _fault in 0..faults {
        let step = match lan.random.below(3) {
            0 => lan.random.between(ms(0), ms(100)),
            1 => lan.random.between(ms(0), ms(1_000)),
            _ => lan.random.between(ms(0), ms(4_000)),
        };
        lan.run(step);
        if step >= ms(2_000) {
            lan.check_no_connected_pair_speaks();
        }
        strike(&mut lan);
        if replays {
            replay(&mut lan);
        }
    }
    peace(&mut lan);
    lan.settle();
}

/// Some datagrams of the past arrive once more, anywhere.
fn replay(lan: &mut Lan) {
    for _copy in 0..10 {
        if lan.recorded.is_empty() {
            return;
        }
        let index = lan.random.below(lan.recorded.len());
        let (_host, source, bytes) = lan.recorded[index].clone();
        let host = lan.random.below(lan.setup.nodes);
        lan.inject(host, source, bytes);
    }
}

#[test]
fn after_any_faults_each_address_has_one_able_speaker() {
    each_seed(80, |seed| chaos(seed, false));
}

#[test]
fn replays_amid_faults_change_nothing_of_that() {
    each_seed(80, |seed| chaos(seed + 1_000_000, true));
}

#[test]
fn random_planned_moves_leave_no_instant_without_a_speaker() {
    each_seed(80, |seed| {
        let setup = random_setup(seed + 2_000_000);
        let mut lan = Lan::started(Setup {
            nodes: 3,
            loss_per_mille: setup.loss_per_mille.min(100),
            delay: (setup.delay.0, setup.delay.1.min(ms(5))),
            ..setup
        });
        lan.run(ms(4_000));
        lan.mark();
        for _move in 0..4 {
            let node = lan.random.below(3);
            let is_out = lan.hosts[node].is_drained;
            let others_are_in = lan
                .nodes()
                .filter(|one| !lan.hosts[*one].is_drained)
                .count()
                > 1;
            if is_out {
                lan.command(node, Command::Undrain);
            } else if others_are_in {
                lan.command(node, Command::Drain);
            }
            let step = lan.random.between(ms(0), ms(2_000));
            lan.run(step);
        }
        lan.check_unspoken(ms(0));
        lan.settle();
    });
}
