//! The simulated LAN: virtual time, the switch, and the hosts on it.
//!
//! Time goes from event to event. After each one the invariants of [`super::check`] are looked at.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use crate::decide::Ability;
use crate::time::Moment;

use super::arp::Arp;
use super::check::Record;
use super::host::{Host, Packet, subnet};
use super::random::Random;
use super::verdict::violate;

/// Lines of the trace that a failure prints.
const TRACE: usize = 250;
/// More addresses than this do not fit behind the hosts.
const MANY: u8 = 100;
/// With that many what arrives within this time is one turn.
const LOOKS_EVERY: Duration = Duration::from_millis(2);
/// Datagrams kept for replays.
const RECORDED: usize = 400;

/// Shorthand for milliseconds.
pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// What a LAN is made of.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) seed: u64,
    pub(crate) nodes: usize,
    pub(crate) addresses: u16,
    pub(crate) has_gateway: bool,
    /// Whether nodes know each other's addresses from the config.
    pub(crate) knows_peers: bool,
    /// So many nodes are wireless, the first ones.
    pub(crate) wireless: usize,
    pub(crate) loss_per_mille: u64,
    pub(crate) duplicates_per_mille: u64,
    pub(crate) delay: (Duration, Duration),
}

impl Default for Setup {
    fn default() -> Setup {
        Setup {
            seed: 1,
            nodes: 2,
            addresses: 2,
            has_gateway: true,
            knows_peers: true,
            wireless: 0,
            loss_per_mille: 0,
            duplicates_per_mille: 0,
            delay: (Duration::from_micros(80), Duration::from_micros(400)),
        }
    }
}

/// Something that happens at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    Arrive {
        host: usize,
        packet: Packet,
    },
    Wake {
        host: usize,
    },
    /// What arrived meanwhile is looked at.
    Look {
        host: usize,
    },
    Local {
        host: usize,
        life: u32,
        local: BTreeSet<IpAddr>,
    },
    Carrier {
        host: usize,
        is_up: bool,
    },
}

/// Something that is going to happen. The greatest of them is the first.
#[derive(Debug, PartialEq, Eq)]
struct Event {
    at: Moment,
    /// Which one it is, so that of two at one moment the older one is first.
    number: u64,
    what: What,
}

impl Ord for Event {
    fn cmp(&self, other: &Event) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

impl PartialOrd for Event {
    fn partial_cmp(&self, other: &Event) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The LAN.
#[derive(Debug)]
pub(crate) struct Lan {
    pub(crate) setup: Setup,
    pub(crate) random: Random,
    pub(crate) now: Moment,
    /// Nodes first, then the gateway, then a client.
    pub(crate) hosts: Vec<Host>,
    /// Directions in which nothing passes, without a change of carrier.
    pub(crate) cut: BTreeSet<(usize, usize)>,
    /// Directions in which ARP passes and UDP does not.
    pub(crate) filtered: BTreeSet<(usize, usize)>,
    pub(crate) recorded: VecDeque<(usize, IpAddr, Rc<[u8]>)>,
    pub(crate) records: BTreeMap<IpAddr, Record>,
    /// Whether lines of the trace are kept.
    pub(crate) is_traced: bool,
    /// Turns of daemons so far.
    pub(crate) turns: u64,
    /// Hosts that will look soon at what arrived.
    looks: BTreeSet<usize>,
    trace: VecDeque<String>,
    queue: BinaryHeap<Event>,
    next_event: u64,
}

impl Lan {
    /// A LAN with every daemon still off.
    pub(crate) fn new(setup: Setup) -> Lan {
        let mut random = Random::of_seed(setup.seed);
        let addresses = announced(setup.addresses);
        let names = [
            "ada", "bob", "cyd", "dan", "eve", "fay", "gus", "hal", "ivy", "joe",
        ];
        let mut hosts: Vec<Host> = (1..)
            .zip(names.iter().take(setup.nodes))
            .map(|(number, name)| Host::new(name, number, random.between(ms(0), ms(900_000))))
            .collect();
        let gateway = IpAddr::from([192, 0, 2, 100]);
        for (number, host) in hosts.iter_mut().enumerate() {
            host.is_wireless = number < setup.wireless;
            host.gateway = setup.has_gateway.then_some(gateway);
            host.abilities = addresses.iter().map(|at| (*at, Ability::Serves)).collect();
        }
        hosts.push(Host::new("gateway", 100, ms(0)));
        hosts.push(Host::new("client", 101, ms(0)));
        hosts[setup.nodes].is_powered = setup.has_gateway;
        Lan {
            random,
            now: Moment::from_millis(1_000),
            hosts,
            cut: BTreeSet::new(),
            filtered: BTreeSet::new(),
            recorded: VecDeque::new(),
            records: addresses
                .iter()
                .map(|at| (*at, Record::default()))
                .collect(),
            is_traced: true,
            turns: 0,
            looks: BTreeSet::new(),
            trace: VecDeque::new(),
            queue: BinaryHeap::new(),
            next_event: 0,
            setup,
        }
    }

