//! One thing that goes wrong, or that people do on purpose, as data: a schedule of these can be
//! printed, shortened and played again. A new kind is one variant here.

use std::net::IpAddr;

use crate::config::FailBack;
use crate::decide::Ability;
use crate::member::Command;

use super::host::Packet;
use super::lan::{Lan, ms};
use super::random::Random;

/// A fault; numbers are those of hosts (nodes first) and of addresses, times are milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    Wait,
    /// The daemon dies.
    Crash(usize),
    /// The host dies.
    PowerOff(usize),
    /// Whatever state a node is in, it runs afterwards.
    Revive(usize),
    /// The same with an empty disk.
    ReviveAnew(usize),
    /// Its port loses carrier.
    CableOut(usize),
    /// Its port has carrier again.
    CableIn(usize),
    /// Nothing passes from one to the other.
    CutOneWay(usize, usize),
    /// Nothing passes between two.
    CutBoth(usize, usize),
    /// A node and all others do not reach each other.
    CutOff(usize),
    /// ARP passes from one to the other, and UDP does not.
    Filter(usize, usize),
    /// Everything passes.
    Heal,
    /// The daemon gets no time.
    Pause(usize),
    /// It goes on.
    Resume(usize),
    /// Both, so many milliseconds apart.
    PauseFor(usize, u64),
    /// The whole machine sleeps; its boot-time clock goes on.
    SuspendFor(usize, u64),
    /// Its clock jumps ahead.
    ClockStep(usize, u64),
    /// An operator's order.
    Drain(usize),
    /// Its end.
    Undrain(usize),
    /// The service manager's order: the process ends by itself.
    Stop(usize),
    /// The same, and it is back so long after.
    Restart(usize, u64),
    /// It ends for a restart and nobody starts it.
    EndForRestart(usize),
    /// How able a node is for an address.
    Level(usize, usize, Ability),
    /// The gateway is switched off, or on.
    Gateway(bool),
    /// The kernel makes nothing local any more, or does so again.
    Local(usize, bool),
    /// The network loses so many datagrams in a thousand.
    Loss(u64),
    /// Recorded datagrams arrive again at any node.
    Replay,
    /// The node's disk and identity become another's, and its daemon starts anew.
    BecomeClone(usize, usize),
    /// The client answers every question.
    AnswerAll,
    /// The client has the MAC of this node.
    StealMac(usize),
    /// The client announces an address.
    Theft(usize),
    /// Somebody forges the refusal of this node's port.
    ForgeRefusal(usize),
    /// An operator moves an address, by an order to whoever speaks for it, to this node: for so
    /// many seconds, or with 0 for good.
    Move(usize, usize, u64),
    /// An operator pins an address, or unpins it.
    Pin(PinAt),
    /// What the configs say from now on; a daemon reads its own when it starts.
    Policy(Wanted),
}

/// An operator's order to pin an address, or to unpin it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PinAt {
    /// The node that is told.
    pub(crate) told: usize,
    /// Which address.
    pub(crate) address: usize,
    /// The node that it belongs to; none = it is unpinned.
    pub(crate) to: Option<usize>,
}

impl PinAt {
    /// Any order on a LAN of so many nodes: more pins than the opposite.
    pub(crate) fn any(random: &mut Random, nodes: usize, addresses: usize) -> PinAt {
        PinAt {
            told: random.below(nodes),
            address: random.below(addresses),
            to: random.chance(700).then(|| random.below(nodes)),
        }
    }
}

/// What an operator wants of the election.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Fail-back after so many seconds.
    FailBack(u64),
    /// A quorum; every node is in the configs.
    Quorum,
    /// This address belongs to this node.
    Pin(usize, usize),
}

