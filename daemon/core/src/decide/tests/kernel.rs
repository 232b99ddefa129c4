//! What is said of the kernel's settings: when each problem is told, and when not.

use super::*;
use crate::facts::settings::Proxy;

/// Applies a word such as `rp_filter=1`; whether it is one.
pub(super) fn set(link: &mut Link, word: &str) -> bool {
    let (name, value) = word.split_once('=').unwrap_or((word, "1"));
    let number = || value.parse().unwrap();
    let settings = &mut link.settings;
    match name {
        "came-up" => link.came_up = number(),
        "arp_ignore" => settings.arp_ignore = number(),
        "arp_announce" => settings.arp_announce = number(),
        "rp_filter" => settings.rp_filter = number(),
        "arp_filter" => settings.is_arp_filter = true,
        "proxy_arp" => settings.proxy = Proxy::Routed,
        "proxy_arp_pvlan" => settings.proxy = Proxy::Segment,
        "proxy_ndp" => settings.is_proxy_ndp = true,
        "disable_ipv6" => settings.is_ipv6_off = true,
        "dead-end" => settings.is_dead_end = true,
        "knows-all" => settings.knows_all = true,
        _ => return false,
    }
    true
}

/// The problems of these addresses on these links.
fn problems(addresses: &[&str], links: &[&str]) -> String {
    let decision = decide_alone(&config_of("", addresses), &facts(links));
    show(&Decision {
        segments: BTreeMap::new(),
        ..decision
    })
}

/// Nothing is said of these links, at one IPv4 address.
fn nothing(links: &[&str]) {
    assert_eq!(problems(&["192.168.8.240"], links), "");
}

const ONE: &[&str] = &["192.168.8.240"];
const SECOND: &str = "3 eth1 192.168.8.223/24";
/// Another link in the subnet is a note of its own.
const NOTE: &str = "Note subnet-on-two-links";

/// The problems without that note.
fn of_two(first: &str, second: &str) -> String {
    let text = problems(ONE, &[LO, first, second]);
    let mut kept = String::new();
    let mut is_skipped = false;
    for line in text.lines() {
        is_skipped = line.starts_with(NOTE) || (is_skipped && line.starts_with("  "));
        if !is_skipped {
            writeln!(kept, "{line}").unwrap();
        }
    }
    assert!(text.contains(NOTE), "{text}");
    kept
}

#[test]
fn usual_settings_are_not_mentioned() {
    nothing(&[LO, ETH]);
    nothing(&[
        LO,
        "2 eth0 arp_ignore=1 arp_announce=2 gw=192.168.8.1 192.168.8.222/24",
    ]);
    nothing(&[LO, "2 eth0 arp_ignore=3 rp_filter=2 192.168.8.222/24"]);
    assert_eq!(of_two(ETH, SECOND), "");
}

