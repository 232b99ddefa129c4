//! What the kernel does with local addresses of both families, and who else touches them.

use std::net::{Ipv4Addr, Ipv6Addr, UdpSocket};

use sovnet_core::facts::settings::Proxy;

use super::*;
use crate::netns::Far;

const VIP6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 0x241));
const LO6: &str = "-6 address show dev lo";

#[test]
fn netns_an_ipv6_address_is_local_at_once_and_ends_with_the_shell() {
    in_netns(async || {
        cable();
        let mut shell = Shell::start();
        shell.wish_local(&[VIP, VIP6]).await;
        let shown = ip(LO6);
        assert!(
            shown.contains("inet6 fd00::241/128 scope global nodad deprecated"),
            "{shown}"
        );
        assert!(!shown.contains("tentative"), "{shown}");
        assert!(
            shown.contains("valid_lft 6sec") || shown.contains("valid_lft 5sec"),
            "{shown}"
        );
        UdpSocket::bind((VIP6, 0)).unwrap();
        let facts = read_facts_once().await.unwrap();
        let mut own = facts.links.values().flat_map(|link| &link.addresses);
        assert!(
            own.all(|own| own.address != VIP6),
            "it is no fact: {facts:?}"
        );
        shell.wish_local(&[VIP]).await;
        assert!(!ip(LO6).contains("fd00::241"));
        shell.wish_local(&[VIP6]).await;
        drop(shell.tasks);
        ip_until(LO6, |shown| !shown.contains("fd00::241")).await;
    });
}

#[test]
fn netns_an_ipv6_address_is_not_the_source_of_other_traffic() {
    in_netns(async || {
        cable();
        ip("address add fd00::222/64 dev lan nodad");
        let mut shell = Shell::start();
        shell.wish_local(&[VIP6]).await;
        for target in ["fd00::1", "fd00::241"] {
            let socket = UdpSocket::bind("[::]:0").unwrap();
            socket.connect((target, 9)).unwrap();
            let source = socket.local_addr().unwrap().ip();
            let is_to_itself = target == "fd00::241";
            assert_eq!(source == VIP6, is_to_itself, "{source} to {target}");
        }
        shell.stop().await;
    });
}

#[test]
fn netns_who_removes_an_address_twice_is_told_with_the_count() {
    in_netns(async || {
        let mut shell = Shell::start();
        shell.wish_local(&[VIP, VIP6]).await;
        delete(1, "192.168.8.241/32", LO).await;
        delete(1, "fd00::241/128", LO6).await;
        assert_eq!(
            **shell.problems_rx.borrow(),
            [],
            "an operator may try it once"
        );
        delete(2, "192.168.8.241/32", LO).await;
        let problem = shell.problem("address-removed").await;
        assert!(
            problem.what.starts_with("192.168.8.241 was removed"),
            "{problem:?}"
        );
        assert!(problem.what.contains("by process "), "{problem:?}");
        assert!(problem.remedy.contains("unmanaged"), "{problem:?}");
        let three = |all: &Arc<Vec<Problem>>| all.iter().any(|one| one.what.contains("3 times"));
        shell.problems_rx.wait_for(three).await.unwrap();
        delete(1, "fd00::241/128", LO6).await;
        let both =
            |all: &Arc<Vec<Problem>>| all.iter().any(|one| one.what.starts_with("fd00::241"));
        shell.problems_rx.wait_for(both).await.unwrap();
        shell.stop().await;
    });
}

#[test]
fn netns_what_the_shell_itself_removes_is_no_interference() {
    in_netns(async || {
        let mut shell = Shell::start();
        for _ in 0..20 {
            for wished in [VIP, VIP6] {
                shell.wish_local(&[wished]).await;
                shell.wish_local(&[]).await;
            }
        }
        shell.wish_local(&[VIP6]).await;
        assert_eq!(**shell.problems_rx.borrow(), []);
        delete(2, "fd00::241/128", LO6).await;
        shell.problem("address-removed").await;
        shell.stop().await;
    });
}

#[test]
fn netns_without_ipv6_on_loopback_the_problem_says_how_to_switch_it_on() {
    in_netns(async || {
        fs::write("/proc/sys/net/ipv6/conf/lo/disable_ipv6", "1").unwrap();
        let mut shell = Shell::start();
        shell.wish(KernelWish {
            local: [VIP6].into(),
            ..KernelWish::default()
        });
        let problem = shell.problem("address-not-local").await;
        assert!(
            problem.remedy.contains("net.ipv6.conf.lo.disable_ipv6=0"),
            "{problem:?}"
        );
        fs::write("/proc/sys/net/ipv6/conf/lo/disable_ipv6", "0").unwrap();
        let reached = shell
            .local_rx
            .wait_for(|local| local.addresses.contains(&VIP6))
            .await;
        assert!(reached.is_ok(), "the shell still runs");
        drop(reached);
        shell.stop().await;
    });
}

