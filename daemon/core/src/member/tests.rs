//! One member alone against its driver: what only single inputs can show. Everything that takes
//! two nodes is in the LAN simulation.

use std::net::Ipv4Addr;

use super::keys::{Keys, Secrets};
use super::wire::{Datagram, Flags, Kind, encode};
use super::*;
use crate::config::Detection;
use crate::decide::{Ability, Sources, Watched};

const OWN: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
const GATEWAY: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 254));
const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 240));

fn mac(last: u8) -> Mac {
    Mac([2, 0, 0x5e, 0, 0x53, last])
}

/// A member whose gateway answers and whose kernel obeys.
struct Bench {
    member: Member,
    now: Moment,
    /// Datagrams to the peer.
    sent: Vec<Vec<u8>>,
    /// What came out, but for the questions to the gateway, which answers.
    outputs: Vec<Output>,
}

impl Bench {
    fn new() -> Bench {
        Bench::with(BTreeSet::new())
    }

    /// With addresses whose packets are passed on.
    fn with(forwarded: BTreeSet<IpAddr>) -> Bench {
        let now = Moment::from_millis(1_000);
        let identity = Identity {
            id: NodeId([7; 8]),
            name: "ada".parse().unwrap(),
            version: "test".to_owned(),
            config_hash: 0,
        };
        let settings = Settings {
            identity,
            keys: KeyRing::new(&Secrets {
                first: [1; 32],
                second: None,
            }),
            detection: Detection::Default,
            port: 5847,
            peers: BTreeSet::from([PEER]),
            policy: Policy::default(),
        };
        let plan = SegmentPlan {
            link: "eth0".parse().unwrap(),
            own: OWN,
            subnet: "192.0.2.0/24".parse().unwrap(),
            sources: Sources {
                v4: Some("192.0.2.1".parse().unwrap()),
                v6: None,
            },
            mac: mac(1),
            is_wireless: false,
            generation: 0,
            gateway: Some(GATEWAY),
            abilities: BTreeMap::from([(ADDRESS, Ability::Serves)]),
            forwarded,
            addresses: Vec::new(),
            nodes: BTreeSet::new(),
            watched: Watched::default(),
        };
        let member = Member::new(settings, plan, &Remembered::default(), [9; 32], now);
        Bench {
            member,
            now,
            sent: Vec::new(),
            outputs: Vec::new(),
        }
    }

    /// Runs for so many milliseconds, in turns of 5.
    fn run(&mut self, millis: u64) {
        for _ in 0..millis / 5 {
            self.now = self.now + Duration::from_millis(5);
            self.member.handle_wake(self.now);
            let wanted = self.member.wanted_local();
            self.member.handle_local(&wanted, self.now);
            self.member.handle_timeout(self.now);
            while let Some(output) = self.member.next_output() {
                if let Output::Ask {
                    target: GATEWAY, ..
                } = output
                {
                    self.hear(mac(254), GATEWAY, OWN, true);
                } else if let Output::Send { to: PEER, bytes } = output {
                    self.sent.push(bytes);
                } else {
                    self.outputs.push(output);
                }
            }
        }
    }

    fn hear(&mut self, mac: Mac, sender: IpAddr, target: IpAddr, is_reply: bool) {
        self.member.handle_heard(
            Heard {
                mac,
                sender,
                target,
                is_reply,
            },
            self.now,
        );
    }

    /// A heartbeat that is protected by another key.
    fn send_with_wrong_key(&mut self, source: IpAddr) {
        let datagram = Datagram {
            kind: Kind::Heartbeat,
            sender: NodeId([8; 8]),
            session: 5,
            receiver_session: 0,
            sequence: 1,
            interval_ms: 25,
            challenge: 6,
            echo: 0,
            facts_version: 0,
            acked_version: 0,
            follows: 0,
            state: NodeState::Active,
            flags: Flags::default(),
            hold_10ms: 0,
            facts: None,
            observed: Vec::new(),
            pins: None,
            hello: None,
        };
        let bytes = encode(&datagram, &Keys::derive(&[2; 32]));
        self.member.handle_datagram(source, &bytes, self.now);
    }
}

mod bad_input;
mod foreign;
mod selftest;

#[test]
fn a_node_that_is_alone_with_its_gateway_speaks_after_the_grace() {
    let mut bench = Bench::new();
    bench.run(300 + 2_900);
    assert!(bench.member.speaking().is_empty());
    bench.run(200);
    assert_eq!(bench.member.speaking(), BTreeSet::from([ADDRESS]));
}

