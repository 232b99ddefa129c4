//! Which address goes to which link, and what is said of those that go nowhere.

mod interfaces;
mod kernel;
mod services;

use std::fmt::Write;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::config;
use crate::facts::settings::LinkSettings;

/// A link from words: `2 eth0 down wireless silent gw=192.168.8.1 192.168.8.222/24`. What begins
/// with a word of `kernel` is one of the kernel's settings.
fn link(words: &str) -> (LinkIndex, Link) {
    let mut words = words.split_whitespace();
    let index: u32 = words.next().unwrap().parse().unwrap();
    let mut link = Link {
        name: words.next().unwrap().parse().unwrap(),
        mac: Some(Mac([2, 0, 0, 0, 0, index.to_be_bytes()[3]])),
        is_up: true,
        is_announcing: true,
        is_wireless: false,
        addresses: Vec::new(),
        gateway: None,
        generation: 0,
        came_up: 0,
        settings: LinkSettings::default(),
    };
    for word in words {
        match word {
            "down" => link.is_up = false,
            "wireless" => link.is_wireless = true,
            "silent" => link.is_announcing = false,
            "no-mac" => link.mac = None,
            other => match other.strip_prefix("gw=") {
                Some(gateway) => link.gateway = Some(gateway.parse().unwrap()),
                None if kernel::set(&mut link, other) => {}
                None => link.addresses.push(LinkAddress {
                    address: other.split('/').next().unwrap().parse().unwrap(),
                    subnet: other.parse().unwrap(),
                }),
            },
        }
    }
    (LinkIndex(index), link)
}

fn facts(links: &[&str]) -> LinkFacts {
    LinkFacts {
        links: links.iter().map(|words| link(words)).collect(),
    }
}

/// A config with these addresses; `top` goes before them.
fn config_of(top: &str, addresses: &[&str]) -> Config {
    let mut text = top.to_owned();
    for address in addresses {
        writeln!(text, "[[address]]\naddress = \"{address}\"").unwrap();
    }
    config::parse(&text).unwrap_or_else(|problems| panic!("{}", config::render("TEXT", &problems)))
}

/// One line for each link, address and problem.
fn show(decision: &Decision) -> String {
    let mut text = String::new();
    for (index, plan) in &decision.segments {
        write!(text, "link {}: {} in {}", index.0, plan.own, plan.subnet).unwrap();
        if let Some(gateway) = plan.gateway {
            write!(text, ", gateway {gateway}").unwrap();
        }
        writeln!(text, "{}", if plan.is_wireless { ", wireless" } else { "" }).unwrap();
        for address in &plan.addresses {
            let ability = plan
                .abilities
                .get(address)
                .map_or("withheld".to_owned(), |a| format!("{a:?}"));
            let forwarded = plan.forwarded.contains(address);
            let forwarded = if forwarded { " forwarded" } else { "" };
            writeln!(text, "  {address} {ability}{forwarded}").unwrap();
        }
    }
    for problem in &decision.problems {
        let Problem {
            severity,
            code,
            what,
            remedy,
        } = problem;
        writeln!(text, "{severity:?} {code}: {what}\n  -> {remedy}").unwrap();
    }
    text
}

/// Decides on the node ada, without a cluster.
fn decide_alone(config: &Config, links: &LinkFacts) -> Decision {
    decide(&Known {
        config,
        node: &"ada".parse().unwrap(),
        links,
        cluster: &ClusterFacts::default(),
        proxy: &ProxyFacts::default(),
        delivered: &BTreeSet::new(),
        kept: &BTreeSet::new(),
    })
}

fn check(config: &Config, links: &[&str], expected: Expect) {
    expected.assert_eq(&show(&decide_alone(config, &facts(links))));
}

const BOTH: &[&str] = &["192.168.8.240", "192.168.8.241"];
const LO: &str = "1 lo silent no-mac 127.0.0.1/8";
const ETH: &str = "2 eth0 gw=192.168.8.1 192.168.8.222/24 fd00::222/64";

