//! What stands in the way, in words: the problems that `decide` finds, each with its remedy.
//!
//! Codes are stable: scripts and docs name them.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::{Known, SegmentPlan, announcing, can_announce, own_addresses};
use crate::config::links::LinkPattern;
use crate::config::{ADDRESSES_MAX, Config};
use crate::facts::proxy::{ProxyFacts, ProxyState};
use crate::facts::{Link, LinkFacts};
use crate::names::{LinkIndex, ServiceName, Subnet};
use crate::report::{Problem, Severity};

/// Entries of `[announce] links` that lead to no interface, or to none that can announce.
pub(super) fn about_names(config: &Config, links: &LinkFacts, problems: &mut Vec<Problem>) {
    let entries = config.announce.links.iter();
    for entry in entries.filter(|entry| !entry.is_exclusion()) {
        let found: Vec<&Link> = links
            .links
            .values()
            .filter(|link| entry.matches(link))
            .collect();
        if found.is_empty() {
            problems.push(nothing_matches(entry));
        } else if !found.iter().any(|link| can_announce(link)) {
            problems.push(nothing_announces(entry, &found));
        }
    }
}

fn nothing_matches(entry: &LinkPattern) -> Problem {
    let what = if let Some(name) = entry.name() {
        format!("there is no interface {name}, which [announce] links names")
    } else if let Some(subnet) = entry.subnet() {
        format!("no interface has an address in {subnet}, which [announce] links names")
    } else {
        format!("no interface has a name like {entry}, which [announce] links asks for")
    };
    let remedy = if entry.subnet().is_some() {
        "correct the subnet (`ip address` lists them), or give an interface an address in it"
    } else {
        "correct the name (`ip link` lists them), or add the interface"
    };
    Problem {
        severity: Severity::Degraded,
        code: "interface-missing",
        what,
        remedy: remedy.to_owned(),
    }
}

fn nothing_announces(entry: &LinkPattern, found: &[&Link]) -> Problem {
    let names: Vec<&str> = found.iter().map(|link| link.name.as_str()).collect();
    let names = names.join(" and ");
    let what = if entry.name().is_some() {
        format!("the interface {names}, which [announce] links names, has no ARP")
    } else {
        format!("[announce] links {entry} leads to {names} only, without ARP")
    };
    Problem {
        severity: Severity::Degraded,
        code: "interface-cannot-announce",
        what,
        remedy: "name an Ethernet interface that is not the port of a bridge or bond".to_owned(),
    }
}

/// No link has the address's subnet.
pub(super) fn without_link(config: &Config, links: &LinkFacts, address: IpAddr) -> Problem {
    let seen: BTreeSet<String> = announcing(config, links)
        .flat_map(|(_, link)| {
            own_addresses(link)
                .filter(|(own, _)| own.is_ipv4() == address.is_ipv4())
                .map(|(_, subnet)| format!("{subnet} on {}", link.name))
        })
        .collect();
    let seen: Vec<String> = seen.into_iter().collect();
    let seen = match seen.as_slice() {
        [] if address.is_ipv4() => "there is none with an IPv4 address".to_owned(),
        [] => "there is none with an IPv6 address".to_owned(),
        seen => format!("there are {}", seen.join(", ")),
    };
    let elsewhere = links.links.values().find(|link| {
        own_addresses(link).any(|(own, subnet)| own != address && subnet.contains(address))
    });
    let remedy = match elsewhere {
        Some(link) if can_announce(link) => {
            format!(
                "add {} to [announce] links: its subnet holds the address",
                link.name
            )
        }
        Some(link) => format!(
            "{} has the subnet, but cannot announce: put the subnet on an Ethernet interface",
            link.name
        ),
        None => {
            "correct the address, or give an interface an address in the same subnet".to_owned()
        }
    };
    Problem {
        severity: Severity::Unhealthy,
        code: "address-without-link",
        what: format!("{address} is in the subnet of no interface that announces; {seen}"),
        remedy,
    }
}

/// No link has the subnet of a pool's addresses.
pub(super) fn pool_without_link(config: &Config, links: &LinkFacts, address: IpAddr) -> Problem {
    let mut problem = without_link(config, links, address);
    let pool = config.pools.iter().find(|pool| pool.contains(address));
    let name = pool.map_or("?", |pool| pool.name.as_str());
    problem.severity = Severity::Degraded;
    problem.code = "pool-without-link";
    problem.what = format!("[[pool]] {name}: {}", problem.what);
    problem
}

/// The node's kube-proxy is not ready for packets of Services.
pub(super) fn about_proxy(known: &Known<'_>, problems: &mut Vec<Problem>) {
    let ProxyFacts { state, reason } = known.proxy;
    let what = match state {
        ProxyState::Unknown | ProxyState::Ready => return,
        ProxyState::Awaited => format!(
            "kube-proxy is not ready since this machine started ({reason}): this node serves \
             addresses of Services only if no other node can"
        ),
        ProxyState::Gone => format!(
            "kube-proxy does not say any more that it is well ({reason}): addresses of Services \
             stay here, and others come only if no other node can take them"
        ),
        ProxyState::Stale => format!(
            "kube-proxy has not said for a minute that it is well ({reason}), and its rules get \
             old: this node serves addresses of Services only if no other node can"
        ),
    };
    problems.push(Problem {
        severity: Severity::Degraded,
        code: "kube-proxy-not-ready",
        what,
        remedy: "find out why it does not run here (with k3s: `journalctl -u k3s -u k3s-agent`); \
                 if this cluster does without it: [kubernetes] kube-proxy = \"none\""
            .to_owned(),
    });
}