/// Asks the segment for an address by sending something to it; what the asker's kernel then knows.
fn neighbour_of(far: &Far, target: IpAddr) -> String {
    far.run(move || {
        let any: IpAddr = match target {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((any, 0)).unwrap();
        socket.send_to(b"?", (target, 9)).unwrap();
        loop {
            let shown = ip(&format!("neigh show {target} dev far"));
            if !shown.contains("INCOMPLETE") && !shown.is_empty() {
                return shown;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    })
}

#[test]
fn netns_the_kernel_answers_neither_arp_nor_ndp_for_local_addresses() {
    in_netns(async || {
        let far = Far::at(("lan", "192.168.8.222/24"), ("far", "192.168.8.9/24"));
        far.run(|| ip("address add fd00::9/64 dev far nodad"));
        ip("address add fd00::222/64 dev lan nodad");
        let lan = index_of("lan");
        let mut shell = Shell::start();
        shell.wish(KernelWish {
            announcing: vec![lan],
            local: [VIP, VIP6].into(),
            ..KernelWish::default()
        });
        let both = shell
            .local_rx
            .wait_for(|local| local.addresses.len() == 2)
            .await;
        assert!(both.is_ok(), "the shell still runs");
        drop(both);
        for own in [[192, 168, 8, 222].into(), "fd00::222".parse().unwrap()] {
            let shown = neighbour_of(&far, own);
            assert!(shown.contains("lladdr"), "its own it answers for: {shown}");
        }
        for local in [VIP, VIP6] {
            let shown = neighbour_of(&far, local);
            assert!(shown.contains("FAILED"), "{shown}");
        }
        shell.stop().await;
    });
}

#[test]
fn netns_links_in_the_subnet_of_an_announcing_one_are_quiet_too() {
    in_netns(async || {
        let lan = cable();
        for (name, own) in [("near", "192.168.8.223/24"), ("other", "10.0.0.2/8")] {
            ip(&format!("link add {name} type veth peer name {name}-far"));
            ip(&format!("address add {own} dev {name}"));
            ip(&format!("link set {name} up"));
        }
        let shell = Shell::start();
        shell.wish(KernelWish {
            announcing: vec![lan],
            ..KernelWish::default()
        });
        for quiet in ["lan", "near"] {
            setting_until(quiet, "arp_ignore", "1").await;
        }
        assert_eq!(setting("other", "arp_ignore"), "0");
        shell.stop().await;
        assert_eq!(setting("near", "arp_ignore"), "0");
    });
}

#[test]
fn netns_settings_are_read_and_followed() {
    in_netns(async || {
        let lan = cable();
        set("lan", "rp_filter", "1");
        set("all", "arp_filter", "1");
        let mut shell = Shell::start();
        let is_there = |facts: &LinkFacts| facts.links.contains_key(&lan);
        let facts = shell.facts_until(is_there).await;
        let settings = facts.links[&lan].settings;
        assert!(settings.knows_all && settings.is_arp_filter, "{settings:?}");
        assert_eq!((settings.rp_filter, settings.proxy), (1, Proxy::Off));
        set("lan", "rp_filter", "0");
        set("all", "rp_filter", "0");
        set("lan", "forwarding", "1");
        set("lan", "proxy_arp", "1");
        fs::write("/proc/sys/net/ipv6/conf/lan/disable_ipv6", "1").unwrap();
        shell
            .facts_until(|facts| {
                let settings = facts.links[&lan].settings;
                settings.rp_filter == 0 && settings.proxy == Proxy::Routed && settings.is_ipv6_off
            })
            .await;
        shell.stop().await;
    });
}

#[test]
fn netns_the_generation_follows_carrier_mac_and_bridge() {
    in_netns(async || {
        let lan = cable();
        let mut shell = Shell::start();
        let facts = shell
            .facts_until(|facts| facts.links.contains_key(&lan))
            .await;
        let first = facts.links[&lan].generation;
        ip("link set far down");
        shell.facts_until(|facts| !facts.links[&lan].is_up).await;
        ip("link set far up");
        let facts = shell.facts_until(|facts| facts.links[&lan].is_up).await;
        let second = facts.links[&lan].generation;
        assert_ne!(second, first);
        ip("link set lan address 02:00:00:00:00:09");
        shell
            .facts_until(|facts| facts.links[&lan].generation != second)
            .await;
        // A bridge takes the lowest address of its ports.
        ip("link add name bridge0 address 02:00:00:00:00:01 type bridge");
        ip("link set bridge0 up");
        let bridge = index_of("bridge0");
        let facts = shell
            .facts_until(|facts| facts.links.contains_key(&bridge))
            .await;
        let before = facts.links[&bridge].generation;
        ip("link set lan master bridge0");
        ip("link set bridge0 address 02:00:00:00:00:07");
        shell
            .facts_until(|facts| facts.links[&bridge].generation != before)
            .await;
        shell.stop().await;
    });
}
