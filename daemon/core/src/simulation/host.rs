//! One host of the simulated LAN: a kernel, perhaps with a daemon on it.
//!
//! The kernel answers ARP for the host's own address whatever the daemon does, and refuses the
//! member port when no daemon runs. The daemon is the core's member and speaker, driven in the
//! order that their documents give.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use crate::config::Detection;
use crate::decide::{Ability, SegmentPlan, Sources, Watched};
use crate::member::keys::{KeyRing, Secrets};
use crate::member::wire;
use crate::member::{
    Command, Identity, Member, MoveOrder, Output, PinOrder, Policy, Remembered, Settings, Wake,
};
use crate::names::{Mac, NodeId, Subnet};
use crate::report::SegmentReport;
use crate::speaker::{Handled, Speaker};
use crate::time::Moment;

use super::arp::Arp;

/// What a socket buffer holds: what comes later is lost, as in a kernel.
const INBOX: usize = 64;
/// So many turns at one moment mean a deadline that never passes.
const MOST_TURNS: u32 = 50;

/// What travels over the switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Packet {
    /// An ARP frame.
    Arp(Vec<u8>),
    /// A UDP datagram to the member port.
    Datagram {
        /// Sender.
        source: IpAddr,
        /// Receiver, or the broadcast address.
        target: IpAddr,
        /// Payload.
        bytes: Rc<[u8]>,
    },
    /// ICMP port unreachable from `source`.
    Refused {
        /// Whose kernel refused.
        source: IpAddr,
        /// Whose datagram was refused.
        target: IpAddr,
    },
}

/// What a daemon is told by its own machine; waits while the daemon is paused.
#[derive(Debug)]
enum Order {
    Local(BTreeSet<IpAddr>),
    Plan(SegmentPlan),
    LinkUp,
    Command(Command),
    Move(MoveOrder),
    Pin(PinOrder),
}

/// What a daemon did in one turn.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    /// Frames and datagrams.
    pub(crate) packets: Vec<Packet>,
    /// Addresses that shall be local from now on.
    pub(crate) local: Option<BTreeSet<IpAddr>>,
    /// Lines for the trace.
    pub(crate) lines: Vec<String>,
    /// The process ended.
    pub(crate) is_finished: bool,
    /// What it must never do, and did.
    pub(crate) violation: Option<String>,
}

/// A process on a host.
#[derive(Debug)]
pub(crate) struct Daemon {
    pub(crate) member: Member,
    pub(crate) speaker: Speaker,
    /// With the time of arrival, on the LAN's clock.
    inbox: VecDeque<(Moment, Packet)>,
    orders: VecDeque<Order>,
    /// Stopped by a signal or by a busy machine; its sockets fill up.
    pub(crate) is_paused: bool,
    /// When it wants to run next, on the LAN's clock.
    pub(crate) wakes_at: Option<Moment>,
    last_turn: Option<Moment>,
    turns: u32,
}

/// A host.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) mac: Mac,
    pub(crate) address: IpAddr,
    pub(crate) is_powered: bool,
    pub(crate) has_carrier: bool,
    pub(crate) daemon: Option<Daemon>,
    /// Counts the daemon's lives, so that an acknowledgement for a former one is dropped.
    pub(crate) life: u32,
    pub(crate) disk: Remembered,
    /// Addresses that the kernel holds as local.
    pub(crate) local: BTreeSet<IpAddr>,
    /// This node's own ability while the link is up.
    pub(crate) abilities: BTreeMap<IpAddr, Ability>,
    pub(crate) gateway: Option<IpAddr>,
    /// What its config says of the election.
    pub(crate) policy: Policy,
    /// The operator took it out.
    pub(crate) is_drained: bool,
    /// The bytes of its key file.
    pub(crate) key: Option<[u8; 32]>,
    /// Its profile of times.
    pub(crate) detection: Detection,
    /// What its machine-id is made of here; a clone has another host's.
    pub(crate) machine: String,
    /// The kernel's neighbours of other LAN addresses: none = asked, not answered yet.
    pub(crate) cache: BTreeMap<IpAddr, Option<Mac>>,
    /// Whether its kernel makes no further address local.
    pub(crate) refuses_local: bool,
    /// Whether it answers ARP for every address there is.
    pub(crate) answers_all: bool,
    /// Whether its link is a radio.
    pub(crate) is_wireless: bool,
    /// How far its clock is ahead of the LAN's: no two hosts agree.
    clock_ahead: Duration,
}

