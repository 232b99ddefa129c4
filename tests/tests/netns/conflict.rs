//! Hosts that are no nodes: one takes an address, one answers for everything, one gives addresses
//! away. With real hosts and their kernels.

use std::process::Command;
use std::time::Duration;

use sovnet_control::status::{Conflict, Status};
use sovnet_tests::clock::{now, wait_for};
use sovnet_tests::lan::arp::{Ask, link_mac};
use sovnet_tests::lan::daemon::{CONFIG, Start};
use sovnet_tests::lan::{NODES, Node, control};

use crate::support::{Bench, PAGE, SOON, example, holder_in, plan};

/// From the frame of the thief to the first frame against it, on a machine that has much to do.
const NOTICED: Duration = Duration::from_millis(100);

/// A minute of silence, and the time to notice it.
const GIVEN_BACK: Duration = Duration::from_secs(100);

/// Both nodes run with this policy.
fn up_with(policy: &str, prepare: impl FnOnce(&mut Bench)) -> Bench {
    let mut bench = Bench::prepare(&plan());
    let line = format!("conflict = \"{policy}\"");
    let config = example().replace("#conflict = \"defend\"", &line);
    assert!(config.contains(&line), "the example has the setting");
    prepare(&mut bench);
    for name in NODES {
        bench.lan.node(name).write(CONFIG, &config).unwrap();
        bench.start(name, &Start::default());
    }
    bench.wait_agreement();
    bench
}

fn conflict(status: &Status) -> Option<&Conflict> {
    let conflicts = &control::segment(status)?.conflicts;
    conflicts.iter().find(|one| one.address == PAGE.to_string())
}

/// A host takes the address, and says so this many times, once a second.
fn steal(thief: &Node, times: u32) {
    thief
        .must(&format!("ip addr add {PAGE}/32 dev eth0"))
        .unwrap();
    thief
        .run(&format!("arping -U -c {times} -I eth0 {PAGE}"))
        .unwrap();
}

#[test]
fn a_theft_is_noticed_at_once_named_and_undone_at_the_clients() {
    let mut bench = Bench::up();
    let holder = bench.holder("civil", PAGE).unwrap();
    let (mac, right) = (bench.mac("laptop"), bench.mac(&holder));
    let client = || bench.lan.node("router");
    client().must(&format!("ping -c 1 -W 1 {PAGE}")).unwrap();
    let stolen_at = now();
    steal(bench.lan.node("laptop"), 1);
    let status = bench.wait_status("the thief is told", &holder, |status| {
        conflict(status).is_some_and(|one| one.mac == mac.to_string())
    });
    let told = conflict(&status).unwrap();
    assert_eq!(
        (told.done.as_str(), told.policy.as_str()),
        ("defended", "defend")
    );
    let problem = control::problem(&status, "address-conflict").unwrap();
    assert!(problem.what.contains(&mac.to_string()), "{problem:?}");
    let thefts = bench.ear.from_machine("laptop", PAGE, stolen_at);
    let theft = thefts.first().unwrap().at;
    let defences = bench.ear.from_machine(&holder, PAGE, theft);
    let took = defences.first().unwrap().at.duration_since(theft);
    println!("answered after {took:?}");
    assert!(took <= NOTICED, "answered after {took:?}");
    wait_for("the client to know the holder again", SOON, || {
        let entry = client().must(&format!("ip neigh show {PAGE}")).unwrap();
        entry.contains(&right.to_string()).then_some(())
    })
    .unwrap();
    assert_eq!(bench.holder(&holder, PAGE).as_deref(), Some(&*holder));
    let said = bench.daemon(&holder).log();
    let said = said.iter().filter(|line| line.contains("is also used by"));
    assert_eq!(said.count(), 1);
}

#[test]
fn under_yield_a_host_that_goes_on_has_the_address_until_it_is_silent() {
    let bench = up_with("yield", |bench| {
        bench
            .lan
            .add_host(&plan(), "tv", "192.168.8.50/24")
            .unwrap();
    });
    let thief = bench.lan.node("tv");
    steal(thief, 3);
    for name in NODES {
        bench.wait_status("the address is left", name, |status| {
            holder_in(status, PAGE).is_none()
                && conflict(status).is_some_and(|one| one.done == "yielded")
        });
    }
    assert_eq!(bench.answers(PAGE, Ask::Broadcast), [bench.mac("tv")]);
    thief
        .must(&format!("ip addr del {PAGE}/32 dev eth0"))
        .unwrap();
    wait_for("the address to be served again", GIVEN_BACK, || {
        let holder = bench.holder("civil", PAGE)?;
        (bench.answers(PAGE, Ask::Broadcast) == [bench.mac(&holder)]).then_some(())
    })
    .unwrap();
}