    /// A LAN whose nodes all started at once, and came to rest.
    pub(crate) fn started(setup: Setup) -> Lan {
        let mut lan = Lan::new(setup);
        for node in lan.nodes() {
            lan.start(node);
        }
        lan.run(ms(3_000));
        lan
    }

    /// The numbers of the nodes.
    pub(crate) fn nodes(&self) -> std::ops::Range<usize> {
        0..self.setup.nodes
    }

    /// The gateway's number.
    pub(crate) fn gateway(&self) -> usize {
        self.setup.nodes
    }

    /// The client's number.
    pub(crate) fn client(&self) -> usize {
        self.setup.nodes + 1
    }

    /// The addresses that are announced.
    pub(crate) fn addresses(&self) -> Vec<IpAddr> {
        self.records.keys().copied().collect()
    }

    /// One of these, whatever the number.
    pub(crate) fn address(&self, number: usize) -> IpAddr {
        let addresses = self.addresses();
        addresses[number % addresses.len()]
    }

    /// Lets so much time pass.
    pub(crate) fn run(&mut self, length: Duration) {
        let end = self.now + length;
        while self.queue.peek().is_some_and(|event| event.at <= end) {
            let Some(Event { at, what, .. }) = self.queue.pop() else {
                break;
            };
            self.now = at;
            self.happen(what);
        }
        self.now = end;
        self.observe_time();
    }

    /// One line of the trace.
    pub(crate) fn note(&mut self, host: usize, text: &str) {
        if !self.is_traced {
            return;
        }
        let millis = self.now.as_nanos() / 1_000;
        let line = format!(
            "{:>12.3} {:<8} {text}",
            micros(millis),
            self.hosts[host].name
        );
        if self.trace.len() == TRACE {
            self.trace.pop_front();
        }
        self.trace.push_back(line);
    }

    /// Ends the test: seed, trace, and what is wrong.
    pub(crate) fn fail(&self, what: &str) -> ! {
        let trace: Vec<&str> = self.trace.iter().map(String::as_str).collect();
        violate(format!("{}\n{what}\n{:?}", trace.join("\n"), self.setup))
    }

    fn at(&mut self, at: Moment, what: What) {
        let number = self.next_event;
        self.queue.push(Event { at, number, what });
        self.next_event += 1;
    }

    fn happen(&mut self, what: What) {
        match what {
            What::Arrive { host, packet } => {
                let receiver = &mut self.hosts[host];
                if receiver.is_powered && receiver.has_carrier {
                    let lies = receiver.lets_lie(&packet);
                    let answer = receiver.receive(packet, self.now);
                    self.transmit(host, answer.into_iter().collect());
                    if !lies {
                        self.look(host);
                    }
                }
            }
            What::Look { host } => {
                self.looks.remove(&host);
                self.turn(host);
            }
            What::Wake { host } => {
                let wanted = self.hosts[host]
                    .daemon
                    .as_ref()
                    .and_then(|one| one.wakes_at);
                if wanted.is_some_and(|at| at <= self.now) {
                    self.turn(host);
                }
            }
            What::Local { host, life, local } => {
                if self.hosts[host].life == life {
                    self.hosts[host].acknowledge_local(local);
                    self.turn(host);
                }
            }
            What::Carrier { host, is_up } => {
                self.hosts[host].tell_plan();
                if is_up {
                    self.hosts[host].tell_link_up();
                }
                self.turn(host);
            }
        }
    }

    /// A daemon looks at once at what arrived, but with many addresses, as under any load, at what
    /// arrives within a moment together.
    fn look(&mut self, host: usize) {
        if self.setup.addresses <= MANY.into() {
            self.turn(host);
        } else if self.looks.insert(host) {
            self.at(self.now + LOOKS_EVERY, What::Look { host });
        }
    }

    /// Lets a host's daemon run, and carries out what it wants.
    pub(crate) fn turn(&mut self, host: usize) {
        let daemon = self.hosts[host].daemon.as_ref();
        let is_running = daemon.is_some_and(|daemon| !daemon.is_paused);
        if !is_running || !self.hosts[host].is_powered {
            return;
        }
        let before = self.hosts[host]
            .daemon
            .as_ref()
            .and_then(|one| one.wakes_at);
        let effects = self.hosts[host].turn(self.now);
        self.turns += 1;
        for line in &effects.lines {
            self.note(host, line);
        }
        if let Some(violation) = &effects.violation {
            self.fail(&format!("{}: {violation}", self.hosts[host].name));
        }
        self.transmit(host, effects.packets);
        if let Some(mut local) = effects.local {
            if self.hosts[host].refuses_local {
                local.retain(|address| self.hosts[host].local.contains(address));
            }
            let (life, delay) = (self.hosts[host].life, self.random.between(ms(1), ms(4)));
            self.at(self.now + delay, What::Local { host, life, local });
        }
        if effects.is_finished {
            self.note(host, "process ended");
        }
        let wakes_at = self.hosts[host]
            .daemon
            .as_ref()
            .and_then(|one| one.wakes_at);
        if let Some(at) = wakes_at.filter(|at| before != Some(*at) || *at <= self.now) {
            self.at(at, What::Wake { host });
        }
        self.observe(host);
    }