#[test]
fn addresses_go_to_the_link_with_their_subnet() {
    check(
        &config_of("", BOTH),
        &[LO, ETH, "3 eth1 10.0.0.2/8"],
        expect![[r#"
            link 2: 192.168.8.222 in 192.168.8.0/24, gateway 192.168.8.1
              192.168.8.240 Serves
              192.168.8.241 Serves
        "#]],
    );
}

#[test]
fn each_subnet_has_its_own_link() {
    check(
        &config_of("", &["192.168.8.240", "10.0.0.9"]),
        &[ETH, "3 wlan0 wireless 10.0.0.2/8"],
        expect![[r#"
            link 2: 192.168.8.222 in 192.168.8.0/24, gateway 192.168.8.1
              192.168.8.240 Serves
            link 3: 10.0.0.2 in 10.0.0.0/8, wireless
              10.0.0.9 Serves
        "#]],
    );
}

#[test]
fn a_link_that_is_down_cannot_serve() {
    let down = ETH.replace("eth0", "eth0 down");
    check(
        &config_of("", BOTH),
        &[LO, &down],
        expect![[r#"
        link 2: 192.168.8.222 in 192.168.8.0/24, gateway 192.168.8.1
          192.168.8.240 Cannot
          192.168.8.241 Cannot
        Degraded link-down: eth0 is down: this node cannot serve 2 addresses there
          -> check the cable and the switch, or run `ip link set eth0 up`
    "#]],
    );
}

#[test]
fn without_addresses_there_is_nothing_to_decide() {
    check(&config_of("", &[]), &[LO, ETH], expect![[""]]);
}

#[test]
fn an_address_that_is_taken_is_withheld_alone() {
    check(
        &config_of(
            "",
            &[
                "192.168.8.1",
                "192.168.8.222",
                "192.168.8.0",
                "192.168.8.255",
                "192.168.8.240",
            ],
        ),
        &[ETH],
        expect![[r#"
            link 2: 192.168.8.222 in 192.168.8.0/24, gateway 192.168.8.1
              192.168.8.1 withheld
              192.168.8.222 withheld
              192.168.8.0 withheld
              192.168.8.255 withheld
              192.168.8.240 Serves
            Unhealthy address-is-gateway: 192.168.8.1 is withheld: it is the gateway's address on eth0
              -> take another address
            Unhealthy address-is-own: 192.168.8.222 is withheld: it is this node's own address on eth0
              -> take another address, or remove it from eth0
            Unhealthy address-is-network: 192.168.8.0 is withheld: it names the network 192.168.8.0/24 as a whole
              -> take another address
            Unhealthy address-is-broadcast: 192.168.8.255 is withheld: it is the broadcast address of 192.168.8.0/24
              -> take another address
        "#]],
    );
}

#[test]
fn an_address_in_no_subnet_is_named_with_the_subnets_seen() {
    check(
        &config_of("", &["192.168.9.240", "192.168.8.240"]),
        &[LO, ETH, "3 eth1 10.0.0.2/8", "4 eth2"],
        expect![[r#"
            link 2: 192.168.8.222 in 192.168.8.0/24, gateway 192.168.8.1
              192.168.8.240 Serves
            Unhealthy address-without-link: 192.168.9.240 is in the subnet of no interface that announces; there are 10.0.0.0/8 on eth1, 192.168.8.0/24 on eth0
              -> correct the address, or give an interface an address in the same subnet
        "#]],
    );
    check(
        &config_of("", &["192.168.8.240"]),
        &[LO],
        expect![[r#"
        Unhealthy address-without-link: 192.168.8.240 is in the subnet of no interface that announces; there is none with an IPv4 address
          -> correct the address, or give an interface an address in the same subnet
    "#]],
    );
}

#[test]
fn a_link_that_cannot_announce_is_named() {
    check(
        &config_of("", &["192.168.8.240", "10.9.0.9"]),
        &[
            "2 eth0 silent 192.168.8.222/24",
            "3 tun0 no-mac 10.9.0.1/24",
        ],
        expect![[r#"
            Unhealthy address-without-link: 192.168.8.240 is in the subnet of no interface that announces; there is none with an IPv4 address
              -> eth0 has the subnet, but cannot announce: put the subnet on an Ethernet interface
            Unhealthy address-without-link: 10.9.0.9 is in the subnet of no interface that announces; there is none with an IPv4 address
              -> tun0 has the subnet, but cannot announce: put the subnet on an Ethernet interface
        "#]],
    );
}

#[test]
fn only_the_named_interfaces_announce() {
    let named = "[announce]\nlinks = [\"eth1\", \"eth7\", \"lo\"]\n";
    check(
        &config_of(named, &["192.168.8.240", "10.0.0.9"]),
        &[LO, ETH, "3 eth1 10.0.0.2/8"],
        expect![[r#"
            link 3: 10.0.0.2 in 10.0.0.0/8
              10.0.0.9 Serves
            Degraded interface-missing: there is no interface eth7, which [announce] links names
              -> correct the name (`ip link` lists them), or add the interface
            Degraded interface-cannot-announce: the interface lo, which [announce] links names, has no ARP
              -> name an Ethernet interface that is not the port of a bridge or bond
            Unhealthy address-without-link: 192.168.8.240 is in the subnet of no interface that announces; there are 10.0.0.0/8 on eth1
              -> add eth0 to [announce] links: its subnet holds the address
        "#]],
    );
}

#[test]
fn of_two_links_with_one_subnet_the_first_announces() {
    check(
        &config_of("", BOTH),
        &[
            "5 wlan0 wireless 192.168.8.223/24",
            "3 eth0 192.168.8.222/24",
        ],
        expect![[r#"
            link 3: 192.168.8.222 in 192.168.8.0/24
              192.168.8.240 Serves
              192.168.8.241 Serves
            Note subnet-on-two-links: 192.168.8.0/24 is on eth0 and on wlan0; eth0 announces, wlan0 does not
              -> name the interface to use in [announce] links
        "#]],
    );
}

#[test]
fn the_smaller_subnet_wins_as_it_does_in_routing() {
    check(
        &config_of("", &["10.1.0.240", "10.2.0.240"]),
        &["2 eth0 10.0.0.2/8", "3 eth1 10.1.0.2/16"],
        expect![[r#"
            link 2: 10.0.0.2 in 10.0.0.0/8
              10.2.0.240 Serves
            link 3: 10.1.0.2 in 10.1.0.0/16
              10.1.0.240 Serves
        "#]],
    );
}

#[test]
fn a_link_announces_one_subnet() {
    check(
        &config_of("", &["192.168.8.240", "10.0.0.9"]),
        &["2 eth0 192.168.8.222/24 10.0.0.2/8"],
        expect![[r#"
            link 2: 192.168.8.222 in 192.168.8.0/24
              192.168.8.240 Serves
            Unhealthy address-in-second-subnet: 10.0.0.9 is withheld: eth0 announces addresses of 192.168.8.0/24 only
              -> take an address of 192.168.8.0/24, or give the other subnet its own interface
        "#]],
    );
}

#[test]
fn the_own_address_is_the_one_that_peers_know() {
    let two = "2 eth0 192.168.8.50/24 192.168.8.222/24";
    check(
        &config_of("", BOTH),
        &[two],
        expect![[r#"
        link 2: 192.168.8.50 in 192.168.8.0/24
          192.168.8.240 Serves
          192.168.8.241 Serves
    "#]],
    );
    let peers = "[cluster]\npeers = [\"192.168.8.222\", \"192.168.8.218\"]\n";
    check(
        &config_of(peers, BOTH),
        &[two],
        expect![[r#"
        link 2: 192.168.8.222 in 192.168.8.0/24
          192.168.8.240 Serves
          192.168.8.241 Serves
    "#]],
    );
}

#[test]
fn an_announced_address_on_the_link_is_not_spoken_from() {
    check(
        &config_of("", BOTH),
        &["2 eth0 192.168.8.240/24 192.168.8.222/24"],
        expect![[r#"
            link 2: 192.168.8.222 in 192.168.8.0/24
              192.168.8.240 withheld
              192.168.8.241 Serves
            Unhealthy address-is-own: 192.168.8.240 is withheld: it is this node's own address on eth0
              -> take another address, or remove it from eth0
        "#]],
    );
    check(
        &config_of("", BOTH),
        &["2 eth0 192.168.8.240/24"],
        expect![[r#"
            link 2: 192.168.8.240 in 192.168.8.0/24
              192.168.8.240 withheld
              192.168.8.241 Serves
            Unhealthy address-is-own: 192.168.8.240 is withheld: it is this node's own address on eth0
              -> take another address, or remove it from eth0
        "#]],
    );
}

#[test]
fn a_subnet_of_two_addresses_has_neither_network_nor_broadcast() {
    check(
        &config_of("", &["10.0.0.0", "10.0.0.1"]),
        &["2 eth0 10.0.0.1/31"],
        expect![[r#"
            link 2: 10.0.0.1 in 10.0.0.0/31
              10.0.0.0 Serves
              10.0.0.1 withheld
            Unhealthy address-is-own: 10.0.0.1 is withheld: it is this node's own address on eth0
              -> take another address, or remove it from eth0
        "#]],
    );
}

fn any_link() -> impl Strategy<Value = Link> {
    let address = (0u8..3, 0u8..6, 0u8..=32).prop_map(|(a, b, prefix)| {
        let address = IpAddr::V4(Ipv4Addr::new(10, 0, a, b));
        let subnet = Subnet::of(address, prefix).unwrap();
        LinkAddress { address, subnet }
    });
    let addresses = prop::collection::vec(address, 0..4);
    let gateway = prop::option::of(0u8..6);
    (any::<[bool; 4]>(), addresses, gateway).prop_map(|(flags, addresses, gateway)| Link {
        name: "eth0".parse().unwrap(),
        mac: flags[0].then_some(Mac([2; 6])),
        is_up: flags[1],
        is_announcing: flags[2],
        is_wireless: flags[3],
        addresses,
        gateway: gateway.map(|last| IpAddr::from([10, 0, 0, last])),
        generation: 0,
        came_up: 0,
        settings: LinkSettings::default(),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Every address is served on at most one link, and one that is not served is explained.
    #[test]
    fn every_address_has_one_link_or_a_problem(
        links in prop::collection::btree_map((1u32..9).prop_map(LinkIndex), any_link(), 0..5),
        addresses in prop::collection::btree_set((0u8..3, 0u8..6), 0..8),
    ) {
        let addresses: Vec<String> =
            addresses.iter().map(|(a, b)| format!("10.0.{a}.{b}")).collect();
        let shown: Vec<&str> = addresses.iter().map(String::as_str).collect();
        let config = config_of("", &shown);
        let links = LinkFacts { links };
        let decision = decide_alone(&config, &links);
        for address in &addresses {
            let served = decision.segments.iter().filter(|(_, plan)| {
                plan.abilities.contains_key(&address.parse().unwrap())
            });
            let told = decision.problems.iter().filter(|problem| {
                problem.what.starts_with(&format!("{address} is "))
            });
            prop_assert_eq!(served.count() + told.count(), 1, "{}", address);
        }
        for (index, plan) in &decision.segments {
            let link = &links.links[index];
            prop_assert!(link.is_announcing && Some(plan.mac) == link.mac);
            prop_assert!(link.addresses.iter().any(|own| own.address == plan.own));
            for (address, ability) in &plan.abilities {
                prop_assert!(plan.subnet.contains(*address));
                prop_assert!(*address != plan.own && Some(*address) != plan.gateway);
                prop_assert_eq!(*ability == Ability::Serves, link.is_up);
            }
        }
    }
}