impl Host {
    /// Host number `number` (1 to 250), switched on and connected, without a daemon.
    pub(crate) fn new(name: &str, number: u8, clock_ahead: Duration) -> Host {
        Host {
            name: name.to_owned(),
            mac: Mac([2, 0, 0x5e, 0, 0x53, number]),
            address: IpAddr::from([192, 0, 2, number]),
            is_powered: true,
            has_carrier: true,
            daemon: None,
            life: 0,
            disk: Remembered::default(),
            local: BTreeSet::new(),
            abilities: BTreeMap::new(),
            gateway: None,
            policy: Policy::default(),
            is_drained: false,
            key: None,
            detection: Detection::Default,
            machine: name.to_owned(),
            cache: BTreeMap::new(),
            refuses_local: false,
            answers_all: false,
            is_wireless: false,
            clock_ahead,
        }
    }

    /// This host's identity as a node.
    pub(crate) fn id(&self) -> NodeId {
        NodeId::of_machine(&self.machine)
    }

    /// Its clock jumps ahead, and nothing else happens.
    pub(crate) fn step_clock(&mut self, ahead: Duration) {
        self.clock_ahead += ahead;
    }

    /// What its clock shows.
    pub(crate) fn clock(&self, now: Moment) -> Moment {
        now + self.clock_ahead
    }

    /// The plan that `decide` would make of the present facts.
    fn plan(&self) -> SegmentPlan {
        let able = |ability: Ability| match self.has_carrier {
            true => ability,
            false => Ability::Cannot,
        };
        let abilities = self.abilities.iter();
        SegmentPlan {
            link: "eth0".parse().expect("eth0 is a link name"),
            own: self.address,
            subnet: subnet(),
            sources: sources(self.address),
            mac: self.mac,
            is_wireless: self.is_wireless,
            generation: 0,
            gateway: self.gateway,
            abilities: abilities
                .map(|(at, ability)| (*at, able(*ability)))
                .collect(),
            forwarded: BTreeSet::new(),
            addresses: self.abilities.keys().copied().collect(),
            nodes: BTreeSet::new(),
            watched: Watched::default(),
        }
    }

    /// Starts the daemon.
    pub(crate) fn start(
        &mut self,
        peers: BTreeSet<IpAddr>,
        keys: KeyRing,
        seed: [u8; 32],
        now: Moment,
    ) {
        let settings = Settings {
            identity: Identity {
                id: self.id(),
                name: self.name.parse().expect("hosts have names of nodes"),
                version: "simulated".to_owned(),
                config_hash: 0,
            },
            keys,
            detection: self.detection,
            port: 5847,
            peers,
            policy: self.policy.clone(),
        };
        let clock = self.clock(now);
        let member = Member::new(settings, self.plan(), &self.disk, seed, clock);
        self.life += 1;
        self.daemon = Some(Daemon {
            member,
            speaker: Speaker::new(self.mac, sources(self.address)),
            inbox: VecDeque::new(),
            orders: VecDeque::new(),
            is_paused: false,
            wakes_at: Some(now),
            last_turn: None,
            turns: 0,
        });
    }

    /// The addresses that this host speaks for at this instant, in order: a paused process speaks
    /// for none.
    pub(crate) fn speaking(&self) -> impl Iterator<Item = IpAddr> {
        let daemon = self.daemon.iter().filter(|daemon| !daemon.is_paused);
        daemon.flat_map(|daemon| daemon.member.claimed())
    }

    /// What the daemon says of itself.
    pub(crate) fn report(&self, now: Moment) -> Option<SegmentReport> {
        Some(self.daemon.as_ref()?.member.report(self.clock(now)))
    }

    /// Whether nobody is woken for this packet: a routine heartbeat lies until the next turn.
    pub(crate) fn lets_lie(&self, packet: &Packet) -> bool {
        let may_lie = |daemon: &Daemon| daemon.member.may_lie();
        match packet {
            Packet::Datagram { bytes, .. } => {
                wire::is_routine(bytes) && self.daemon.as_ref().is_some_and(may_lie)
            }
            Packet::Arp(_) | Packet::Refused { .. } => false,
        }
    }

