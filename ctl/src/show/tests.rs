//! Screens and documents of four nodes, compared as a whole.

mod crowd;
mod planned;

use std::collections::BTreeMap;

use expect_test::{Expect, expect, expect_file};
use sovnet_control::status::{
    Address, Conflict, DhcpServer, Dns, Kubernetes, Listener, Peer, Problem, SCHEMA, Segment,
    Service, Status, Upstream, Zone,
};

use super::{details, exit_code, json, table};

fn address(last: u8, holder: Option<&str>) -> Address {
    Address {
        address: format!("192.168.8.{last}"),
        purpose: if last == 241 { "dns" } else { "host" }.to_owned(),
        service: None,
        holder: holder.map(str::to_owned),
        is_held_here: holder == Some("civil"),
        holder_mac: holder.map(|name| match name {
            "civil" => "02:00:00:00:00:01".to_owned(),
            _ => "02:00:00:00:00:02".to_owned(),
        }),
        term: 3,
        ability: 3,
        is_local: holder == Some("civil"),
        held_for_ms: 14_520_000,
        reason: "the hash picked it among 2 able nodes".to_owned(),
        is_moved: false,
        pinned_to: None,
        pinned_by: None,
        returns_to: None,
        returns_in_ms: None,
        fails_back_to: None,
        fails_back_in_ms: None,
        held_back: None,
        seen_by: Vec::new(),
        unseen_by: Vec::new(),
    }
}

fn peer() -> Peer {
    Peer {
        name: Some("box-01".to_owned()),
        id: Some("0202020202020202".to_owned()),
        address: "192.168.8.218".to_owned(),
        mac: Some("02:00:00:00:00:02".to_owned()),
        liveness: "alive".to_owned(),
        reason: "heard within its threshold".to_owned(),
        liveness_for_ms: 14_520_000,
        state: Some("active".to_owned()),
        claims: 1,
        heard_ms_ago: Some(12),
        threshold_ms: 90,
        key: Some("01020304".to_owned()),
        detection: None,
        suspicion: None,
        version: Some("0.1.0".to_owned()),
    }
}

fn dns() -> Dns {
    let listener = |transport: &str| Listener {
        address: "192.168.8.241:53".to_owned(),
        transport: transport.to_owned(),
        is_bound: true,
    };
    Dns {
        listeners: vec![listener("udp"), listener("tcp")],
        zones: vec![Zone {
            name: "internal.cloud.payne.io".to_owned(),
            names: 31,
        }],
        upstreams: vec![
            Upstream {
                address: "1.1.1.1:53".to_owned(),
                state: "ok".to_owned(),
                reason: "answered".to_owned(),
                last_rtt_ms: Some(9.26),
            },
            Upstream {
                address: "8.8.8.8:53".to_owned(),
                state: "redirected".to_owned(),
                reason: "our own query came back through the router".to_owned(),
                last_rtt_ms: None,
            },
        ],
        counters: BTreeMap::from([("queries".to_owned(), 214)]),
    }
}

pub(crate) fn healthy() -> Status {
    Status {
        schema: SCHEMA.to_owned(),
        version: "0.1.0".to_owned(),
        node: "civil".to_owned(),
        id: "0101010101010101".to_owned(),
        health: "healthy".to_owned(),
        health_reason: "speaking for 192.168.8.240; 1 of 1 peers alive".to_owned(),
        config_file: "/etc/sovnet/sovnet.toml".to_owned(),
        uptime_ms: 14_520_000,
        segments: vec![Segment {
            link: "eth0".to_owned(),
            mac: "02:00:00:00:00:01".to_owned(),
            own_address: "192.168.8.222".to_owned(),
            state: "active".to_owned(),
            state_reason: "joined with box-01".to_owned(),
            state_for_ms: 14_519_000,
            addresses: vec![address(240, Some("civil")), address(241, Some("box-01"))],
            peers: vec![peer()],
            counters: BTreeMap::from([("arp-answered".to_owned(), 7)]),
            turns: None,
            keys: vec!["01020304".to_owned()],
            conflicts: Vec::new(),
            dhcp_servers: Vec::new(),
            pool_addresses_watched: 0,
            pool_addresses_found_free: 0,
        }],
        dns: Some(dns()),
        kubernetes: None,
        problems: Vec::new(),
        control_counters: BTreeMap::from([("calls".to_owned(), 1)]),
    }
}

fn problem(severity: &str, code: &str, what: &str, remedy: &str) -> Problem {
    Problem {
        severity: severity.to_owned(),
        code: code.to_owned(),
        what: what.to_owned(),
        remedy: remedy.to_owned(),
    }
}

