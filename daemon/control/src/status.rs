//! `Status`: the reply, and the document that `sovnetctl status --json` prints.
//!
//! Durations are milliseconds (`_ms`), counted back from the moment of the reply: no clock of two
//! machines is ever compared.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use zlink::introspect::CustomType;

/// The version of this document; grows only when a field changes its meaning.
pub const SCHEMA: &str = "sovnet.status/1";

/// The whole status of one node.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, CustomType)]
pub struct Status {
    /// [`SCHEMA`].
    pub schema: String,
    /// Program version.
    pub version: String,
    /// This node's name.
    pub node: String,
    /// This node's identity.
    pub id: String,
    /// `healthy`, `degraded`, `unhealthy` or `idle` (no config).
    pub health: String,
    /// One sentence: what stands behind `health`.
    pub health_reason: String,
    /// The config file that is in force; empty while idle.
    pub config_file: String,
    /// Since when the daemon runs.
    pub uptime_ms: i64,
    /// Announcing links.
    pub segments: Vec<Segment>,
    /// DNS; absent if it is not switched on.
    pub dns: Option<Dns>,
    /// Kubernetes; absent if it is not switched on.
    pub kubernetes: Option<Kubernetes>,
    /// What an operator should know, worst first.
    pub problems: Vec<Problem>,
    /// What arrived on the control socket, and what was refused there.
    pub control_counters: BTreeMap<String, i64>,
}

/// One announcing link.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, CustomType)]
pub struct Segment {
    /// Interface name.
    pub link: String,
    /// Its hardware address.
    pub mac: String,
    /// This node's own address there.
    pub own_address: String,
    /// `joining`, `active`, `draining`, `stopping`, `gone`, `isolated`, `restarting`, `mute`.
    pub state: String,
    /// Why.
    pub state_reason: String,
    /// Since when.
    pub state_for_ms: i64,
    /// Addresses.
    pub addresses: Vec<Address>,
    /// Peers.
    pub peers: Vec<Peer>,
    /// Counters.
    pub counters: BTreeMap<String, i64>,
    /// How late this node's own turns are.
    pub turns: Option<Turns>,
    /// The ids of the keys that are accepted, the one that is used first; `00000000` is no key.
    #[serde(default)]
    pub keys: Vec<String>,
    /// Hosts that are no nodes and use addresses of ours.
    #[serde(default)]
    pub conflicts: Vec<Conflict>,
    /// DHCP servers that were heard.
    #[serde(default)]
    pub dhcp_servers: Vec<DhcpServer>,
    /// How many free addresses of the pools are watched here.
    #[serde(default)]
    pub pool_addresses_watched: i64,
    /// How many of them this node found free when it probed them last; other nodes probe the rest.
    #[serde(default)]
    pub pool_addresses_found_free: i64,
}

/// How late a node's own turns are: a machine with too much to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, CustomType)]
pub struct Turns {
    /// The latest turn of the last minute, after a heartbeat was due.
    pub late_minute_ms: i64,
    /// The same of the last hour.
    pub late_hour_ms: i64,
    /// Turns of the last hour after more than half of `limit_ms`.
    pub late_count: i64,
    /// Not run for longer than this, the node takes itself for dead and starts over.
    pub limit_ms: i64,
}

/// A host that is no node and uses an address of ours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, CustomType)]
pub struct Conflict {
    /// The address.
    pub address: String,
    /// Whether it is announced, or a free one of a pool.
    pub is_announced: bool,
    /// The host's hardware address.
    pub mac: String,
    /// Whose product that is; absent while it is looked up.
    pub vendor: Option<String>,
    /// What it was last seen by: `announcement`, `answer`, `probe`, or `told` by another node.
    pub seen_by: String,
    /// When it was first seen in this episode.
    pub first_seen_ms_ago: i64,
    /// When it was last seen.
    pub last_seen_ms_ago: i64,
    /// How many frames of it were heard.
    pub frames: i64,
    /// `defend`, `yield` or `quarantine`, as the config says.
    pub policy: String,
    /// What was done: `noticed`, `defended`, `yielded` or `quarantined`.
    pub done: String,
}

