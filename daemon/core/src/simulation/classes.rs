//! Classes of random schedules: each makes a kind of trouble likely and demands what must be true
//! of it. Everything follows from the seed.

mod orders;

use std::time::Duration;

use crate::decide::Ability;

use super::fault::Fault;
use super::lan::{Setup, ms};
use super::random::Random;
use super::schedule::{Demand, Schedule, Step, after};

/// A kind of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Chaos,
    Replays,
    Broken,
    Moves,
    Endpoints,
    Restarts,
    Partition,
    Filtered,
    Clones,
    Join,
    Cables,
    JoinInHold,
    Pauses,
    Zombies,
    Many,
    Wireless,
    Foreign,
    Planned,
    /// They begin on two sides of a partition, so that both claim at the first term.
    Apart,
    /// So many addresses that what a node states is many pages.
    Crowd,
    /// Operators pin and unpin addresses while anything goes wrong, and once more at the end.
    Pins,
}

impl Class {
    /// Every class, with its share of the schedules in per mille.
    pub(crate) const ALL: [(Class, u64); 21] = [
        (Class::Chaos, 120),
        (Class::Pins, 20),
        (Class::Replays, 120),
        (Class::Broken, 100),
        (Class::Moves, 60),
        (Class::Endpoints, 50),
        (Class::Restarts, 60),
        (Class::Partition, 40),
        (Class::Filtered, 40),
        (Class::Clones, 50),
        (Class::Join, 50),
        (Class::Cables, 50),
        (Class::JoinInHold, 40),
        (Class::Pauses, 40),
        (Class::Zombies, 40),
        (Class::Many, 20),
        (Class::Wireless, 20),
        (Class::Foreign, 20),
        (Class::Planned, 30),
        (Class::Apart, 20),
        (Class::Crowd, 10),
    ];

    /// The schedule of this seed.
    pub(crate) fn schedule(self, seed: u64) -> Schedule {
        let mut random = Random::of_seed(seed ^ ((self as u64 + 1) << 56));
        let setup = self.setup(seed, &mut random);
        let mut before = Vec::new();
        if self == Class::Planned {
            before.extend(orders::wanted(&setup, &mut random));
        }
        if self.begins_at_rest() {
            before.extend(started(&setup));
        }
        let steps = self.steps(&setup, &mut random);
        Schedule {
            demand: self.demand(&setup, &mut random),
            setup,
            before,
            steps,
        }
    }

    fn begins_at_rest(self) -> bool {
        !matches!(
            self,
            Class::Chaos | Class::Replays | Class::Broken | Class::Apart | Class::Pins
        )
    }

    fn setup(self, seed: u64, random: &mut Random) -> Setup {
        let slowest = [ms(1), ms(5), ms(25), ms(60)][random.below(4)];
        let any = Setup {
            seed,
            nodes: 2 + random.below(3),
            addresses: [1, 2, 3, 5][random.below(4)],
            has_gateway: random.chance(800),
            knows_peers: random.chance(700),
            wireless: 0,
            loss_per_mille: [0, 0, 10, 100, 300][random.below(5)],
            duplicates_per_mille: [0, 50][random.below(2)],
            delay: (Duration::from_micros(80), slowest),
        };
        // A quick network; what is lost is lost evenly.
        let quick = Setup {
            has_gateway: true,
            loss_per_mille: [0, 10, 100][random.below(3)],
            delay: (any.delay.0, slowest.min(ms(5))),
            ..any.clone()
        };
        let clean = Setup {
            loss_per_mille: 0,
            ..quick.clone()
        };
        match self {
            Class::Chaos | Class::Replays | Class::Pins => any,
            Class::Broken => Setup {
                loss_per_mille: any.loss_per_mille.min(10),
                delay: (any.delay.0, slowest.min(ms(5))),
                ..any
            },
            Class::Moves => Setup { nodes: 3, ..quick },
            Class::Endpoints => Setup { nodes: 2, ..quick },
            Class::Restarts => quick,
            Class::Partition | Class::Filtered | Class::Clones | Class::Join => clean,
            Class::Apart => Setup {
                nodes: 2,
                knows_peers: true,
                ..clean
            },
            Class::Cables | Class::JoinInHold | Class::Pauses | Class::Zombies => clean,
            Class::Many => Setup {
                nodes: 5 + random.below(4),
                addresses: 8,
                ..quick
            },
            Class::Wireless => Setup {
                wireless: 1 + random.below(2),
                ..quick
            },
            Class::Foreign => Setup { nodes: 3, ..clean },
            Class::Crowd => Setup {
                nodes: 5,
                addresses: [200, 500][random.below(2)],
                ..quick
            },
            Class::Planned => Setup {
                nodes: 3,
                knows_peers: true,
                ..quick
            },
        }
    }