#[test]
fn an_arp_mode_for_all_links_that_overrides_ours_is_told() {
    expect![[r#"
        Degraded arp-mode-void: arp_ignore for all links is 8, which overrides that of eth0 and lets the kernel speak for announced addresses, or be silent about the node's own
          -> run `sysctl -w net/ipv4/conf/all/arp_ignore=1`, and write it to /etc/sysctl.d
    "#]]
    .assert_eq(&problems(ONE, &["2 eth0 arp_ignore=8 192.168.8.222/24"]));
    let announce = problems(ONE, &["2 eth0 arp_announce=3 192.168.8.222/24"]);
    assert!(
        announce.contains("net/ipv4/conf/all/arp_announce=2"),
        "{announce}"
    );
}

#[test]
fn a_strict_reverse_path_is_told_where_answers_may_leave_over_another_link() {
    expect![[r#"
        Degraded reverse-path-filter: rp_filter of eth0 is strict and eth1 is in 192.168.8.0/24 too: the kernel drops packets for announced addresses when it would answer over eth1
          -> run `sysctl -w net/ipv4/conf/eth0/rp_filter=2`, and write it to /etc/sysctl.d
    "#]]
    .assert_eq(&of_two("2 eth0 rp_filter=1 192.168.8.222/24", SECOND));
    expect![[r#"
        Note reverse-path-filter: rp_filter of eth0.8 is strict and the default route leads over eth1: announced addresses are reached from 192.168.8.0/24 only
          -> run `sysctl -w net/ipv4/conf/eth0.8/rp_filter=2`, and write it to /etc/sysctl.d
    "#]]
    .assert_eq(&problems(
        ONE,
        &["2 eth0.8 rp_filter=1 192.168.8.222/24", "3 eth1 gw=10.0.0.1 10.0.0.2/8"],
    ));
}

#[test]
fn a_strict_reverse_path_on_a_node_with_one_way_out_is_fine() {
    nothing(&["2 eth0 rp_filter=1 gw=192.168.8.1 192.168.8.222/24"]);
    nothing(&[
        "2 eth0 rp_filter=1 gw=192.168.8.1 192.168.8.222/24",
        "3 wg0 silent no-mac gw=10.0.0.1 10.0.0.2/8",
    ]);
    let down = SECOND.replace("eth1", "eth1 down");
    assert_eq!(of_two("2 eth0 rp_filter=1 192.168.8.222/24", &down), "");
}

#[test]
fn an_arp_filter_is_told_only_between_links_of_one_subnet() {
    let filtering = "2 eth0 arp_filter 192.168.8.222/24";
    let told = of_two(filtering, SECOND);
    assert!(
        told.starts_with("Degraded arp-filter: arp_filter of eth0"),
        "{told}"
    );
    assert!(told.contains("net/ipv4/conf/eth0/arp_filter=0"), "{told}");
    nothing(&[LO, filtering]);
}

#[test]
fn a_proxy_that_answers_for_addresses_of_others_is_told_by_how_much_it_answers() {
    let everything = problems(ONE, &["2 eth0 proxy_arp_pvlan 192.168.8.222/24"]);
    assert!(
        everything.starts_with("Degraded proxy-arp: proxy_arp_pvlan"),
        "{everything}"
    );
    let routed = problems(ONE, &["2 eth0 proxy_arp 192.168.8.222/24"]);
    assert!(
        routed.starts_with("Note proxy-arp: proxy_arp of eth0"),
        "{routed}"
    );
    let shared = of_two("2 eth0 proxy_arp 192.168.8.222/24", SECOND);
    assert!(
        shared.starts_with("Degraded proxy-arp: proxy_arp of eth0"),
        "{shared}"
    );
    // Where nothing is announced it is nobody's concern.
    nothing(&[ETH, "9 cali1 proxy_arp 10.9.0.1/32"]);
}

#[test]
fn a_route_that_the_kernel_keeps_without_carrier_is_told() {
    let told = of_two("2 eth0 down dead-end 192.168.8.222/24", SECOND);
    expect![[r#"
        Degraded route-over-dead-link: eth0 has no carrier and eth1 serves 192.168.8.0/24 in its place, but the kernel may still send answers over eth0
          -> run `sysctl -w net/ipv4/conf/eth0/ignore_routes_with_linkdown=1`, and write it to /etc/sysctl.d
    "#]]
    .assert_eq(&told);
    assert_eq!(of_two("2 eth0 down 192.168.8.222/24", SECOND), "");
}

#[test]
fn an_announced_address_on_another_interface_is_told() {
    expect![[r#"
        Degraded address-on-interface: dummy0 has the announced address 192.168.8.240: programs on this node reach themselves there, and the kernel answers for it on dummy0, also while another node serves it
          -> remove it: `ip address del 192.168.8.240/32 dev dummy0`, and from what sets it
    "#]]
    .assert_eq(&problems(ONE, &[ETH, "3 dummy0 silent 192.168.8.240/32"]));
    nothing(&[ETH, "3 eth1 10.0.0.2/8 192.168.8.99/32"]);
}

#[test]
fn ipvs_without_strict_arp_is_told_if_it_is_known_to_be_so() {
    let ipvs = |words: &str| format!("7 kube-ipvs0 silent {words} 192.168.8.240/32 10.43.0.1/32");
    let told = problems(ONE, &[ETH, &ipvs("knows-all")]);
    assert!(
        told.starts_with("Degraded ipvs-without-strict-arp: kube-proxy"),
        "{told}"
    );
    assert!(told.contains("--ipvs-strict-arp=true"), "{told}");
    nothing(&[ETH, &ipvs("knows-all arp_ignore=1")]);
    nothing(&[ETH, &ipvs("")]);
    nothing(&[ETH, "7 kube-ipvs0 silent knows-all 10.43.0.1/32"]);
}

#[test]
fn ipv6_settings_matter_only_with_ipv6_addresses() {
    let links = [
        "1 lo silent no-mac disable_ipv6 127.0.0.1/8",
        "2 eth0 disable_ipv6 proxy_ndp 192.168.8.222/24",
    ];
    nothing(&links);
    let mut config = config_of("", ONE);
    config.addresses.push(config::StaticAddress {
        address: "fd00::240".parse().unwrap(),
        purpose: config::Purpose::Host,
    });
    let told = show(&decide_alone(&config, &facts(&links)));
    for wanted in [
        "Degraded ipv6-disabled: IPv6 is switched off on eth0",
        "Degraded ipv6-disabled: IPv6 is switched off on lo",
        "net/ipv6/conf/lo/disable_ipv6=0",
        "Note proxy-ndp: proxy_ndp of eth0",
    ] {
        assert!(told.contains(wanted), "{wanted} in\n{told}");
    }
    let fine = show(&decide_alone(&config, &facts(&[LO, ETH])));
    assert!(
        !fine.contains("ipv6-disabled") && !fine.contains("proxy-ndp"),
        "{fine}"
    );
}
