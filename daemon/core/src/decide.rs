//! From facts to what this node could serve: a total, deterministic function.
//!
//! Owns the choice of the link and of the own address for each configured address, and the reasons
//! why an address is withheld here. Who serves it among the nodes is `member`'s. Called by the brain
//! whenever the facts change, and by `check-config --here`.

mod findings;
mod kernel;
pub mod watched;

#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::config::links::is_chosen;
use crate::config::{ADDRESSES_MAX, Config, PEERS_MAX};
use crate::facts::cluster::{ClusterFacts, Delivery};
use crate::facts::proxy::{ProxyFacts, ProxyState};
use crate::facts::{Link, LinkAddress, LinkFacts};
use crate::names::{LinkIndex, LinkName, Mac, NodeName, ServiceName, Subnet};
use crate::report::Problem;
pub use watched::Watched;

/// How able a node is to serve an address (ELECTION section 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Ability {
    /// Cannot: link down, isolated, mute.
    #[default]
    Cannot,
    /// Going: stopping, or the last endpoint here ends. Coming: the first one has just become ready.
    Going,
    /// Last resort: draining, gateway lost, barred by Kubernetes.
    LastResort,
    /// Serves.
    Serves,
}

impl Ability {
    /// The level as it travels, 0 to 3.
    pub fn level(self) -> u8 {
        match self {
            Ability::Cannot => 0,
            Ability::Going => 1,
            Ability::LastResort => 2,
            Ability::Serves => 3,
        }
    }
}

/// What follows from the config and the kernel's facts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decision {
    /// Announcing links with the addresses that this node could serve there.
    pub segments: BTreeMap<LinkIndex, SegmentPlan>,
    /// What stands in the way, for status.
    pub problems: Vec<Problem>,
}

/// One announcing link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentPlan {
    /// The link's name.
    pub link: LinkName,
    /// This node's own address on the link: where its heartbeats come from and go to. IPv4, unless
    /// the link has no such address or the config names IPv6 peers only.
    pub own: IpAddr,
    /// The subnet of that address.
    pub subnet: Subnet,
    /// What this node asks with on the segment.
    pub sources: Sources,
    /// The link's hardware address.
    pub mac: Mac,
    /// Whether frames go over the air.
    pub is_wireless: bool,
    /// When it changes, everything is announced again (see [`Link::generation`]).
    pub generation: u32,
    /// The default gateway on this segment.
    pub gateway: Option<IpAddr>,
    /// Addresses of this segment with this node's ability for each.
    pub abilities: BTreeMap<IpAddr, Ability>,
    /// Addresses whose packets the node passes on to endpoints of a Service (kube-proxy's rules
    /// take them), so that they are never made local.
    pub forwarded: BTreeSet<IpAddr>,
    /// All addresses of this segment, those that are withheld among them.
    pub addresses: Vec<IpAddr>,
    /// Addresses of the cluster's other nodes in the subnet: peers that are looked for.
    pub nodes: BTreeSet<IpAddr>,
    /// What is looked after beside them.
    pub watched: Watched,
}

impl SegmentPlan {
    /// Whether this node asks or sends from this address.
    pub fn is_own(&self, address: IpAddr) -> bool {
        address == self.own || self.sources.contains(address)
    }
}

/// A node's own addresses on a segment, the senders of its questions by ARP and NDP.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sources {
    /// For questions by ARP.
    pub v4: Option<Ipv4Addr>,
    /// For questions by NDP: the link-local address if there is one.
    pub v6: Option<Ipv6Addr>,
}

impl Sources {
    /// Whether the address is one of them.
    pub fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(v4) => self.v4 == Some(v4),
            IpAddr::V6(v6) => self.v6 == Some(v6),
        }
    }
}

/// What is known when something is decided.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// The config in force.
    pub config: &'a Config,
    /// This node.
    pub node: &'a NodeName,
    /// The kernel's links.
    pub links: &'a LinkFacts,
    /// The cluster, as it was last seen; empty without Kubernetes.
    pub cluster: &'a ClusterFacts,
    /// The node's kube-proxy.
    pub proxy: &'a ProxyFacts,
    /// Services of the policy `Local` that kube-proxy delivers to endpoints here.
    pub delivered: &'a BTreeSet<ServiceName>,
    /// Addresses that this node speaks for since kube-proxy was well.
    pub kept: &'a BTreeSet<IpAddr>,
}

/// An address that somebody wants to be announced, or a pool whose segment must be ready for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wanted {
    address: IpAddr,
    kind: Kind,
}