    /// What the kernel does with a packet that arrived, and what it sends back.
    pub(crate) fn receive(&mut self, packet: Packet, now: Moment) -> Option<Packet> {
        let answer = match &packet {
            Packet::Arp(bytes) => self.kernel_arp(&Arp::read(bytes)?),
            Packet::Datagram { source, target, .. } => {
                let is_refused = self.daemon.is_none() && *target == self.address;
                is_refused.then_some(Packet::Refused {
                    source: self.address,
                    target: *source,
                })
            }
            Packet::Refused { .. } => None,
        };
        if let Some(daemon) = &mut self.daemon
            && daemon.inbox.len() < INBOX
        {
            daemon.inbox.push_back((now, packet));
        }
        answer
    }

    fn kernel_arp(&mut self, arp: &Arp) -> Option<Packet> {
        let is_for_me = arp.is_reply && arp.target == self.address;
        let known = self.cache.get_mut(&arp.sender);
        if let Some(entry) = known.filter(|entry| is_for_me || entry.is_some()) {
            *entry = Some(arp.sender_mac);
        }
        let is_for_host = arp.target == self.address || self.answers_all;
        let is_asked = !arp.is_reply && is_for_host && arp.sender != self.address;
        is_asked.then(|| Packet::Arp(arp.reply(self.mac).bytes()))
    }

    /// One turn of the daemon: wake, input, timers, outputs.
    pub(crate) fn turn(&mut self, now: Moment) -> Effects {
        let clock = self.clock(now);
        let (mac, own) = (self.mac, self.address);
        let mut effects = Effects::default();
        let Some(daemon) = self.daemon.as_mut().filter(|daemon| !daemon.is_paused) else {
            return effects;
        };
        effects.violation = daemon.count_turn(now);
        if daemon.member.handle_wake(clock) == Wake::ThrowQueuesAway {
            effects.lines.push("throws its queues away".to_owned());
            daemon.inbox.clear();
            daemon.speaker.reset();
        }
        while let Some((arrived, packet)) = daemon.inbox.pop_front() {
            daemon.handle_packet(&packet, clock - now.since(arrived), clock);
        }
        while let Some(order) = daemon.orders.pop_front() {
            daemon.handle_order(order, mac, own, clock);
        }
        daemon.member.handle_timeout(clock);
        daemon.speaker.handle_timeout(clock);
        daemon.take_outputs(own, clock, &mut effects, &mut self.disk);
        while let Some(frame) = daemon.speaker.next_frame() {
            effects.violation = effects
                .violation
                .or_else(|| daemon.violation_of(&frame, mac, own));
            effects.packets.push(Packet::Arp(frame));
        }
        daemon.wakes_at = daemon
            .next_timeout()
            .map(|at| (at - self.clock_ahead).max(now));
        if effects.is_finished {
            self.daemon = None;
        }
        effects
    }

    /// The kernel did what the daemon wanted.
    pub(crate) fn acknowledge_local(&mut self, local: BTreeSet<IpAddr>) {
        self.local.clone_from(&local);
        self.order(Order::Local(local));
    }

    /// The facts changed.
    pub(crate) fn tell_plan(&mut self) {
        self.order(Order::Plan(self.plan()));
    }

    /// The link came up.
    pub(crate) fn tell_link_up(&mut self) {
        self.order(Order::LinkUp);
    }

    /// An order of the operator or of the service manager.
    pub(crate) fn tell(&mut self, command: Command) {
        self.order(Order::Command(command));
    }

    /// An operator moves an address.
    pub(crate) fn tell_move(&mut self, order: MoveOrder) {
        self.order(Order::Move(order));
    }

    /// An operator pins or unpins an address.
    pub(crate) fn tell_pin(&mut self, order: PinOrder) {
        self.order(Order::Pin(order));
    }

    /// What follows from its key file.
    pub(crate) fn keys(&self) -> KeyRing {
        let secrets = |first| Secrets {
            first,
            second: None,
        };
        let ring = self.key.map(|first| KeyRing::new(&secrets(first)));
        ring.unwrap_or_else(KeyRing::none)
    }

    fn order(&mut self, order: Order) {
        if let Some(daemon) = &mut self.daemon {
            daemon.orders.push_back(order);
        }
    }
}

