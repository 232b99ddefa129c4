//! Other interfaces than one that stays as it is: bridges, a second one, another MAC, another
//! cable, and a neighbour in the house that removes addresses.

use std::time::{Duration, Instant};

use sovnet_tests::clock::{now, wait_for};
use sovnet_tests::lan::arp::{Ask, Mac, link_mac, parse_mac};
use sovnet_tests::lan::control;
use sovnet_tests::lan::daemon::Start;

use crate::support::{Bench, DNS, PAGE, SOON, holder_in, plan};

/// How soon after a change everybody must have been told.
const AT_ONCE: Duration = Duration::from_secs(1);

const OTHER_MAC: &str = "02:00:00:00:00:99";

/// One node that holds both addresses.
fn alone() -> Bench {
    let mut bench = Bench::prepare(&plan());
    bench.start("civil", &Start::default());
    bench.wait_holder("civil", "civil");
    bench.wait_probes();
    bench
}

/// A second interface of civil in the same segment, with an address of its own.
fn add_second(bench: &Bench) {
    let (switch, civil) = (bench.lan.node("switch"), bench.lan.node("civil"));
    let cable = format!(
        "link add name second type veth peer name eth1 netns {}\n\
         link set second master br0\nlink set second up\n",
        civil.inner_pid()
    );
    switch.feed("ip -batch -", &cable).unwrap();
    let batch = "link set eth1 up\naddr add 192.168.8.223/24 brd + dev eth1\n";
    civil.feed("ip -batch -", batch).unwrap();
}

/// Waits for an announcement of both addresses with this MAC, from `since`, and how long it took.
fn wait_announced(bench: &Bench, mac: Mac, since: Instant) -> Duration {
    let first = |address| {
        let frames = bench.ear.from_machine("civil", address, since);
        let mut ours = frames.iter().filter(|one| one.arp.sender_mac == mac);
        ours.find(|one| one.arp.target == address).map(|one| one.at)
    };
    let at = wait_for("an announcement of both addresses", SOON, || {
        Some(first(PAGE)?.max(first(DNS)?))
    });
    at.unwrap().duration_since(since)
}

/// Which hardware address the laptop's kernel has for the page's address.
fn neighbour_is(bench: &Bench, mac: Mac) {
    let laptop = bench.lan.node("laptop");
    wait_for("the laptop's neighbour entry", AT_ONCE, || {
        let shown = laptop.must(&format!("ip neigh show {PAGE}")).unwrap();
        shown.contains(&mac.to_string()).then_some(())
    })
    .unwrap();
}

#[test]
fn a_bridge_announces_and_its_port_does_not() {
    let mut bench = Bench::prepare(&plan());
    let civil = bench.lan.node("civil").clone();
    let batch = format!(
        "link add name br0 address {OTHER_MAC} type bridge stp_state 0\n\
         addr flush dev eth0\nlink set eth0 master br0\nlink set br0 up\n\
         addr add 192.168.8.222/24 brd + dev br0\nroute replace default via 192.168.8.1\n"
    );
    civil.feed("ip -batch -", &batch).unwrap();
    let started_at = now();
    bench.start("civil", &Start::default());
    bench.wait_holder("civil", "civil");
    bench.wait_probes();
    let links: Vec<String> = bench
        .status("civil")
        .segments
        .into_iter()
        .map(|one| one.link)
        .collect();
    assert_eq!(links, ["br0"]);
    let mac = link_mac(&civil, "br0").unwrap();
    assert_eq!(mac, parse_mac(OTHER_MAC).unwrap());
    assert_ne!(mac, bench.mac("civil"));
    assert_eq!(bench.answers(PAGE, Ask::Broadcast), [mac]);
    wait_announced(&bench, mac, started_at);
    for address in [PAGE, DNS] {
        let frames = bench.ear.from_machine("civil", address, started_at);
        assert!(
            frames.iter().all(|one| one.arp.sender_mac == mac),
            "{frames:?}"
        );
    }
    assert_eq!(civil.sysctl("ipv4/conf/br0/arp_ignore").unwrap(), "1");
    assert_eq!(civil.sysctl("ipv4/conf/eth0/arp_ignore").unwrap(), "0");
}

#[test]
fn another_mac_is_announced_at_once() {
    let bench = alone();
    let former = bench.mac("civil");
    neighbour_is(&bench, former);
    let changed_at = now();
    let set = format!("ip link set eth0 address {OTHER_MAC}");
    bench.lan.node("civil").must(&set).unwrap();
    let mac = bench.mac("civil");
    let took = wait_announced(&bench, mac, changed_at);
    assert!(took < AT_ONCE, "{took:?}");
    neighbour_is(&bench, mac);
    assert_eq!(bench.answers(PAGE, Ask::Broadcast), [mac]);
    let late = bench.ear.from_machine("civil", PAGE, now());
    assert!(
        late.iter().all(|one| one.arp.sender_mac != former),
        "{late:?}"
    );
    assert_eq!(bench.holder("civil", PAGE).as_deref(), Some("civil"));
}

