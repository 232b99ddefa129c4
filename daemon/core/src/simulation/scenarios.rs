//! What happens in real houses: cables, crashes, power cuts, bad networks, restarts.

use crate::decide::Ability;
use crate::member::Command;

use super::lan::{Lan, Setup, ms};
use super::verdict::counterexample;
use crate::member::rules::Rule;

fn nodes(seed: u64, nodes: usize, addresses: u16) -> Setup {
    Setup {
        seed,
        nodes,
        addresses,
        ..Setup::default()
    }
}

#[test]
fn a_crashed_daemon_is_taken_over_at_once_and_the_client_follows() {
    for seed in 0..10 {
        let mut lan = Lan::started(nodes(seed, 2, 4));
        lan.client_asks();
        lan.run(ms(3_000));
        lan.mark();
        lan.crash(0);
        lan.run(ms(1_000));
        lan.check_unspoken(ms(130));
        for address in lan.addresses() {
            lan.check(lan.speaker(address) == 1, "the survivor speaks");
            let reached = lan.client_reaches(address);
            lan.check(reached == Some(1), "the client's cache follows by itself");
        }
        lan.settle();
    }
}

#[test]
fn a_dead_host_is_taken_over_at_once() {
    for seed in 0..10 {
        let mut lan = Lan::started(nodes(seed, 3, 4));
        lan.run(ms(3_000));
        lan.mark();
        lan.power_off(0);
        lan.run(ms(1_000));
        lan.check_unspoken(ms(130));
        lan.settle();
    }
}

#[test]
fn a_leaving_node_moves_only_its_own_addresses() {
    for seed in 0..10 {
        let mut lan = Lan::started(nodes(seed, 3, 7));
        lan.run(ms(3_000));
        let before = lan.speakers();
        lan.power_off(1);
        lan.run(ms(2_000));
        for (address, speaker) in lan.speakers() {
            let stayed = before[&address] == 1 || before[&address] == speaker;
            lan.check(stayed, &format!("{address} moved for no reason"));
        }
    }
}

#[test]
fn a_cable_out_and_in_moves_its_addresses_once() {
    for seed in 0..10 {
        let mut lan = Lan::started(nodes(seed, 2, 4));
        lan.run(ms(3_000));
        lan.mark();
        lan.set_cable(0, false);
        lan.run(ms(3_000));
        lan.check_unspoken(ms(130));
        lan.mark();
        lan.set_cable(0, true);
        lan.settle();
        lan.check(
            lan.speakers().values().all(|speaker| *speaker == 1),
            "nothing came back",
        );
    }
}

#[test]
fn a_switch_outage_moves_nothing() {
    for seed in 0..10 {
        let mut lan = Lan::started(nodes(seed, 3, 5));
        lan.run(ms(3_000));
        let before = lan.speakers();
        for node in lan.nodes() {
            lan.set_cable(node, false);
        }
        lan.run(ms(4_000));
        for node in lan.nodes() {
            lan.set_cable(node, true);
            let step = lan.random.between(ms(0), ms(250));
            lan.run(step);
        }
        lan.settle();
        lan.check(lan.speakers() == before, "the former holders resume");
    }
}

#[test]
fn a_router_that_reboots_moves_nothing() {
    for seed in 0..5 {
        let mut lan = Lan::started(nodes(seed, 3, 5));
        lan.run(ms(3_000));
        lan.mark();
        let gateway = lan.gateway();
        lan.power_off(gateway);
        lan.run(ms(20_000));
        lan.check_no_claims("without gateway");
        lan.power_on(gateway);
        lan.settle();
        lan.check_unspoken(ms(0));
    }
}

#[test]
fn a_node_without_gateway_hands_over_to_one_with() {
    for seed in 0..5 {
        let mut lan = Lan::started(nodes(seed, 2, 3));
        lan.run(ms(3_000));
        lan.mark();
        let gateway = lan.gateway();
        lan.cut_direction(gateway, 0);
        lan.cut_direction(0, gateway);
        lan.run(ms(6_000));
        lan.check_unspoken(ms(0));
        lan.check(
            lan.speakers().values().all(|speaker| *speaker == 1),
            "handed over",
        );
        lan.heal();
        lan.settle();
    }
}

#[test]
fn a_partition_serves_both_sides_and_heals_within_a_few_beats() {
    for seed in 0..20 {
        let mut lan = Lan::started(nodes(seed, 2, 3));
        lan.run(ms(3_000));
        lan.mark();
        lan.cut_direction(0, 1);
        lan.cut_direction(1, 0);
        lan.run(ms(4_000));
        lan.check_unspoken(ms(0));
        lan.heal();
        lan.mark();
        lan.run(ms(400));
        lan.check_doubled(ms(120));
        lan.settle();
    }
}

