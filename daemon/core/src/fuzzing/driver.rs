//! Two members and everything that may happen to them, in an order that the fuzzer chooses.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use super::corpus_secrets;
use crate::config::Detection;
use crate::decide::{Ability, SegmentPlan, Sources, Watched};
use crate::member::keys::KeyRing;
use crate::member::memory::{self, Memories};
use crate::member::{Command, Heard, Identity, Member, Output, Policy, Remembered, Settings, Wake};
use crate::names::{Mac, NodeId};
use crate::time::Moment;

/// Datagrams that are on their way at most.
const FLYING: usize = 64;
/// Steps of one input at most.
const STEPS: usize = 400;
/// Outputs of one turn at most: more would be a storm.
const STORM: usize = 400;

/// The bytes of an input, taken one after the other; zeroes when they are used up.
struct Program<'a>(&'a [u8]);

impl Program<'_> {
    fn byte(&mut self) -> u8 {
        let first = self.0.split_off_first();
        first.copied().unwrap_or(0)
    }

    fn bytes(&mut self) -> Vec<u8> {
        let length = usize::from(self.byte()).min(self.0.len());
        let taken = self.0.split_off(..length);
        taken.unwrap_or_default().to_vec()
    }

    /// An own address, the peer's, the gateway's, an announced one, or any.
    fn address(&mut self) -> IpAddr {
        let last = match self.byte() {
            choice @ 0..=4 => [1, 2, 254, 240, 241][usize::from(choice)],
            other => other,
        };
        IpAddr::from([192, 0, 2, last])
    }

    fn mac(&mut self) -> Mac {
        Mac([2, 0, 0x5e, 0, 0x53, self.byte()])
    }
}

struct Node {
    member: Member,
    address: IpAddr,
    plan: SegmentPlan,
}

impl Node {
    fn new(number: u8, now: Moment) -> Node {
        let plan = plan(number);
        let settings = Settings {
            identity: Identity {
                id: NodeId([number; 8]),
                name: if number == 1 { "ada" } else { "bob" }
                    .parse()
                    .expect("names of nodes"),
                version: "fuzz".to_owned(),
                config_hash: 0,
            },
            keys: KeyRing::new(&corpus_secrets()),
            detection: Detection::Default,
            port: 5847,
            peers: BTreeSet::from([IpAddr::from([192, 0, 2, 3 - number])]),
            policy: Policy::default(),
        };
        let remembered = Remembered::default();
        Node {
            member: Member::new(settings, plan.clone(), &remembered, [number; 32], now),
            address: plan.own,
            plan,
        }
    }

    /// Ends a turn; what it sends goes on its way.
    fn turn(&mut self, flying: &mut VecDeque<(IpAddr, IpAddr, Vec<u8>)>, now: Moment) {
        self.member.handle_timeout(now);
        let mut outputs = 0;
        while let Some(output) = self.member.next_output() {
            outputs += 1;
            assert!(outputs < STORM, "a storm of outputs");
            if let Output::Send { to, bytes } = output {
                flying.push_back((self.address, to, bytes));
            }
        }
        while flying.len() > FLYING {
            flying.pop_front();
        }
        let announced: BTreeSet<IpAddr> = self.plan.abilities.keys().copied().collect();
        assert!(self.member.speaking().is_subset(&announced));
        let remembered = self.member.remembered();
        let memories = Memories::from([(self.plan.link.clone(), remembered)]);
        let text = memory::to_text(&memories);
        assert_eq!(memory::from_text(&text), Ok(memories));
    }
}

