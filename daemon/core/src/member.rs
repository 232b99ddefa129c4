//! One node's part in the election on one segment (docs/election.md): a machine without sockets and
//! clock. `event + now -> state, outputs`.
//!
//! A driver calls, in this order for every turn: [`Member::handle_wake`]; the other `handle_*` for
//! everything that has arrived; [`Member::handle_timeout`] exactly once; then takes
//! [`Member::next_output`] until there is none, and sleeps until [`Member::next_timeout`] or input.
//! Only `handle_timeout` decides, so that no deadline is looked at while input waits (R1).

mod addresses;
mod claims;
mod conflict;
mod damping;
mod detector;
mod evidence;
mod expected;
mod explain;
mod findings;
mod foreign;
mod hardware;
mod hello;
mod join;
pub mod keys;
mod leave;
mod liveness;
pub mod memory;
mod moves;
mod narrow;
mod outbox;
mod own;
mod pages;
mod peer;
mod peers;
mod pins;
pub mod placement;
mod planned;
pub mod policy;
mod prober;
mod proxy;
mod punctuality;
mod quorum;
mod relay;
mod rng;
pub(crate) mod rules;
mod selftest;
mod session;
mod settings;
mod state;
mod stated;
mod strangers;
mod timers;
mod vacancy;
mod view;
pub mod window;
pub mod wire;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use addresses::Addresses;
use conflict::Conflicts;
use findings::Echoes;
use hello::Hellos;
use keys::KeyRing;
use pages::Pages;
use peer::Peer;
use peers::Peers;
use pins::table::Pins;
use prober::Prober;
use proxy::Proxies;
use punctuality::Punctuality;
use relay::Relays;
use rng::Rng;
use rules::Rule;
use selftest::SelfTest;
use state::Watch;
use strangers::Strangers;
use timers::Timers;
use wire::Pin;

use crate::decide::SegmentPlan;
use crate::names::{Mac, NodeId, NodeName};
use crate::report::NodeState;
use crate::time::Moment;

pub use moves::{MoveOrder, MoveRefusal};
pub use pins::order::{PinOrder, PinRefusal};
pub use policy::Policy;
pub use settings::{Identity, Settings};

/// What outlives the process: written after each change, read at start. Never believed as a
/// claim, only as a wish.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remembered {
    /// Address -> (highest term ever seen, whether this node held it then).
    pub terms: BTreeMap<IpAddr, (u64, bool)>,
    /// What an operator placed here, by address; some of it goes back.
    pub moved: BTreeMap<IpAddr, Option<RememberedLease>>,
    /// What operators have pinned at run time, and what they took back.
    pub pins: BTreeMap<IpAddr, Pin>,
    /// Lives in a row that ended without notice shortly after they began, the present one
    /// included until it has lasted.
    pub short_lives: u32,
    /// Peers by identity: last address and the learned silence.
    pub peers: BTreeMap<NodeId, (IpAddr, Duration)>,
    /// Their last hardware addresses: to tell their frames from a stranger's before they are heard.
    pub macs: BTreeMap<NodeId, Mac>,
}

/// The rest of a move for a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RememberedLease {
    /// Where the address goes back to.
    pub to: NodeId,
    /// After this time.
    pub left: Duration,
    /// Whether an operator had placed it there, too.
    pub was_moved: bool,
}

/// What R2 found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// Go on.
    InTime,
    /// Not run for too long: throw away everything that is queued in the sockets of this segment
    /// before the next `handle_*`.
    ThrowQueuesAway,
}

/// Orders of an operator or of the service manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Hand over what others can serve.
    Drain,
    /// Take part again.
    Undrain,
    /// End: hand everything over first (R17).
    Stop,
    /// End and come back within the hold (R16).
    Restart,
}

/// What can be ordered: of the whole node, or of one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Of the node.
    Command(Command),
    /// Of an address.
    Move(MoveOrder),
    /// Of an address, for good.
    Pin(PinOrder),
}