    /// Starts a host's daemon with what is on its disk.
    pub(crate) fn start(&mut self, host: usize) {
        let seed = self.random.bytes();
        let own = self.hosts[host].address;
        let others = self.hosts[..self.setup.nodes].iter().map(|one| one.address);
        let mut peers: BTreeSet<IpAddr> = others.filter(|other| *other != own).collect();
        if !self.setup.knows_peers {
            peers.clear();
        }
        self.note(host, "starts");
        let keys = self.hosts[host].keys();
        self.hosts[host].start(peers, keys, seed, self.now);
        self.at(self.now, What::Wake { host });
    }

    /// A change of carrier reaches the daemon a little later.
    pub(crate) fn tell_carrier(&mut self, host: usize) {
        let is_up = self.hosts[host].has_carrier;
        let delay = self.random.between(ms(1), ms(3));
        self.at(self.now + delay, What::Carrier { host, is_up });
    }

    /// A datagram from nowhere, as an attacker would send it.
    pub(crate) fn inject(&mut self, host: usize, source: IpAddr, bytes: Rc<[u8]>) {
        let target = self.hosts[host].address;
        let packet = Packet::Datagram {
            source,
            target,
            bytes,
        };
        self.deliver(host, packet);
    }

    /// A packet from nowhere.
    pub(crate) fn deliver(&mut self, host: usize, packet: Packet) {
        self.at(self.now, What::Arrive { host, packet });
    }

    /// Sends packets from a host into the switch.
    pub(crate) fn transmit(&mut self, from: usize, packets: Vec<Packet>) {
        for packet in packets {
            let sender = &self.hosts[from];
            if !sender.is_powered || !sender.has_carrier {
                continue;
            }
            for to in self.receivers(from, &packet) {
                if let Packet::Datagram { source, bytes, .. } = &packet {
                    self.recorded.truncate(RECORDED - 1);
                    self.recorded.push_front((to, *source, Rc::clone(bytes)));
                }
                self.carry(from, to, &packet);
            }
        }
    }

    fn receivers(&self, from: usize, packet: &Packet) -> Vec<usize> {
        let all = 0..self.hosts.len();
        match packet {
            Packet::Arp(bytes) => {
                let to = Arp::read(bytes).map_or(subnet_broadcast_mac(), |arp| arp.to);
                let is_to = |host: &usize| {
                    *host != from && (to == subnet_broadcast_mac() || self.hosts[*host].mac == to)
                };
                all.filter(is_to).collect()
            }
            // A kernel loops its own broadcasts back to its own sockets.
            Packet::Datagram { target, .. }
                if Some(*target) == subnet().broadcast().map(IpAddr::V4) =>
            {
                all.collect()
            }
            Packet::Datagram { target, .. } | Packet::Refused { target, .. } => all
                .filter(|host| self.hosts[*host].address == *target)
                .collect(),
        }
    }

    fn carry(&mut self, from: usize, to: usize, packet: &Packet) {
        let is_arp = matches!(packet, Packet::Arp(_));
        let is_blocked =
            self.cut.contains(&(from, to)) || (!is_arp && self.filtered.contains(&(from, to)));
        if is_blocked || (from != to && self.random.chance(self.setup.loss_per_mille)) {
            return;
        }
        let copies = 1 + usize::from(self.random.chance(self.setup.duplicates_per_mille));
        for _copy in 0..copies {
            let (shortest, longest) = self.setup.delay;
            let delay = self.random.between(shortest, longest);
            let packet = packet.clone();
            self.at(self.now + delay, What::Arrive { host: to, packet });
        }
    }
}

/// So many addresses: near the end of the hosts' own /24, or four of them further on if they are
/// many.
fn announced(count: u16) -> Vec<IpAddr> {
    let few = u8::try_from(count).ok().filter(|few| *few <= MANY);
    match few {
        Some(few) => {
            let first = 200_u8.min(u8::MAX - few);
            (0..few)
                .map(|number| IpAddr::from([192, 0, 2, first + number]))
                .collect()
        }
        None => (1..=count)
            .map(|number| {
                let [high, low] = number.to_be_bytes();
                IpAddr::from([192, 0, 4 + high, low])
            })
            .collect(),
    }
}

fn subnet_broadcast_mac() -> crate::names::Mac {
    crate::names::Mac::BROADCAST
}

#[expect(clippy::cast_precision_loss, reason = "for a line of the trace")]
fn micros(micros: u64) -> f64 {
    micros as f64 / 1_000.0
}
