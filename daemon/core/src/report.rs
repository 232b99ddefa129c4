//! What sovnet says of itself: every decision with its reason, as values.
//!
//! The shells publish their part as a snapshot of these types; `build` joins the parts. The control
//! shell renders them for the wire; nothing else formats a status.

mod build;
mod cluster;
mod conflict;
mod detection;
mod judge;
mod planned;
mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::config::Purpose;
use crate::facts::cluster::TrafficPolicy;
use crate::member::keys::KeyId;
use crate::names::{LinkName, Mac, NodeId, NodeName, ServiceName};
use crate::time::Moment;

pub use build::{Health, NodeInfo, Parts, Report, build};
pub use conflict::{ConflictReport, DhcpServerReport, Handling, Sighting, Vendors};
pub use detection::{Clause, DetectionReport, LatenessReport, SuspicionReport};
pub use planned::{PinnedBy, Planned};
pub use view::KubernetesView;

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; nothing is wrong with the service (`note`).
    Note,
    /// An operator should look; the service goes on (`degraded`, exit code 3).
    Degraded,
    /// Something that was asked for is not done (`unhealthy`, exit code 4).
    Unhealthy,
}

/// One thing that an operator should know: what, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// A stable word for scripts and docs, such as `port-taken`.
    pub code: &'static str,
    /// One sentence: what is wrong, and where.
    pub what: String,
    /// One sentence: what to do.
    pub remedy: String,
}

/// Liveness of a peer (ELECTION section 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Liveness {
    /// Never heard.
    Unknown,
    /// Heard within its threshold.
    Alive,
    /// Silent for longer than its threshold; being asked by ARP and ping.
    Suspect,
    /// Its kernel answers, its daemon does not.
    Hung,
    /// It said that it restarts; its claims stand for the hold.
    Held,
    /// Gone; its addresses are taken over.
    Dead,
}

impl fmt::Display for Liveness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Liveness::Unknown => "unknown",
            Liveness::Alive => "alive",
            Liveness::Suspect => "suspect",
            Liveness::Hung => "hung",
            Liveness::Held => "restarting",
            Liveness::Dead => "dead",
        })
    }
}

/// State of a node on one segment (ELECTION section 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NodeState {
    /// Listens before it claims anything.
    Joining,
    /// Takes part.
    Active,
    /// Hands its addresses over; keeps what nobody else can serve.
    Draining,
    /// Hands everything over, then ends.
    Stopping,
    /// Ended.
    Gone,
    /// Hears neither peers nor witnesses: silent.
    Isolated,
    /// Ends and comes back within the hold.
    Restarting,
    /// Its identity is in use by another machine: silent.
    Mute,
}

impl fmt::Display for NodeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NodeState::Joining => "joining",
            NodeState::Active => "active",
            NodeState::Draining => "draining",
            NodeState::Stopping => "stopping",
            NodeState::Gone => "gone",
            NodeState::Isolated => "isolated",
            NodeState::Restarting => "restarting",
            NodeState::Mute => "mute",
        })
    }
}

/// One segment (one announcing link) as its member and speaker see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentReport {
    /// The link.
    pub link: LinkName,
    /// Its hardware address.
    pub mac: Mac,
    /// This node's own address on it.
    pub own_address: Option<IpAddr>,
    /// This node's state.
    pub state: NodeState,
    /// Why it is in this state, one sentence.
    pub state_reason: String,
    /// Since when.
    pub state_since: Moment,
    /// Addresses, in order.
    pub addresses: Vec<AddressReport>,
    /// Hosts that are no nodes and use addresses of ours, by address.
    pub conflicts: Vec<ConflictReport>,
    /// DHCP servers that were heard.
    pub dhcp_servers: Vec<DhcpServerReport>,
    /// How many free addresses of the pools are watched here, and how many of them this node found
    /// free when it probed them last; another node probes the others.
    pub free: (usize, usize),
    /// Peers, by name.
    pub peers: Vec<PeerReport>,
    /// How late this node's own turns are.
    pub lateness: LatenessReport,
    /// The keys that are accepted, the one that is used first; one that is all zeroes without a key.
    pub keys: Vec<KeyId>,
    /// What arrived and was dropped or answered, by a fixed name.
    pub counters: BTreeMap<&'static str, u64>,
    /// What is wrong on this segment.
    pub problems: Vec<Problem>,
}