#[test]
fn rubbish_and_announcements_of_a_host_that_is_no_peer_take_nothing() {
    for last in 10..40 {
        let mut bench = Bench::new();
        bench.run(3_500);
        let host = IpAddr::from([192, 0, 2, last]);
        for _ in 0..20 {
            bench.send_with_wrong_key(host);
            bench.hear(mac(last), host, OWN, true);
            bench.hear(mac(last), ADDRESS, ADDRESS, false);
            bench.run(50);
        }
        assert_eq!(bench.member.speaking(), BTreeSet::from([ADDRESS]), "{host}");
    }
}

#[test]
fn a_foreign_host_is_answered_with_one_announcement_in_ten_seconds() {
    let mut bench = Bench::new();
    bench.run(3_500);
    let mut announced = 0;
    for last in 0..200 {
        // Another MAC with every frame changes nothing of that.
        bench.hear(mac(last | 0x80), ADDRESS, ADDRESS, false);
        while let Some(output) = bench.member.next_output() {
            announced += usize::from(output == Output::Announce(ADDRESS));
        }
    }
    assert_eq!(announced, 1);
    assert_eq!(bench.member.speaking(), BTreeSet::from([ADDRESS]));
}

#[test]
fn an_address_that_is_passed_on_is_claimed_and_never_becomes_local() {
    let mut bench = Bench::with(BTreeSet::from([ADDRESS]));
    for _ in 0..800 {
        bench.run(5);
        assert_eq!(bench.member.wanted_local(), BTreeSet::new());
    }
    assert_eq!(bench.member.speaking(), BTreeSet::from([ADDRESS]));
}

#[test]
fn a_pause_counts_from_the_last_heartbeat_because_peers_count_from_there() {
    for (pause, expected) in [(65, Wake::InTime), (75, Wake::ThrowQueuesAway)] {
        let mut bench = Bench::new();
        bench.run(3_500);
        bench.sent.clear();
        while bench.sent.is_empty() {
            bench.run(5);
        }
        // Turns without a heartbeat tell the peers nothing.
        bench.run(20);
        assert_eq!(bench.sent.len(), 1);
        let now = bench.now + Duration::from_millis(pause);
        assert_eq!(bench.member.handle_wake(now), expected, "{pause} ms");
    }
}

#[test]
fn of_many_addresses_a_peer_that_comes_and_goes_makes_nobody_look_at_all_each_time() {
    let mut bench = Bench::new();
    let mut plan = bench.member.plan.clone();
    for number in 0..200 {
        let address = IpAddr::from([198, 51, 100, number]);
        plan.abilities.insert(address, Ability::Serves);
    }
    bench.member.handle_plan(plan, bench.now);
    bench.run(3_500);
    let id = NodeId([8; 8]);
    let peer = Box::new(Peer::new(id, PEER, 1, bench.now));
    bench.member.peers.insert(id, peer);
    let mut looks = 0;
    for turn in 0..100 {
        let known = bench.member.peers.get_mut(&id).expect("it was put in");
        known.is_deaf = turn % 2 == 0;
        bench.now = bench.now + Duration::from_micros(100);
        let scope = bench.member.choose_scope(bench.now);
        looks += usize::from(scope.len() > 200);
    }
    // 201 addresses and two nodes make a pause of 804 microseconds.
    assert!((10..=14).contains(&looks), "{looks}");
    let later = bench.member.next_timeout().map(|(at, _what)| at);
    assert!(later.is_some_and(|at| at <= bench.now + Duration::from_millis(1)));
    // What concerns this node itself waits for nothing.
    bench.member.state = NodeState::Isolated;
    assert_eq!(bench.member.choose_scope(bench.now).len(), 201);
}

#[test]
fn what_was_probed_while_it_was_free_is_spoken_for_at_once_and_anything_else_is_asked_for() {
    let given = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 250));
    // A host that is heard to use it, before it is given and between that and the claim.
    for (before, after) in [(false, false), (true, false), (false, true)] {
        let mut bench = Bench::new();
        let mut plan = bench.member.plan.clone();
        plan.watched.free = vec![given];
        bench.member.handle_plan(plan.clone(), bench.now);
        bench.run(12_000);
        assert_eq!(bench.member.prober.found_free(), 1);
        if before {
            bench.hear(mac(9), given, OWN, true);
        }
        plan.watched.free.clear();
        plan.abilities.insert(given, Ability::Serves);
        bench.outputs.clear();
        bench.member.handle_plan(plan, bench.now);
        if after {
            bench.hear(mac(9), given, OWN, true);
        }
        bench.run(10);
        let is_asked = bench
            .outputs
            .iter()
            .any(|output| matches!(output, Output::Ask { target, .. } if *target == given));
        let is_spoken = bench.member.speaking().contains(&given);
        let is_in_use = before || after;
        assert_eq!((is_asked, is_spoken), (is_in_use, !is_in_use));
    }
}
