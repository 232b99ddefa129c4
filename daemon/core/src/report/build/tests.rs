//! The judgement of a status, as a table of what differs from a healthy LAN.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Health, NodeInfo, Parts, Report, build};
use crate::config::Purpose;
use crate::names::{Mac, NodeId};
use crate::report::{
    AddressReport, ApiState, ConfiguredAddress, DnsReport, Holder, KubernetesReport, LanReport,
    LatenessReport, Listener, Liveness, NodeState, PeerReport, Problem, SegmentReport, Severity,
    UpstreamReport,
};
use crate::time::Moment;

const NOW: Moment = Moment::from_millis(3_600_000);

fn node() -> NodeInfo {
    let configured = |address: &str, purpose| ConfiguredAddress {
        address: address.parse().unwrap(),
        purpose,
    };
    NodeInfo {
        name: "civil".parse().unwrap(),
        id: NodeId([1; 8]),
        version: "0.1.0".to_owned(),
        config_file: "/etc/sovnet/sovnet.toml".to_owned(),
        started_at: Moment::default(),
        idle: None,
        configured: vec![
            configured("192.168.8.240", Purpose::Host),
            configured("192.168.8.241", Purpose::Dns),
        ],
    }
}

fn address(text: &str, holder: Holder) -> AddressReport {
    AddressReport {
        address: text.parse().unwrap(),
        is_local: holder == Holder::This,
        holder,
        holder_name: None,
        holder_mac: None,
        term: 1,
        ability: 3,
        is_forwarded: false,
        since: Moment::default(),
        reason: "the hash picked it".to_owned(),
        planned: crate::report::Planned::default(),
        seen_by: Vec::new(),
        unseen_by: Vec::new(),
    }
}

fn peer(liveness: Liveness) -> PeerReport {
    PeerReport {
        id: Some(NodeId([2; 8])),
        name: Some("box-01".parse().unwrap()),
        address: "192.168.8.218".parse().unwrap(),
        mac: None,
        liveness,
        reason: "silent for 43 s".to_owned(),
        since: Moment::default(),
        state: Some(NodeState::Active),
        claims: 1,
        last_heard: None,
        threshold: Duration::from_millis(90),
        detection: None,
        suspicion: None,
        key: None,
        version: None,
    }
}

