//! The kernel's own part in announcing, in words: settings that let it answer for addresses that it
//! must be silent about, or drop what arrives for them, each with the command that cures it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{Known, SegmentPlan, announcing};
use crate::config::Config;
use crate::facts::settings::Proxy;
use crate::facts::{Link, LinkFacts};
use crate::names::{LinkIndex, LinkName};
use crate::report::{Problem, Severity};

/// Where kube-proxy in IPVS mode puts the addresses of Services, on every node.
const IPVS_LINK: &str = "kube-ipvs0";

/// The larger ones mean something else, or nothing.
const ARP_ANNOUNCE_MAX: u32 = 2;
const ARP_IGNORE_MAX: u32 = 3;

/// A segment with everything that its judgement needs.
struct Place<'k> {
    links: &'k LinkFacts,
    link: &'k Link,
    plan: &'k SegmentPlan,
    /// Other links of this node with the same subnet.
    siblings: Vec<&'k Link>,
}

/// What the kernel's settings do to the addresses of these segments.
pub(super) fn about_settings(
    known: &Known<'_>,
    segments: &BTreeMap<LinkIndex, SegmentPlan>,
    problems: &mut Vec<Problem>,
) {
    let Known { config, links, .. } = *known;
    for (index, plan) in segments {
        let Some(link) = links.links.get(index) else {
            continue;
        };
        let others = links.links.iter().filter(|(other, _)| *other != index);
        let siblings = others
            .map(|(_, other)| other)
            .filter(|other| has_subnet(other, plan))
            .collect();
        let place = Place {
            links,
            link,
            plan,
            siblings,
        };
        problems.extend(place.void_arp_mode());
        problems.extend(place.reverse_path());
        problems.extend(place.arp_filter());
        problems.extend(place.proxy_arp());
        problems.extend(place.dead_end());
        problems.extend(elsewhere(links, *index, plan));
    }
    problems.extend(without_strict_arp(links, segments));
    if wants_ipv6(config) {
        problems.extend(announcing(config, links).filter_map(|(_, link)| proxy_ndp(link)));
        problems.extend(ipv6_off(config, links));
    }
}

fn has_subnet(link: &Link, plan: &SegmentPlan) -> bool {
    link.addresses.iter().any(|own| own.subnet == plan.subnet)
}

fn problem(severity: Severity, code: &'static str, what: String, remedy: String) -> Problem {
    Problem {
        severity,
        code,
        what,
        remedy,
    }
}

/// The command that sets a value now, and where it has to be written so that it stays.
fn set(settings: &[(String, u32)]) -> String {
    let pairs: Vec<String> = settings
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    format!(
        "run `sysctl -w {}`, and write it to /etc/sysctl.d",
        pairs.join(" ")
    )
}

fn v4(link: &str, name: &str) -> String {
    format!("net/ipv4/conf/{link}/{name}")
}

