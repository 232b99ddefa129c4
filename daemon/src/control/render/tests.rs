//! The message of a whole report, compared as a whole.

use std::collections::BTreeMap;
use std::time::Duration;

use expect_test::expect_file;
use sovnet_control::status as message;
use sovnet_core::config::{Conflict, Purpose};
use sovnet_core::facts::cluster::TrafficPolicy;
use sovnet_core::member::keys::KeyId;
use sovnet_core::names::{Mac, NodeId};
use sovnet_core::report::{
    AddressReport, ApiState, Clause, ConfiguredAddress, ConflictReport, DetectionReport, DnsReport,
    Handling, Holder, KubernetesReport, LanReport, LatenessReport, Listener, Liveness, NodeInfo,
    NodeState, Parts, PeerReport, Planned, Problem, SegmentReport, ServiceReport, ServiceState,
    Severity, Sighting, SuspicionReport, UpstreamReport, Vendors, build,
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
            addresses: vec![
                AddressReport {
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
                    planned: Planned::default(),
                    seen_by: Vec::new(),
                    unseen_by: Vec::new(),
                },
                AddressReport {
                    address: "192.168.8.240".parse().unwrap(),
                    holder: Holder::This,
                    holder_name: None,
                    holder_mac: Some(Mac([2, 0, 0, 0, 0, 2])),
                    term: 5,
                    ability: 3,
                    is_local: false,
                    is_forwarded: true,
                    since: NOW - Duration::from_millis(1_500),
                    reason: "the hash picked it".to_owned(),
                    planned: Planned {
                        is_moved: true,
                        returns: Some(("box-01".to_owned(), Duration::from_secs(600))),
                        ..Planned::default()
                    },
                    seen_by: Vec::new(),
                    unseen_by: Vec::new(),
                },
            ],
            peers: vec![peer()],
            lateness: LatenessReport {
                minute: Duration::from_millis(3),
                hour: Duration::from_millis(51),
                late: 1,
                limit: Duration::from_millis(90),
            },
            keys: vec![KeyId([1, 2, 3, 4]), KeyId([5, 6, 7, 8])],
            conflicts: Vec::new(),
            dhcp_servers: Vec::new(),
            free: (0, 0),
            counters: BTreeMap::from([("arp-answered", 7)]),
            problems: Vec::new(),
        }],
        problems: Vec::new(),
    }
}

fn peer() -> PeerReport {
    PeerReport {
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
        detection: Some(DetectionReport {
            interval: Duration::from_millis(25),
            learned: Some((Duration::from_millis(110), 1)),
            clause: Clause::Learned,
            confirm: Duration::from_millis(30),
            last_gap: Duration::from_millis(26),
            explanation: "a heartbeat each 25 ms is expected".to_owned(),
        }),
        suspicion: Some(SuspicionReport {
            silent_since: NOW - Duration::from_millis(5_000),
            expected: Duration::from_millis(25),
            observed: Duration::from_millis(110),
            threshold: Duration::from_millis(60),
            clause: Clause::Floor,
            explanation: "none came for 110 ms".to_owned(),
        }),
        key: Some(KeyId([1, 2, 3, 4])),
        version: Some("0.1.0".to_owned()),
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

fn kubernetes() -> KubernetesReport {
    KubernetesReport {
        state: ApiState::Connected,
        reason: "every watch is complete".to_owned(),
        since: Some(NOW - Duration::from_secs(60)),
        server: "https://192.168.8.222:6443".to_owned(),
        credentials: "/var/lib/sovnet/kubernetes/kubeconfig".to_owned(),
        last_contact: Some(NOW - Duration::from_millis(700)),
        writer: Some("civil".to_owned()),
        is_writer: true,
        is_from_disk: false,
        services: vec![ServiceReport {
            name: "kube-system/traefik".parse().unwrap(),
            state: ServiceState::Assigned,
            reason: "it is reserved for kube-system/traefik in the config".to_owned(),
            addresses: vec!["192.168.8.240".parse().unwrap()],
            pool: Some("production".to_owned()),
            policy: TrafficPolicy::Local,
            is_ready_here: true,
            ready_nodes: 2,
            is_announced: true,
            complaint: None,
        }],
        problems: Vec::new(),
    }
}

/// The whole message, once: a rename in the core must not reach a script.
#[test]
fn every_part_of_a_report_has_its_place_in_the_message() {
    let (lan, dns, kubernetes) = (lan(), dns(), kubernetes());
    let parts = Parts {
        lan: &lan,
        dns: Some(&dns),
        kubernetes: Some(&kubernetes),
        others: &[],
    };
    let report = build(&node(), &parts, NOW);
    let counters = BTreeMap::from([("calls", 3)]);
    let message = status(&report, &counters, &Vendors::new(), NOW);
    let text = serde_json::to_string_pretty(&message).unwrap();
    expect_file!["status.json"].assert_eq(&format!("{text}\n"));
}

#[test]
fn a_host_that_uses_an_address_is_told_with_its_vendor_and_what_was_done() {
    let mut lan = lan();
    let mac = Mac([0, 0x11, 0x32, 1, 2, 3]);
    lan.segments[0].conflicts.push(ConflictReport {
        address: "192.168.8.240".parse().unwrap(),
        mac,
        first: NOW - Duration::from_secs(61),
        last: NOW - Duration::from_secs(1),
        count: 12,
        sighting: Sighting::Announcement,
        handling: Handling::Defended,
        policy: Conflict::Defend,
        is_announced: true,
    });
    let vendors = Vendors::from([(mac, "Synology Incorporated".to_owned())]);
    let parts = Parts {
        lan: &lan,
        dns: None,
        kubernetes: None,
        others: &[],
    };
    let report = build(&node(), &parts, NOW);
    let status = status(&report, &BTreeMap::new(), &vendors, NOW);
    let segment = &status.segments[0];
    let expected = message::Conflict {
        address: "192.168.8.240".to_owned(),
        is_announced: true,
        mac: "00:11:32:01:02:03".to_owned(),
        vendor: Some("Synology Incorporated".to_owned()),
        seen_by: "announcement".to_owned(),
        first_seen_ms_ago: 61_000,
        last_seen_ms_ago: 1_000,
        frames: 12,
        policy: "defend".to_owned(),
        done: "defended".to_owned(),
    };
    assert_eq!(segment.conflicts, [expected]);
}
