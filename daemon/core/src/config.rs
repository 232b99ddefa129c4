//! The config as the program uses it: checked, immutable, defaults filled in.
//!
//! A file becomes a `spec::Spec` (exactly what is written), and `check` turns that into a [`Config`]
//! or into all of its problems at once, with line, column and the offending text. Nothing here
//! reads a file: the shells hand over the text, once at start, and share the result unchanged.

mod check;
pub mod links;
pub mod pool;
mod problem;
pub mod range;
pub mod reference;
pub mod selector;
mod spec;
mod tree;
mod values;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::names::{DnsName, NodeName, ServiceName, Subnet};

use crate::facts::cluster::OWN_CLASS;
use crate::facts::proxy::HEALTH_PORT;
use links::LinkPattern;

pub use pool::Pool;
pub use problem::{ConfigProblem, first, render};

/// The most bytes that a config file can have.
pub const TEXT_BYTES_MAX: usize = 1 << 20;

/// The most static addresses: what the election is built and tested for (ELECTION section 2).
pub const ADDRESSES_MAX: usize = 5_000;

/// The most peers that are written down: as many as a node tells others of.
pub const PEERS_MAX: usize = crate::member::wire::MAX_PEERS;

/// The most upstream servers; every further one makes a failing lookup slower.
pub const UPSTREAMS_MAX: usize = 8;

/// UDP port of heartbeats if the file says nothing (ELECTION section 2).
pub const PORT_DEFAULT: u16 = 5847;

/// Time to live of a zone's records in seconds, if the file says nothing.
pub const TTL_SECS_DEFAULT: u32 = 60;

/// The whole config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `[node] name`; default is the host name.
    pub node_name: Option<NodeName>,
    /// `[node] weight`: this node's share of the addresses relative to others.
    pub node_weight: u8,
    /// `[cluster]`.
    pub cluster: Cluster,
    /// `[announce]`.
    pub announce: Announce,
    /// `[[address]]`, in the order of the file.
    pub addresses: Vec<StaticAddress>,
    /// `[[pool]]`, in the order of the file.
    pub pools: Vec<Pool>,
    /// `[[reserve]]`: the one Service that an address is for.
    pub reserves: BTreeMap<IpAddr, ServiceName>,
    /// `[[reserve]]` for namespaces: those whose Services may ask for an address.
    pub kept: BTreeMap<IpAddr, Vec<String>>,
    /// `[[pin]]`: the node that an address belongs to.
    pub pins: BTreeMap<IpAddr, NodeName>,
    /// `[kubernetes]`; none if the nodes have no Kubernetes.
    pub kubernetes: Option<Kubernetes>,
    /// `[dns]`, with its zones; none if the file has no `[dns]` and no address with purpose dns.
    pub dns: Option<Dns>,
    /// Parts of the file that are correct but that this version does not act on yet, one sentence
    /// each.
    pub inactive: Vec<String>,
}

impl Config {
    /// Whether `[kubernetes] announce-unready` is on.
    pub fn announces_unready(&self) -> bool {
        let kubernetes = self.kubernetes.as_ref();
        kubernetes.is_some_and(|kubernetes| kubernetes.announces_unready)
    }
}

/// `[cluster]`: the nodes that announce together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// The shared key; none means heartbeats without a key.
    pub key_file: Option<PathBuf>,
    /// Peers that are known beforehand (this node's own address may be among them).
    pub peers: Vec<IpAddr>,
    /// UDP port of heartbeats.
    pub port: u16,
    /// Whether a node that hears no majority of the peers serves nothing.
    pub has_quorum: bool,
}

/// `[announce]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announce {
    /// Links to announce on, see [`links::is_chosen`]; empty = every link that has the address's
    /// subnet.
    pub links: Vec<LinkPattern>,
    /// When an address goes where placement from scratch would put it.
    pub fail_back: FailBack,
    /// How soon a silent node is taken for dead.
    pub detection: Detection,
    /// What is done when another machine uses an address of ours.
    pub conflict: Conflict,
}

/// When an address goes where placement from scratch would put it (ELECTION R18).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailBack {
    /// It stays where it is.
    Never,
    /// After it was elsewhere for so long.
    After(Duration),
    /// In a window of the day, in minutes after midnight, local time; it may go over midnight.
    Between {
        /// From this minute on.
        from: u16,
        /// Up to this one.
        to: u16,
    },
}