/// What a wanted address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// An `[[address]]`.
    Static,
    /// Of a Service; whether its packets can be delivered from here.
    Service(Delivery),
    /// The first of a pool: no Service has it, but one may get it at any time.
    Pool,
}

/// Decides. Never fails: what cannot be done is a problem in the result.
///
/// Each address goes to one link: the one with the smallest subnet that holds it, as the kernel
/// routes. Among equal subnets it is the one that has been up for longest, so that a link which comes
/// back does not take its addresses back from another one of this node. A link speaks for addresses of one
/// subnet only. Of the link's own addresses there, one that `[cluster] peers` names comes first
/// (that is where the other nodes send to), then the kernel's order.
pub fn decide(known: &Known<'_>) -> Decision {
    let Known { config, links, .. } = *known;
    let mut decision = Decision::default();
    findings::about_names(config, links, &mut decision.problems);
    findings::about_services(known, &mut decision.problems);
    findings::about_proxy(known, &mut decision.problems);
    let wanted = wanted(known, &mut decision.problems);
    for (index, addresses) in placed(known, &wanted, &mut decision.problems) {
        let Some(link) = links.links.get(&index) else {
            continue;
        };
        if let Some(mut plan) = plan(known, link, &addresses, &mut decision.problems) {
            plan.nodes = nodes_beside(&plan, known.cluster);
            plan.watched = watched::watched(known, &pools_of(&addresses), &plan);
            decision.segments.insert(index, plan);
        }
    }
    kernel::about_settings(known, &decision.segments, &mut decision.problems);
    decision
}

/// Everything that wants a link: the config's addresses, then the Services', then the pools. What
/// does not fit on a page of a heartbeat any more becomes a problem.
fn wanted(known: &Known<'_>, problems: &mut Vec<Problem>) -> Vec<Wanted> {
    let Known {
        config, cluster, ..
    } = *known;
    let mut wanted: Vec<Wanted> = config
        .addresses
        .iter()
        .map(|entry| Wanted {
            address: entry.address,
            kind: Kind::Static,
        })
        .collect();
    for (address, services) in cluster.announced(config) {
        if wanted.len() >= ADDRESSES_MAX {
            problems.push(findings::one_too_many(address, &services));
            continue;
        }
        // Who shares an address has it where all can be served that can be anywhere.
        let deliveries = services.iter().filter_map(|name| delivery(known, name));
        wanted.push(Wanted {
            address,
            kind: Kind::Service(deliveries.min().unwrap_or_default()),
        });
    }
    if config.kubernetes.is_some() {
        let ranges = config.pools.iter().flat_map(|pool| &pool.ranges);
        wanted.extend(ranges.map(|range| Wanted {
            address: range.first(),
            kind: Kind::Pool,
        }));
    }
    wanted
}

/// Whether packets for a Service can be delivered by this node; none if no node can deliver them.
fn delivery(known: &Known<'_>, name: &ServiceName) -> Option<Delivery> {
    let service = known.cluster.services.get(name)?;
    if !service.is_announced(known.config.announces_unready()) {
        return None;
    }
    let delivery = service.delivery_by(known.node);
    // Without a kube-proxy there is nobody to ask.
    let is_asked_for = service.asked_at().is_some() && known.proxy.state == ProxyState::Ready;
    let is_coming = is_asked_for && !known.delivered.contains(name);
    Some(if is_coming {
        delivery.min(Delivery::Coming)
    } else {
        delivery
    })
}

/// Links that may announce: able to, and chosen by `[announce] links`.
fn announcing<'l>(
    config: &'l Config,
    links: &'l LinkFacts,
) -> impl Iterator<Item = (LinkIndex, &'l Link)> {
    links
        .links
        .iter()
        .filter(|(_, link)| can_announce(link))
        .filter(|(_, link)| is_chosen(&config.announce.links, link))
        .map(|(index, link)| (*index, link))
}

/// Whether the link is of a kind that speaks ARP.
fn can_announce(link: &Link) -> bool {
    link.is_announcing && link.mac.is_some()
}

/// The own addresses of a link.
fn own_addresses(link: &Link) -> impl Iterator<Item = (IpAddr, Subnet)> {
    let addresses = link.addresses.iter();
    addresses.map(|LinkAddress { address, subnet }| (*address, *subnet))
}

/// A link that an address could go to, and its subnet there; the least of several is the best one.
type Candidate = ((Reverse<u8>, bool, u32), LinkIndex, Subnet);