fn plan(number: u8) -> SegmentPlan {
    let abilities = [240, 241].map(|last| (IpAddr::from([192, 0, 2, last]), Ability::Serves));
    SegmentPlan {
        link: "eth0".parse().expect("a link"),
        own: IpAddr::from([192, 0, 2, number]),
        subnet: "192.0.2.0/24".parse().expect("a subnet"),
        sources: Sources {
            v4: Some([192, 0, 2, number].into()),
            v6: None,
        },
        mac: Mac([2, 0, 0x5e, 0, 0x53, number]),
        is_wireless: false,
        gateway: Some(IpAddr::from([192, 0, 2, 254])),
        abilities: BTreeMap::from(abilities),
        forwarded: BTreeSet::new(),
        addresses: Vec::new(),
        generation: 0,
        nodes: BTreeSet::new(),
        watched: Watched::default(),
    }
}

/// Two nodes, and what happens to them.
pub fn member(bytes: &[u8]) {
    let mut program = Program(bytes);
    let mut now = Moment::from_millis(1_000);
    let mut nodes = [Node::new(1, now), Node::new(2, now)];
    let mut flying = VecDeque::new();
    for _ in 0..STEPS {
        if program.0.is_empty() {
            break;
        }
        let step = program.byte();
        let node = &mut nodes[usize::from(step >> 7)];
        if node.member.handle_wake(now) == Wake::ThrowQueuesAway {
            flying.clear();
        }
        match step & 0x7f {
            0..=63 => now = now + Duration::from_millis(u64::from(step & 0x3f)),
            64..=79 => deliver(&mut nodes, &mut flying, usize::from(step & 0x0f), now),
            other => happen(node, other, &mut program, now),
        }
        for node in &mut nodes {
            let local = node.member.wanted_local();
            node.member.handle_local(&local, now);
            node.turn(&mut flying, now);
        }
    }
    for node in &nodes {
        let _readable = format!("{:?}", node.member.report(now));
    }
}

/// Brings so many datagrams to where they go; the first one stays on its way, as a copy.
fn deliver(
    nodes: &mut [Node; 2],
    flying: &mut VecDeque<(IpAddr, IpAddr, Vec<u8>)>,
    count: usize,
    now: Moment,
) {
    for number in 0..=count {
        let Some((source, to, bytes)) = flying.pop_front() else {
            return;
        };
        for node in nodes.iter_mut() {
            // Broadcasts reach their sender, too, as with a looped cable.
            if node.address == to || to == IpAddr::from([192, 0, 2, 255]) {
                node.member.handle_datagram(source, &bytes, now);
            }
        }
        if number == 0 {
            flying.push_back((source, to, bytes));
        }
    }
}

fn happen(node: &mut Node, what: u8, program: &mut Program<'_>, now: Moment) {
    match what {
        80..=89 => {
            let heard = Heard {
                mac: program.mac(),
                sender: program.address(),
                target: program.address(),
                is_reply: what.is_multiple_of(2),
            };
            node.member.handle_heard(heard, now);
        }
        90..=94 => node.member.handle_refused(program.address(), now),
        95..=99 => {
            let source = program.address();
            node.member.handle_datagram(source, &program.bytes(), now);
        }
        100..=104 => {
            let (source, mut bytes) = (program.address(), program.bytes());
            let code = KeyRing::new(&corpus_secrets()).used().code(&bytes);
            bytes.extend_from_slice(&code);
            node.member.handle_datagram(source, &bytes, now);
        }
        105..=108 => {
            let level = [
                Ability::Cannot,
                Ability::Going,
                Ability::LastResort,
                Ability::Serves,
            ];
            let ability = level[usize::from(program.byte() % 4)];
            for one in node.plan.abilities.values_mut() {
                *one = ability;
            }
            node.member.handle_plan(node.plan.clone(), now);
        }
        109 => node.member.handle_link_up(now),
        110 => node.member.handle_command(Command::Drain, now),
        111 => node.member.handle_command(Command::Undrain, now),
        112 => node.member.handle_command(Command::Stop, now),
        113 => node.member.handle_command(Command::Restart, now),
        114 => {
            let other = Node::new(
                if node.address == IpAddr::from([192, 0, 2, 1]) {
                    1
                } else {
                    2
                },
                now,
            );
            *node = other;
        }
        _ => {}
    }
}
