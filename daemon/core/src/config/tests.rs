//! What the config file accepts, refuses and says.

mod placement;
mod refusals;

use expect_test::expect;
use proptest::prelude::*;

use super::*;

const STATIC: &str = include_str!("../../../../packaging/static.toml");
const HOME: &str = include_str!("../../../../packaging/home.toml");

fn parse_well(text: &str) -> Config {
    parse(text).unwrap_or_else(|problems| panic!("{}", render("TEXT", &problems)))
}

/// The example with everything switched on that is switched off in it.
fn with_all_settings(example: &str) -> String {
    let is_setting = |line: &str| {
        line.strip_prefix('#')
            .is_some_and(|rest| rest.starts_with(|c: char| c == '[' || c.is_ascii_lowercase()))
    };
    example
        .lines()
        .map(|line| if is_setting(line) { &line[1..] } else { line })
        .flat_map(|line| [line, "\n"])
        .collect()
}

#[test]
fn an_empty_file_asks_for_nothing() {
    let config = parse_well("");
    assert_eq!(config.node_name, None);
    assert_eq!(config.cluster.port, PORT_DEFAULT);
    assert_eq!(config.cluster.key_file, None);
    assert!(config.announce.links.is_empty());
    assert!(config.addresses.is_empty());
    assert_eq!(config.dns, None);
    assert!(config.inactive.is_empty());
}

#[test]
fn the_static_example_is_all_active() {
    let config = parse_well(STATIC);
    assert_eq!(config.inactive, Vec::<String>::new());
    let addresses: Vec<_> = config
        .addresses
        .iter()
        .map(|entry| (entry.address.to_string(), entry.purpose))
        .collect();
    let expected = [
        ("192.168.8.240".to_owned(), Purpose::Host),
        ("192.168.8.241".to_owned(), Purpose::Dns),
    ];
    assert_eq!(addresses, expected);
    let key_file = std::path::Path::new("/etc/sovnet/cluster.key");
    assert_eq!(config.cluster.key_file.as_deref(), Some(key_file));
    assert_eq!(config.cluster.peers.len(), 2);
}