/// What an ARP frame that was heard says, whoever it was meant for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// The sender's hardware address.
    pub mac: Mac,
    /// The sender's protocol address; 0.0.0.0 in an RFC 5227 probe.
    pub sender: IpAddr,
    /// The target's protocol address.
    pub target: IpAddr,
    /// A reply, or a request.
    pub is_reply: bool,
}

/// What the driver has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send this datagram to the member port of `to`; the broadcast address of the subnet, or the
    /// IPv6 group of all nodes, for a hello to everyone.
    Send {
        /// Receiver.
        to: IpAddr,
        /// The datagram.
        bytes: Vec<u8>,
    },
    /// Ask who has `target` by ARP or NDP, with the own host address as sender: unicast to `mac`
    /// if there is one, and to everyone.
    Ask {
        /// Whose hardware address is asked for.
        target: IpAddr,
        /// Where it was last.
        mac: Option<Mac>,
    },
    /// Ask without a sender whether `target` is free (RFC 5227 section 2.1.1, RFC 4862 section
    /// 5.4.2).
    Probe(IpAddr),
    /// Announce this address again now (R6); it is already spoken for.
    Announce(IpAddr),
    /// [`Member::speaking`] or [`Member::wanted_local`] changed.
    ClaimsChanged,
    /// [`Member::neighbours`] changed.
    NeighboursChanged,
    /// [`Member::remembered`] changed: write it to disk.
    Remember,
    /// One line for the journal.
    Log(LogLine),
    /// State is `gone`: the process may end.
    Finished,
}

/// A line for the journal, with its fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Whether an operator should look.
    pub is_warning: bool,
    /// The address that it is about.
    pub address: Option<IpAddr>,
    /// The peer that it is about.
    pub peer: Option<NodeName>,
    /// What happened and why.
    pub text: String,
}

/// The machine.
#[derive(Debug)]
pub struct Member {
    settings: Settings,
    keys: KeyRing,
    timers: Timers,
    rng: Rng,
    plan: SegmentPlan,
    session: u64,
    state: NodeState,
    state_since: Moment,
    state_reason: String,
    watch: Watch,
    life: damping::Life,
    failback: moves::FailBackWatch,
    /// Whom it knows, by identity.
    peers: Peers,
    /// Addresses from the config whose identity was not heard yet.
    expected: BTreeSet<IpAddr>,
    nodes: expected::Nodes,
    strangers: Strangers,
    /// Hosts that are no nodes and use addresses of ours.
    conflicts: Conflicts,
    proxies: Proxies,
    prober: Prober,
    echoes: Echoes,
    selftest: SelfTest,
    /// A second machine with this node's identity (S5).
    double: Option<Peer>,
    addresses: Addresses,
    pins: Pins,
    local: BTreeSet<IpAddr>,
    pages: Pages,
    relays: Relays,
    last_run: Moment,
    punctuality: Punctuality,
    last_beat: Moment,
    next_beat: Moment,
    hellos: Hellos,
    outputs: VecDeque<Output>,
    counters: BTreeMap<&'static str, u64>,
}