impl Place<'_> {
    fn name(&self) -> &LinkName {
        &self.link.name
    }

    /// The setting for all links wins if it is larger, and what is larger than known has no effect.
    fn void_arp_mode(&self) -> Option<Problem> {
        let settings = &self.link.settings;
        let (name, value, good) = if settings.arp_announce > ARP_ANNOUNCE_MAX {
            ("arp_announce", settings.arp_announce, ARP_ANNOUNCE_MAX)
        } else if settings.arp_ignore > ARP_IGNORE_MAX {
            ("arp_ignore", settings.arp_ignore, 1)
        } else {
            return None;
        };
        let what = format!(
            "{name} for all links is {value}, which overrides that of {} and lets the kernel \
             speak for announced addresses, or be silent about the node's own",
            self.name()
        );
        let remedy = set(&[(v4("all", name), good)]);
        Some(problem(Severity::Degraded, "arp-mode-void", what, remedy))
    }

    fn reverse_path(&self) -> Option<Problem> {
        if self.link.settings.rp_filter != 1 {
            return None;
        }
        let (link, plan) = (self.name(), self.plan);
        let remedy = set(&[(v4(link.as_str(), "rp_filter"), 2)]);
        if let Some(other) = self.siblings.iter().find(|other| other.is_up) {
            let what = format!(
                "rp_filter of {link} is strict and {} is in {} too: the kernel drops packets for \
                 announced addresses when it would answer over {}",
                other.name, plan.subnet, other.name
            );
            return Some(problem(
                Severity::Degraded,
                "reverse-path-filter",
                what,
                remedy,
            ));
        }
        let mut links = self.links.links.values();
        // The filter is one of IPv4.
        let leads_out = |link: &Link| link.gateway.is_some_and(|gateway| gateway.is_ipv4());
        let other = links.find(|other| leads_out(other) && other.name != *link)?;
        if leads_out(self.link) {
            return None;
        }
        let what = format!(
            "rp_filter of {link} is strict and the default route leads over {}: announced \
             addresses are reached from {} only",
            other.name, plan.subnet
        );
        Some(problem(Severity::Note, "reverse-path-filter", what, remedy))
    }

    fn arp_filter(&self) -> Option<Problem> {
        let other = self
            .siblings
            .first()
            .filter(|_| self.link.settings.is_arp_filter)?;
        let (link, subnet) = (self.name(), self.plan.subnet);
        let what = format!(
            "arp_filter of {link} is on and {} is in {subnet} too: the kernel may not answer ARP \
             for {link}'s own address, so that peers and clients lose it",
            other.name
        );
        let remedy = set(&[
            (v4("all", "arp_filter"), 0),
            (v4(link.as_str(), "arp_filter"), 0),
        ]);
        Some(problem(Severity::Degraded, "arp-filter", what, remedy))
    }

    fn proxy_arp(&self) -> Option<Problem> {
        let link = self.name();
        let (setting, severity, what) = match (self.link.settings.proxy, self.siblings.first()) {
            (Proxy::Off, _) => return None,
            (Proxy::Segment, _) => (
                "proxy_arp_pvlan",
                Severity::Degraded,
                format!(
                    "proxy_arp_pvlan of {link} is on: this node's kernel answers ARP for every \
                     address there, also for those that another node serves"
                ),
            ),
            (Proxy::Routed, Some(other)) => (
                "proxy_arp",
                Severity::Degraded,
                format!(
                    "proxy_arp of {link} is on and {} is in {} too: this node's kernel answers \
                     ARP for addresses that another node serves",
                    other.name, self.plan.subnet
                ),
            ),
            (Proxy::Routed, None) => (
                "proxy_arp",
                Severity::Note,
                format!(
                    "proxy_arp of {link} is on: this node's kernel answers ARP there for whatever \
                     it routes over another link"
                ),
            ),
        };
        let remedy = set(&[(v4("all", setting), 0), (v4(link.as_str(), setting), 0)]);
        Some(problem(severity, "proxy-arp", what, remedy))
    }

    /// The kernel keeps the route over a link without carrier, and prefers it or not by its order.
    fn dead_end(&self) -> Option<Problem> {
        let other = self
            .siblings
            .iter()
            .find(|other| other.settings.is_dead_end)?;
        let (dead, link) = (other.name.as_str(), self.name());
        let what = format!(
            "{dead} has no carrier and {link} serves {} in its place, but the kernel may still \
             send answers over {dead}",
            self.plan.subnet
        );
        let remedy = set(&[(v4(dead, "ignore_routes_with_linkdown"), 1)]);
        Some(problem(
            Severity::Degraded,
            "route-over-dead-link",
            what,
            remedy,
        ))
    }
}

