//! Hosts that are no nodes and use addresses of ours, as one member meets them.

use super::*;
use crate::config::Conflict as Policy;
use crate::report::{Handling, Sighting};

const FREE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 245));

/// A member that speaks for its address, under a policy, with one free address of a pool.
fn speaking(policy: Policy) -> Bench {
    let mut bench = Bench::new();
    bench.watch(policy);
    bench.run(3_500);
    assert_eq!(bench.member.speaking(), BTreeSet::from([ADDRESS]));
    bench.outputs.clear();
    bench
}

impl Bench {
    fn watch(&mut self, policy: Policy) {
        let mut plan = self.member.plan.clone();
        plan.watched = Watched {
            policy,
            ranges: vec!["192.0.2.240-192.0.2.250".parse().unwrap()],
            free: vec![FREE],
        };
        self.member.handle_plan(plan, self.now);
    }

    /// A gratuitous request.
    fn announce(&mut self, last: u8, address: IpAddr) {
        self.hear(mac(last), address, address, false);
    }

    fn take(&mut self, is_wanted: impl Fn(&Output) -> bool) -> usize {
        while let Some(output) = self.member.next_output() {
            self.outputs.push(output);
        }
        let before = self.outputs.len();
        self.outputs.retain(|output| !is_wanted(output));
        before - self.outputs.len()
    }

    fn announcements(&mut self) -> usize {
        self.take(|output| *output == Output::Announce(ADDRESS))
    }

    fn warnings(&mut self) -> usize {
        self.take(|output| matches!(output, Output::Log(line) if line.is_warning))
    }

    fn conflict(&self, address: IpAddr) -> Option<crate::report::ConflictReport> {
        let report = self.member.report(self.now);
        let mut conflicts = report.conflicts.into_iter();
        conflicts.find(|conflict| conflict.address == address)
    }

    fn problems(&self) -> Vec<&'static str> {
        let report = self.member.report(self.now);
        let problems = report.problems.into_iter();
        problems.map(|problem| problem.code).collect()
    }

    /// The questions for addresses that are nobody's.
    fn decoys(&mut self) -> Vec<IpAddr> {
        let outputs = std::mem::take(&mut self.outputs);
        let mut asked = Vec::new();
        for output in outputs {
            if let Output::Ask { target, .. } = output
                && ![ADDRESS, PEER].contains(&target)
            {
                asked.push(target);
            }
        }
        asked
    }
}

#[test]
fn a_theft_is_answered_in_the_same_turn_and_told_with_the_mac() {
    let mut bench = speaking(Policy::Defend);
    bench.announce(9, ADDRESS);
    assert_eq!(bench.announcements(), 1);
    assert_eq!(bench.warnings(), 1);
    let conflict = bench.conflict(ADDRESS).unwrap();
    assert_eq!(conflict.mac, mac(9));
    assert_eq!(conflict.count, 1);
    assert_eq!(conflict.sighting, Sighting::Announcement);
    assert_eq!(conflict.handling, Handling::Defended);
    assert!(bench.problems().contains(&"address-conflict"));
}

#[test]
fn a_storm_changes_nothing_faster_than_the_defend_interval() {
    let mut bench = speaking(Policy::Defend);
    for number in 0..30_000u32 {
        let last = u8::try_from(number % 200).unwrap_or_default() | 0x80;
        bench.announce(last, ADDRESS);
        if number % 1_000 == 0 {
            bench.run(1_000);
        }
    }
    assert!((3..=4).contains(&bench.announcements()));
    assert_eq!(bench.warnings(), 1);
    assert_eq!(bench.member.speaking(), BTreeSet::from([ADDRESS]));
}

/// Nobody but a node answers a hello; and a printer that stays is no reason to go on with it.
#[test]
fn who_speaks_for_an_address_of_ours_is_greeted_for_a_while() {
    let mut bench = speaking(Policy::Defend);
    let everyone = IpAddr::from([192, 0, 2, 255]);
    let hellos = |bench: &mut Bench| {
        bench.take(|output| matches!(output, Output::Send { to, .. } if *to == everyone))
    };
    bench.run(60_000);
    hellos(&mut bench);
    bench.announce(9, ADDRESS);
    bench.run(1_000);
    assert!((2..=4).contains(&hellos(&mut bench)));
    for _ in 0..1_000 {
        bench.announce(9, ADDRESS);
        bench.run(50);
    }
    // Each 10 s at most: at 0, 0.2, 0.6, 1.4, 3, and 6.2 s.
    assert!((25..=36).contains(&hellos(&mut bench)));
}