/// A DHCP server that was heard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, CustomType)]
pub struct DhcpServer {
    /// Its address.
    pub address: String,
    /// Its hardware address, or that of the relay between.
    pub mac: String,
    /// Whose product that is; absent while it is looked up.
    pub vendor: Option<String>,
    /// The lowest address that it was heard to give away.
    pub lowest: Option<String>,
    /// The highest one.
    pub highest: Option<String>,
    /// When it was last heard.
    pub last_heard_ms_ago: i64,
    /// How many offers and acknowledgements were heard.
    pub messages: i64,
}

/// One announced address.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, CustomType)]
pub struct Address {
    /// The address.
    pub address: String,
    /// `dns`, `host`, `service`, or `unknown` if this node does not know what it is for.
    pub purpose: String,
    /// The Services that have it, as `namespace/name`, joined by ", ".
    pub service: Option<String>,
    /// Name of the node that speaks for it; absent with nobody.
    pub holder: Option<String>,
    /// Whether that is this node.
    pub is_held_here: bool,
    /// The hardware address that should answer for it.
    pub holder_mac: Option<String>,
    /// The holder's term.
    pub term: i64,
    /// This node's ability for it, 0 to 3.
    pub ability: i64,
    /// Whether it is local on this node.
    pub is_local: bool,
    /// Since when this holder.
    pub held_for_ms: i64,
    /// Why this holder, or nobody.
    pub reason: String,
    /// Whether an operator placed it where it is, so that fail-back leaves it alone.
    #[serde(default)]
    pub is_moved: bool,
    /// The node that it is pinned to.
    pub pinned_to: Option<String>,
    /// What pins it: `config` or `operator`.
    pub pinned_by: Option<String>,
    /// The node that it goes back to after a move for a time; told by its holder.
    pub returns_to: Option<String>,
    /// And when.
    pub returns_in_ms: Option<i64>,
    /// The node that fail-back brings it to; told by its holder.
    pub fails_back_to: Option<String>,
    /// And when; absent while the window of the day is closed.
    pub fails_back_in_ms: Option<i64>,
    /// Why this node is only a last resort for it for a while.
    pub held_back: Option<String>,
    /// Nodes that hear the holder speak for it: this one by asking about once a minute, the others
    /// as long as they say nothing else.
    #[serde(default)]
    pub seen_by: Vec<String>,
    /// Nodes that asked three times and heard nothing from the holder.
    #[serde(default)]
    pub unseen_by: Vec<String>,
}

/// One peer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, CustomType)]
pub struct Peer {
    /// Its name; absent while it was never heard.
    pub name: Option<String>,
    /// Its identity.
    pub id: Option<String>,
    /// Its address.
    pub address: String,
    /// Its hardware address.
    pub mac: Option<String>,
    /// `unknown`, `alive`, `suspect`, `hung`, `restarting`, `dead`.
    pub liveness: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub liveness_for_ms: i64,
    /// What it says of itself.
    pub state: Option<String>,
    /// How many addresses it claims.
    pub claims: i64,
    /// How long ago it was heard.
    pub heard_ms_ago: Option<i64>,
    /// The silence after which it is suspected.
    pub threshold_ms: i64,
    /// Its program version.
    pub version: Option<String>,
    /// The id of the key that it uses.
    pub key: Option<String>,
    /// What `threshold_ms` follows from; absent while it was never heard.
    pub detection: Option<Detection>,
    /// The last time it was suspected.
    pub suspicion: Option<Suspicion>,
}

