//! What a hostile, broken or confused host can send, and what comes of it: nothing but a count.

use super::*;
use crate::member::keys::KeyId;

/// Two members that talk, and everything that was sent.
struct Pair {
    one: Bench,
    other: Member,
    sent: Vec<(IpAddr, Vec<u8>)>,
}

impl Pair {
    fn new() -> Pair {
        Pair::with("bob", [8; 8])
    }

    fn with(name: &str, id: [u8; 8]) -> Pair {
        let one = Bench::new();
        let mut settings = one.member.settings.clone();
        settings.identity.name = name.parse().unwrap();
        settings.identity.id = NodeId(id);
        settings.peers = BTreeSet::from([OWN]);
        let mut plan = one.member.plan.clone();
        (plan.own, plan.mac) = (PEER, mac(2));
        let other = Member::new(settings, plan, &Remembered::default(), [3; 32], one.now);
        Pair {
            one,
            other,
            sent: Vec::new(),
        }
    }

    /// Lets both run; every datagram to the other one arrives.
    fn run(&mut self, millis: u64) {
        for _ in 0..millis / 5 {
            self.one.run(5);
            let now = self.one.now;
            self.other.handle_wake(now);
            let local = self.other.wanted_local();
            self.other.handle_local(&local, now);
            self.other.handle_timeout(now);
            let from_other: Vec<Output> = std::iter::from_fn(|| self.other.next_output()).collect();
            for output in from_other {
                match output {
                    Output::Send { to, bytes } if to == OWN => {
                        self.one.member.handle_datagram(PEER, &bytes, now);
                        self.sent.push((PEER, bytes));
                    }
                    Output::Ask {
                        target: GATEWAY, ..
                    } => self.other.handle_heard(
                        Heard {
                            mac: mac(254),
                            sender: GATEWAY,
                            target: PEER,
                            is_reply: true,
                        },
                        now,
                    ),
                    Output::Send { .. }
                    | Output::Ask { .. }
                    | Output::Probe(_)
                    | Output::Announce(_)
                    | Output::ClaimsChanged
                    | Output::NeighboursChanged
                    | Output::Remember
                    | Output::Log(_)
                    | Output::Finished => {}
                }
            }
            for bytes in std::mem::take(&mut self.one.sent) {
                self.other.handle_datagram(OWN, &bytes, now);
                self.sent.push((OWN, bytes));
            }
        }
    }

    fn settled() -> Pair {
        let mut pair = Pair::new();
        pair.run(4_000);
        let held = (pair.one.member.speaking(), pair.other.speaking());
        assert_eq!(held.0.len() + held.1.len(), 1, "{held:?}");
        assert_eq!(pair.liveness(), crate::report::Liveness::Alive);
        pair
    }

    fn liveness(&self) -> crate::report::Liveness {
        self.one.member.report(self.one.now).peers[0].liveness
    }

    /// What must not change: who speaks, and what is thought of the peer.
    fn stand(&self) -> (BTreeSet<IpAddr>, crate::report::Liveness, NodeState) {
        let speaking = self.one.member.speaking();
        (speaking, self.liveness(), self.one.member.state)
    }

    fn counted(&self, name: &str) -> u64 {
        self.one.member.counters.get(name).copied().unwrap_or(0)
    }
}

#[test]
fn forged_replayed_cut_newer_and_foreign_heartbeats_change_nothing() {
    let mut pair = Pair::settled();
    let before = pair.stand();
    let from_peer: Vec<Vec<u8>> = pair
        .sent
        .iter()
        .filter(|(source, _)| *source == PEER)
        .map(|(_, bytes)| bytes.clone())
        .collect();
    let ring = pair.one.member.keys.clone();
    for (number, good) in from_peer.iter().rev().take(200).enumerate() {
        let mut forged = good.clone();
        forged[20 + number % 40] ^= 1;
        let mut newer = good[..good.len() - 16].to_vec();
        newer[2] = 77;
        // An old session in a new version vouches for nobody.
        newer[16] ^= 1;
        newer.extend_from_slice(&ring.used().code(&newer.clone()));
        let mut foreign = good[..good.len() - 16].to_vec();
        let other = Keys::derive(&[5; 32]);
        foreign[4..8].copy_from_slice(&other.id().0);
        foreign.extend_from_slice(&other.code(&foreign.clone()));
        for bytes in [
            forged,
            newer,
            foreign,
            good.clone(),
            good[..number.min(87)].to_vec(),
        ] {
            pair.one.member.handle_datagram(PEER, &bytes, pair.one.now);
        }
        let outside = IpAddr::from([198, 51, 100, 7]);
        pair.one.member.handle_datagram(outside, good, pair.one.now);
        assert_eq!(pair.stand(), before, "after {number}");
    }
    for kind in [
        "heartbeat-wrong-mac",
        "heartbeat-other-version",
        "heartbeat-wrong-key",
        "heartbeat-replayed",
        "heartbeat-truncated",
        "heartbeat-from-outside",
    ] {
        assert!(pair.counted(kind) >= 50, "{kind}: {}", pair.counted(kind));
    }
    pair.run(2_000);
    assert_eq!(pair.stand(), before);
}