/// Who speaks for an address, as far as this node knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// This node.
    This,
    /// A peer.
    Peer(NodeId),
    /// Nobody.
    Nobody,
}

/// One address on a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressReport {
    /// The address.
    pub address: IpAddr,
    /// Who speaks for it.
    pub holder: Holder,
    /// The holder's name, where it is known.
    pub holder_name: Option<NodeName>,
    /// The MAC that should answer.
    pub holder_mac: Option<Mac>,
    /// The holder's term; 0 with nobody.
    pub term: u64,
    /// This node's ability for it, 0 to 3 (ELECTION section 1).
    pub ability: u8,
    /// Whether it is local on this node now.
    pub is_local: bool,
    /// Whether its packets are passed on to a Service's endpoints, so that it is never local.
    pub is_forwarded: bool,
    /// Since when this holder, on this node's clock.
    pub since: Moment,
    /// Why this holder (or nobody), one sentence.
    pub reason: String,
    /// What is planned for it.
    pub planned: Planned,
    /// Nodes that hear the holder speak for it.
    pub seen_by: Vec<String>,
    /// Nodes that asked three times and were not answered by the holder.
    pub unseen_by: Vec<String>,
}

/// One peer on a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerReport {
    /// Its identity; none while it was never heard.
    pub id: Option<NodeId>,
    /// Its name; none while it was never heard.
    pub name: Option<NodeName>,
    /// Its address.
    pub address: IpAddr,
    /// Its hardware address.
    pub mac: Option<Mac>,
    /// Liveness, with the reason in one sentence.
    pub liveness: Liveness,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: Moment,
    /// What it last said of itself.
    pub state: Option<NodeState>,
    /// How many addresses it claims.
    pub claims: usize,
    /// When it was last heard.
    pub last_heard: Option<Moment>,
    /// The silence after which it is suspected now.
    pub threshold: Duration,
    /// How that silence comes about; none while it was never heard.
    pub detection: Option<DetectionReport>,
    /// The last time it was suspected.
    pub suspicion: Option<SuspicionReport>,
    /// The key that protected what it said last.
    pub key: Option<KeyId>,
    /// Its program version.
    pub version: Option<String>,
}

/// One address from the config, whatever becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfiguredAddress {
    /// The address.
    pub address: IpAddr,
    /// What it is for.
    pub purpose: Purpose,
}

/// The LAN side, published by the latency thread.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LanReport {
    /// By link name.
    pub segments: Vec<SegmentReport>,
    /// What is wrong beyond one segment.
    pub problems: Vec<Problem>,
}

impl LanReport {
    /// Addresses that this node announces.
    pub fn held(&self) -> BTreeSet<IpAddr> {
        let addresses = self.segments.iter().flat_map(|segment| &segment.addresses);
        let held = addresses.filter(|one| one.holder == Holder::This);
        held.map(|one| one.address).collect()
    }

    /// Nodes that are dead on a segment, and nothing else on another one.
    pub fn gone(&self) -> BTreeSet<NodeName> {
        let peers = || self.segments.iter().flat_map(|segment| &segment.peers);
        let named = |is_dead: bool| {
            let those = peers().filter(move |peer| (peer.liveness == Liveness::Dead) == is_dead);
            those.filter_map(|peer| peer.name.clone())
        };
        let others: BTreeSet<NodeName> = named(false).collect();
        named(true).filter(|name| !others.contains(name)).collect()
    }
}