fn candidates(announcing: &[(LinkIndex, &Link)], address: IpAddr) -> Vec<Candidate> {
    let mut found = Vec::new();
    for (index, link) in announcing {
        for (_, subnet) in own_addresses(link).filter(|(_, subnet)| subnet.contains(address)) {
            let rank = (Reverse(subnet.prefix()), !link.is_up, link.came_up);
            found.push((rank, *index, subnet));
        }
    }
    found
}

/// Which link each address goes to; addresses that go nowhere become problems.
fn placed(
    known: &Known<'_>,
    wanted: &[Wanted],
    problems: &mut Vec<Problem>,
) -> BTreeMap<LinkIndex, Vec<Wanted>> {
    let Known { config, links, .. } = *known;
    let mut placed: BTreeMap<LinkIndex, Vec<Wanted>> = BTreeMap::new();
    let mut shared = BTreeMap::new();
    let announcing: Vec<(LinkIndex, &Link)> = announcing(config, links).collect();
    for entry in wanted {
        let candidates = candidates(&announcing, entry.address);
        let Some((_, chosen, subnet)) = candidates.iter().min().copied() else {
            problems.push(match entry.kind {
                Kind::Static | Kind::Service(_) => {
                    findings::without_link(config, links, entry.address)
                }
                Kind::Pool => findings::pool_without_link(config, links, entry.address),
            });
            continue;
        };
        let other = candidates
            .iter()
            .filter(|(_, index, other)| *index != chosen && *other == subnet)
            .min();
        if let Some((_, other, _)) = other {
            shared.insert((subnet, chosen), *other);
        }
        placed.entry(chosen).or_default().push(*entry);
    }
    for ((subnet, chosen), other) in shared {
        problems.push(findings::shared_subnet(links, subnet, chosen, other));
    }
    placed
}

/// The addresses of the cluster's nodes that are on the segment, but for this one's: as many as a
/// config may name.
fn nodes_beside(plan: &SegmentPlan, cluster: &ClusterFacts) -> BTreeSet<IpAddr> {
    let nodes = cluster.nodes.values().flatten().copied();
    nodes
        .filter(|at| plan.subnet.contains(*at) && !plan.is_own(*at))
        .filter(|at| !plan.addresses.contains(at))
        .take(PEERS_MAX)
        .collect()
}

/// The plan for one link; none if the link has no own address for it after all.
fn plan(
    known: &Known<'_>,
    link: &Link,
    addresses: &[Wanted],
    problems: &mut Vec<Problem>,
) -> Option<SegmentPlan> {
    let home = Home::of(known.config, link, addresses);
    let (own, subnet) = home.transport(known.config)?;
    let mut plan = SegmentPlan {
        link: link.name.clone(),
        own,
        subnet,
        sources: home.sources(),
        mac: link.mac?,
        is_wireless: link.is_wireless,
        generation: link.generation,
        gateway: link.gateway,
        abilities: BTreeMap::new(),
        forwarded: BTreeSet::new(),
        addresses: Vec::new(),
        nodes: BTreeSet::new(),
        watched: Watched::default(),
    };
    for entry in addresses.iter().filter(|entry| entry.kind != Kind::Pool) {
        let ability = match link.is_up {
            true => ability(known, entry),
            false => Ability::Cannot,
        };
        let address = entry.address;
        let Some(subnet) = home.subnet_for(address) else {
            continue;
        };
        if !subnet.contains(address) {
            problems.push(findings::second_subnet(link, address, subnet));
            continue;
        }
        plan.addresses.push(address);
        if matches!(entry.kind, Kind::Service(_)) {
            plan.forwarded.insert(address);
        }
        match findings::withheld(link, address, subnet) {
            Some(problem) => problems.push(problem),
            None => {
                plan.abilities.insert(address, ability);
            }
        }
    }
    if !link.is_up {
        problems.push(findings::link_down(link, &plan));
    }
    Some(plan)
}

/// How able this node is to serve an address while the link is up.
fn ability(known: &Known<'_>, entry: &Wanted) -> Ability {
    let is_of_service = matches!(entry.kind, Kind::Service(_));
    let bar = known.cluster.barred.get(known.node);
    let is_barred = bar.is_some_and(|bar| bar.is_for_all() || is_of_service);
    let is_kept = known.kept.contains(&entry.address);
    let lacks_rules = is_of_service && known.proxy.bars(is_kept);
    let at_best = match is_barred || lacks_rules {
        true => Ability::LastResort,
        false => Ability::Serves,
    };
    let by_endpoints = match entry.kind {
        Kind::Service(Delivery::No) => Ability::Cannot,
        // Whose endpoint ends keeps the address while another one's is coming.
        Kind::Service(Delivery::Ending | Delivery::Coming) => Ability::Going,
        Kind::Service(Delivery::Yes) | Kind::Static | Kind::Pool => Ability::Serves,
    };
    at_best.min(by_endpoints)
}