fn healthy() -> LanReport {
    LanReport {
        segments: vec![SegmentReport {
            link: "eth0".parse().unwrap(),
            mac: Mac([2, 0, 0, 0, 0, 1]),
            own_address: Some("192.168.8.222".parse().unwrap()),
            state: NodeState::Active,
            state_reason: "joined with box-01".to_owned(),
            state_since: Moment::default(),
            addresses: vec![
                address("192.168.8.240", Holder::This),
                address("192.168.8.241", Holder::Peer(NodeId([2; 8]))),
            ],
            conflicts: Vec::new(),
            dhcp_servers: Vec::new(),
            free: (0, 0),
            peers: vec![peer(Liveness::Alive)],
            lateness: LatenessReport::default(),
            keys: Vec::new(),
            counters: BTreeMap::new(),
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
        upstreams: vec![UpstreamReport {
            address: "1.1.1.1:53".parse().unwrap(),
            state: "ok",
            reason: String::new(),
            last_rtt: None,
        }],
        ..DnsReport::default()
    }
}

fn said(severity: Severity, code: &'static str) -> Problem {
    Problem {
        severity,
        code,
        what: format!("{code} happened"),
        remedy: "do something".to_owned(),
    }
}

fn report(lan: &LanReport, dns: Option<&DnsReport>, others: &[Problem]) -> Report {
    let others = [others];
    let parts = Parts {
        lan,
        dns,
        kubernetes: None,
        others: &others,
    };
    build(&node(), &parts, NOW)
}

/// The judgement and the codes of all problems, for a LAN that differs from the healthy one.
fn check(change: impl FnOnce(&mut SegmentReport), health: Health, codes: &[&str]) {
    let mut lan = healthy();
    change(&mut lan.segments[0]);
    let report = report(&lan, Some(&dns()), &[]);
    let found: Vec<&str> = report.problems.iter().map(|p| p.code).collect();
    assert_eq!((report.health, found.as_slice()), (health, codes));
    for problem in &report.problems {
        assert!(!problem.what.is_empty() && !problem.remedy.is_empty());
    }
}

#[test]
fn a_settled_node_with_all_held_and_all_alive_is_healthy() {
    check(|_| (), Health::Healthy, &[]);
    let report = report(&healthy(), Some(&dns()), &[]);
    assert_eq!(
        report.summary(),
        "healthy: speaking for 192.168.8.240; 1 of 1 peers alive"
    );
    let dns_address = "192.168.8.241".parse().unwrap();
    assert_eq!(report.purpose_of(dns_address), Some(Purpose::Dns));
    assert_eq!(report.purpose_of("192.168.8.1".parse().unwrap()), None);
}

#[test]
fn each_state_of_the_node_has_its_judgement() {
    for (state, health, codes) in [
        (NodeState::Joining, Health::Healthy, &["joining"][..]),
        (NodeState::Active, Health::Healthy, &[]),
        (NodeState::Draining, Health::Degraded, &["draining"]),
        (NodeState::Stopping, Health::Degraded, &["stopping"]),
        (NodeState::Gone, Health::Degraded, &["stopping"]),
        (NodeState::Restarting, Health::Degraded, &["stopping"]),
        (NodeState::Isolated, Health::Unhealthy, &["isolated"]),
        (NodeState::Mute, Health::Unhealthy, &["identity-in-use"]),
    ] {
        check(|segment| segment.state = state, health, codes);
    }
}

#[test]
fn each_liveness_of_a_peer_has_its_judgement() {
    for (liveness, health, codes) in [
        (Liveness::Unknown, Health::Degraded, &["peer-unknown"][..]),
        (Liveness::Alive, Health::Healthy, &[]),
        (Liveness::Suspect, Health::Healthy, &[]),
        (Liveness::Hung, Health::Degraded, &["peer-hung"]),
        (Liveness::Held, Health::Healthy, &[]),
        (Liveness::Dead, Health::Degraded, &["peer-dead"]),
    ] {
        check(
            |segment| segment.peers[0].liveness = liveness,
            health,
            codes,
        );
    }
}

#[test]
fn a_peer_that_was_never_heard_is_no_problem_while_joining() {
    check(
        |segment| {
            segment.state = NodeState::Joining;
            segment.peers[0].liveness = Liveness::Unknown;
        },
        Health::Healthy,
        &["joining"],
    );
}

#[test]
fn a_draining_peer_is_a_note() {
    check(
        |segment| segment.peers[0].state = Some(NodeState::Draining),
        Health::Healthy,
        &["peer-draining"],
    );
}

#[test]
fn an_address_without_holder_is_unhealthy_once_the_node_is_settled() {
    let vacate = |segment: &mut SegmentReport| segment.addresses[1].holder = Holder::Nobody;
    check(vacate, Health::Unhealthy, &["no-holder"]);
    check(
        |segment| {
            vacate(segment);
            segment.state = NodeState::Joining;
        },
        Health::Healthy,
        &["joining"],
    );
    check(
        |segment| {
            vacate(segment);
            segment.state = NodeState::Isolated;
        },
        Health::Unhealthy,
        &["isolated"],
    );
}

#[test]
fn an_address_that_is_held_but_not_local_is_unhealthy_after_a_while() {
    check(
        |segment| segment.addresses[0].is_local = false,
        Health::Unhealthy,
        &["not-local"],
    );
    check(
        |segment| {
            segment.addresses[0].is_local = false;
            segment.addresses[0].since = NOW - Duration::from_secs(1);
        },
        Health::Healthy,
        &[],
    );
}

#[test]
fn problems_stand_worst_first_and_each_once() {
    let mut lan = healthy();
    lan.problems.push(said(Severity::Note, "a-note"));
    lan.segments[0]
        .problems
        .push(said(Severity::Degraded, "b-warning"));
    lan.segments[0].peers[0].liveness = Liveness::Dead;
    let others = [
        said(Severity::Unhealthy, "z-broken"),
        said(Severity::Degraded, "b-warning"),
    ];
    let report = report(&lan, None, &others);
    let found: Vec<&str> = report.problems.iter().map(|p| p.code).collect();
    assert_eq!(found, ["z-broken", "b-warning", "peer-dead", "a-note"]);
    assert_eq!(
        report.summary(),
        "unhealthy: z-broken happened (and 3 more)"
    );
}

#[test]
fn dns_that_is_not_bound_is_unhealthy_unless_the_shell_said_more() {
    let mut broken = dns();
    broken.listeners[0].is_bound = false;
    let derived = report(&healthy(), Some(&broken), &[]);
    assert_eq!(derived.health, Health::Unhealthy);
    assert_eq!(derived.problems[0].code, "dns-not-listening");

    broken
        .problems
        .push(said(Severity::Unhealthy, "port-taken"));
    let said = report(&healthy(), Some(&broken), &[]);
    let codes: Vec<&str> = said.problems.iter().map(|p| p.code).collect();
    assert_eq!(codes, ["port-taken"]);
}

#[test]
fn lost_upstreams_degrade_only_if_none_is_left() {
    let mut lost = dns();
    lost.upstreams[0].state = "failing";
    assert_eq!(
        report(&healthy(), Some(&lost), &[]).health,
        Health::Degraded
    );
    let mut second = dns().upstreams;
    lost.upstreams.append(&mut second);
    assert_eq!(report(&healthy(), Some(&lost), &[]).health, Health::Healthy);
}

#[test]
fn no_segment_at_all_is_unhealthy_after_the_start() {
    let nothing = LanReport::default();
    let parts = Parts {
        lan: &nothing,
        dns: None,
        kubernetes: None,
        others: &[],
    };
    let at = |seconds: u64| {
        let now = Moment::from_millis(seconds * 1_000);
        build(&node(), &parts, now).health
    };
    assert_eq!((at(1), at(60)), (Health::Healthy, Health::Unhealthy));
}

#[test]
fn a_node_without_config_is_idle_and_says_why() {
    let node = NodeInfo {
        idle: Some("no config at /etc/sovnet/sovnet.toml".to_owned()),
        configured: Vec::new(),
        ..node()
    };
    let nothing = LanReport::default();
    let parts = Parts {
        lan: &nothing,
        dns: None,
        kubernetes: None,
        others: &[],
    };
    let report = build(&node, &parts, NOW);
    assert_eq!(
        report.summary(),
        "idle: no config at /etc/sovnet/sovnet.toml"
    );
    assert_eq!(report.problems, []);
}

#[test]
fn a_summary_names_four_addresses_at_most() {
    let mut lan = healthy();
    lan.segments[0].addresses = (1..=9)
        .map(|last| address(&format!("192.168.8.{last}"), Holder::This))
        .collect();
    let reason = report(&lan, None, &[]).health_reason;
    assert_eq!(
        reason,
        "speaking for 192.168.8.1, 192.168.8.2, 192.168.8.3, 192.168.8.4 and 5 more; \
         1 of 1 peers alive"
    );
}

#[test]
fn an_api_that_does_not_answer_is_degraded_and_never_unhealthy() {
    let kubernetes = KubernetesReport {
        state: ApiState::Unreachable,
        problems: vec![said(Severity::Note, "seen-before")],
        ..KubernetesReport::default()
    };
    let lan = healthy();
    let of = |since| {
        let kubernetes = KubernetesReport {
            since: Some(since),
            ..kubernetes.clone()
        };
        let parts = Parts {
            lan: &lan,
            dns: None,
            kubernetes: Some(&kubernetes),
            others: &[],
        };
        let report = build(&node(), &parts, NOW);
        let codes: Vec<_> = report.problems.iter().map(|problem| problem.code).collect();
        (report.health, codes)
    };
    let codes = vec!["kubernetes-unreachable", "seen-before"];
    assert_eq!(of(NOW), (Health::Healthy, codes.clone()));
    assert_eq!(of(Moment::default()), (Health::Degraded, codes));
}

#[test]
fn what_this_node_holds_is_told_and_who_is_dead_and_nowhere_else_anything_else() {
    let mut lan = healthy();
    let held: Vec<String> = lan.held().iter().map(ToString::to_string).collect();
    assert_eq!(held, ["192.168.8.240"]);
    let gone = |lan: &LanReport| {
        let names = lan.gone().into_iter();
        names.map(|name| name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(gone(&lan), [""; 0]);
    lan.segments[0].peers[0].liveness = Liveness::Dead;
    assert_eq!(gone(&lan), ["box-01"]);
    let mut other = lan.segments[0].clone();
    lan.segments.push(other.clone());
    assert_eq!(gone(&lan), ["box-01"]);
    other.peers[0].liveness = Liveness::Alive;
    lan.segments.push(other);
    assert_eq!(gone(&lan), [""; 0]);
}