fn degraded() -> Status {
    let mut status = healthy();
    let segment = &mut status.segments[0];
    segment.addresses[1] = address(241, Some("civil"));
    segment.addresses[1].reason = "took it over: box-01 died".to_owned();
    segment.peers[0].liveness = "dead".to_owned();
    segment.peers[0].reason = "silent for 41 s and no answer to ARP".to_owned();
    segment.peers[0].heard_ms_ago = Some(41_000);
    status.health = "degraded".to_owned();
    status.problems = vec![problem(
        "degraded",
        "peer-dead",
        "peer box-01 (192.168.8.218) is dead: silent for 41 s and no answer to ARP",
        "look at box-01 (192.168.8.218): power, cable, `systemctl status sovnetd` there",
    )];
    status
}

fn unhealthy() -> Status {
    let mut status = degraded();
    let segment = &mut status.segments[0];
    segment.state = "isolated".to_owned();
    segment.state_reason = "neither peers nor gateway answer".to_owned();
    for address in &mut segment.addresses {
        address.holder = None;
        address.holder_mac = None;
        address.is_held_here = false;
        address.reason = "isolated: this node is silent".to_owned();
    }
    status.health = "unhealthy".to_owned();
    let isolated = problem(
        "unhealthy",
        "isolated",
        "isolated on eth0: neither peers nor gateway answer",
        "check this node's cable, switch port and router",
    );
    status.problems.insert(0, isolated);
    status
}

fn idle() -> Status {
    Status {
        health: "idle".to_owned(),
        health_reason: "no config at /etc/sovnet/sovnet.toml: nothing is announced".to_owned(),
        config_file: String::new(),
        uptime_ms: 41_000,
        segments: Vec::new(),
        dns: None,
        kubernetes: None,
        ..healthy()
    }
}

fn check(status: &Status, width: Option<usize>, expected: &Expect) {
    let text = table(status, width);
    if let Some(width) = width {
        for line in text.lines() {
            assert!(line.chars().count() <= width, "{line}");
        }
    }
    expected.assert_eq(&text);
}