/// Each side claims by itself; the client hears both, the one that began later last.
#[test]
fn after_a_heal_the_clients_follow_the_one_that_goes_on_speaking() {
    let shown = counterexample(0..20, |seed| {
        let mut lan = Lan::new(nodes(seed, 2, 3));
        lan.cut_direction(0, 1);
        lan.cut_direction(1, 0);
        let first = usize::from(seed % 2 == 0);
        lan.start(first);
        lan.run(ms(6_000));
        lan.client_asks();
        lan.start(1 - first);
        lan.run(ms(6_000));
        lan.heal();
        lan.run(ms(2_000));
        for (address, speaker) in lan.speakers() {
            let reached = lan.client_reaches(address);
            let what = format!("{address}: {speaker} speaks, the client reaches {reached:?}");
            lan.check(reached == Some(speaker), &what);
        }
    });
    shown.needs(Rule::R6Reassert);
}

#[test]
fn what_goes_from_node_to_node_is_no_conflict() {
    let mut lan = Lan::started(nodes(1, 3, 4));
    lan.run(ms(3_000));
    lan.command(0, Command::Drain);
    lan.run(ms(2_000));
    for node in lan.nodes() {
        let heard = lan.counter(node, "foreign-claims-heard");
        lan.check(heard == 0, "a node takes its peer for a foreign host");
    }
}

#[test]
fn a_firewall_on_the_port_keeps_the_present_speakers() {
    for seed in 0..5 {
        let mut lan = Lan::started(nodes(seed, 2, 3));
        lan.run(ms(3_000));
        let before = lan.speakers();
        lan.filtered.insert((0, 1));
        lan.filtered.insert((1, 0));
        lan.mark();
        lan.run(ms(20_000));
        lan.check(lan.speakers() == before, "one speaker each, the same");
        lan.check_no_claims("UDP filtered");
        lan.heal();
        lan.settle();
    }
}

#[test]
fn a_join_during_a_hold_takes_nothing() {
    for seed in 0..10 {
        let mut lan = Lan::new(nodes(seed, 3, 5));
        lan.start(0);
        lan.start(1);
        lan.run(ms(6_000));
        let before = lan.speakers();
        lan.command(0, Command::Restart);
        lan.run(ms(400));
        lan.start(2);
        lan.run(ms(2_000));
        lan.start(0);
        lan.settle();
        lan.check(
            lan.speakers() == before,
            "the holder has its addresses back",
        );
    }
}

#[test]
fn a_restart_that_does_not_come_back_is_taken_over_after_the_hold() {
    let mut lan = Lan::started(nodes(3, 2, 3));
    lan.run(ms(3_000));
    lan.command(0, Command::Restart);
    lan.run(ms(7_000));
    lan.check(
        lan.speakers().values().all(|speaker| *speaker == 1),
        "taken over",
    );
}

#[test]
fn one_node_alone_speaks_for_everything() {
    for has_gateway in [true, false] {
        let setup = Setup {
            has_gateway,
            knows_peers: false,
            ..nodes(1, 1, 4)
        };
        let mut lan = Lan::started(setup);
        lan.settle();
    }
}

#[test]
fn nodes_that_are_not_configured_find_each_other() {
    for seed in 0..10 {
        let setup = Setup {
            knows_peers: false,
            ..nodes(seed, 3, 4)
        };
        let mut lan = Lan::started(setup);
        lan.run(ms(2_000));
        lan.check_doubled(ms(400));
        lan.settle();
    }
}

#[test]
fn a_newcomer_that_nobody_knew_takes_nothing() {
    for seed in 0..10 {
        let mut lan = Lan::new(Setup {
            knows_peers: false,
            ..nodes(seed, 2, 3)
        });
        lan.start(0);
        lan.run(ms(6_000));
        let before = lan.speakers();
        lan.start(1);
        lan.settle();
        lan.check(lan.speakers() == before, "a join moves nothing");
    }
}

#[test]
fn planned_moves_have_no_gap_at_ten_per_cent_loss() {
    for seed in 0..15 {
        let setup = Setup {
            loss_per_mille: 100,
            ..nodes(seed, 3, 4)
        };
        let mut lan = Lan::started(setup);
        lan.run(ms(4_000));
        lan.mark();
        lan.command(0, Command::Drain);
        lan.run(ms(2_000));
        lan.command(0, Command::Undrain);
        lan.command(1, Command::Drain);
        lan.run(ms(2_000));
        lan.stop(2);
        lan.run(ms(500));
        lan.check_unspoken(ms(0));
    }
}

#[test]
fn late_and_reordered_datagrams_do_no_harm() {
    for seed in 0..10 {
        let setup = Setup {
            delay: (ms(1), ms(45)),
            duplicates_per_mille: 50,
            ..nodes(seed, 3, 4)
        };
        let mut lan = Lan::started(setup);
        lan.run(ms(5_000));
        lan.command(0, Command::Drain);
        lan.run(ms(3_000));
        lan.command(0, Command::Undrain);
        lan.settle();
    }
}

