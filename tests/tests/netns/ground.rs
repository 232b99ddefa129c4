//! The ground that the other tests stand on: the LAN itself, without sovnet.

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use sovnet_tests::clock::{now, wait_for};
use sovnet_tests::lan::arp::{Ask, ask, link_mac};
use sovnet_tests::lan::probe::{Prober, Question};
use sovnet_tests::lan::sniff::Sniffer;
use sovnet_tests::lan::{Lan, Plan};

use crate::support::{bare_lan, plan};

const CIVIL: Ipv4Addr = Ipv4Addr::new(192, 168, 8, 222);
const SOON: Duration = Duration::from_secs(5);

#[test]
fn machines_of_the_lan_reach_each_other_and_the_outside() {
    let (lan, _permit) = bare_lan(&plan());
    for target in [
        "192.168.8.222",
        "192.168.8.218",
        "192.168.8.1",
        "203.0.113.50",
        "9.9.9.9",
    ] {
        lan.node("laptop")
            .must(&format!("ping -c 1 -W 2 {target}"))
            .unwrap();
    }
}

#[test]
fn a_node_is_a_machine_of_its_own() {
    let (lan, _permit) = bare_lan(&plan());
    let ids = ["civil", "box-01"].map(|name| {
        assert_eq!(lan.node(name).must("hostname").unwrap().trim(), name);
        lan.node(name).write("/etc/sovnet/mark", name).unwrap();
        let there = lan
            .node(name)
            .must("ls /etc/sovnet /var/lib/sovnet /run/sovnet")
            .unwrap();
        assert!(there.contains("mark"), "{there}");
        lan.node(name).must("cat /etc/machine-id").unwrap()
    });
    assert_ne!(ids[0], ids[1]);
    assert!(ids.iter().all(|id| id.trim().len() == 32), "{ids:?}");
    assert!(!Path::new("/etc/sovnet/mark").exists());
}

#[test]
fn a_cut_cable_takes_the_carrier_and_loses_probes_until_it_is_healed() {
    let (lan, _permit) = bare_lan(&plan());
    let every = Duration::from_millis(2);
    let prober = Prober::start(lan.node("laptop"), Question::Echo(CIVIL), every).unwrap();
    let started_at = now();
    wait_for("the first answer", SOON, || {
        prober.is_answered_since(started_at).then_some(())
    })
    .unwrap();
    let whole_at = now();
    let whole = prober.outcome(whole_at, now());
    assert_eq!(whole.lost, 0, "{whole:?}");
    let cut_at = now();
    lan.cut("civil").unwrap();
    let carrier = || lan.node("civil").must("ip -br link show dev eth0").unwrap();
    wait_for("no carrier", SOON, || {
        carrier().contains("NO-CARRIER").then_some(())
    })
    .unwrap();
    let broken = prober.outcome(cut_at, now());
    assert!(broken.lost > 0, "{broken:?}");
    lan.heal("civil").unwrap();
    let healed_at = now();
    wait_for("an answer", SOON, || {
        prober.is_answered_since(healed_at).then_some(())
    })
    .unwrap();
}

#[test]
fn arp_is_asked_in_every_way_and_heard_at_the_port_where_it_enters() {
    let (lan, _permit) = bare_lan(&plan());
    let ear = Sniffer::start(&lan).unwrap();
    let began_at = now();
    let mac = link_mac(lan.node("civil"), "eth0").unwrap();
    for how in [Ask::Broadcast, Ask::Unicast(mac), Ask::Probe] {
        let wait = Duration::from_millis(200);
        let answers = ask(lan.node("laptop"), CIVIL, how, wait).unwrap();
        assert_eq!(answers, [mac], "{how:?}");
    }
    let replies = || ear.from_machine("civil", CIVIL, began_at);
    wait_for("three replies heard", SOON, || {
        (replies().len() >= 3).then_some(())
    })
    .unwrap();
    assert!(ear.from_machine("box-01", CIVIL, began_at).is_empty());
}

#[test]
fn the_outside_answers_dns_where_the_router_does_not_redirect() {
    let with_services = Plan {
        with_services: true,
        ..plan()
    };
    let (lan, _permit) = bare_lan(&with_services);
    let laptop = lan.node("laptop");
    let answer = laptop
        .must("dig +short -p 9953 @9.9.9.9 www.example.org")
        .unwrap();
    assert_eq!(answer.trim(), "198.51.100.7");
    // Port 53 goes to .241, where nobody is yet.
    let redirected = laptop
        .run("dig +short +tries=1 +time=1 @1.1.1.1 www.example.org")
        .unwrap();
    assert!(!redirected.status.success());
    let page = laptop.must("curl -sS -m 3 http://192.168.8.222").unwrap();
    assert!(page.contains("civil"), "{page}");
}

#[test]
fn nothing_is_left_of_a_lan() {
    let links = || std::fs::read_to_string("/proc/net/dev").unwrap();
    let names = |text: &str| {
        text.lines()
            .filter_map(|line| Some(line.split_once(':')?.0.trim().to_owned()))
            .collect()
    };
    let before: Vec<String> = names(&links());
    let (lan, permit) = bare_lan(&plan());
    let during: Vec<String> = names(&links());
    let holders: Vec<u32> = lan.nodes().map(|node| node.pid()).collect();
    drop::<Lan>(lan);
    drop(permit);
    assert_eq!(before, during);
    assert_eq!(before, names(&links()));
    assert!(
        holders
            .iter()
            .all(|pid| !Path::new(&format!("/proc/{pid}")).exists())
    );
}

#[test]
fn a_node_may_have_clocks_that_are_hours_ahead() {
    let ahead = Plan {
        clock_ahead: Some(("box-01", 7200)),
        ..plan()
    };
    let (lan, _permit) = bare_lan(&ahead);
    let uptime = |name: &str| -> f64 {
        let text = lan.node(name).must("cat /proc/uptime").unwrap();
        text.split(' ').next().unwrap().parse().unwrap()
    };
    let difference = uptime("box-01") - uptime("civil");
    assert!((7199.0..7210.0).contains(&difference), "{difference}");
}