/// Announced addresses that stand on another link than the one that announces them. The loopback
/// link is `link`'s concern; kube-proxy's own link has its own check.
fn elsewhere(links: &LinkFacts, announcing: LinkIndex, plan: &SegmentPlan) -> Vec<Problem> {
    let mut found = Vec::new();
    let others = links.links.iter().filter(|(index, link)| {
        **index != announcing && link.name.as_str() != IPVS_LINK && link.mac.is_some()
    });
    for (_, link) in others {
        let name = &link.name;
        for own in link
            .addresses
            .iter()
            .filter(|own| serves(plan, own.address))
        {
            let address = own.address;
            let prefix = own.subnet.prefix();
            let what = format!(
                "{name} has the announced address {address}: programs on this node reach themselves there, \
                 and the kernel answers for it on {name}, also while another node serves it"
            );
            let remedy = format!(
                "remove it: `ip address del {address}/{prefix} dev {name}`, and from what sets it"
            );
            found.push(problem(
                Severity::Degraded,
                "address-on-interface",
                what,
                remedy,
            ));
        }
    }
    found
}

fn serves(plan: &SegmentPlan, address: IpAddr) -> bool {
    plan.addresses.contains(&address)
}

/// kube-proxy sets `arp_ignore` for all links, if it is told to. While this daemon runs the
/// announcing links are quiet anyway.
fn without_strict_arp(
    links: &LinkFacts,
    segments: &BTreeMap<LinkIndex, SegmentPlan>,
) -> Option<Problem> {
    let ipvs = links
        .links
        .values()
        .find(|link| link.name.as_str() == IPVS_LINK)?;
    let is_loose = ipvs.settings.knows_all && ipvs.settings.arp_ignore == 0;
    let mut own = ipvs.addresses.iter().map(|own| own.address);
    let address = own.find(|address| segments.values().any(|plan| serves(plan, *address)))?;
    if !is_loose {
        return None;
    }
    let what = format!(
        "kube-proxy runs in IPVS mode without strict ARP: while sovnetd does not run here, and on \
         interfaces that it does not announce on, this node answers ARP for {address} and every \
         other Service address"
    );
    let remedy = "start kube-proxy with --ipvs-strict-arp=true (k3s: \
                  `--kube-proxy-arg=ipvs-strict-arp=true`)";
    Some(problem(
        Severity::Degraded,
        "ipvs-without-strict-arp",
        what,
        remedy.to_owned(),
    ))
}

fn wants_ipv6(config: &Config) -> bool {
    let addresses = config.addresses.iter().map(|entry| entry.address);
    let ranges = config.pools.iter().flat_map(|pool| &pool.ranges);
    addresses
        .chain(ranges.map(|range| range.first()))
        .any(|one| one.is_ipv6())
}

fn proxy_ndp(link: &Link) -> Option<Problem> {
    let name = &link.name;
    let what = format!(
        "proxy_ndp of {name} is on: this node's kernel answers for every address that \
         `ip -6 neigh show proxy` lists, also when another node serves it"
    );
    let remedy = set(&[
        ("net/ipv6/conf/all/proxy_ndp".to_owned(), 0),
        (format!("net/ipv6/conf/{name}/proxy_ndp"), 0),
    ]);
    let found = problem(Severity::Note, "proxy-ndp", what, remedy);
    link.settings.is_proxy_ndp.then_some(found)
}

/// Links without IPv6 that IPv6 addresses need: those that announce, and the loopback link, which
/// holds the addresses.
fn ipv6_off(config: &Config, links: &LinkFacts) -> Vec<Problem> {
    let loopback = links
        .links
        .values()
        .filter(|link| link.name.as_str() == "lo");
    let needed = announcing(config, links)
        .map(|(_, link)| link)
        .chain(loopback);
    let off = needed.filter(|link| link.settings.is_ipv6_off);
    off.map(|link| {
        let name = &link.name;
        let what = format!("IPv6 is switched off on {name}, and the config has IPv6 addresses");
        let remedy = set(&[(format!("net/ipv6/conf/{name}/disable_ipv6"), 0)]);
        problem(Severity::Degraded, "ipv6-disabled", what, remedy)
    })
    .collect()
}