    fn demand(self, setup: &Setup, random: &mut Random) -> Demand {
        match self {
            Class::Chaos | Class::Replays | Class::Filtered | Class::Apart => Demand::Peace,
            Class::Clones | Class::Zombies | Class::Many | Class::Wireless => Demand::Peace,
            Class::Crowd => Demand::Peace,
            Class::Broken => Demand::Rest,
            Class::Moves | Class::Endpoints | Class::Planned => Demand::NoGap,
            Class::Restarts | Class::Join | Class::JoinInHold | Class::Pauses => {
                Demand::NothingMoves
            }
            Class::Partition => Demand::DoubledAtMost(4_000 + 100),
            Class::Cables => Demand::Peace,
            Class::Foreign => Demand::DarkAtMost(400),
            Class::Pins => Demand::LastWord(orders::any_pin(setup, random)),
        }
    }

    fn steps(self, setup: &Setup, random: &mut Random) -> Vec<Step> {
        let nodes = setup.nodes;
        let node = random.below(nodes);
        let other = (node + 1 + random.below(nodes - 1)) % nodes;
        let address = random.below(usize::from(setup.addresses));
        match self {
            Class::Chaos | Class::Many | Class::Wireless => chaos(setup, random, 12),
            Class::Replays => interleaved(chaos(setup, random, 10), Fault::Replay),
            Class::Broken => broken(setup, random),
            Class::Moves if random.chance(300) => unable_successor(node, other),
            Class::Moves => orders::drains(setup, random),
            Class::Planned => orders::planned(setup, random),
            Class::Endpoints => endpoints(node, other, address, random),
            Class::Restarts => restarts(node, other, random),
            Class::Partition => vec![
                after(random.millis(0, 2_000), Fault::CutBoth(node, other)),
                after(random.millis(50, 4_000), Fault::Heal),
                after(2_000, Fault::Wait),
            ],
            Class::Apart => apart(node, other, setup, random),
            Class::Filtered => filtered(node, other, random),
            Class::Clones => clones(node, other, random),
            Class::Join => vec![
                after(random.millis(0, 2_000), Fault::ReviveAnew(node)),
                after(random.millis(0, 500), Fault::Wait),
            ],
            Class::Cables => cables(nodes, random),
            Class::JoinInHold => {
                let absence = random.millis(500, 3_000);
                vec![after(
                    random.millis(0, 2_000),
                    Fault::Restart(node, absence),
                )]
            }
            Class::Pauses => pauses(nodes, (5, 88), random),
            Class::Zombies => pauses(nodes, (90, 3_000), random),
            Class::Foreign => foreign(node, other, address, random),
            Class::Crowd => crowd(node, other, address, setup, random),
            Class::Pins => orders::pins(chaos(setup, random, 10), setup, random),
        }
    }
}

/// The one that is asked first cannot do it: the next one is asked.
fn unable_successor(node: usize, other: usize) -> Vec<Step> {
    vec![
        after(0, Fault::Local(other, false)),
        after(0, Fault::Drain(node)),
        after(4_000, Fault::Undrain(node)),
        after(1_000, Fault::Wait),
    ]
}