#[test]
fn a_looped_cable_brings_back_nothing_that_counts() {
    let mut pair = Pair::settled();
    let before = pair.stand();
    let claimed = pair.one.member.speaking();
    for (source, bytes) in pair.sent.clone() {
        if source == OWN {
            pair.one.member.handle_datagram(OWN, &bytes, pair.one.now);
        }
    }
    for sender in [OWN, ADDRESS] {
        pair.one.hear(mac(1), sender, sender, false);
        pair.one.hear(mac(1), sender, OWN, true);
    }
    pair.run(500);
    assert_eq!(pair.stand(), before);
    assert_eq!(pair.one.member.speaking(), claimed);
    assert!(pair.counted("heartbeat-own-heard-back") > 100);
    let problems = pair.one.member.report(pair.one.now).problems;
    let codes: Vec<_> = problems.iter().map(|one| one.code).collect();
    assert!(!codes.contains(&"address-conflict"), "{codes:?}");
}

#[test]
fn a_forged_refusal_of_a_port_starts_questions_and_no_more() {
    let mut pair = Pair::settled();
    let before = pair.stand();
    for _ in 0..100 {
        pair.one.member.handle_refused(PEER, pair.one.now);
        pair.run(20);
    }
    pair.run(500);
    assert_eq!(pair.stand(), before);
    assert_eq!(pair.counted("peers-given-up"), 0);
}

#[test]
fn a_flood_of_forged_refusals_starts_nothing() {
    let mut pair = Pair::settled();
    let before = pair.stand();
    for number in 0..2_000_u64 {
        let quoted = vec![0x73; usize::try_from(number % 128).unwrap()];
        pair.one.member.handle_refusal(PEER, &quoted, pair.one.now);
        if number % 10 == 0 {
            pair.run(5);
        }
    }
    assert_eq!(pair.stand(), before);
    assert_eq!(pair.counted("suspected"), 0);
    assert_eq!(pair.counted("refusal-forged"), 2_000);
}

#[test]
fn of_two_nodes_with_one_name_one_is_silent_and_says_so() {
    let mut pair = Pair::with("ada", [8; 8]);
    pair.run(4_000);
    let states = [pair.one.member.state, pair.other.state];
    let mute = states.iter().filter(|state| **state == NodeState::Mute);
    assert_eq!(mute.count(), 1, "{states:?}");
    let speaking = [pair.one.member.speaking(), pair.other.speaking()];
    assert_eq!(speaking.iter().map(BTreeSet::len).sum::<usize>(), 1);
}

#[test]
fn ten_thousand_announcements_a_second_of_an_address_of_ours_flap_nothing() {
    let mut bench = Bench::new();
    bench.run(3_500);
    let (mut announced, mut lines, mut changes) = (0, 0, 0);
    for round in 0..200_000_u32 {
        if round % 50 == 0 {
            bench.now = bench.now + Duration::from_millis(5);
            bench.member.handle_wake(bench.now);
        }
        let foreign = mac(if round % 2 == 0 { 66 } else { 67 });
        bench.hear(foreign, ADDRESS, ADDRESS, round % 3 == 0);
        if round % 50 == 49 {
            bench.member.handle_timeout(bench.now);
        }
        while let Some(output) = bench.member.next_output() {
            announced += u32::from(output == Output::Announce(ADDRESS));
            lines += u32::from(matches!(output, Output::Log(_)));
            changes += u32::from(output == Output::ClaimsChanged);
            if let Output::Ask {
                target: GATEWAY, ..
            } = output
            {
                bench.hear(mac(254), GATEWAY, OWN, true);
            }
        }
        assert_eq!(bench.member.speaking(), BTreeSet::from([ADDRESS]));
    }
    // 20 s of it, and one defence in 10 s.
    assert!((1..=3).contains(&announced), "{announced} announcements");
    assert!(lines <= 6, "{lines} lines for the journal");
    assert_eq!(changes, 0);
}