impl Member {
    /// A new life: state `joining`. `seed` is fresh randomness from the kernel.
    pub fn new(
        settings: Settings,
        plan: SegmentPlan,
        remembered: &Remembered,
        seed: [u8; 32],
        now: Moment,
    ) -> Member {
        let mut rng = Rng::new(seed);
        let drawn = rng.next();
        let session = if rules::applies(Rule::S1Session) {
            drawn
        } else {
            1
        };
        let expected = settings
            .peers
            .iter()
            .copied()
            .filter(|peer| peer.is_ipv4() == plan.own.is_ipv4() && !plan.is_own(*peer))
            .collect();
        let mut member = Member {
            keys: settings.keys.clone(),
            timers: Timers::profile(settings.detection),
            rng,
            session,
            state: NodeState::Joining,
            state_since: now,
            state_reason: "listens before it claims anything".to_owned(),
            watch: Watch::new(now),
            life: damping::Life::after(remembered.short_lives, now),
            failback: moves::FailBackWatch::default(),
            peers: Peers::default(),
            expected,
            nodes: expected::Nodes::default(),
            strangers: Strangers::default(),
            conflicts: Conflicts::default(),
            proxies: Proxies::default(),
            prober: Prober::default(),
            echoes: Echoes::default(),
            selftest: SelfTest::default(),
            double: None,
            addresses: Addresses::default(),
            pins: Pins::of_memory(&remembered.pins),
            local: BTreeSet::new(),
            pages: Pages::new(),
            relays: Relays::default(),
            last_run: now,
            punctuality: Punctuality::new(now),
            last_beat: now,
            next_beat: now,
            hellos: Hellos::new(now),
            outputs: VecDeque::new(),
            counters: BTreeMap::new(),
            settings,
            plan: plan.clone(),
        };
        member.remember_peers(remembered, now);
        member.take_plan(plan, remembered, now);
        member.outputs.push_back(Output::Remember);
        member
    }

    fn remember_peers(&mut self, remembered: &Remembered, now: Moment) {
        for (id, (address, silence)) in &remembered.peers {
            let is_ours = *id == self.settings.identity.id || *address == self.plan.own;
            if is_ours || self.peers.len() >= timers::MAX_PEERS {
                continue;
            }
            let mut peer = Peer::new(*id, *address, self.rng.next(), now);
            peer.detector = detector::Detector::new(*silence, now);
            peer.is_known = true;
            peer.mac = remembered.macs.get(id).copied();
            self.expected.remove(address);
            self.peers.insert(*id, Box::new(peer));
        }
    }

    /// R2; first in every turn of the driver. After a pause that is longer than the shortest
    /// detection of a peer the machine starts over in place: others may speak by now.
    pub fn handle_wake(&mut self, now: Moment) -> Wake {
        let gap = now.since(self.last_run);
        if !rules::applies(Rule::R1InputFirst) {
            self.watch_peers(now);
            self.decide_addresses(now);
        }
        self.last_run = now;
        let limit = self.zombie_limit();
        self.punctuality
            .handle_turn(self.next_beat, gap, limit, now);
        // Peers count from the last heartbeat, not from the last turn.
        let silence = now.since(self.last_beat);
        let is_zombie = silence > limit && !self.is_finished();
        if !is_zombie || !rules::applies(Rule::R2Zombie) {
            return Wake::InTime;
        }
        self.start_over(silence, now);
        Wake::ThrowQueuesAway
    }

    /// R2: longer than this after its last heartbeat, others may speak by now.
    fn zombie_limit(&self) -> Duration {
        let known = self.peers.values().filter(|peer| peer.is_known);
        let hastiest = known.map(|peer| peer.stated.interval).min();
        self.timers.shortest_detection(self.beat(), hastiest)
    }

    /// Other keys are accepted from now on, and the first of them is used. Sessions go on: they do
    /// not depend on keys.
    pub fn handle_keys(&mut self, keys: &KeyRing, now: Moment) {
        if self.keys != *keys {
            self.keys.clone_from(keys);
            self.next_beat = now;
            self.hellos.start_over(now);
        }
    }

    /// The facts of the segment changed (abilities, gateway, own address).
    pub fn handle_plan(&mut self, plan: SegmentPlan, now: Moment) {
        let is_moved = plan.own != self.plan.own || plan.mac != self.plan.mac;
        self.take_plan(plan, &Remembered::default(), now);
        if is_moved {
            self.handle_link_up(now);
        }
    }

