//! Services and pools: what is announced from here, what is not, and what is said of it.

use super::*;
use crate::facts::cluster::{Bar, Service, TrafficPolicy};
use crate::facts::proxy::{ProxyFacts, ProxyState};

const CONFIG: &str = r#"
[kubernetes]
[[pool]]
name = "lan"
addresses = ["192.168.8.240-192.168.8.250"]
[[reserve]]
address = "192.168.8.9"
service = "home/tv"
"#;

/// A Service from words: `web 192.168.8.240 local ready=ada ending=bob class=x ip=192.168.8.9
/// port=30000`. With the policy `Cluster` it has an endpoint on no node, unless it is `unready`.
fn service(words: &str) -> (ServiceName, Service) {
    let mut words = words.split_whitespace();
    let name = ServiceName::new("home", words.next().unwrap()).unwrap();
    let mut service = Service::default();
    let mut is_ready = true;
    for word in words {
        match word.split_once('=') {
            Some(("ready", node)) => {
                service.ready_on.insert(node.parse().unwrap());
            }
            Some(("ending", node)) => {
                service.ending_on.insert(node.parse().unwrap());
            }
            Some(("port", port)) => service.health_port = Some(port.parse().unwrap()),
            Some(("class", class)) => service.class = Some(class.to_owned()),
            Some(("ip", address)) => {
                let asked = (address.parse().unwrap(), "note".to_owned());
                service.request.addresses.push(asked);
            }
            Some(other) => panic!("no word {other:?}"),
            None if word == "local" => service.policy = TrafficPolicy::Local,
            None if word == "unready" => is_ready = false,
            None => service.assigned.push(word.parse().unwrap()),
        }
    }
    service.is_ready_outside = is_ready && service.policy == TrafficPolicy::Cluster;
    (name, service)
}

/// Decides on the node ada; the cluster has the nodes ada and bob.
fn decided(config: &Config, links: &[&str], services: &[&str]) -> Decision {
    decided_with(config, links, services, None)
}

/// The same with what Kubernetes has against the node ada.
fn decided_with(config: &Config, links: &[&str], services: &[&str], bar: Option<Bar>) -> Decision {
    let known = Known {
        config,
        node: &"ada".parse().unwrap(),
        links: &facts(links),
        cluster: &cluster(services, bar),
        proxy: &ProxyFacts::default(),
        delivered: &BTreeSet::new(),
        kept: &BTreeSet::new(),
    };
    decide(&known)
}

fn cluster(services: &[&str], bar: Option<Bar>) -> ClusterFacts {
    let node = |name: &str| (name.parse().unwrap(), Vec::new());
    let services = services.iter().map(|words| service(words));
    ClusterFacts {
        services: services
            .map(|(name, service)| (name, service.into()))
            .collect(),
        nodes: BTreeMap::from([node("ada"), node("bob")]),
        barred: bar
            .map(|bar| ("ada".parse().unwrap(), bar))
            .into_iter()
            .collect(),
        ..ClusterFacts::default()
    }
}

fn check_services(top: &str, links: &[&str], services: &[&str], expected: Expect) {
    let config = config_of(top, &[]);
    expected.assert_eq(&show(&decided(&config, links, services)));
}

