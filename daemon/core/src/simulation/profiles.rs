//! Segments whose nodes have the profiles `fast` and `slow`, alone and beside each other.

use std::time::Duration;

use crate::config::Detection;
use crate::member::Command;

use super::lan::{Lan, Setup, ms};

const ALL: [Detection; 3] = [Detection::Fast, Detection::Default, Detection::Slow];

/// A LAN at rest whose nodes have these profiles.
fn started(seed: u64, profiles: &[Detection]) -> Lan {
    let mut lan = Lan::new(Setup {
        seed,
        nodes: profiles.len(),
        addresses: 6,
        ..Setup::default()
    });
    for (node, detection) in profiles.iter().enumerate() {
        lan.hosts[node].detection = *detection;
        lan.start(node);
    }
    lan.run(ms(4_000));
    lan
}

/// Detection of a node by whoever is hastiest, in a segment of one profile.
fn detection(profile: Detection) -> Duration {
    match profile {
        Detection::Fast => ms(42),
        Detection::Default => ms(90),
        Detection::Slow => ms(400),
    }
}

#[test]
fn a_dead_host_is_taken_over_in_the_time_of_its_profile() {
    for profile in ALL {
        for seed in 0..10 {
            let mut lan = started(seed, &[profile; 3]);
            lan.mark();
            lan.power_off(0);
            lan.run(ms(3_000));
            lan.check_unspoken(detection(profile) + ms(40));
            lan.settle();
        }
    }
}

#[test]
fn nodes_of_all_profiles_work_together() {
    for seed in 0..6 {
        let mut lan = started(seed, &ALL);
        let before = lan.speakers();
        lan.run(ms(60_000));
        for node in lan.nodes() {
            let suspected = lan.counter(node, "suspected");
            lan.check(suspected == 0, "nobody is suspected");
        }
        lan.check(lan.speakers() == before, "nothing moves");
        lan.mark();
        let drained = usize::try_from(seed % 3).expect("small");
        lan.command(drained, Command::Drain);
        lan.run(ms(4_000));
        lan.check_unspoken(Duration::ZERO);
        lan.command(drained, Command::Undrain);
        lan.mark();
        lan.power_off((drained + 1) % 3);
        lan.run(ms(3_000));
        // The slow one is seen dead after its own 300 ms by itself, sooner by the others; and the
        // vacancy's pick may be a slow node, which looks later.
        lan.check_unspoken(ms(450));
        lan.settle();
    }
}

#[test]
fn a_pause_that_a_fast_peer_takes_for_death_makes_a_slow_node_start_over() {
    let mut started_over = 0;
    for seed in 0..40 {
        let mut lan = started(seed, &[Detection::Fast, Detection::Slow]);
        let pause = lan.random.between(ms(150), ms(700));
        // The whole host stands still, or its kernel would vouch for it.
        lan.cut_off(&[1]);
        lan.pause(1);
        lan.run(pause);
        lan.heal();
        lan.resume(1);
        lan.run(ms(100));
        lan.mark();
        lan.run(ms(2_000));
        lan.check_doubled(Duration::ZERO);
        let term_of_dead = lan.counter(0, "peers-given-up");
        let over = lan.counter(1, "started-over-after-pause");
        lan.check(
            over >= term_of_dead,
            "given up, and goes on as if nothing was",
        );
        started_over += over;
        lan.settle();
    }
    assert!(started_over > 5, "{started_over}");
}