#[test]
fn yield_defends_once_and_leaves_the_address_until_the_host_is_silent_for_a_minute() {
    let mut bench = speaking(Policy::Yield);
    bench.announce(9, ADDRESS);
    assert_eq!(bench.announcements(), 1);
    bench.run(100);
    assert_eq!(bench.member.speaking(), BTreeSet::from([ADDRESS]));
    bench.announce(9, ADDRESS);
    assert_eq!(bench.member.speaking(), BTreeSet::new());
    bench.run(59_000);
    assert_eq!(bench.member.speaking(), BTreeSet::new());
    assert!(bench.problems().contains(&"address-conflict"));
    assert_eq!(bench.take(|output| *output == Output::Probe(ADDRESS)), 3);
    bench.run(2_000);
    assert_eq!(bench.member.speaking(), BTreeSet::from([ADDRESS]));
}

#[test]
fn quarantine_defends_once_and_leaves_the_address_until_the_host_is_silent_for_five_minutes() {
    let mut bench = speaking(Policy::Quarantine);
    bench.announce(9, ADDRESS);
    assert_eq!(bench.announcements(), 1);
    assert_eq!(bench.member.speaking(), BTreeSet::from([ADDRESS]));
    bench.run(100);
    bench.announce(9, ADDRESS);
    assert_eq!(bench.member.speaking(), BTreeSet::new());
    let conflict = bench.conflict(ADDRESS).unwrap();
    assert_eq!(conflict.handling, Handling::Quarantined);
    // Each sign of the host begins it anew.
    bench.run(200_000);
    bench.announce(9, ADDRESS);
    bench.run(299_000);
    assert_eq!(bench.member.speaking(), BTreeSet::new());
    assert!(bench.problems().contains(&"address-conflict"));
    bench.run(2_000);
    assert_eq!(bench.member.speaking(), BTreeSet::from([ADDRESS]));
    assert!(!bench.problems().contains(&"address-conflict"));
}

#[test]
fn under_yield_an_address_that_a_host_answers_for_is_not_claimed() {
    let mut bench = Bench::new();
    bench.watch(Policy::Yield);
    for _ in 0..60 {
        bench.run(100);
        bench.hear(mac(9), ADDRESS, OWN, true);
    }
    assert_eq!(bench.member.speaking(), BTreeSet::new());
}

#[test]
fn who_answers_for_everything_gets_nothing_and_is_named() {
    for policy in [Policy::Defend, Policy::Yield, Policy::Quarantine] {
        let mut bench = speaking(policy);
        for _ in 0..5 {
            bench.hear(mac(9), ADDRESS, OWN, true);
            bench.hear(mac(9), FREE, OWN, true);
            // To an announcement of ours.
            bench.hear(mac(9), ADDRESS, ADDRESS, true);
            bench.run(50);
            for decoy in bench.decoys() {
                bench.hear(mac(9), decoy, OWN, true);
            }
        }
        bench.run(2_000);
        assert_eq!(bench.member.speaking(), BTreeSet::from([ADDRESS]));
        assert_eq!(bench.conflict(ADDRESS), None);
        assert_eq!(bench.conflict(FREE), None);
        assert!(bench.problems().contains(&"proxy-arp-on-segment"));
    }
}

#[test]
fn the_decoys_are_nobodys() {
    let mut bench = speaking(Policy::Defend);
    bench.hear(mac(9), ADDRESS, OWN, true);
    bench.take(|_| false);
    let decoys = bench.decoys();
    assert_eq!(decoys.len(), 3);
    let range: crate::config::range::AddressRange = "192.0.2.240-192.0.2.250".parse().unwrap();
    for decoy in decoys {
        assert!(!range.contains(decoy), "{decoy}");
        assert!(![OWN, PEER, GATEWAY].contains(&decoy), "{decoy}");
    }
}