/// What the silence that is allowed to a peer follows from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, CustomType)]
pub struct Detection {
    /// The interval of heartbeats that it states.
    pub interval_ms: i64,
    /// The longest silence that it survived in the last 24 h.
    pub learned_ms: Option<i64>,
    /// In which 8 h of these: 0 the last, 1 the ones before, 2 the first.
    pub learned_age: Option<i64>,
    /// What gave the threshold: `floor`, `wireless`, `learned` or `ceiling`.
    pub clause: String,
    /// How long it is asked before it is dead.
    pub confirm_ms: i64,
    /// The time between its last two signs of life.
    pub last_gap_ms: i64,
    /// All of it in one sentence.
    pub explanation: String,
}

/// One time that a peer was suspected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, CustomType)]
pub struct Suspicion {
    /// When it was last heard before.
    pub silent_ms_ago: i64,
    /// The interval that was expected.
    pub expected_ms: i64,
    /// For how long it was silent, until the verdict or until now.
    pub observed_ms: i64,
    /// The silence that was allowed.
    pub threshold_ms: i64,
    /// What gave that.
    pub clause: String,
    /// All of it in one sentence, with what its kernel and other nodes said, and what followed.
    pub explanation: String,
}

/// DNS.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, CustomType)]
pub struct Dns {
    /// Listening sockets.
    pub listeners: Vec<Listener>,
    /// Zones.
    pub zones: Vec<Zone>,
    /// Upstreams.
    pub upstreams: Vec<Upstream>,
    /// Counters.
    pub counters: BTreeMap<String, i64>,
}

/// One listening socket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, CustomType)]
pub struct Listener {
    /// Address and port.
    pub address: String,
    /// `udp` or `tcp`.
    pub transport: String,
    /// Whether it is bound.
    pub is_bound: bool,
}

/// One zone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, CustomType)]
pub struct Zone {
    /// Its apex.
    pub name: String,
    /// How many names it has.
    pub names: i64,
}

/// One upstream server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, CustomType)]
pub struct Upstream {
    /// Address and port.
    pub address: String,
    /// `ok`, `failing`, `redirected`, `untried`.
    pub state: String,
    /// Why.
    pub reason: String,
    /// Last round trip.
    pub last_rtt_ms: Option<f64>,
}

/// The Kubernetes side.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, CustomType)]
pub struct Kubernetes {
    /// `connecting`, `connected`, `unreachable`, `refused`, `expired` or `no-credentials`.
    pub state: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub state_for_ms: i64,
    /// The API's address; empty without credentials.
    pub server: String,
    /// The file that the credentials are in.
    pub credentials: String,
    /// When the API last answered; absent if never in this life.
    pub last_contact_ms: Option<i64>,
    /// The node that writes to the cluster; absent if nobody does or it is not known.
    pub writer: Option<String>,
    /// Whether that is this node.
    pub is_writer: bool,
    /// Whether what is known is what the disk remembers.
    pub is_from_disk: bool,
    /// Services of type LoadBalancer.
    pub services: Vec<Service>,
}

/// One Service of type LoadBalancer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, CustomType)]
pub struct Service {
    /// `namespace/name`.
    pub name: String,
    /// `assigned`, `pending`, `refused` or `foreign` (another controller's).
    pub state: String,
    /// Why.
    pub reason: String,
    /// The addresses in its status.
    pub addresses: Vec<String>,
    /// The pool that its address is from.
    pub pool: Option<String>,
    /// `externalTrafficPolicy`: `Cluster` or `Local`.
    pub policy: String,
    /// Whether it has a ready endpoint on this node.
    pub ready_here: bool,
    /// How many nodes have one.
    pub ready_nodes: i64,
    /// What it asks for and cannot have, although it has an address.
    pub complaint: Option<String>,
}

/// One thing that an operator should know.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, CustomType)]
pub struct Problem {
    /// `note`, `degraded` or `unhealthy`.
    pub severity: String,
    /// A stable word.
    pub code: String,
    /// What is wrong, and where.
    pub what: String,
    /// What to do.
    pub remedy: String,
}