impl Fault {
    /// Any fault that a LAN of so many nodes knows.
    pub(crate) fn any(random: &mut Random, nodes: usize, addresses: usize) -> Fault {
        let (node, other) = (random.below(nodes), random.below(nodes + 1));
        let levels = [Ability::Cannot, Ability::Going, Ability::Serves];
        match random.below(31) {
            0 => Fault::Crash(node),
            1 => Fault::PowerOff(node),
            2..=4 if random.chance(200) => Fault::ReviveAnew(node),
            2..=4 => Fault::Revive(node),
            5 => Fault::CableOut(node),
            6 => Fault::CableIn(node),
            7 => Fault::CutOneWay(node, other),
            8 => Fault::CutBoth(node, other),
            9 => Fault::CutOff(node),
            10 | 11 => Fault::Heal,
            12 => Fault::Pause(node),
            13 => Fault::Resume(node),
            14 => Fault::Drain(node),
            15 => Fault::Undrain(node),
            16 => Fault::EndForRestart(node),
            17 => Fault::Stop(node),
            18 => Fault::Level(node, random.below(addresses), levels[random.below(3)]),
            19 => Fault::Filter(node, other),
            20 | 21 => Fault::PauseFor(node, random.millis(30, 400)),
            22 => Fault::Gateway(random.chance(500)),
            23 => Fault::SuspendFor(node, random.millis(50, 3_000)),
            24 => Fault::ClockStep(node, random.millis(20, 600_000)),
            25 => Fault::Loss([0, 10, 100, 300][random.below(4)]),
            26 => Fault::Replay,
            27 => Fault::Restart(node, random.millis(0, 3_000)),
            28 => Fault::StealMac(node),
            29 => Fault::Local(node, random.chance(500)),
            _ => Fault::ForgeRefusal(node),
        }
    }

    /// Does it.
    pub(crate) fn strike(self, lan: &mut Lan) {
        match self {
            Fault::Wait => {}
            Fault::Crash(node) => lan.crash(node),
            Fault::PowerOff(node) if lan.hosts[node].is_powered => lan.power_off(node),
            Fault::PowerOff(_) => {}
            Fault::Revive(node) => revive(lan, node),
            Fault::ReviveAnew(node) => {
                if lan.hosts[node].daemon.is_none() {
                    lan.forget(node);
                }
                revive(lan, node);
            }
            Fault::CableOut(node) => lan.set_cable(node, false),
            Fault::CableIn(node) => lan.set_cable(node, true),
            Fault::CutOneWay(from, to) => lan.cut_direction(from, to),
            Fault::CutBoth(one, other) => {
                lan.cut_direction(one, other);
                lan.cut_direction(other, one);
            }
            Fault::CutOff(node) => lan.cut_off(&[node]),
            Fault::Filter(from, to) => {
                lan.note(from, &format!("its UDP does not reach {to}"));
                lan.filtered.insert((from, to));
            }
            Fault::Heal => lan.heal(),
            Fault::Pause(node) => lan.pause(node),
            Fault::Resume(node) => lan.resume(node),
            Fault::PauseFor(node, length) => lan.pause_for(node, ms(length)),
            Fault::SuspendFor(node, length) => suspend(lan, node, length),
            Fault::ClockStep(node, ahead) => lan.step_clock(node, ms(ahead)),
            Fault::Drain(node) => lan.command(node, Command::Drain),
            Fault::Undrain(node) => lan.command(node, Command::Undrain),
            Fault::Stop(node) => lan.command(node, Command::Stop),
            Fault::EndForRestart(node) => lan.command(node, Command::Restart),
            Fault::Restart(node, absence) => restart(lan, node, absence),
            Fault::Level(node, address, level) => {
                let address = lan.address(address);
                lan.set_ability(node, address, level);
            }
            Fault::Gateway(is_on) => {
                let gateway = lan.gateway();
                lan.note(gateway, if is_on { "on" } else { "off" });
                lan.hosts[gateway].is_powered = is_on && lan.setup.has_gateway;
            }
            Fault::Local(node, is_done) => set_local(lan, node, is_done),
            Fault::Loss(per_mille) => lan.setup.loss_per_mille = per_mille,
            Fault::Replay => replay(lan),
            Fault::BecomeClone(node, other) => become_clone(lan, node, other),
            Fault::AnswerAll => {
                let client = lan.client();
                lan.note(client, "answers every question");
                lan.hosts[client].answers_all = true;
            }
            Fault::StealMac(node) => {
                let client = lan.client();
                lan.note(client, &format!("has the MAC of {node}"));
                lan.hosts[client].mac = lan.hosts[node].mac;
            }
            Fault::Theft(address) => {
                let (client, address) = (lan.client(), lan.address(address));
                lan.announce_falsely(client, address);
            }
            Fault::ForgeRefusal(node) => forge_refusal(lan, node),
            Fault::Move(address, to, secs) => move_address(lan, address, to, secs),
            Fault::Pin(PinAt { told, address, to }) => {
                lan.order_pin(told, lan.address(address), to)
            }
            Fault::Policy(wanted) => want(lan, wanted),
        }
    }
}