impl Daemon {
    fn count_turn(&mut self, now: Moment) -> Option<String> {
        if self.last_turn == Some(now) {
            self.turns += 1;
        } else {
            self.turns = 0;
        }
        self.last_turn = Some(now);
        (self.turns >= MOST_TURNS).then(|| {
            let (member, speaker) = (self.member.next_timeout(), self.speaker.next_timeout());
            format!("a deadline that has passed stays: {member:?} {speaker:?}")
        })
    }

    fn handle_packet(&mut self, packet: &Packet, arrived: Moment, clock: Moment) {
        match packet {
            Packet::Datagram { source, bytes, .. } => {
                self.member.handle_datagram(*source, bytes, arrived);
            }
            Packet::Refused { source, .. } => self.member.handle_refused(*source, clock),
            Packet::Arp(bytes) => match self.speaker.handle_frame(bytes, clock) {
                Handled::Heard(heard) | Handled::Defended(heard) => {
                    self.member.handle_heard(heard, clock);
                }
                Handled::Answered | Handled::Ignored(_) => {}
            },
        }
    }

    fn handle_order(&mut self, order: Order, mac: Mac, own: IpAddr, clock: Moment) {
        match order {
            Order::Local(local) => self.member.handle_local(&local, clock),
            Order::Plan(plan) => self.member.handle_plan(plan, clock),
            Order::LinkUp => {
                self.speaker.set_link(mac, sources(own), clock);
                self.member.handle_link_up(clock);
            }
            Order::Command(command) => self.member.handle_command(command, clock),
            Order::Move(order) => {
                // A refusal moves nothing, which the scenarios see.
                let _said = self.member.handle_move(&order, clock);
            }
            Order::Pin(order) => {
                let _said = self.member.handle_pin(&order, clock);
            }
        }
    }

    fn take_outputs(
        &mut self,
        own: IpAddr,
        clock: Moment,
        effects: &mut Effects,
        disk: &mut Remembered,
    ) {
        while let Some(output) = self.member.next_output() {
            match output {
                Output::Send { to, bytes } => effects.packets.push(Packet::Datagram {
                    source: own,
                    target: to,
                    bytes: bytes.into(),
                }),
                Output::Ask { target, mac } => self.speaker.ask(target, mac),
                Output::Probe(address) => self.speaker.probe(address),
                Output::Announce(address) => self.speaker.announce_again(address, clock),
                Output::ClaimsChanged => {
                    self.speaker.set_speaking(&self.member.speaking(), clock);
                    effects.local = Some(self.member.wanted_local());
                }
                Output::NeighboursChanged => {}
                Output::Remember => *disk = self.member.remembered(),
                Output::Log(line) => effects.lines.push(format!(
                    "{}{} {}",
                    line.text,
                    line.address.map_or(String::new(), |at| format!(" [{at}]")),
                    line.peer.map_or(String::new(), |peer| format!("({peer})")),
                )),
                Output::Finished => effects.is_finished = true,
            }
        }
    }

    /// A frame never speaks for an address that is not claimed, and never with another MAC.
    fn violation_of(&self, frame: &[u8], mac: Mac, own: IpAddr) -> Option<String> {
        let Some(arp) = Arp::read(frame) else {
            return Some("a speaker sent what is no ARP".to_owned());
        };
        let is_own = arp.sender == own || arp.sender.is_unspecified();
        let is_claimed = is_own || self.member.claimed().any(|at| at == arp.sender);
        let is_fine = is_claimed && arp.sender_mac == mac;
        (!is_fine).then(|| format!("a frame speaks without a claim: {arp:?}"))
    }

    fn next_timeout(&self) -> Option<Moment> {
        let member = self.member.next_timeout().map(|(at, _what)| at);
        let speaker = self.speaker.next_timeout().map(|(at, _what)| at);
        member.into_iter().chain(speaker).min()
    }
}

/// The subnet of every simulated LAN.
pub(crate) fn subnet() -> Subnet {
    "192.0.0.0/21".parse().expect("a subnet")
}

/// What a host asks with.
fn sources(own: IpAddr) -> Sources {
    match own {
        IpAddr::V4(v4) => Sources {
            v4: Some(v4),
            v6: None,
        },
        IpAddr::V6(v6) => Sources {
            v4: None,
            v6: Some(v6),
        },
    }
}