/// Outside of the pools, where nothing but the table says that it is somebody's; and the address
/// is out of the table while a frame about it is judged. If it were a decoy, every answer for it
/// would vanish.
#[test]
fn the_address_in_question_is_no_decoy() {
    let mut bench = Bench::new();
    bench.run(3_500);
    bench.member.addresses.remove(&ADDRESS);
    for _ in 0..200 {
        let decoys = bench.member.draw_decoys(ADDRESS);
        assert!(
            decoys.len() == 3 && !decoys.contains(&ADDRESS),
            "{decoys:?}"
        );
    }
}

#[test]
fn a_host_with_a_free_address_of_a_pool_is_found_by_the_probe_before_anybody_gets_it() {
    let mut bench = Bench::new();
    bench.watch(Policy::Defend);
    bench.run(13_500);
    assert_eq!(bench.take(|output| *output == Output::Probe(FREE)), 3);
    assert_eq!(bench.member.occupants().len(), 0);
    bench.hear(mac(9), FREE, IpAddr::V4(Ipv4Addr::UNSPECIFIED), true);
    bench.run(1_100);
    let occupants = bench.member.occupants();
    let occupant = occupants[&FREE];
    assert_eq!(occupant.mac, mac(9));
    assert!(occupant.is_left && !occupant.is_announced);
    assert_eq!(
        bench.conflict(FREE).unwrap().handling,
        Handling::Quarantined
    );
    assert!(bench.problems().contains(&"address-quarantined"));
    bench.run(300_000);
    assert_eq!(bench.member.occupants().len(), 0);
}

#[test]
fn a_probe_for_an_address_that_is_spoken_for_is_told_and_not_answered_twice() {
    let mut bench = speaking(Policy::Yield);
    for _ in 0..3 {
        bench.hear(mac(9), IpAddr::V4(Ipv4Addr::UNSPECIFIED), ADDRESS, false);
    }
    assert_eq!(bench.announcements(), 0);
    assert_eq!(bench.warnings(), 1);
    let conflict = bench.conflict(ADDRESS).unwrap();
    assert_eq!((conflict.sighting, conflict.count), (Sighting::Probe, 3));
    assert_eq!(bench.member.speaking(), BTreeSet::from([ADDRESS]));
}

#[test]
fn own_frames_that_come_back_many_times_are_a_loop() {
    let mut bench = speaking(Policy::Defend);
    for _ in 0..19 {
        bench.member.handle_own_frame(bench.now);
    }
    assert!(!bench.problems().contains(&"looped-cable"));
    bench.member.handle_own_frame(bench.now);
    assert!(bench.problems().contains(&"looped-cable"));
    assert_eq!(bench.member.speaking(), BTreeSet::from([ADDRESS]));
    bench.run(61_000);
    assert!(!bench.problems().contains(&"looped-cable"));
}

#[test]
fn a_known_peers_mac_that_does_not_answer_for_the_peer_keeps_no_address_dark() {
    let mut bench = Bench::new();
    // The peer's MAC is known, and the peer is gone.
    bench.hear(mac(2), PEER, OWN, true);
    for _ in 0..120 {
        bench.run(50);
        bench.hear(mac(2), ADDRESS, OWN, true);
    }
    assert_eq!(bench.member.speaking(), BTreeSet::from([ADDRESS]));
}

#[test]
fn a_peer_that_is_not_heard_and_answers_for_itself_keeps_its_address() {
    let mut bench = Bench::new();
    for _ in 0..120 {
        bench.run(50);
        bench.hear(mac(2), PEER, OWN, true);
        bench.hear(mac(2), ADDRESS, OWN, true);
    }
    assert_eq!(bench.member.speaking(), BTreeSet::new());
}

#[test]
fn an_impostor_with_a_peers_mac_is_defended_against() {
    let mut bench = speaking(Policy::Defend);
    bench.hear(mac(2), PEER, OWN, true);
    for _ in 0..40 {
        bench.run(50);
        bench.announce(2, ADDRESS);
    }
    assert_eq!(bench.announcements(), 1);
    assert_eq!(bench.conflict(ADDRESS).unwrap().mac, mac(2));
    assert_eq!(bench.member.speaking(), BTreeSet::from([ADDRESS]));
}