/// How it stands with the Kubernetes API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ApiState {
    /// No answer yet since the start.
    #[default]
    Connecting,
    /// It answers, and every watch is complete.
    Connected,
    /// It does not answer; what was known last is in force.
    Unreachable,
    /// It answers, and refuses what sovnet needs.
    Refused,
    /// It answers, and refuses a certificate that is over.
    Expired,
    /// There are no usable credentials.
    NoCredentials,
}

impl fmt::Display for ApiState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ApiState::Connecting => "connecting",
            ApiState::Connected => "connected",
            ApiState::Unreachable => "unreachable",
            ApiState::Refused => "refused",
            ApiState::Expired => "expired",
            ApiState::NoCredentials => "no-credentials",
        })
    }
}

/// The Kubernetes side, see [`KubernetesView`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KubernetesReport {
    /// Whether the API answers.
    pub state: ApiState,
    /// Why it is in this state, one sentence.
    pub reason: String,
    /// Since when; none before the first look.
    pub since: Option<Moment>,
    /// The API's address; empty without credentials.
    pub server: String,
    /// Where the credentials are from.
    pub credentials: String,
    /// When the API last answered; none if never in this life.
    pub last_contact: Option<Moment>,
    /// Who writes to the cluster, as the Lease says; none if nobody does or it is not known.
    pub writer: Option<String>,
    /// Whether that is this node.
    pub is_writer: bool,
    /// Whether what is known is from the disk: no watch was complete since the start.
    pub is_from_disk: bool,
    /// Services of type LoadBalancer.
    pub services: Vec<ServiceReport>,
    /// What is wrong.
    pub problems: Vec<Problem>,
}

/// What becomes of a Service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ServiceState {
    /// It has its address in its status.
    Assigned,
    /// It gets its address as soon as it can be written.
    Pending,
    /// It cannot get one.
    Refused,
    /// Another controller's.
    Foreign,
}

impl fmt::Display for ServiceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ServiceState::Assigned => "assigned",
            ServiceState::Pending => "pending",
            ServiceState::Refused => "refused",
            ServiceState::Foreign => "foreign",
        })
    }
}

/// One Service of type LoadBalancer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceReport {
    /// Its name.
    pub name: ServiceName,
    /// What becomes of it.
    pub state: ServiceState,
    /// Why, one sentence.
    pub reason: String,
    /// The addresses in its status.
    pub addresses: Vec<IpAddr>,
    /// The pool that its address is from.
    pub pool: Option<String>,
    /// Which nodes may take packets for it.
    pub policy: TrafficPolicy,
    /// Whether it has a ready endpoint on this node.
    pub is_ready_here: bool,
    /// How many nodes have a ready endpoint.
    pub ready_nodes: usize,
    /// Whether any node may announce it, as far as endpoints go.
    pub is_announced: bool,
    /// What it asks for and cannot have, although it has an address.
    pub complaint: Option<String>,
}

/// DNS, published by its shell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DnsReport {
    /// Sockets: where, and whether they are bound.
    pub listeners: Vec<Listener>,
    /// Zones with their number of names.
    pub zones: Vec<(String, usize)>,
    /// Upstreams.
    pub upstreams: Vec<UpstreamReport>,
    /// Queries and answers, by a fixed name.
    pub counters: BTreeMap<&'static str, u64>,
    /// What is wrong.
    pub problems: Vec<Problem>,
}

/// One DNS listening address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Where.
    pub address: SocketAddr,
    /// `udp` or `tcp`.
    pub transport: &'static str,
    /// Whether it is bound.
    pub is_bound: bool,
}

/// One upstream server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamReport {
    /// Where.
    pub address: SocketAddr,
    /// `ok`, `failing`, `redirected`, `untried`.
    pub state: &'static str,
    /// Why, one sentence.
    pub reason: String,
    /// Last round trip.
    pub last_rtt: Option<Duration>,
}
