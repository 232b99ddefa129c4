//! The message of a whole report, compared as a whole.

use std::collections::BTreeMap;
use std::time::Duration;

use expect_test::expect_file;
use sovnet_core::config::Purpose;
use sovnet_core::names::{Mac, NodeId};
use sovnet_core::report::{
    AddressReport, ConfiguredAddress, DnsReport, Holder, LanReport, Listener, Liveness, NodeInfo,
    NodeState, Parts, PeerReport, Problem, SegmentReport, Severity, UpstreamReport, build,
};
use sovnet_core::time::Moment;

use super::status;

const NOW: Moment = Moment::from_millis(10_000_000);

fn node() -> NodeInfo {
    NodeInfo {
        name: "civil".parse().unwrap(),
        id: NodeId([1; 8]),
        version: "0.1.0".to_owned(),
        config_file: "/etc/sovnet/sovnet.toml".to_owned(),
        started_at: Moment::from_millis(1_000),
        idle: None,
        configured: vec![ConfiguredAddress {
            address: "192.168.8.241".parse().unwrap(),
            purpose: Purpose::Dns,
        }],
    }
}

fn lan() -> LanReport {
    LanReport {
        segments: vec![SegmentReport {
            link: "eth0".parse().unwrap(),
            mac: Mac([2, 0, 0, 0, 0, 1]),
            own_address: Some("192.168.8.222".parse().unwrap()),
            state: NodeState::Active,
            state_reason: "joined with box-01".to_owned(),
            state_since: NOW - Duration::from_secs(60),
            addresses: vec![AddressReport {
                address: "192.168.8.241".parse().unwrap(),
                holder: Holder::Peer(NodeId([2; 8])),
                holder_name: None,
                holder_mac: Some(Mac([2, 0, 0, 0, 0, 2])),
                term: u64::MAX,
                ability: 3,
                is_local: false,
                is_forwarded: false,
                since: NOW - Duration::from_millis(1_500),
                reason: "box-01 claims it with term 4".to_owned(),
            }],
            peers: vec![PeerReport {
                id: Some(NodeId([2; 8])),
                name: Some("box-01".parse().unwrap()),
                address: "192.168.8.218".parse().unwrap(),
                mac: Some(Mac([2, 0, 0, 0, 0, 2])),
                liveness: Liveness::Held,
                reason: "it said that it restarts".to_owned(),
                since: NOW - Duration::from_secs(1),
                state: Some(NodeState::Restarting),
                claims: 1,
                last_heard: Some(NOW - Duration::from_millis(12)),
                threshold: Duration::from_millis(90),
                version: Some("0.1.0".to_owned()),
            }],
            counters: BTreeMap::from([("arp-answered", 7)]),
            problems: Vec::new(),
        }],
        problems: Vec::new(),
    }
}

fn dns() -> DnsReport {
    DnsReport {
        listeners: vec![Listener {
            address: "192.168.8.241:53".parse().unwrap(),
            transport: "udp",
            is_bound: true,
        }],
        zones: vec![("internal.cloud.payne.io".to_owned(), 31)],
        upstreams: vec![UpstreamReport {
            address: "1.1.1.1:53".parse().unwrap(),
            state: "ok",
            reason: "answered".to_owned(),
            last_rtt: Some(Duration::from_micros(9_250)),
        }],
        counters: BTreeMap::from([("queries", 214)]),
        problems: vec![Problem {
            severity: Severity::Note,
            code: "upstream-plain",
            what: "queries go out in the clear".to_owned(),
            remedy: "nothing".to_owned(),
        }],
    }
}

/// The whole message, once: a rename in the core must not reach a script.
#[test]
fn every_part_of_a_report_has_its_place_in_the_message() {
    let (lan, dns) = (lan(), dns());
    let parts = Parts {
        lan: &lan,
        dns: Some(&dns),
        kubernetes: None,
        others: &[],
    };
    let report = build(&node(), &parts, NOW);
    let counters = BTreeMap::from([("calls", 3)]);
    let message = status(&report, &counters, NOW);
    let text = serde_json::to_string_pretty(&message).unwrap();
    expect_file!["status.json"].assert_eq(&format!("{text}\n"));
}