#[test]
fn a_key_that_is_rotated_is_accepted_before_it_is_used() {
    let secrets = |first: u8, second: Option<u8>| Secrets {
        first: [first; 32],
        second: second.map(|byte| [byte; 32]),
    };
    let mut pair = Pair::settled();
    let before = pair.stand();
    let steps = [secrets(1, Some(2)), secrets(2, Some(1)), secrets(2, None)];
    for step in &steps {
        let ring = KeyRing::new(step);
        let now = pair.one.now;
        pair.one.member.handle_keys(&ring, now);
        // The other node comes later.
        pair.run(1_000);
        assert_eq!(pair.stand(), before);
        pair.other.handle_keys(&ring, pair.one.now);
        pair.run(1_000);
        assert_eq!(pair.stand(), before);
    }
    assert_eq!(pair.counted("heartbeat-wrong-key"), 0);
    assert_eq!(pair.counted("suspected"), 0);
    let seen: Option<KeyId> = pair.one.member.report(pair.one.now).peers[0].key;
    assert_eq!(seen, Some(Keys::derive(&[2; 32]).id()));
}

#[test]
fn a_suspicion_and_its_end_are_told_in_words() {
    let mut pair = Pair::settled();
    let silent_from = pair.one.now;
    while pair.liveness() != crate::report::Liveness::Dead {
        pair.one.run(5);
        pair.one.sent.clear();
        assert!(pair.one.now.since(silent_from) < Duration::from_secs(1));
    }
    let peer = pair.one.member.report(pair.one.now).peers.remove(0);
    let told = peer.suspicion.expect("it was suspected");
    assert_eq!(told.expected, Duration::from_millis(25));
    assert_eq!(told.threshold, Duration::from_millis(60));
    assert!(told.observed >= Duration::from_millis(90), "{told:?}");
    for part in [
        "each 25 ms",
        "60 ms are allowed (the least for its interval)",
        "its kernel did not answer ARP",
        "no other node hears it",
        "taken for dead",
    ] {
        assert!(told.explanation.contains(part), "{}", told.explanation);
    }
}

#[test]
fn turns_that_are_late_below_the_limit_are_held_and_above_it_resigned() {
    for (pause, starts_over) in [(60, false), (95, true)] {
        let mut bench = Bench::new();
        bench.run(3_500);
        for _ in 0..100 {
            bench.now = bench.now + Duration::from_millis(pause - 5);
            bench.run(5);
            bench.run(200);
        }
        let report = bench.member.report(bench.now);
        let count = report.counters.get("started-over-after-pause");
        assert_eq!(count.is_some(), starts_over, "{pause} ms");
        let is_told = report.problems.iter().any(|one| one.code == "runs-late");
        assert!(is_told, "{pause} ms: {:?}", report.problems);
        assert_eq!(report.lateness.limit, Duration::from_millis(90));
        if !starts_over {
            assert_eq!(bench.member.speaking(), BTreeSet::from([ADDRESS]));
            assert_eq!(
                report.addresses[0].term,
                bench.member.addresses[&ADDRESS].highest
            );
        }
    }
}

#[test]
fn recorded_gaps_of_a_loaded_machine_are_no_death() {
    let mut pair = Pair::settled();
    let held = pair.one.member.speaking();
    let mut hung = 0;
    for gap in crate::member::detector::tests::recorded() {
        // Its daemon does not run; its kernel answers.
        let steps = u64::try_from(gap.as_millis()).unwrap() / 5;
        for _ in 0..steps {
            pair.one.run(5);
            pair.one.hear(mac(2), PEER, OWN, true);
            hung += u32::from(pair.liveness() == crate::report::Liveness::Hung);
        }
        pair.run(5);
    }
    assert_eq!(pair.counted("peers-given-up"), 0);
    assert!(hung > 0, "no gap was long enough to be told from death");
    assert_eq!(pair.one.member.speaking(), held);
}