#[test]
fn the_static_example_answers_names() {
    expect![[r#"
        Some(
            Dns {
                listen: [
                    192.168.8.241:53,
                ],
                upstreams: [
                    1.1.1.1:53,
                    9.9.9.9:9953,
                ],
                recursion_for: [],
                hosts: [
                    (
                        router.internal.cloud.payne.io.,
                        [
                            192.168.8.1,
                        ],
                    ),
                    (
                        civil.internal.cloud.payne.io.,
                        [
                            192.168.8.222,
                        ],
                    ),
                    (
                        box-01.internal.cloud.payne.io.,
                        [
                            192.168.8.218,
                        ],
                    ),
                ],
                zones: [
                    Zone {
                        name: internal.cloud.payne.io.,
                        wildcard: Some(
                            192.168.8.240,
                        ),
                        pass: [
                            _acme-challenge.,
                        ],
                        ttl_secs: 60,
                        has_services: false,
                    },
                ],
            },
        )
    "#]]
    .assert_debug_eq(&parse_well(STATIC).dns);
}

#[test]
fn the_home_example_parses_and_says_what_is_not_acted_on() {
    let config = parse_well(HOME);
    assert_eq!(config.addresses.len(), 1);
    assert_eq!(config.pools.len(), 1);
    assert_eq!(config.kubernetes, Some(Kubernetes::default()));
    let zones = &config.dns.as_ref().expect("DNS is on").zones;
    let has_services: Vec<bool> = zones.iter().map(|zone| zone.has_services).collect();
    assert_eq!(has_services, [true, false]);
    expect![[r#"
        "from" of [[dns.zone]] internal.cloud.payne.io.: this version takes no names from ingresses yet
        "from" of [[dns.zone]] internal.cloud.payne.io.: this version takes no names from nodes yet
        "from" of [[dns.zone]] cloud.payne.io.: this version takes no names from ingresses yet
        [push]: this version brings nothing into the cluster yet"#]].assert_eq(&config.inactive.join("\n"));
}

#[test]
fn the_settings_that_are_switched_off_in_the_static_example_are_its_defaults() {
    let mut switched_on = parse_well(&with_all_settings(STATIC));
    let written = parse_well(STATIC);
    assert_eq!(
        switched_on.node_name.take().map(|name| name.to_string()),
        Some("civil".to_owned()),
        "the node's name is an example, not a default"
    );
    // Only pins and the parts for Kubernetes have no default.
    assert_eq!(std::mem::take(&mut switched_on.pins).len(), 1);
    assert_eq!(switched_on.pools.drain(..).count(), 1);
    assert_eq!(std::mem::take(&mut switched_on.reserves).len(), 1);
    let kubeconfig = switched_on
        .kubernetes
        .take()
        .and_then(|part| part.kubeconfig);
    assert_eq!(kubeconfig, Some("/etc/sovnet/kubeconfig".into()));
    switched_on
        .inactive
        .retain(|part| !part.starts_with("[push]"));
    assert_eq!(switched_on, written);
}

#[test]
fn every_key_is_documented_in_every_example() {
    let known: Vec<_> = reference::sections()
        .iter()
        .flat_map(|section| section.keys.iter().map(|key| (section.header, key.name)))
        .collect();
    assert!(known.len() > 30, "the list of keys is not empty: {known:?}");
    for (file, example) in [("static.toml", STATIC), ("home.toml", HOME)] {
        parse_well(&with_all_settings(example));
        for (section, key) in &known {
            let is_named = example
                .split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
                .any(|word| word == *key);
            assert!(is_named, "{file} does not name {section} {key}");
        }
    }
}

#[test]
fn an_address_for_dns_switches_dns_on() {
    let config = parse_well("[[address]]\naddress = \"192.168.8.241\"\npurpose = \"dns\"\n");
    let dns = config.dns.expect("DNS is on");
    assert_eq!(dns.listen, ["192.168.8.241:53".parse().unwrap()]);
    assert!(dns.upstreams.is_empty());
    assert!(dns.zones.is_empty());
}

#[test]
fn an_address_for_a_host_leaves_dns_off() {
    let config = parse_well("[[address]]\naddress = \"192.168.8.240\"\n");
    assert_eq!(config.dns, None);
    assert_eq!(config.addresses[0].purpose, Purpose::Host);
}

#[test]
fn endpoints_have_port_53_unless_they_name_one() {
    let config = parse_well(
        "[dns]\nlisten = ['192.168.8.222', '127.0.0.1:5353', '::1']\n\
         upstreams = ['1.1.1.1', '9.9.9.9:9953', '[2620:fe::fe]:54', '2620:fe::9', '[2620:fe::10]']",
    );
    let dns = config.dns.expect("DNS is on");
    let listen: Vec<_> = dns.listen.iter().map(ToString::to_string).collect();
    assert_eq!(listen, ["192.168.8.222:53", "127.0.0.1:5353", "[::1]:53"]);
    let upstreams: Vec<_> = dns.upstreams.iter().map(ToString::to_string).collect();
    let expected = [
        "1.1.1.1:53",
        "9.9.9.9:9953",
        "[2620:fe::fe]:54",
        "[2620:fe::9]:53",
        "[2620:fe::10]:53",
    ];
    assert_eq!(upstreams, expected);
}

#[test]
fn what_is_correct_but_not_acted_on_yet_is_said() {
    let config = parse_well(
        r#"
        [cluster]
        peers = ["192.168.8.218", "fd00::218"]
        [announce]
        detection = "fast"
        fail-back = { between = ["03:00", "05:00"] }
        conflict = "yield"
        [[pool]]
        name = "small"
        addresses = ["192.168.8.240/29", "192.168.8.250"]
        [[address]]
        address = "fd00::241"
        purpose = "dns"
        [dns]
        upstreams = ["tls://1.1.1.1", "https://dns.example.net/dns-query", "8.8.8.8"]
        [[dns.zone]]
        name = "home.arpa"
        from = ["nodes"]
        "#,
    );
    assert_eq!(config.cluster.peers.len(), 2);
    assert_eq!(config.announce.conflict, Conflict::Yield);
    assert_eq!(config.addresses.len(), 1);
    assert_eq!(config.announce.detection, Detection::Fast);
    let dns = config.dns.expect("DNS is on");
    assert_eq!(dns.upstreams.len(), 1);
    assert_eq!(dns.listen.len(), 1);
    expect![[r#"
        [[pool]] small (192.168.8.240/29 = 192.168.8.240-192.168.8.247, 8 addresses; 192.168.8.250, 1 address): has no effect without [kubernetes] in the file
        [dns] upstreams tls://1.1.1.1: this version leaves it out: it does not ask over TLS or HTTPS yet
        [dns] upstreams https://dns.example.net/dns-query: this version leaves it out: it does not ask over TLS or HTTPS yet
        "from" of [[dns.zone]] home.arpa.: has no effect without [kubernetes] in the file"#]].assert_eq(&config.inactive.join("\n"));
}

/// What gives addresses and names to Services, with `[kubernetes]` or without it.
fn for_services(kubernetes: &str) -> Config {
    parse_well(&format!(
        r#"
        {kubernetes}
        [[pool]]
        name = "both"
        addresses = ["192.168.8.240/31", "fd00::240-fd00::241", "192.168.8.250"]
        [[reserve]]
        address = "192.168.8.240"
        service = "kube-system/traefik"
        [dns]
        [[dns.zone]]
        name = "home.arpa"
        from = ["services", "ingress"]
        "#
    ))
}

#[test]
fn what_is_for_services_is_acted_on_with_kubernetes() {
    let config = for_services("[kubernetes]\nkubeconfig = '/etc/sovnet/kubeconfig'");
    let pool = &config.pools[0];
    let ranges: Vec<_> = pool.ranges.iter().map(ToString::to_string).collect();
    assert_eq!(
        ranges,
        [
            "192.168.8.240-192.168.8.241",
            "fd00::240-fd00::241",
            "192.168.8.250"
        ]
    );
    let addresses = pool.ranges.iter().flat_map(|range| range.iter());
    let addresses: Vec<_> = addresses.map(|address| address.to_string()).collect();
    assert_eq!(
        addresses,
        [
            "192.168.8.240",
            "192.168.8.241",
            "fd00::240",
            "fd00::241",
            "192.168.8.250"
        ]
    );
    assert!(pool.contains("192.168.8.241".parse().unwrap()));
    assert!(pool.contains("fd00::240".parse().unwrap()));
    assert_eq!(pool.rank(), (true, u32::MAX));
    assert!(pool.is_automatic && !pool.avoids_buggy && pool.cool_down.is_zero());
    let reserved = config
        .reserves
        .iter()
        .map(|(at, service)| format!("{at} {service}"));
    assert_eq!(
        reserved.collect::<Vec<_>>(),
        ["192.168.8.240 kube-system/traefik"]
    );
    assert!(config.dns.expect("DNS is on").zones[0].has_services);
    let kubeconfig = config.kubernetes.and_then(|part| part.kubeconfig);
    assert_eq!(kubeconfig, Some("/etc/sovnet/kubeconfig".into()));
    expect![[
        r#""from" of [[dns.zone]] home.arpa.: this version takes no names from ingresses yet"#
    ]]
    .assert_eq(&config.inactive.join("\n"));
}

#[test]
fn what_is_for_services_has_no_effect_without_kubernetes() {
    let config = for_services("");
    assert_eq!(config.kubernetes, None);
    assert!(!config.dns.expect("DNS is on").zones[0].has_services);
    expect![[r#"
        [[pool]] both (192.168.8.240/31 = 192.168.8.240-192.168.8.241, 2 addresses; fd00::240-fd00::241, 2 addresses; 192.168.8.250, 1 address): has no effect without [kubernetes] in the file
        [[reserve]] 192.168.8.240 for "kube-system/traefik": has no effect without [kubernetes] in the file
        "from" of [[dns.zone]] home.arpa.: has no effect without [kubernetes] in the file"#]]
    .assert_eq(&config.inactive.join("\n"));
}

#[test]
fn a_name_outside_every_zone_is_allowed() {
    let config = parse_well("[dns]\nhosts = { nas = ['192.168.8.5', 'fd00::5'] }");
    let dns = config.dns.expect("DNS is on");
    assert_eq!(dns.hosts[0].0.to_string(), "nas.");
    assert_eq!(dns.hosts[0].1.len(), 2);
}

#[test]
fn static_and_reserved_addresses_may_lie_in_a_pool() {
    parse_well(
        r#"
        [[pool]]
        name = "all"
        addresses = ["192.168.8.240-192.168.8.250"]
        [[reserve]]
        address = "192.168.8.240"
        service = "kube-system/traefik"
        [[address]]
        address = "192.168.8.241"
        "#,
    );
}

#[test]
fn ranges_read_as_people_write_them() {
    let read = |text: &str| text.parse::<range::AddressRange>();
    let range = read("192.168.8.240 - 192.168.8.250").unwrap();
    assert_eq!(
        (range.count(), range.to_string().as_str()),
        (11, "192.168.8.240-192.168.8.250")
    );
    let block = read("192.168.8.240/29").unwrap();
    assert_eq!(block.to_string(), "192.168.8.240-192.168.8.247");
    assert!(block.contains("192.168.8.247".parse().unwrap()));
    assert!(!block.contains("192.168.8.248".parse().unwrap()));
    assert!(!block.contains("fd00::1".parse().unwrap()));
    assert_eq!(read("fd00::/64").unwrap().count(), 1 << 64);
    assert_eq!(read("192.168.8.9").unwrap().count(), 1);
    assert!(
        read("10.0.0.0/32")
            .unwrap()
            .overlaps(&read("10.0.0.0/8").unwrap())
    );
    assert_eq!(
        read("10.0.0.0/33"),
        Err(range::RangeError::Prefix { bits: 32 })
    );
    assert_eq!(
        read("0.0.0.0/0").unwrap_err().to_string(),
        "holds the unspecified address"
    );
    assert_eq!(
        read("1.0.0.0-200.0.0.0").unwrap_err().to_string(),
        "holds a loopback address"
    );
}

/// A text in which the pieces of a config file come up often.
fn config_like() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("[dns]\n".to_owned()),
        Just("[[address]]\n".to_owned()),
        Just("address = \"192.168.8.240\"\n".to_owned()),
        Just("upstreams = [".to_owned()),
        Just("\"1.1.1.1\",".to_owned()),
        Just("]".to_owned()),
        Just("= { a = 1 }\n".to_owned()),
        Just("\u{feff}\r\n\t\u{1f3e0}".to_owned()),
        "\\PC{0,12}",
        "[a-z\"'#=\\[\\]{}.\n -]{0,12}",
    ];
    prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_text_is_read_without_a_panic(text in prop_oneof![config_like(), any::<String>()]) {
        if let Err(problems) = parse(&text) {
            prop_assert!(!problems.is_empty());
            let shown = render("FILE", &problems);
            prop_assert!(shown.starts_with("FILE:"));
        }
    }

    #[test]
    fn a_changed_example_is_read_without_a_panic(
        is_home in any::<bool>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0usize..8, "\\PC{0,3}"), 1..6),
    ) {
        let mut text: Vec<char> = if is_home { HOME } else { STATIC }.chars().collect();
        for (at, removed, added) in changes {
            let at = at.index(text.len());
            let end = (at + removed).min(text.len());
            text.splice(at..end, added.chars());
        }
        let text: String = text.into_iter().collect();
        let lines = text.matches('\n').count() + 1;
        for problem in parse(&text).err().unwrap_or_default() {
            prop_assert!((1..=lines).contains(&problem.line));
            prop_assert!(problem.length >= 1);
        }
    }
}