    /// The link came up again or its MAC changed: say hello at once, and ask the gateway and the
    /// peers, whose kernels learn the MAC from the question, before they send a datagram in vain.
    pub fn handle_link_up(&mut self, now: Moment) {
        self.hellos.start_over(now);
        self.next_beat = now;
        self.watch.gateway_asked_at = None;
        for peer in self.peers.values().filter(|peer| peer.stands()) {
            let (target, mac) = (peer.address, peer.mac);
            self.outputs.push_back(Output::Ask { target, mac });
        }
    }

    /// The kernel holds exactly these of [`Member::wanted_local`] as local addresses now. An address
    /// is claimed only once it is local, so that a claim is never stated before it can be served.
    pub fn handle_local(&mut self, local: &BTreeSet<IpAddr>, _now: Moment) {
        if self.local != *local {
            self.local.clone_from(local);
            self.addresses.touch_all();
        }
    }

    /// The end of a turn: everything that has arrived is applied, now look at the clock and decide.
    pub fn handle_timeout(&mut self, now: Moment) {
        if self.is_finished() {
            return;
        }
        self.watch_peers(now);
        self.forget_left();
        self.watch_state(now);
        self.ask_strangers(now);
        self.watch_foreigners(now);
        self.test_wire(now);
        self.decide_addresses(now);
        self.publish(now);
        self.spread_pins(now);
    }

    /// When `handle_timeout` wants to be called at the latest, and what for.
    pub fn next_timeout(&self) -> Option<(Moment, &'static str)> {
        if self.is_finished() {
            return None;
        }
        let beat = (self.next_beat, "heartbeat");
        let fine = self.next_question().map(|at| (at, "question"));
        let later = self.addresses.deferred_until().map(|at| (at, "many"));
        let silent = self.next_silence().map(|at| (at, "silence"));
        let settled = self.proxies.next_at().map(|at| (at, "proxy question"));
        [Some(beat), fine, later, silent, settled]
            .into_iter()
            .flatten()
            .min()
    }

    /// What to do next.
    pub fn next_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The addresses that this node claims: the speaker speaks for exactly these, at once.
    pub fn speaking(&self) -> BTreeSet<IpAddr> {
        self.claimed().collect()
    }

    /// Addresses that shall be local on this node: about to be claimed, claimed, or given up and
    /// still forwarded for a while (linger).
    pub fn wanted_local(&self) -> BTreeSet<IpAddr> {
        let wanted = self.addresses.iter().filter(|(_, own)| own.wants_local());
        wanted.map(|(address, _)| *address).collect()
    }

    /// The peers' hardware addresses, to be kept as permanent neighbours.
    pub fn neighbours(&self) -> BTreeMap<IpAddr, Mac> {
        // A remembered MAC may be that of a card that was replaced: nothing is sent there for good.
        let heard = self.peers.values();
        let heard = heard.filter(|peer| peer.is_known && peer.heard_at.is_some());
        heard
            .filter_map(|peer| Some((peer.address, peer.mac?)))
            .collect()
    }

    /// What to keep on disk.
    pub fn remembered(&self) -> Remembered {
        let terms = self.addresses.iter().map(|(address, own)| {
            let is_wanted = !matches!(own.claim, own::Claim::None);
            (*address, (own.highest, is_wanted))
        });
        let known = self.peers.values().filter(|peer| peer.is_known);
        let macs = known.clone();
        let macs = macs.filter_map(|peer| Some((peer.id, peer.mac?)));
        let macs = macs.collect();
        let peers = known.map(|peer| (peer.id, (peer.address, peer.detector.silence())));
        Remembered {
            terms: terms.collect(),
            moved: self.remembered_moves(),
            pins: self.pins.all().clone(),
            short_lives: self.life.short_lives(),
            peers: peers.collect(),
            macs,
        }
    }

    fn count(&mut self, what: &'static str) {
        let counter = self.counters.entry(what).or_default();
        *counter = counter.saturating_add(1);
    }

    fn log(&mut self, line: LogLine) {
        self.outputs.push_back(Output::Log(line));
    }
}

#[cfg(test)]
mod tests;