/// That it is taken back when the host was silent for long enough, which takes minutes, is shown in
/// the core.
#[test]
fn under_quarantine_a_host_that_goes_on_has_the_address_and_is_named() {
    let mut bench = up_with("quarantine", |bench| {
        bench
            .lan
            .add_host(&plan(), "tv", "192.168.8.50/24")
            .unwrap();
    });
    let holder = bench.holder("civil", PAGE).unwrap();
    let mac = bench.mac("tv");
    steal(bench.lan.node("tv"), 3);
    for name in NODES {
        let status = bench.wait_status("the address is left", name, |status| {
            holder_in(status, PAGE).is_none()
                && conflict(status).is_some_and(|one| one.done == "quarantined")
                && control::address(status, &PAGE.to_string()).is_some_and(|one| !one.is_local)
        });
        let problem = control::problem(&status, "address-conflict").unwrap();
        assert!(problem.what.contains(&mac.to_string()), "{problem:?}");
        assert!(problem.what.contains("it is left to"), "{problem:?}");
        let entry = control::address(&status, &PAGE.to_string()).unwrap();
        assert!(entry.reason.contains(&mac.to_string()), "{entry:?}");
    }
    let left_at = now();
    assert_eq!(bench.answers(PAGE, Ask::Broadcast), [mac]);
    let spoke = bench.ear.from_machine(&holder, PAGE, left_at);
    assert!(spoke.is_empty(), "{spoke:?}");
    let shown = bench.lan.node("civil").run("sovnetctl status").unwrap();
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains(&mac.to_string()), "{shown}");
    let said = bench.daemon(&holder).log();
    assert!(said.iter().any(|line| line.contains("is left to")));
}

#[test]
fn a_router_that_answers_for_everything_keeps_no_address_dark_and_is_named() {
    let bench = up_with("quarantine", |bench| {
        bench
            .lan
            .add_host(&plan(), "proxy", "192.168.8.9/24")
            .unwrap();
        let proxy = bench.lan.node("proxy");
        for (key, value) in [
            ("ipv4/ip_forward", "1"),
            ("ipv4/conf/eth0/proxy_arp", "1"),
            ("ipv4/neigh/eth0/proxy_delay", "0"),
        ] {
            proxy.set_sysctl(key, value).unwrap();
        }
        let routes = "link add d0 type veth peer name d1\nlink set d0 up\nlink set d1 up\n\
                      route add 192.168.8.192/26 dev d0\n\
                      route add 192.168.8.218/32 dev eth0\nroute add 192.168.8.222/32 dev eth0\n";
        proxy.feed("ip -batch -", routes).unwrap();
    });
    let mac = bench.mac("proxy");
    let answers = bench.answers(PAGE, Ask::Broadcast);
    assert!(answers.contains(&mac), "no proxy: {answers:?}");
    wait_for("a node to name the proxy", SOON, || {
        let named = NODES.map(|name| {
            let status = bench.status(name);
            let problem = control::problem(&status, "proxy-arp-on-segment");
            problem.is_some_and(|problem| problem.what.contains(&mac.to_string()))
        });
        named.contains(&true).then_some(())
    })
    .unwrap();
    for name in NODES {
        let status = bench.status(name);
        assert!(holder_in(&status, PAGE).is_some());
        assert_eq!(conflict(&status), None, "{name}");
    }
}

#[test]
fn a_dhcp_server_that_gives_our_addresses_away_is_named() {
    let bench = Bench::up();
    let router = bench.lan.node("router");
    let mut server = Command::new("dnsmasq");
    server.args([
        "--keep-in-foreground",
        "--conf-file=/dev/null",
        "--pid-file",
        "--user=root",
        "--port=0",
        "--no-ping",
        "--leasefile-ro",
        "--dhcp-authoritative",
        "--dhcp-range=192.168.8.240,192.168.8.240,1h",
    ]);
    let mut server = router.spawn(server).unwrap();
    let mac = link_mac(router, "lan0").unwrap();
    let named = wait_for("both nodes to name the server", SOON, || {
        let client = "busybox udhcpc -i eth0 -B -n -q -t 2 -T 1 -s /bin/true";
        bench.lan.node("laptop").run(client).unwrap();
        let found = NODES.map(|name| {
            let status = bench.status(name);
            let problem = control::problem(&status, "dhcp-overlaps-pool");
            problem.map(|problem| problem.what.clone())
        });
        found.iter().all(Option::is_some).then_some(found)
    });
    server.kill().unwrap();
    server.wait().unwrap();
    for what in named.unwrap().into_iter().flatten() {
        assert!(
            what.contains("192.168.8.1 ") && what.contains(&mac.to_string()),
            "{what}"
        );
        assert!(what.contains("192.168.8.240"), "{what}");
    }
}