/// The first addresses of the ranges that belong to the link.
fn pools_of(addresses: &[Wanted]) -> BTreeSet<IpAddr> {
    let pools = addresses.iter().filter(|entry| entry.kind == Kind::Pool);
    pools.map(|entry| entry.address).collect()
}

/// A link's own addresses that count: of each family the one to speak from, with its subnet.
struct Home {
    v4: Option<(Ipv4Addr, Subnet)>,
    v6: Option<(Ipv6Addr, Subnet)>,
    /// IPv6 reaches every neighbour with this one, whatever the prefixes are.
    link_local: Option<(Ipv6Addr, Subnet)>,
}

impl Home {
    /// A configured address that stands on the link is the last choice: it is not the node's to
    /// speak from. One that `[cluster] peers` names comes first.
    fn of(config: &Config, link: &Link, addresses: &[Wanted]) -> Home {
        let is_configured = |own: IpAddr| {
            config.addresses.iter().any(|entry| entry.address == own)
                || config.pools.iter().any(|pool| pool.contains(own))
        };
        let is_peer = |own: IpAddr| config.cluster.peers.contains(&own);
        let best = |is_fit: &dyn Fn(IpAddr, Subnet) -> bool| {
            own_addresses(link)
                .filter(|(own, subnet)| is_fit(*own, *subnet))
                .min_by_key(|(own, _)| (is_configured(*own), !is_peer(*own)))
        };
        let is_wanted =
            |subnet: Subnet| addresses.iter().any(|entry| subnet.contains(entry.address));
        // Heartbeats go by IPv4 where a link has it, whatever is announced there.
        let has_v4 = addresses.iter().any(|entry| entry.address.is_ipv4());
        let v4 = best(&|own, subnet| own.is_ipv4() && (is_wanted(subnet) || !has_v4));
        let v6 = best(&|own, subnet| own.is_ipv6() && !is_link_local(own) && is_wanted(subnet));
        let link_local = best(&|own, _| is_link_local(own));
        Home {
            v4: v4.and_then(|(own, subnet)| Some((v4_of(own)?, subnet))),
            v6: v6.and_then(|(own, subnet)| Some((v6_of(own)?, subnet))),
            link_local: link_local.and_then(|(own, subnet)| Some((v6_of(own)?, subnet))),
        }
    }

    /// Where heartbeats come from and go to.
    fn transport(&self, config: &Config) -> Option<(IpAddr, Subnet)> {
        let peers = &config.cluster.peers;
        let wants_v6 = !peers.is_empty() && peers.iter().all(IpAddr::is_ipv6);
        let named = |own: &&(Ipv6Addr, Subnet)| peers.contains(&IpAddr::V6(own.0));
        let v4 = self.v4.map(|(own, subnet)| (IpAddr::V4(own), subnet));
        let v6 = self.v6.as_ref().filter(named).or(self.link_local.as_ref());
        let v6 = v6.or(self.v6.as_ref());
        let v6 = v6.map(|(own, subnet)| (IpAddr::V6(*own), *subnet));
        if wants_v6 { v6.or(v4) } else { v4.or(v6) }
    }

    fn sources(&self) -> Sources {
        Sources {
            v4: self.v4.map(|(own, _)| own),
            v6: self.link_local.or(self.v6).map(|(own, _)| own),
        }
    }

    /// The subnet whose addresses of this family the link announces.
    fn subnet_for(&self, address: IpAddr) -> Option<Subnet> {
        match address {
            IpAddr::V4(_) => self.v4.map(|(_, subnet)| subnet),
            IpAddr::V6(_) => self.v6.map(|(_, subnet)| subnet),
        }
    }
}

fn v4_of(address: IpAddr) -> Option<Ipv4Addr> {
    match address {
        IpAddr::V4(v4) => Some(v4),
        IpAddr::V6(_) => None,
    }
}

fn v6_of(address: IpAddr) -> Option<Ipv6Addr> {
    match address {
        IpAddr::V6(v6) => Some(v6),
        IpAddr::V4(_) => None,
    }
}

fn is_link_local(address: IpAddr) -> bool {
    v6_of(address).is_some_and(|v6| v6.is_unicast_link_local())
}