#[test]
fn a_healthy_node() {
    check(
        &healthy(),
        None,
        &expect![[r#"
            sovnet 0.1.0 on civil    healthy, up 4 h 2 m

              ADDRESS        FOR   HOLDER             MAC                TERM  SINCE    SEEN BY  WHY
            ● 192.168.8.240  host  civil (this node)  02:00:00:00:00:01  3     4 h 2 m  -        the hash picked it among 2 able nodes
            ● 192.168.8.241  dns   box-01             02:00:00:00:00:02  3     4 h 2 m  -        the hash picked it among 2 able nodes

              NODE    ADDRESS        STATE   LIVENESS       HEARD      THRESHOLD  ADDRESSES  VERSION  KEY       WHY
            ● civil   192.168.8.222  active  this node      -          -          1          0.1.0    01020304  joined with box-01
            ● box-01  192.168.8.218  active  alive 4 h 2 m  12 ms ago  90 ms      1          0.1.0    01020304  heard within its threshold

              link eth0 (02:00:00:00:00:01) active for 4 h 1 m
              dns listening on 192.168.8.241:53 (udp, tcp)
              zones internal.cloud.payne.io (31 names)
              upstreams 1.1.1.1:53 ok 9.3 ms, 8.8.8.8:53 redirected (our own query came back through the router)
        "#]],
    );
}

fn service(name: &str, state: &str, address: Option<&str>) -> Service {
    Service {
        name: name.to_owned(),
        state: state.to_owned(),
        reason: "spec.loadBalancerIP asks for it".to_owned(),
        addresses: address.into_iter().map(str::to_owned).collect(),
        pool: address.map(|_| "production".to_owned()),
        policy: "Local".to_owned(),
        ready_here: true,
        ready_nodes: 2,
        complaint: None,
    }
}

/// A node with Services and without the API.
fn with_services() -> Status {
    let mut status = healthy();
    let address = &mut status.segments[0].addresses[0];
    address.purpose = "service".to_owned();
    address.service = Some("kube-system/traefik".to_owned());
    address.is_local = false;
    let mut refused = service("web/page", "refused", None);
    refused.reason = "192.168.8.241 is an [[address]] of the config, which no Service gets".into();
    let mut unready = service("web/shop", "assigned", Some("192.168.8.242"));
    unready.ready_here = false;
    unready.ready_nodes = 0;
    status.kubernetes = Some(Kubernetes {
        state: "unreachable".to_owned(),
        reason: "Connection refused (os error 111)".to_owned(),
        state_for_ms: 61_000,
        server: "https://192.168.8.222:6443".to_owned(),
        credentials: "/var/lib/sovnet/kubernetes/kubeconfig".to_owned(),
        last_contact_ms: Some(62_000),
        writer: Some("box-01".to_owned()),
        is_writer: false,
        is_from_disk: true,
        services: vec![
            service("kube-system/traefik", "assigned", Some("192.168.8.240")),
            refused,
            unready,
        ],
    });
    status
}

#[test]
fn a_node_with_services_and_without_the_api() {
    check(
        &with_services(),
        None,
        &expect![[r#"
            sovnet 0.1.0 on civil    healthy, up 4 h 2 m

              ADDRESS        FOR                  HOLDER             MAC                TERM  SINCE    SEEN BY  WHY
            ● 192.168.8.240  kube-system/traefik  civil (this node)  02:00:00:00:00:01  3     4 h 2 m  -        the hash picked it among 2 able nodes
            ● 192.168.8.241  dns                  box-01             02:00:00:00:00:02  3     4 h 2 m  -        the hash picked it among 2 able nodes

              NODE    ADDRESS        STATE   LIVENESS       HEARD      THRESHOLD  ADDRESSES  VERSION  KEY       WHY
            ● civil   192.168.8.222  active  this node      -          -          1          0.1.0    01020304  joined with box-01
            ● box-01  192.168.8.218  active  alive 4 h 2 m  12 ms ago  90 ms      1          0.1.0    01020304  heard within its threshold

              SERVICE              STATE     ADDRESS        POOL        POLICY  ENDPOINTS      WHY
            ● kube-system/traefik  assigned  192.168.8.240  production  Local   here, 2 nodes  spec.loadBalancerIP asks for it
            ✗ web/page             refused   -              -           Local   here, 2 nodes  192.168.8.241 is an [[address]] of the config, which no Service gets
            ✗ web/shop             assigned  192.168.8.242  production  Local   0 nodes        spec.loadBalancerIP asks for it

              link eth0 (02:00:00:00:00:01) active for 4 h 1 m
              dns listening on 192.168.8.241:53 (udp, tcp)
              zones internal.cloud.payne.io (31 names)
              upstreams 1.1.1.1:53 ok 9.3 ms, 8.8.8.8:53 redirected (our own query came back through the router)
              kubernetes unreachable at https://192.168.8.222:6443 for 1 m (Connection refused (os error 111)), box-01 writes, what is known of Services is from the disk
        "#]],
    );
}

#[test]
fn a_degraded_node() {
    check(
        &degraded(),
        None,
        &expect![[r#"
            sovnet 0.1.0 on civil    DEGRADED: 1 warning, up 4 h 2 m

              ADDRESS        FOR   HOLDER             MAC                TERM  SINCE    SEEN BY  WHY
            ● 192.168.8.240  host  civil (this node)  02:00:00:00:00:01  3     4 h 2 m  -        the hash picked it among 2 able nodes
            ● 192.168.8.241  dns   civil (this node)  02:00:00:00:00:01  3     4 h 2 m  -        took it over: box-01 died

              NODE    ADDRESS        STATE   LIVENESS      HEARD     THRESHOLD  ADDRESSES  VERSION  KEY       WHY
            ● civil   192.168.8.222  active  this node     -         -          2          0.1.0    01020304  joined with box-01
            ✗ box-01  192.168.8.218  active  dead 4 h 2 m  41 s ago  90 ms      1          0.1.0    01020304  silent for 41 s and no answer to ARP

              link eth0 (02:00:00:00:00:01) active for 4 h 1 m
              dns listening on 192.168.8.241:53 (udp, tcp)
              zones internal.cloud.payne.io (31 names)
              upstreams 1.1.1.1:53 ok 9.3 ms, 8.8.8.8:53 redirected (our own query came back through the router)

            ! warning peer-dead: peer box-01 (192.168.8.218) is dead: silent for 41 s and no answer to ARP
              -> look at box-01 (192.168.8.218): power, cable, `systemctl status sovnetd` there
        "#]],
    );
}

#[test]
fn an_unhealthy_node_on_eighty_columns() {
    check(
        &unhealthy(),
        Some(80),
        &expect![[r#"
            sovnet 0.1.0 on civil    UNHEALTHY: 1 problem, 1 warning, up 4 h 2 m

              ADDRESS        FOR   HOLDER  MAC  TERM  SINCE    SEEN BY
            ✗ 192.168.8.240  host  nobody  -    3     4 h 2 m  -
                isolated: this node is silent
            ✗ 192.168.8.241  dns   nobody  -    3     4 h 2 m  -
                isolated: this node is silent

              NODE    ADDRESS        STATE     LIVENESS      HEARD     ADDRESSES  VERSION
            ✗ civil   192.168.8.222  isolated  this node     -         0          0.1.0
                neither peers nor gateway answer
            ✗ box-01  192.168.8.218  active    dead 4 h 2 m  41 s ago  1          0.1.0
                silent for 41 s and no answer to ARP

              link eth0 (02:00:00:00:00:01) isolated for 4 h 1 m
              dns listening on 192.168.8.241:53 (udp, tcp)
              zones internal.cloud.payne.io (31 names)
              upstreams 1.1.1.1:53 ok 9.3 ms, 8.8.8.8:53 redirected (our own query came back
                through the router)

            ✗ problem isolated: isolated on eth0: neither peers nor gateway answer
              -> check this node's cable, switch port and router
            ! warning peer-dead: peer box-01 (192.168.8.218) is dead: silent for 41 s and no
              answer to ARP
              -> look at box-01 (192.168.8.218): power, cable, `systemctl status sovnetd`
                 there
        "#]],
    );
}

#[test]
fn an_idle_node() {
    check(
        &idle(),
        Some(80),
        &expect![[r#"
        sovnet 0.1.0 on civil    idle, up 41 s

        no config at /etc/sovnet/sovnet.toml: nothing is announced
    "#]],
    );
}

#[test]
fn a_healthy_node_on_a_narrow_terminal() {
    check(
        &healthy(),
        Some(50),
        &expect![[r#"
            sovnet 0.1.0 on civil    healthy, up 4 h 2 m

              ADDRESS        FOR   HOLDER             SINCE
            ● 192.168.8.240  host  civil (this node)  4 h 2 m
                the hash picked it among 2 able nodes
            ● 192.168.8.241  dns   box-01             4 h 2 m
                the hash picked it among 2 able nodes

              NODE    STATE   LIVENESS       ADDRESSES
            ● civil   active  this node      1
                joined with box-01
            ● box-01  active  alive 4 h 2 m  1
                heard within its threshold

              link eth0 (02:00:00:00:00:01) active for 4 h 1 m
              dns listening on 192.168.8.241:53 (udp, tcp)
              zones internal.cloud.payne.io (31 names)
              upstreams 1.1.1.1:53 ok 9.3 ms, 8.8.8.8:53
                redirected (our own query came back through
                the router)
        "#]],
    );
}

#[test]
fn the_json_document_is_stable() {
    expect_file!["status.json"].assert_eq(&json(&healthy()));
    expect_file!["status-kubernetes.json"].assert_eq(&json(&with_services()));
}

#[test]
fn the_exit_code_is_the_health() {
    let codes = [healthy(), degraded(), unhealthy(), idle()].map(|status| exit_code(&status));
    assert_eq!(codes, [0, 3, 4, 3]);
}

#[test]
fn every_mark_has_its_word() {
    for status in [degraded(), unhealthy()] {
        let text = table(&status, None);
        for line in text
            .lines()
            .filter(|line| line.starts_with(['!', '\u{2717}']))
        {
            let words = ["dead", "nobody", "isolated", "warning", "problem"];
            assert!(words.iter().any(|word| line.contains(word)), "{line}");
        }
    }
}

#[test]
fn a_name_from_the_network_cannot_command_the_terminal() {
    let mut status = healthy();
    status.segments[0].peers[0].version = Some("1\u{1b}[2J\n".to_owned());
    status.segments[0].peers[0].reason = "\u{7}".to_owned();
    let text = table(&status, None);
    assert!(!text.contains(['\u{1b}', '\u{7}']), "{text:?}");
}

#[test]
fn who_uses_an_address_of_ours_and_who_gives_addresses_away_is_shown() {
    let mut status = healthy();
    let segment = &mut status.segments[0];
    segment.conflicts.push(Conflict {
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
    });
    segment.dhcp_servers.push(DhcpServer {
        address: "192.168.8.1".to_owned(),
        mac: "e4:95:6e:00:00:01".to_owned(),
        vendor: None,
        lowest: Some("192.168.8.100".to_owned()),
        highest: Some("192.168.8.199".to_owned()),
        last_heard_ms_ago: 5_000,
        messages: 4,
    });
    let screen = table(&status, None);
    let told = "Synology Incorporated; the address is announced; seen by announcement; defended \
                (policy defend)";
    assert!(screen.contains(told), "{screen}");
    assert!(screen.contains("00:11:32:01:02:03"), "{screen}");
    let dhcp = "dhcp 192.168.8.1 (e4:95:6e:00:00:01) gave away 192.168.8.100 to 192.168.8.199";
    assert!(screen.contains(dhcp), "{screen}");
}
