//! A host that is not as it should be: a clear message each, and the most useful rest.

use std::net::{TcpListener, UdpSocket};

use sovnet_tests::clock::{now, wait_for};
use sovnet_tests::lan::NODES;
use sovnet_tests::lan::arp::Ask;
use sovnet_tests::lan::daemon::{CONFIG, Start};

use crate::support::{Bench, DNS, PAGE, SOON, example, plan};

#[test]
fn without_a_config_the_daemon_idles_and_says_so() {
    let mut bench = Bench::prepare(&plan());
    std::fs::remove_file(bench.lan.node("civil").path(CONFIG)).unwrap();
    let started_at = now();
    bench.start("civil", &Start::default());
    let status = bench.wait_status("idle", "civil", |status| status.health == "idle");
    assert!(
        status.segments.is_empty() && status.dns.is_none(),
        "{status:?}"
    );
    assert_eq!(status.config_file, "");
    let told = bench
        .daemon("civil")
        .log()
        .iter()
        .any(|line| line.contains(CONFIG));
    assert!(told, "the log does not name {CONFIG}");
    bench.assert_silent("civil", started_at);
    assert_eq!(
        bench
            .lan
            .node("civil")
            .sysctl("ipv4/conf/eth0/arp_ignore")
            .unwrap(),
        "0"
    );
}

#[test]
fn a_wrong_config_ends_the_start_with_line_column_and_text() {
    let mut bench = Bench::prepare(&plan());
    let wrong = example().replace("[cluster]", "[cluster]\nkee-file = \"x\"");
    bench.lan.node("civil").write(CONFIG, &wrong).unwrap();
    bench.start("civil", &Start::default());
    let end = bench.daemon("civil").wait_end(SOON).unwrap();
    assert_eq!(end.code(), Some(78), "{end}");
    let log = wait_for("the log", SOON, || {
        let log = bench.daemon("civil").log().join("\n");
        log.contains("kee-file").then_some(log)
    })
    .unwrap();
    assert!(log.contains("key-file"), "no hint: {log}");
}

#[test]
fn a_taken_port_53_is_told_and_the_other_address_is_served() {
    let mut bench = Bench::prepare(&plan());
    let take = || {
        (
            UdpSocket::bind("0.0.0.0:53"),
            TcpListener::bind("0.0.0.0:53"),
        )
    };
    let (udp, tcp) = bench.lan.node("civil").in_network(take).unwrap();
    let taken = (udp.unwrap(), tcp.unwrap());
    for name in NODES {
        bench.start(name, &Start::default());
    }
    let problem = bench.wait_problem("port 53 is taken", "civil", |problem| {
        problem.code == "port-taken"
    });
    assert!(problem.what.contains("53"), "{problem:?}");
    bench.wait_status("box-01 has the DNS", "civil", |status| {
        crate::support::holder_in(status, DNS).as_deref() == Some("box-01")
    });
    bench.wait_probes();
    drop(taken);
}

#[test]
fn a_missing_interface_is_told_and_used_once_it_is_there() {
    let mut bench = Bench::prepare(&plan());
    let config = example().replace("#links = []", "links = [\"lan9\"]");
    assert_ne!(config, example());
    bench.lan.node("civil").write(CONFIG, &config).unwrap();
    bench.start("civil", &Start::default());
    bench.wait_problem("lan9 is missing", "civil", |problem| {
        problem.what.contains("lan9")
    });
    let batch = "link set eth0 down\nlink set eth0 name lan9\nlink set lan9 up\n\
                 route add default via 192.168.8.1\n";
    bench.lan.node("civil").feed("ip -batch -", batch).unwrap();
    bench.wait_holder("civil", "civil");
    bench.wait_probes();
}

#[test]
fn without_cap_net_raw_it_says_so_and_announces_nothing() {
    let mut bench = Bench::prepare(&plan());
    let started_at = now();
    let wrapper = [
        "setpriv",
        "--bounding-set",
        "-net_raw",
        "--inh-caps",
        "-net_raw",
        "--",
    ];
    let how = Start {
        wrapper: wrapper.map(str::to_owned).to_vec(),
        ..Start::default()
    };
    bench.start("civil", &how);
    let problem = bench.wait_problem("the capability is missing", "civil", |problem| {
        problem.what.contains("CAP_NET_RAW")
    });
    assert_eq!(problem.severity, "unhealthy", "{problem:?}");
    bench.assert_silent("civil", started_at);
    assert!(bench.answers(PAGE, Ask::Broadcast).is_empty());
}

#[test]
fn an_unwritable_state_directory_is_told_and_everything_else_works() {
    let mut bench = Bench::prepare(&plan());
    bench
        .lan
        .node("civil")
        .must("mount -t tmpfs -o ro tmpfs /var/lib/sovnet")
        .unwrap();
    for name in NODES {
        bench.start(name, &Start::default());
    }
    let problem = bench.wait_problem("the directory is named", "civil", |problem| {
        problem.what.contains("/var/lib/sovnet")
    });
    assert_eq!(problem.severity, "degraded", "{problem:?}");
    bench.wait_agreement();
    bench.wait_probes();
}

#[test]
fn a_router_that_is_down_moves_nothing_and_is_told() {
    let bench = Bench::up();
    let claims = bench.claims("civil");
    let down_at = now();
    bench.lan.cut("router").unwrap();
    for name in NODES {
        bench.wait_problem("the gateway is lost", name, |problem| {
            problem.what.contains("192.168.8.1") || problem.code.contains("gateway")
        });
    }
    assert_eq!(bench.claims("civil"), claims);
    assert_eq!(bench.claims("box-01"), claims);
    bench.assert_nothing_lost(down_at);
    bench.lan.heal("router").unwrap();
    for name in NODES {
        bench.wait_status("the gateway is back", name, |status| {
            !status
                .problems
                .iter()
                .any(|problem| problem.code.contains("gateway"))
        });
    }
    assert_eq!(bench.claims("civil"), claims);
}
