//! Which of several links announces: by pattern, by subnet, and among links of one subnet.

use super::*;

fn chosen(links: &str) -> String {
    format!("[announce]\nlinks = {links}\n")
}

/// The links that announce the address 192.168.8.240, or that have its subnet.
fn announcing_links(decision: &Decision) -> Vec<&str> {
    let plans = decision.segments.values();
    plans.map(|plan| plan.link.as_str()).collect()
}

const WLAN: &str = "4 wlan0 wireless 192.168.8.223/24";
const LATER: &str = "3 eth1 192.168.8.224/24";

#[test]
fn patterns_and_subnets_choose_links() {
    let links = [
        LO,
        ETH,
        "3 eth1 10.0.0.2/8",
        "4 wlan0 wireless 172.16.0.2/12",
    ];
    let addresses = ["192.168.8.240", "10.0.0.9", "172.16.0.9"];
    let of = |entries: &str| {
        let decision = decide_alone(&config_of(&chosen(entries), &addresses), &facts(&links));
        announcing_links(&decision).join(" ")
    };
    assert_eq!(of("[]"), "eth0 eth1 wlan0");
    assert_eq!(of(r#"["eth*"]"#), "eth0 eth1");
    assert_eq!(of(r#"["!wlan*"]"#), "eth0 eth1");
    assert_eq!(of(r#"["*", "!eth0"]"#), "eth1 wlan0");
    assert_eq!(of(r#"["10.0.0.0/8", "172.16.0.0/12"]"#), "eth1 wlan0");
    assert_eq!(of(r#"["fd00::/64"]"#), "eth0");
}

#[test]
fn what_leads_to_no_interface_is_told_and_exclusions_are_not() {
    let entries = r#"["lan*", "10.0.0.0/8", "l?", "eth0", "!wlan*"]"#;
    check(
        &config_of(&chosen(entries), &["192.168.8.240"]),
        &[LO, ETH],
        expect![[r#"
            link 2: 192.168.8.222 in 192.168.8.0/24, gateway 192.168.8.1
              192.168.8.240 Serves
            Degraded interface-missing: no interface has a name like lan*, which [announce] links asks for
              -> correct the name (`ip link` lists them), or add the interface
            Degraded interface-missing: no interface has an address in 10.0.0.0/8, which [announce] links names
              -> correct the subnet (`ip address` lists them), or give an interface an address in it
            Degraded interface-cannot-announce: [announce] links l? leads to lo only, without ARP
              -> name an Ethernet interface that is not the port of a bridge or bond
        "#]],
    );
}

#[test]
fn of_links_with_one_subnet_one_with_carrier_announces() {
    let down = ETH.replace("eth0", "eth0 down");
    check(
        &config_of("", &["192.168.8.240"]),
        &[LO, &down, LATER],
        expect![[r#"
            link 3: 192.168.8.224 in 192.168.8.0/24
              192.168.8.240 Serves
            Note subnet-on-two-links: 192.168.8.0/24 is on eth1 and on eth0; eth1 announces, eth0 does not
              -> name the interface to use in [announce] links
        "#]],
    );
}

#[test]
fn a_link_that_comes_back_leaves_the_addresses_where_they_are() {
    let config = config_of("", &["192.168.8.240"]);
    let on = |eth0: &str, eth1: &str| {
        let decision = decide_alone(&config, &facts(&[LO, eth0, eth1, WLAN]));
        announcing_links(&decision).join(" ")
    };
    let later = |link: &str, word: &str| format!("{link} {word}");
    assert_eq!(on(ETH, LATER), "eth0");
    assert_eq!(on(&ETH.replace("eth0", "eth0 down"), LATER), "eth1");
    assert_eq!(on(&later(ETH, "came-up=1"), LATER), "eth1", "it came back");
    assert_eq!(
        on(
            &later(ETH, "came-up=1"),
            &LATER.replace("eth1", "eth1 down")
        ),
        "wlan0"
    );
    let both = [later(ETH, "came-up=1"), later(LATER, "came-up=2")];
    let decision = decide_alone(&config, &facts(&[&both[0], &both[1]]));
    assert_eq!(announcing_links(&decision), ["eth0"]);
}

#[test]
fn without_any_carrier_the_address_still_has_one_link() {
    let down = [
        ETH.replace("eth0", "eth0 down"),
        LATER.replace("eth1", "eth1 down"),
    ];
    let decision = decide_alone(
        &config_of("", &["192.168.8.240"]),
        &facts(&[&down[0], &down[1]]),
    );
    assert_eq!(announcing_links(&decision), ["eth0"]);
    let plan = decision.segments.values().next().unwrap();
    assert!(plan.abilities.values().all(|one| *one == Ability::Cannot));
}