/// Endpoints come and go under an address, or go while it is being handed over.
fn endpoints(node: usize, other: usize, address: usize, random: &mut Random) -> Vec<Step> {
    let level = |node, level| Fault::Level(node, address, level);
    let soon = random.millis(0, 2_000);
    if random.chance(500) {
        return vec![
            after(soon, Fault::Drain(node)),
            after(random.millis(0, 3), level(other, Ability::Going)),
            after(1_000, level(other, Ability::Serves)),
            after(1_000, Fault::Wait),
        ];
    }
    vec![
        after(soon, level(node, Ability::Going)),
        after(random.millis(0, 400), level(other, Ability::Serves)),
        after(1_000, level(node, Ability::Serves)),
        after(random.millis(0, 400), level(other, Ability::Going)),
        after(1_000, level(other, Ability::Serves)),
        after(1_000, Fault::Wait),
    ]
}

fn restarts(node: usize, other: usize, random: &mut Random) -> Vec<Step> {
    let mut one = |node, wait| after(wait, Fault::Restart(node, random.millis(0, 2_000)));
    vec![one(node, 500), one(other, 2_500), after(3_000, Fault::Wait)]
}

/// Both speak, and meet; or the switch is off before that, and both have a wish for the same.
fn apart(node: usize, other: usize, setup: &Setup, random: &mut Random) -> Vec<Step> {
    let mut steps = vec![after(0, Fault::CutBoth(node, other))];
    steps.extend(started(setup));
    let is_switch = random.chance(500);
    if is_switch {
        steps.push(after(0, Fault::CableOut(node)));
        steps.push(after(0, Fault::CableOut(other)));
        steps.push(after(random.millis(500, 3_000), Fault::Wait));
    }
    steps.push(after(0, Fault::Heal));
    if is_switch {
        steps.push(after(0, Fault::CableIn(node)));
        steps.push(after(random.millis(0, 20), Fault::CableIn(other)));
    }
    steps.push(after(2_000, Fault::Wait));
    steps
}

/// A firewall on the port between two, and one of them goes.
fn filtered(node: usize, other: usize, random: &mut Random) -> Vec<Step> {
    vec![
        after(random.millis(0, 2_000), Fault::Filter(node, other)),
        after(0, Fault::Filter(other, node)),
        after(random.millis(2_000, 6_000), any_end(node, random)),
        after(random.millis(2_000, 6_000), Fault::Revive(node)),
        after(4_000, Fault::Wait),
    ]
}

fn pauses(nodes: usize, length: (u64, u64), random: &mut Random) -> Vec<Step> {
    let mut one = |_number| {
        let pause = Fault::PauseFor(random.below(nodes), random.millis(length.0, length.1));
        after(random.millis(100, 3_000), pause)
    };
    (0..4).map(&mut one).collect()
}

/// All start within a moment, and come to rest.
fn started(setup: &Setup) -> Vec<Step> {
    let starts = (0..setup.nodes).map(|node| after(0, Fault::Revive(node)));
    starts.chain([after(3_500, Fault::Wait)]).collect()
}

fn chaos(setup: &Setup, random: &mut Random, most: usize) -> Vec<Step> {
    let starts: Vec<Step> = (0..setup.nodes)
        .map(|node| after(random.millis(0, 300), Fault::Revive(node)))
        .collect();
    let faults = 1 + random.below(most);
    let addresses = usize::from(setup.addresses);
    let any = (0..faults).map(|_fault| {
        let wait = match random.below(3) {
            0 => random.millis(0, 100),
            1 => random.millis(0, 1_000),
            _ => random.millis(0, 4_000),
        };
        after(wait, Fault::any(random, setup.nodes, addresses))
    });
    starts.into_iter().chain(any).collect()
}

fn interleaved(steps: Vec<Step>, fault: Fault) -> Vec<Step> {
    let both = |step: Step| [step, after(0, fault)];
    steps.into_iter().flat_map(both).collect()
}