/// What the cluster says that does not fit to the config.
pub(super) fn about_services(known: &Known<'_>, problems: &mut Vec<Problem>) {
    let Known {
        config,
        cluster,
        node,
        ..
    } = *known;
    if !cluster.nodes.is_empty() && !cluster.nodes.contains_key(node) {
        let names: Vec<&str> = cluster.nodes.keys().map(|name| name.as_str()).collect();
        problems.push(Problem {
            severity: Severity::Degraded,
            code: "node-unknown-to-kubernetes",
            what: format!("Kubernetes has no node {node}; it has {}", names.join(", ")),
            remedy:
                "write this machine's Kubernetes node name as [node] name: until then Services \
                     with externalTrafficPolicy Local are not announced from here"
                    .to_owned(),
        });
    }
    if let Some(bar) = cluster.barred.get(node) {
        let what = match bar.is_for_all() {
            true => "addresses",
            false => "addresses of Services",
        };
        problems.push(Problem {
            severity: Severity::Note,
            code: "node-barred-by-kubernetes",
            what: format!(
                "Kubernetes has {bar} on {node}: it serves {what} only if no other node can"
            ),
            remedy: bar.remedy(node),
        });
    }
    for (name, service) in cluster.services.iter().filter(|(_, s)| s.is_ours(config)) {
        let is_static = |address: &&IpAddr| {
            let mut entries = config.addresses.iter();
            entries.any(|entry| entry.address == **address)
        };
        let asked = service.request.addresses.iter().map(|(address, _)| address);
        let mut named = service.assigned.iter().chain(asked);
        if let Some(address) = named.find(is_static) {
            problems.push(Problem {
                severity: Severity::Degraded,
                code: "service-has-static-address",
                what: format!(
                    "the Service {name} has or wants {address}, which is an [[address]] of the config"
                ),
                remedy: format!(
                    "remove {address} from the Service, or the [[address]] from the config: \
                     kube-proxy takes the packets that are meant for the node itself"
                ),
            });
        }
    }
}

/// More addresses than nodes can state.
pub(super) fn one_too_many(address: IpAddr, services: &[&ServiceName]) -> Problem {
    let names: Vec<String> = services.iter().map(ToString::to_string).collect();
    Problem {
        severity: Severity::Unhealthy,
        code: "too-many-addresses",
        what: format!(
            "{address} of {} is not announced: the nodes announce at most {ADDRESSES_MAX} addresses",
            names.join(" and ")
        ),
        remedy: "remove Services of type LoadBalancer that are not needed".to_owned(),
    }
}

/// Two links lead to the same subnet.
pub(super) fn shared_subnet(
    links: &LinkFacts,
    subnet: Subnet,
    chosen: LinkIndex,
    other: LinkIndex,
) -> Problem {
    let name = |index| {
        links
            .links
            .get(&index)
            .map_or("?", |link| link.name.as_str())
    };
    let (chosen, other) = (name(chosen), name(other));
    Problem {
        severity: Severity::Note,
        code: "subnet-on-two-links",
        what: format!(
            "{subnet} is on {chosen} and on {other}; {chosen} announces, {other} does not"
        ),
        remedy: "name the interface to use in [announce] links".to_owned(),
    }
}

/// A link has addresses of more than one subnet to announce.
pub(super) fn second_subnet(link: &Link, address: IpAddr, subnet: Subnet) -> Problem {
    let name = &link.name;
    Problem {
        severity: Severity::Unhealthy,
        code: "address-in-second-subnet",
        what: format!("{address} is withheld: {name} announces addresses of {subnet} only"),
        remedy: format!("take an address of {subnet}, or give the other subnet its own interface"),
    }
}

/// What an address is already.
struct Reason {
    code: &'static str,
    what: String,
}

/// Why an address must not be served on this link; none if it can be.
pub(super) fn withheld(link: &Link, address: IpAddr, subnet: Subnet) -> Option<Problem> {
    let is_own = link.addresses.iter().any(|own| own.address == address);
    // Of IPv6, that one is every router's of the subnet (RFC 4291 section 2.6.1).
    let longest = if address.is_ipv4() { 30 } else { 126 };
    let is_network = subnet.prefix() <= longest && subnet.network() == address;
    let reason = if is_own {
        Reason {
            code: "address-is-own",
            what: format!("is this node's own address on {}", link.name),
        }
    } else if link.gateway == Some(address) {
        Reason {
            code: "address-is-gateway",
            what: format!("is the gateway's address on {}", link.name),
        }
    } else if is_network {
        Reason {
            code: "address-is-network",
            what: format!("names the network {subnet} as a whole"),
        }
    } else if subnet.broadcast().map(IpAddr::V4) == Some(address) {
        Reason {
            code: "address-is-broadcast",
            what: format!("is the broadcast address of {subnet}"),
        }
    } else {
        return None;
    };
    let remedy = if is_own {
        format!("take another address, or remove it from {}", link.name)
    } else {
        "take another address".to_owned()
    };
    Some(Problem {
        severity: Severity::Unhealthy,
        code: reason.code,
        what: format!("{address} is withheld: it {}", reason.what),
        remedy,
    })
}

/// The link cannot carry anything now.
pub(super) fn link_down(link: &Link, plan: &SegmentPlan) -> Problem {
    let count = match plan.addresses.len() {
        0 => "any address".to_owned(),
        1 => "1 address".to_owned(),
        count => format!("{count} addresses"),
    };
    Problem {
        severity: Severity::Degraded,
        code: "link-down",
        what: format!(
            "{} is down: this node cannot serve {count} there",
            link.name
        ),
        remedy: if link.is_wireless {
            "check that it is connected to its wireless network".to_owned()
        } else {
            let name = &link.name;
            format!("check the cable and the switch, or run `ip link set {name} up`")
        },
    }
}
