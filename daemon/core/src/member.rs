//! One node's part in the election on one segment (ELECTION.md): a machine without sockets and
//! clock. `event + now -> state, outputs`.
//!
//! A driver calls, in this order for every turn: [`Member::handle_wake`]; the other `handle_*` for
//! what arrived, sockets before timers (R1); [`Member::handle_timeout`]; then takes
//! [`Member::next_output`] until there is none, and sleeps until [`Member::next_timeout`].

pub mod keys;
pub mod placement;
pub mod window;
pub mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Duration;

use crate::decide::{Ability, SegmentPlan};
use crate::names::{Mac, NodeId, NodeName};
use crate::report::SegmentReport;
use crate::time::Moment;

/// Who this node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The identity that follows from the machine-id.
    pub id: NodeId,
    /// The node's name.
    pub name: NodeName,
    /// This program's version, at most 31 bytes go out.
    pub version: String,
}

/// What a member is told once.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Who this node is.
    pub identity: Identity,
    /// The 32 bytes of the key file; none = no key configured.
    pub key: Option<[u8; 32]>,
    /// UDP port of heartbeats.
    pub port: u16,
    /// Peers that are known from the config and from disk, without this node's own address.
    pub peers: BTreeSet<Ipv4Addr>,
}

/// What outlives the process: written after each change, read at start. Never believed as a
/// claim, only as a wish.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remembered {
    /// Address -> (highest term ever seen, whether this node held it then).
    pub terms: BTreeMap<Ipv4Addr, (u64, bool)>,
    /// Peers by identity: last address and the learned silence.
    pub peers: BTreeMap<NodeId, (Ipv4Addr, Duration)>,
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

/// What an ARP frame that was heard says, whoever it was meant for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// The sender's hardware address.
    pub mac: Mac,
    /// The sender's protocol address; 0.0.0.0 in an RFC 5227 probe.
    pub sender: Ipv4Addr,
    /// The target's protocol address.
    pub target: Ipv4Addr,
    /// A reply, or a request.
    pub is_reply: bool,
}

/// What the driver has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send this datagram to the member port of `to`; the broadcast address of the subnet for a
    /// hello to everyone.
    Send {
        /// Receiver.
        to: Ipv4Addr,
        /// The datagram.
        bytes: Vec<u8>,
    },
    /// Ask who has `target` by ARP, with the own host address as sender: unicast to `mac` if
    /// there is one, and by broadcast.
    Ask {
        /// Whose hardware address is asked for.
        target: Ipv4Addr,
        /// Where it was last.
        mac: Option<Mac>,
    },
    /// Announce this address again now (R6); it is already spoken for.
    Announce(Ipv4Addr),
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
    pub address: Option<Ipv4Addr>,
    /// The peer that it is about.
    pub peer: Option<NodeName>,
    /// What happened and why.
    pub text: String,
}

/// The machine.
#[derive(Debug)]
pub struct Member {
    plan: SegmentPlan,
}

impl Member {
    /// A new life: state `joining`. `seed` is fresh randomness from the kernel.
    pub fn new(
        _settings: Settings,
        plan: SegmentPlan,
        _remembered: Remembered,
        _seed: [u8; 32],
        _now: Moment,
    ) -> Member {
        Member { plan }
    }

    /// R2; first in every turn of the driver.
    pub fn handle_wake(&mut self, _now: Moment) -> Wake {
        Wake::InTime
    }

    /// A UDP datagram from `source` on this segment.
    pub fn handle_datagram(&mut self, _source: Ipv4Addr, _bytes: &[u8], _now: Moment) {}

    /// The kernel of `peer` refused the member port (ICMP port unreachable).
    pub fn handle_refused(&mut self, _peer: Ipv4Addr, _now: Moment) {}

    /// An ARP frame was heard that is not our own.
    pub fn handle_heard(&mut self, _heard: Heard, _now: Moment) {}

    /// The facts of the segment changed (abilities, gateway, own address).
    pub fn handle_plan(&mut self, plan: SegmentPlan, _now: Moment) {
        self.plan = plan;
    }

    /// The link came up again or its MAC changed: say hello, ask the gateway.
    pub fn handle_link_up(&mut self, _now: Moment) {}

    /// The kernel holds exactly these of [`Member::wanted_local`] as local addresses now. An address
    /// is claimed only once it is local, so that a claim is never stated before it can be served.
    pub fn handle_local(&mut self, _local: &BTreeSet<Ipv4Addr>, _now: Moment) {}

    /// An order.
    pub fn handle_command(&mut self, _command: Command, _now: Moment) {}

    /// A deadline has passed (harmless if none has).
    pub fn handle_timeout(&mut self, _now: Moment) {}

    /// When `handle_timeout` wants to be called, and what for.
    pub fn next_timeout(&self) -> Option<(Moment, &'static str)> {
        None
    }

    /// What to do next.
    pub fn next_output(&mut self) -> Option<Output> {
        None
    }

    /// The addresses that this node claims: the speaker speaks for exactly these, at once.
    pub fn speaking(&self) -> BTreeSet<Ipv4Addr> {
        BTreeSet::new()
    }

    /// Addresses that shall be local on this node: about to be claimed, claimed, or given up and
    /// still forwarded for a while (linger).
    pub fn wanted_local(&self) -> BTreeSet<Ipv4Addr> {
        BTreeSet::new()
    }

    /// The peers' hardware addresses, to be kept as permanent neighbours.
    pub fn neighbours(&self) -> BTreeMap<Ipv4Addr, Mac> {
        BTreeMap::new()
    }

    /// What to keep on disk.
    pub fn remembered(&self) -> Remembered {
        Remembered::default()
    }

    /// What this segment looks like, every decision with its reason. `link`, `is_local` and the
    /// speaker's counters are filled in by the driver.
    pub fn report(&self, _now: Moment) -> Option<SegmentReport> {
        None
    }

    /// This node's ability for an address, as it is stated to peers.
    pub fn stated_ability(&self, address: Ipv4Addr) -> Ability {
        self.plan
            .abilities
            .get(&address)
            .copied()
            .unwrap_or_default()
    }
}