/// Links that stay broken in any shape, ARP-only ones included.
fn broken(setup: &Setup, random: &mut Random) -> Vec<Step> {
    let mut steps = chaos(setup, random, 3);
    for node in 0..setup.nodes {
        steps.push(after(0, Fault::Revive(node)));
        steps.push(after(0, Fault::CableIn(node)));
        steps.push(after(0, Fault::Undrain(node)));
    }
    steps.push(after(6_000, Fault::Heal));
    for _link in 0..=random.below(3) {
        let (from, to) = (random.below(setup.nodes), random.below(setup.nodes));
        let fault = match random.below(3) {
            0 => Fault::CutOneWay(from, to),
            1 => Fault::CutBoth(from, to),
            _ => Fault::Filter(from, to),
        };
        steps.push(after(random.millis(0, 500), fault));
    }
    steps
}

fn any_end(node: usize, random: &mut Random) -> Fault {
    let all = [
        Fault::Crash(node),
        Fault::PowerOff(node),
        Fault::Stop(node),
        Fault::EndForRestart(node),
    ];
    all[random.below(4)]
}

fn clones(node: usize, other: usize, random: &mut Random) -> Vec<Step> {
    let mut steps = vec![after(
        random.millis(0, 500),
        Fault::BecomeClone(node, other),
    )];
    if random.chance(500) {
        steps.insert(0, after(0, Fault::CutBoth(node, other)));
        steps.push(after(random.millis(500, 4_000), Fault::Heal));
    }
    if random.chance(300) {
        steps.push(after(random.millis(500, 3_000), any_end(other, random)));
    }
    steps.push(after(random.millis(500, 12_000), Fault::Wait));
    steps
}

/// One cable, or all of them: a switch that is switched off.
fn cables(nodes: usize, random: &mut Random) -> Vec<Step> {
    let is_switch = random.chance(500);
    let some = random.below(nodes);
    let is_out = |node: &usize| is_switch || *node == some;
    let mut steps: Vec<Step> = (0..nodes)
        .filter(is_out)
        .map(|node| after(0, Fault::CableOut(node)))
        .collect();
    steps.push(after(random.millis(0, 5_000), Fault::Wait));
    let ins: Vec<usize> = (0..nodes).filter(is_out).collect();
    for node in ins {
        steps.push(after(random.millis(0, 500), Fault::CableIn(node)));
    }
    steps
}

/// A host that is no peer behaves badly, and a node dies.
fn foreign(node: usize, other: usize, address: usize, random: &mut Random) -> Vec<Step> {
    let bad = match random.below(3) {
        0 => Fault::AnswerAll,
        1 => Fault::Theft(address),
        _ => Fault::ForgeRefusal(other),
    };
    vec![
        after(random.millis(0, 1_000), bad),
        after(random.millis(0, 1_000), Fault::PowerOff(node)),
        after(0, bad),
        after(2_000, Fault::StealMac(node)),
        after(2_000, Fault::Wait),
    ]
}

/// One thing that makes hundreds of addresses change hands, and its end.
fn crowd(
    node: usize,
    other: usize,
    address: usize,
    setup: &Setup,
    random: &mut Random,
) -> Vec<Step> {
    let soon = random.millis(0, 1_000);
    let away = random.millis(200, 4_000);
    let mut steps = match random.below(5) {
        0 => vec![
            after(soon, any_end(node, random)),
            after(away, Fault::Revive(node)),
        ],
        1 => vec![after(soon, Fault::Restart(node, away / 2))],
        2 => vec![
            after(soon, Fault::Drain(node)),
            after(away, Fault::Undrain(node)),
        ],
        3 => vec![after(soon, Fault::CutOff(node)), after(away, Fault::Heal)],
        _ => {
            let near = 1 + random.below(setup.nodes - 1);
            let pairs = (0..near).flat_map(|one| (near..setup.nodes).map(move |far| (one, far)));
            let cut = pairs.map(|(one, far)| after(0, Fault::CutBoth(one, far)));
            cut.chain([after(away, Fault::Heal)]).collect()
        }
    };
    steps.push(after(
        random.millis(0, 500),
        Fault::Level(other, address, Ability::Going),
    ));
    steps.push(after(2_000, Fault::Wait));
    steps
}