fn move_address(lan: &mut Lan, address: usize, to: usize, secs: u64) {
    let address = lan.address(address);
    let speakers = lan.records.get(&address).map(|record| &record.speakers);
    let holder = speakers.and_then(|speakers| speakers.iter().next().copied());
    if let Some(holder) = holder {
        let length = (secs > 0).then_some(ms(secs * 1_000));
        lan.order_move(holder, address, to, length);
    }
}

fn want(lan: &mut Lan, wanted: Wanted) {
    for node in lan.nodes() {
        let address = |number| lan.address(number);
        match wanted {
            Wanted::FailBack(secs) => {
                lan.hosts[node].policy.fail_back = FailBack::After(ms(secs * 1_000));
            }
            Wanted::Quorum => lan.hosts[node].policy.has_quorum = true,
            Wanted::Pin(number, to) => {
                let address = address(number);
                let name = lan.hosts[to]
                    .name
                    .parse()
                    .expect("hosts have names of nodes");
                lan.hosts[node].policy.pins.insert(address, name);
            }
        }
    }
}

fn revive(lan: &mut Lan, node: usize) {
    lan.resume(node);
    if !lan.hosts[node].is_powered {
        lan.power_on(node);
    } else if lan.hosts[node].daemon.is_none() {
        lan.start(node);
    }
}

fn set_local(lan: &mut Lan, node: usize, is_done: bool) {
    let text = match is_done {
        true => "its kernel makes addresses local again",
        false => "its kernel makes nothing local",
    };
    lan.note(node, text);
    lan.hosts[node].refuses_local = !is_done;
}

fn suspend(lan: &mut Lan, node: usize, length: u64) {
    if !lan.hosts[node].is_powered {
        return lan.run(ms(length));
    }
    lan.note(node, "sleeps");
    lan.hosts[node].is_powered = false;
    lan.pause_for(node, ms(length));
    lan.hosts[node].is_powered = true;
    lan.note(node, "is awake");
    lan.turn(node);
}

fn restart(lan: &mut Lan, node: usize, absence: u64) {
    let runs = lan.hosts[node]
        .daemon
        .as_ref()
        .is_some_and(|daemon| !daemon.is_paused);
    if runs && lan.hosts[node].is_powered {
        lan.command(node, Command::Restart);
        lan.run(ms(260 + absence));
        revive(lan, node);
    }
}

/// The disk was copied to another machine, with everything on it.
fn become_clone(lan: &mut Lan, node: usize, other: usize) {
    lan.crash(node);
    lan.hosts[node].machine = lan.hosts[other].machine.clone();
    lan.hosts[node].disk = lan.hosts[other].disk.clone();
    revive(lan, node);
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

fn forge_refusal(lan: &mut Lan, node: usize) {
    let source = lan.hosts[node].address;
    let others: Vec<(usize, IpAddr)> = lan
        .nodes()
        .filter(|other| *other != node)
        .map(|other| (other, lan.hosts[other].address))
        .collect();
    lan.note(node, "somebody forges refusals of its port");
    for (host, target) in others {
        lan.deliver(host, Packet::Refused { source, target });
    }
}