#[test]
fn a_link_that_was_down_announces_again_at_once() {
    let bench = alone();
    bench.lan.cut("civil").unwrap();
    bench.wait_status("the link is down", "civil", |status| {
        control::problem(status, "link-down").is_some()
    });
    let healed_at = now();
    bench.lan.heal("civil").unwrap();
    bench.wait_holder("civil", "civil");
    wait_announced(&bench, bench.mac("civil"), healed_at);
    bench.wait_probes();
}

#[test]
fn a_flap_too_short_for_anybody_to_act_is_announced_all_the_same() {
    let bench = alone();
    let before = bench.claims("civil");
    let switch = bench.lan.node("switch");
    let flapped_at = now();
    let flap = "link set to-civil down\nlink set to-civil up\n";
    switch.feed("ip -batch -", flap).unwrap();
    let took = wait_announced(&bench, bench.mac("civil"), flapped_at);
    assert!(took < AT_ONCE, "{took:?}");
    bench.wait_holder("civil", "civil");
    let holders = |claims: &[(Option<String>, i64)]| -> Vec<_> {
        claims.iter().map(|(holder, _)| holder.clone()).collect()
    };
    assert_eq!(holders(&bench.claims("civil")), holders(&before));
}

#[test]
fn an_address_that_is_removed_again_and_again_comes_back_and_is_counted() {
    let bench = alone();
    let civil = bench.lan.node("civil");
    for _ in 0..3 {
        civil
            .must(&format!("ip addr del {PAGE}/32 dev lo"))
            .unwrap();
        wait_for("the address", Duration::from_millis(500), || {
            let text = civil.must("ip -4 -o addr show dev lo").unwrap();
            text.contains(&PAGE.to_string()).then_some(())
        })
        .unwrap();
    }
    let problem = bench.wait_problem("the removals are counted", "civil", |problem| {
        problem.code == "address-removed" && problem.what.contains("3 times")
    });
    assert_eq!(problem.severity, "degraded", "{problem:?}");
    assert!(problem.what.contains(&PAGE.to_string()), "{problem:?}");
    bench.wait_holder("civil", "civil");
}

#[test]
fn of_two_interfaces_in_one_segment_one_answers_and_the_other_takes_over_without_its_cable() {
    let mut bench = Bench::prepare(&plan());
    add_second(&bench);
    bench.start("civil", &Start::default());
    bench.wait_holder("civil", "civil");
    bench.wait_problem("it is told", "civil", |problem| {
        problem.code == "subnet-on-two-links"
    });
    let civil = bench.lan.node("civil");
    let macs = ["eth0", "eth1"].map(|link| link_mac(civil, link).unwrap());
    for how in [Ask::Broadcast, Ask::Probe, Ask::Unicast(macs[1])] {
        let answers = bench.answers(PAGE, how);
        assert!(
            !answers.contains(&macs[1]),
            "the kernel of eth1 answers: {answers:?}"
        );
    }
    assert_eq!(bench.answers(PAGE, Ask::Broadcast), [macs[0]]);

    bench.lan.cut("civil").unwrap();
    bench.wait_problem("the dead route is told", "civil", |problem| {
        problem.code == "route-over-dead-link"
    });
    civil
        .set_sysctl("ipv4/conf/eth0/ignore_routes_with_linkdown", "1")
        .unwrap();
    bench.wait_status("eth1 speaks", "civil", |status| {
        let links: Vec<&str> = status
            .segments
            .iter()
            .map(|one| one.link.as_str())
            .collect();
        links == ["eth1"] && holder_in(status, PAGE).as_deref() == Some("civil")
    });
    neighbour_is(&bench, macs[1]);
    assert_eq!(bench.answers(PAGE, Ask::Broadcast), [macs[1]]);
    bench.wait_probes();

    bench.lan.heal("civil").unwrap();
    bench.wait_status("eth0 is back, and eth1 goes on", "civil", |status| {
        let links: Vec<&str> = status
            .segments
            .iter()
            .map(|one| one.link.as_str())
            .collect();
        control::problem(status, "route-over-dead-link").is_none() && links == ["eth1"]
    });
    bench.hold_for("eth1 answers", AT_ONCE, |bench| {
        bench.answers(PAGE, Ask::Broadcast) == [macs[1]]
    });
}
