//! What the election costs as nodes and addresses grow: N members in one process, in virtual time,
//! without a network between them.
//!
//! `cargo run --release -p sovnet-core --example scale -- 10 1000` prints what one node's machine
//! costs at rest and in a take-over: time of this host's CPU, datagrams and bytes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use sovnet_core::config::Detection;
use sovnet_core::decide::{Ability, SegmentPlan, Sources, Watched};
use sovnet_core::member::keys::{KeyRing, Secrets};
use sovnet_core::member::{Identity, Member, Output, Policy, Remembered, Settings};
use sovnet_core::names::{Mac, NodeId};
use sovnet_core::time::Moment;

/// CPU time of this process: the clock on the wall also counts what other processes take.
#[expect(
    clippy::disallowed_methods,
    reason = "a measurement is no part of the core"
)]
fn cpu_time() -> Duration {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanos = text.split(' ').next().and_then(|text| text.parse().ok());
    Duration::from_nanos(nanos.unwrap_or(0))
}

/// One turn of the clock. Input waits for it, as it would for a busy thread.
const TICK: Duration = Duration::from_millis(1);

/// A member with its kernel.
struct Node {
    member: Member,
    inbox: VecDeque<(IpAddr, Vec<u8>)>,
    wakes_at: Moment,
    is_on: bool,
    turns: u64,
    sent: u64,
    bytes: u64,
}

/// All of them.
struct World {
    nodes: Vec<Node>,
    addresses: usize,
    now: Moment,
    counted_from: Duration,
}

fn host(number: usize) -> IpAddr {
    let number = u8::try_from(number + 1).expect("at most 200 nodes");
    IpAddr::from([10, 0, 0, number])
}

fn address(number: usize) -> IpAddr {
    let number = u16::try_from(number).expect("at most 65,536 addresses");
    let [high, low] = number.to_be_bytes();
    IpAddr::from([10, 0, high + 1, low])
}

fn node(number: usize, nodes: usize, addresses: usize, now: Moment) -> Node {
    let name = format!("node-{number}");
    let settings = Settings {
        identity: Identity {
            id: NodeId::of_machine(&name),
            name: name.parse().expect("a name"),
            version: "scale".to_owned(),
            config_hash: 0,
        },
        keys: KeyRing::new(&Secrets {
            first: [7; 32],
            second: None,
        }),
        detection: Detection::Default,
        port: 5847,
        peers: (0..nodes)
            .filter(|other| *other != number)
            .map(host)
            .collect(),
        policy: Policy::default(),
    };
    let abilities: BTreeMap<IpAddr, Ability> = (0..addresses)
        .map(|number| (address(number), Ability::Serves))
        .collect();
    let last = u8::try_from(number).expect("at most 200 nodes");
    let plan = SegmentPlan {
        link: "eth0".parse().expect("a link"),
        own: host(number),
        subnet: "10.0.0.0/8".parse().expect("a subnet"),
        sources: Sources { v4: None, v6: None },
        mac: Mac([2, 0, 0x5e, 0, 0x53, last]),
        is_wireless: false,
        gateway: None,
        addresses: abilities.keys().copied().collect(),
        nodes: BTreeSet::new(),
        abilities,
        forwarded: BTreeSet::new(),
        generation: 0,
        watched: Watched::default(),
    };
    let seed = [last; 32];
    Node {
        member: Member::new(settings, plan, &Remembered::default(), seed, now),
        inbox: VecDeque::new(),
        wakes_at: now,
        is_on: true,
        turns: 0,
        sent: 0,
        bytes: 0,
    }
}

impl Node {
    fn turn(&mut self, now: Moment) -> Vec<(IpAddr, Vec<u8>)> {
        let mut out = Vec::new();
        let mut is_local_due = false;
        self.member.handle_wake(now);
        while let Some((source, bytes)) = self.inbox.pop_front() {
            self.member.handle_datagram(source, &bytes, now);
        }
        self.member.handle_timeout(now);
        while let Some(output) = self.member.next_output() {
            match output {
                Output::Send { to, bytes } => out.push((to, bytes)),
                Output::ClaimsChanged => is_local_due = true,
                Output::Ask { .. }
                | Output::Probe(_)
                | Output::Announce(_)
                | Output::NeighboursChanged
                | Output::Remember
                | Output::Log(_)
                | Output::Finished => {}
            }
        }
        if is_local_due {
            let wanted = self.member.wanted_local();
            self.member.handle_local(&wanted, now);
        }
        let next = self.member.next_timeout().map(|(at, _)| at);
        self.wakes_at = next.unwrap_or(now + Duration::from_secs(1));
        self.turns += 1;
        self.sent += out.len() as u64;
        self.bytes += out.iter().map(|(_, bytes)| bytes.len() as u64).sum::<u64>();
        out
    }
}