#[test]
fn the_address_of_a_service_is_announced_where_packets_can_be_delivered() {
    check_services(
        CONFIG,
        &[ETH],
        &[
            "any 192.168.8.240",
            "here 192.168.8.241 local ready=ada",
            "there 192.168.8.242 local ready=bob",
            "nowhere 192.168.8.243 local",
            "both 192.168.8.244 local ready=ada ready=bob",
            "leaving 192.168.8.245 local ending=ada ready=bob",
            "coming 192.168.8.246 local ready=ada ending=bob",
            "unready 192.168.8.247 unready",
            "remote 192.168.8.248 unready ready=bob",
            "none",
        ],
        expect![[r#"
            link 2: 192.168.8.222 in 192.168.8.0/24, gateway 192.168.8.1
              192.168.8.240 Serves forwarded
              192.168.8.241 Serves forwarded
              192.168.8.242 Cannot forwarded
              192.168.8.243 Cannot forwarded
              192.168.8.244 Serves forwarded
              192.168.8.245 Going forwarded
              192.168.8.246 Serves forwarded
              192.168.8.247 Cannot forwarded
              192.168.8.248 Serves forwarded
        "#]],
    );
}

#[test]
fn a_service_without_an_endpoint_is_announced_if_the_config_says_so() {
    check_services(
        &CONFIG.replace("[kubernetes]", "[kubernetes]\nannounce-unready = true"),
        &[ETH],
        &["any 192.168.8.240 unready", "here 192.168.8.241 local"],
        expect![[r#"
            link 2: 192.168.8.222 in 192.168.8.0/24, gateway 192.168.8.1
              192.168.8.240 Serves forwarded
              192.168.8.241 Cannot forwarded
        "#]],
    );
}

#[test]
fn who_has_no_endpoint_at_all_takes_a_shared_address_from_nobody() {
    check_services(
        CONFIG,
        &[ETH],
        &[
            "web 192.168.8.240",
            "down 192.168.8.240 unready",
            "here 192.168.8.241 local ready=ada",
            "nowhere 192.168.8.241 local",
        ],
        expect![[r#"
            link 2: 192.168.8.222 in 192.168.8.0/24, gateway 192.168.8.1
              192.168.8.240 Serves forwarded
              192.168.8.241 Serves forwarded
        "#]],
    );
}

#[test]
fn what_kubernetes_has_against_a_node_makes_it_a_last_resort_and_is_told() {
    let top = format!("{CONFIG}[[address]]\naddress = \"192.168.8.2\"\n");
    let config = config_of(&top, &[]);
    let services = [
        "any 192.168.8.240",
        "leaving 192.168.8.241 local ending=ada ready=bob",
        "there 192.168.8.242 local ready=bob",
    ];
    let of = |bar| show(&decided_with(&config, &[ETH], &services, Some(bar)));
    expect![[r#"
        link 2: 192.168.8.222 in 192.168.8.0/24, gateway 192.168.8.1
          192.168.8.2 Serves
          192.168.8.240 LastResort forwarded
          192.168.8.241 Going forwarded
          192.168.8.242 Cannot forwarded
        Note node-barred-by-kubernetes: Kubernetes has the label node.kubernetes.io/exclude-from-external-load-balancers on ada: it serves addresses of Services only if no other node can
          -> if it is to serve like the others: kubectl label node ada node.kubernetes.io/exclude-from-external-load-balancers-
    "#]].assert_eq(&of(Bar::Excluded));
    expect![[r#"
        link 2: 192.168.8.222 in 192.168.8.0/24, gateway 192.168.8.1
          192.168.8.2 LastResort
          192.168.8.240 LastResort forwarded
          192.168.8.241 Going forwarded
          192.168.8.242 Cannot forwarded
        Note node-barred-by-kubernetes: Kubernetes has the mark sovnet.internal/drain on ada: it serves addresses only if no other node can
          -> when it is to serve again, take sovnet.internal/drain off: kubectl edit node ada
    "#]].assert_eq(&of(Bar::Drain));
    for bar in [Bar::NetworkUnavailable, Bar::OutOfService] {
        let told = of(bar);
        assert!(
            told.contains(&format!("Kubernetes has {bar} on ada")),
            "{told}"
        );
    }
}

#[test]
fn only_what_the_config_gives_to_a_service_of_ours_is_announced() {
    check_services(
        CONFIG,
        &[ETH],
        &[
            "elsewhere 192.168.8.99",
            "foreign 192.168.8.240 class=example.org/lb",
            "own 192.168.8.241 class=sovnet.internal/l2",
            "six fd00::240",
            "thief 192.168.8.9",
        ],
        expect![[r#"
            link 2: 192.168.8.222 in 192.168.8.0/24, gateway 192.168.8.1
              192.168.8.241 Serves forwarded
        "#]],
    );
    check_services(
        CONFIG,
        &[ETH],
        &["tv 192.168.8.9"],
        expect![[r#"
        link 2: 192.168.8.222 in 192.168.8.0/24, gateway 192.168.8.1
          192.168.8.9 Serves forwarded
    "#]],
    );
}

#[test]
fn an_address_of_two_services_needs_both_to_be_delivered() {
    check_services(
        CONFIG,
        &[ETH],
        &["a 192.168.8.240", "b 192.168.8.240 local ready=bob"],
        expect![[r#"
            link 2: 192.168.8.222 in 192.168.8.0/24, gateway 192.168.8.1
              192.168.8.240 Cannot forwarded
        "#]],
    );
}

#[test]
fn a_pool_alone_opens_its_segment_and_says_when_it_has_none() {
    check_services(
        CONFIG,
        &[ETH],
        &[],
        expect![[r#"
        link 2: 192.168.8.222 in 192.168.8.0/24, gateway 192.168.8.1
    "#]],
    );
    check_services(
        CONFIG,
        &[&ETH.replace("eth0", "eth0 down")],
        &[],
        expect![[r#"
            link 2: 192.168.8.222 in 192.168.8.0/24, gateway 192.168.8.1
            Degraded link-down: eth0 is down: this node cannot serve any address there
              -> check the cable and the switch, or run `ip link set eth0 up`
        "#]],
    );
    check_services(
        CONFIG,
        &["3 eth1 10.0.0.2/8"],
        &["a 192.168.8.240"],
        expect![[r#"
            Unhealthy address-without-link: 192.168.8.240 is in the subnet of no interface that announces; there are 10.0.0.0/8 on eth1
              -> correct the address, or give an interface an address in the same subnet
            Degraded pool-without-link: [[pool]] lan: 192.168.8.240 is in the subnet of no interface that announces; there are 10.0.0.0/8 on eth1
              -> correct the address, or give an interface an address in the same subnet
        "#]],
    );
    let without = CONFIG.replace("[kubernetes]", "");
    check_services(&without, &[ETH], &[], expect![""]);
}

#[test]
fn a_service_never_has_an_address_of_the_config() {
    let top = format!("{CONFIG}[[address]]\naddress = \"192.168.8.245\"\n");
    check_services(
        &top,
        &[ETH],
        &[
            "has 192.168.8.245",
            "wants ip=192.168.8.245",
            "foreign 192.168.8.245 class=x",
        ],
        expect![[r#"
            link 2: 192.168.8.222 in 192.168.8.0/24, gateway 192.168.8.1
              192.168.8.245 Serves
            Degraded service-has-static-address: the Service home/has has or wants 192.168.8.245, which is an [[address]] of the config
              -> remove 192.168.8.245 from the Service, or the [[address]] from the config: kube-proxy takes the packets that are meant for the node itself
            Degraded service-has-static-address: the Service home/wants has or wants 192.168.8.245, which is an [[address]] of the config
              -> remove 192.168.8.245 from the Service, or the [[address]] from the config: kube-proxy takes the packets that are meant for the node itself
        "#]],
    );
}

#[test]
fn a_node_without_the_rules_of_kube_proxy_is_a_last_resort_but_for_what_it_speaks_for_a_while() {
    let top = format!("{CONFIG}[[address]]\naddress = \"192.168.8.2\"\n");
    let config = config_of(&top, &[]);
    let of = |state, reason: &str| {
        let decision = decide(&Known {
            config: &config,
            node: &"ada".parse().unwrap(),
            links: &facts(&[ETH]),
            cluster: &cluster(&["kept 192.168.8.240", "free 192.168.8.241"], None),
            proxy: &ProxyFacts {
                state,
                reason: reason.to_owned(),
            },
            delivered: &BTreeSet::new(),
            kept: &BTreeSet::from(["192.168.8.240".parse().unwrap()]),
        });
        show(&decision)
    };
    let calm = of(ProxyState::Unknown, "");
    assert!(!calm.contains("LastResort"), "{calm}");
    assert_eq!(calm, of(ProxyState::Ready, ""));
    expect![[r#"
        link 2: 192.168.8.222 in 192.168.8.0/24, gateway 192.168.8.1
          192.168.8.2 Serves
          192.168.8.240 LastResort forwarded
          192.168.8.241 LastResort forwarded
        Degraded kube-proxy-not-ready: kube-proxy is not ready since this machine started (connection refused): this node serves addresses of Services only if no other node can
          -> find out why it does not run here (with k3s: `journalctl -u k3s -u k3s-agent`); if this cluster does without it: [kubernetes] kube-proxy = "none"
    "#]]
    .assert_eq(&of(ProxyState::Awaited, "connection refused"));
    expect![[r#"
        link 2: 192.168.8.222 in 192.168.8.0/24, gateway 192.168.8.1
          192.168.8.2 Serves
          192.168.8.240 Serves forwarded
          192.168.8.241 LastResort forwarded
        Degraded kube-proxy-not-ready: kube-proxy does not say any more that it is well (connection refused): addresses of Services stay here, and others come only if no other node can take them
          -> find out why it does not run here (with k3s: `journalctl -u k3s -u k3s-agent`); if this cluster does without it: [kubernetes] kube-proxy = "none"
    "#]]
    .assert_eq(&of(ProxyState::Gone, "connection refused"));
    expect![[r#"
        link 2: 192.168.8.222 in 192.168.8.0/24, gateway 192.168.8.1
          192.168.8.2 Serves
          192.168.8.240 LastResort forwarded
          192.168.8.241 LastResort forwarded
        Degraded kube-proxy-not-ready: kube-proxy has not said for a minute that it is well (it answers 503 Service Unavailable), and its rules get old: this node serves addresses of Services only if no other node can
          -> find out why it does not run here (with k3s: `journalctl -u k3s -u k3s-agent`); if this cluster does without it: [kubernetes] kube-proxy = "none"
    "#]]
    .assert_eq(&of(ProxyState::Stale, "it answers 503 Service Unavailable"));
}

#[test]
fn a_local_endpoint_that_has_just_become_ready_is_coming_until_kube_proxy_delivers() {
    let config = config_of(CONFIG, &[]);
    let of = |state, delivered: &[&str]| {
        let names = delivered.iter().map(|name| ServiceName::new("home", name));
        let services = [
            "new 192.168.8.240 local ready=ada port=30000",
            "old 192.168.8.241 local ready=ada port=30001",
            "portless 192.168.8.242 local ready=ada",
            "any 192.168.8.243 port=30002",
            "elsewhere 192.168.8.244 local ready=bob port=30003",
        ];
        let decision = decide(&Known {
            config: &config,
            node: &"ada".parse().unwrap(),
            links: &facts(&[ETH]),
            cluster: &cluster(&services, None),
            proxy: &ProxyFacts {
                state,
                reason: String::new(),
            },
            delivered: &names.map(Result::unwrap).collect(),
            kept: &BTreeSet::new(),
        });
        show(&decision)
    };
    expect![[r#"
        link 2: 192.168.8.222 in 192.168.8.0/24, gateway 192.168.8.1
          192.168.8.240 Going forwarded
          192.168.8.241 Serves forwarded
          192.168.8.242 Serves forwarded
          192.168.8.243 Serves forwarded
          192.168.8.244 Cannot forwarded
    "#]]
    .assert_eq(&of(ProxyState::Ready, &["old"]));
    let without = of(ProxyState::Unknown, &[]);
    assert_eq!(without, of(ProxyState::Ready, &["old", "new"]));
}

#[test]
fn a_node_that_kubernetes_does_not_know_says_so() {
    let config = config_of(CONFIG, &[]);
    let of = |names: &[&str]| {
        let nodes = names.iter().map(|name| (name.parse().unwrap(), Vec::new()));
        let decision = decide(&Known {
            config: &config,
            node: &"ada".parse().unwrap(),
            links: &facts(&[ETH]),
            cluster: &ClusterFacts {
                nodes: nodes.collect(),
                ..ClusterFacts::default()
            },
            proxy: &ProxyFacts::default(),
            delivered: &BTreeSet::new(),
            kept: &BTreeSet::new(),
        });
        show(&decision)
    };
    assert_eq!(of(&[]), of(&["ada", "bob"]), "nothing is known yet");
    expect![[r#"
        link 2: 192.168.8.222 in 192.168.8.0/24, gateway 192.168.8.1
        Degraded node-unknown-to-kubernetes: Kubernetes has no node ada; it has bob, eve
          -> write this machine's Kubernetes node name as [node] name: until then Services with externalTrafficPolicy Local are not announced from here
    "#]].assert_eq(&of(&["bob", "eve"]));
}

#[test]
fn more_addresses_than_nodes_can_state_are_named() {
    let top = CONFIG.replace("192.168.8.240-192.168.8.250", "10.0.0.0/16");
    let words: Vec<String> = (0..5_000)
        .map(|n| format!("s{n:04} 10.0.{}.{}", n / 250 + 1, n % 250 + 1))
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let config = config_of(&top, &["192.168.8.2"]);
    let decision = decided(&config, &[ETH], &words);
    let problems = decision.problems.into_iter();
    let too_many = problems.filter(|problem| problem.code == "too-many-addresses");
    expect![[r#"
        [
            Problem {
                severity: Unhealthy,
                code: "too-many-addresses",
                what: "10.0.20.250 of home/s4999 is not announced: the nodes announce at most 5000 addresses",
                remedy: "remove Services of type LoadBalancer that are not needed",
            },
        ]
    "#]].assert_debug_eq(&too_many.collect::<Vec<_>>());
}