/// How soon a silent node is taken for dead (ELECTION section 5). Nodes with different profiles work
/// together: each is judged by the interval that it states.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detection {
    /// A heartbeat each 25 ms; dead after 90 ms.
    #[default]
    Default,
    /// Each 10 ms; dead after 40 ms.
    Fast,
    /// Each 100 ms; dead after 400 ms.
    Slow,
}

/// What is done when a machine that is no node uses an address that is announced (RFC 5227 section
/// 2.4). Whatever is chosen, it is noticed, and told with the machine's hardware address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Conflict {
    /// The address is announced again, at most once in ten seconds, and never given up.
    #[default]
    Defend,
    /// It is announced again once; if the machine goes on, the address is left to it until it has
    /// been silent for a minute.
    Yield,
    /// As `Yield`, but for five minutes, and a Service that does not ask for this very address gets
    /// another one.
    Quarantine,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Conflict::Defend => "defend",
            Conflict::Yield => "yield",
            Conflict::Quarantine => "quarantine",
        })
    }
}

/// `[[address]]`: an address with no Kubernetes behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StaticAddress {
    /// The address.
    pub address: IpAddr,
    /// What it is for.
    pub purpose: Purpose,
}

/// What a static address is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// A program on the nodes listens there.
    Host,
    /// sovnet's DNS listens there.
    Dns,
}

/// `[kubernetes]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kubernetes {
    /// The credentials; none means those that `sovnetctl k8s join` left in the state directory.
    pub kubeconfig: Option<PathBuf>,
    /// The `spec.loadBalancerClass` of Services that are served.
    pub class: String,
    /// Whether Services without a class are served, too.
    pub serves_classless: bool,
    /// Whether the address of a Service that any node could serve is announced while it has no ready
    /// endpoint.
    pub announces_unready: bool,
    /// Where the node's kube-proxy says how it is; none if there is nobody to ask.
    pub kube_proxy: Option<SocketAddr>,
    /// The namespace of a MetalLB whose `IPAddressPool`s are pools here, too.
    pub metallb: Option<String>,
}

impl Default for Kubernetes {
    fn default() -> Kubernetes {
        Kubernetes {
            kubeconfig: None,
            class: OWN_CLASS.to_owned(),
            serves_classless: true,
            announces_unready: false,
            kube_proxy: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, HEALTH_PORT))),
            metallb: None,
        }
    }
}

/// `[dns]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dns {
    /// Listening addresses: those with purpose dns, and `listen`.
    pub listen: Vec<SocketAddr>,
    /// Upstream servers in order of preference.
    pub upstreams: Vec<SocketAddr>,
    /// Subnets that may ask for names which are not ours, besides the connected ones.
    pub recursion_for: Vec<Subnet>,
    /// `hosts`: names with their addresses.
    pub hosts: Vec<(DnsName, Vec<IpAddr>)>,
    /// `[[dns.zone]]`.
    pub zones: Vec<Zone>,
}

/// `[[dns.zone]]`: a part of the name space that is answered here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    /// Its apex.
    pub name: DnsName,
    /// The address of names of one label that nothing else owns; none = no wildcard.
    pub wildcard: Option<IpAddr>,
    /// Labels directly below the apex that are always asked upstream, with all below them;
    /// `_acme-challenge` is always among them.
    pub pass: Vec<DnsName>,
    /// Time to live of its records, in seconds.
    pub ttl_secs: u32,
    /// Whether Services give names here: `<service>.<namespace>.svc.<zone>`.
    pub has_services: bool,
}

/// Reads and checks a config file's text. An empty text is a correct config that asks for nothing.
///
/// # Errors
/// Everything that is wrong with it, in the order of the file; [`render`] shows it.
pub fn parse(text: &str) -> Result<Config, Vec<ConfigProblem>> {
    if text.len() > TEXT_BYTES_MAX {
        let mut problems = problem::Problems::new("");
        let what = format!("the file is longer than {TEXT_BYTES_MAX} bytes");
        problems.add(0..0, problem::Wrong::new(what));
        return Err(problems.finish());
    }
    let mut problems = problem::Problems::new(text);
    let spec = spec::read(text, &mut problems).unwrap_or_default();
    let config = check::check(&spec, &mut problems);
    if problems.count() == 0 {
        Ok(config)
    } else {
        Err(problems.finish())
    }
}

/// First 4 bytes of the hash of a config's text: a name for "the same file".
pub fn hash(text: &[u8]) -> u32 {
    let hash = blake3::hash(text);
    let [a, b, c, d, ..] = *hash.as_bytes();
    u32::from_be_bytes([a, b, c, d])
}