impl World {
    fn run(&mut self, length: Duration) {
        let end = self.now + length;
        while self.now < end {
            self.now = self.now + TICK;
            for number in 0..self.nodes.len() {
                let node = &mut self.nodes[number];
                let is_due = node.wakes_at <= self.now || !node.inbox.is_empty();
                if !node.is_on || !is_due {
                    continue;
                }
                for (to, bytes) in node.turn(self.now) {
                    let IpAddr::V4(v4) = to else { continue };
                    let index = usize::from(v4.octets()[3]).wrapping_sub(1);
                    if let Some(other) = self.nodes.get_mut(index).filter(|other| other.is_on) {
                        other.inbox.push_back((host(number), bytes));
                    }
                }
            }
        }
    }

    fn forget_costs(&mut self) {
        self.counted_from = cpu_time();
        for node in &mut self.nodes {
            (node.turns, node.sent, node.bytes) = (0, 0, 0);
        }
    }

    fn spoken_for(&self) -> usize {
        let on = self.nodes.iter().filter(|node| node.is_on);
        on.map(|node| node.member.speaking().len()).sum()
    }

    /// Per living node, over so much virtual time.
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    #[expect(clippy::print_stdout, reason = "what this program is for")]
    fn tell(&self, what: &str, length: Duration) {
        let on: Vec<&Node> = self.nodes.iter().filter(|node| node.is_on).collect();
        let count = on.len() as f64;
        let busy = cpu_time().saturating_sub(self.counted_from);
        let turns: u64 = on.iter().map(|node| node.turns).sum();
        let sent: u64 = on.iter().map(|node| node.sent).sum();
        let bytes: u64 = on.iter().map(|node| node.bytes).sum();
        let seconds = length.as_secs_f64();
        println!(
            "{what:<10} nodes={} addresses={} cpu={:.3}% per_turn={:.1}us \
             datagrams/s={:.0} bytes/s={:.0}",
            on.len(),
            self.addresses,
            busy.as_secs_f64() / seconds / count * 100.0,
            busy.as_secs_f64() * 1e6 / turns as f64,
            sent as f64 / seconds / count,
            bytes as f64 / seconds / count,
        );
    }

    /// Until each address is spoken for; how long that took.
    fn run_until_whole(&mut self) -> Duration {
        let started = self.now;
        while self.spoken_for() < self.addresses
            && self.now.since(started) < Duration::from_secs(60)
        {
            self.run(Duration::from_millis(5));
        }
        self.now.since(started)
    }
}

#[expect(clippy::print_stdout, reason = "what this program is for")]
fn main() {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse::<usize>());
    let mut next = |usual| numbers.next().and_then(Result::ok).unwrap_or(usual);
    let (nodes, addresses) = (next(10), next(1_000));
    let now = Moment::from_millis(1_000);
    let mut world = World {
        nodes: (0..nodes)
            .map(|number| node(number, nodes, addresses, now))
            .collect(),
        addresses,
        now,
        counted_from: cpu_time(),
    };
    let whole = world.run_until_whole();
    world.tell("start", whole);
    println!("           all spoken for after {whole:?}",);
    world.run(Duration::from_secs(5));
    world.forget_costs();
    let length = Duration::from_secs(5);
    world.run(length);
    world.tell("rest", length);
    let report = cpu_time();
    let lines = world.nodes[0].member.report(world.now).addresses.len();
    println!(
        "           a report of {lines} addresses takes {:?}",
        cpu_time().saturating_sub(report)
    );
    world.forget_costs();
    world.nodes[0].is_on = false;
    let lost = addresses - world.spoken_for();
    let whole = world.run_until_whole();
    world.tell("take-over", whole);
    println!("           {lost} addresses taken over after {whole:?}");
}