#[test]
fn recorded_datagrams_do_no_harm() {
    for seed in 0..10 {
        let mut lan = Lan::started(nodes(seed, 3, 4));
        lan.run(ms(3_000));
        lan.crash(2);
        lan.run(ms(2_000));
        let old: Vec<_> = lan.recorded.iter().cloned().collect();
        lan.start(2);
        lan.run(ms(6_000));
        lan.mark();
        for (_host, source, bytes) in old {
            let host = lan.random.below(3);
            lan.inject(host, source, bytes);
            let step = lan.random.between(ms(0), ms(10));
            lan.run(step);
        }
        lan.check_no_claims("replays");
        lan.check_unspoken(ms(0));
        lan.settle();
    }
}

#[test]
fn an_address_that_nobody_can_serve_is_silent_and_comes_back() {
    let mut lan = Lan::started(nodes(5, 2, 2));
    lan.run(ms(3_000));
    let address = lan.addresses()[0];
    lan.set_ability(0, address, Ability::Cannot);
    lan.set_ability(1, address, Ability::Cannot);
    lan.settle();
    lan.set_ability(1, address, Ability::Serves);
    lan.run(ms(2_000));
    lan.check(lan.speaker(address) == 1, "the able node speaks");
    lan.settle();
}

#[test]
fn a_clone_is_silent_and_the_original_goes_on() {
    for seed in 0..10 {
        let mut lan = Lan::new(nodes(seed, 3, 4));
        lan.hosts[2].machine = lan.hosts[0].machine.clone();
        lan.start(0);
        lan.start(1);
        lan.run(ms(6_000));
        let before = lan.speakers();
        lan.mark();
        lan.start(2);
        lan.run(ms(20_000));
        lan.check_no_claims("with a clone");
        lan.check_unspoken(ms(0));
        lan.check(lan.speakers() == before, "nothing moves");
    }
}

#[test]
fn stopping_a_clone_silences_nobody() {
    for seed in 0..10 {
        let mut lan = Lan::new(nodes(seed, 3, 4));
        lan.hosts[2].machine = lan.hosts[0].machine.clone();
        lan.start(0);
        lan.start(1);
        lan.run(ms(6_000));
        lan.start(2);
        lan.run(ms(4_000));
        let before = lan.speakers();
        lan.mark();
        lan.stop(2);
        lan.run(ms(4_000));
        lan.check(lan.hosts[2].daemon.is_none(), "a mute node stops as well");
        lan.check_no_claims("a clone stops");
        lan.check_unspoken(ms(0));
        lan.check(lan.speakers() == before, "nothing moves");
    }
}

#[test]
fn a_node_that_is_set_up_anew_takes_the_place_of_its_former_self() {
    for seed in 0..10 {
        let mut lan = Lan::started(nodes(seed, 2, 3));
        lan.run(ms(3_000));
        lan.power_off(1);
        lan.run(ms(8_000));
        lan.forget(1);
        lan.hosts[1].machine = format!("set up anew {seed}");
        lan.power_on(1);
        lan.run(ms(3_000));
        // One identity at one address: a join afterwards waits for nobody.
        lan.restart(0, ms(200));
        lan.run(ms(1_000));
        let report = lan.hosts[0].report(lan.now).expect("the daemon is back");
        lan.check(report.peers.len() == 1, "the former identity is forgotten");
        lan.check(
            report.state_reason == "hears every known peer",
            &report.state_reason,
        );
        lan.settle();
    }
}

#[test]
fn nodes_with_different_keys_do_not_speak_for_the_same_address() {
    for seed in 0..5 {
        for delay in [0, 5_000] {
            let mut lan = Lan::new(nodes(seed, 2, 3));
            lan.hosts[0].key = Some([1; 32]);
            lan.hosts[1].key = if seed % 2 == 0 { None } else { Some([2; 32]) };
            lan.start(0);
            lan.run(ms(delay));
            lan.start(1);
            lan.run(ms(15_000));
            lan.mark();
            lan.run(ms(5_000));
            lan.check_no_claims("with different keys");
            lan.speakers();
            lan.check_problem(0, "wrong-key");
            lan.check_problem(1, "wrong-key");
        }
    }
}

#[test]
fn nodes_that_never_heard_each_other_do_not_speak_for_the_same_address() {
    for seed in 0..5 {
        for delay in [0, 5_000] {
            let mut lan = Lan::new(nodes(seed, 2, 3));
            lan.filtered.insert((0, 1));
            lan.filtered.insert((1, 0));
            lan.start(0);
            lan.run(ms(delay));
            lan.start(1);
            lan.run(ms(15_000));
            lan.mark();
            lan.run(ms(5_000));
            lan.check_no_claims("behind a firewall");
            let speakers = lan.speakers();
            for node in lan.nodes() {
                if speakers.values().any(|speaker| *speaker != node) {
                    lan.check_problem(node, "heartbeats-filtered");
                }
            }
        }
    }
}
