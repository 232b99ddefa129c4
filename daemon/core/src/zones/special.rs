//! Names that are never asked for upstream, whoever asks: special names (RFC 6761, RFC 6762,
//! RFC 7686, RFC 8375, RFC 9462) and the reverse names of private address space (RFC 6303,
//! RFC 7793). Called by `build`; what the config says of the same names wins.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::build::empty_zone;
use super::{Entry, Extent, Node};
use crate::names::DnsName;

/// Top-level names that the root does not have, with the reason that is told.
const ABSENT: [(&str, &str); 4] = [
    ("invalid", "names below invalid never exist (RFC 6761)"),
    ("test", "names below test are for tests (RFC 6761)"),
    (
        "local",
        "names below local are asked for by mDNS (RFC 6762)",
    ),
    ("onion", "names below onion are asked for by Tor (RFC 7686)"),
];

/// The special zones.
pub(super) fn entries() -> BTreeMap<DnsName, Entry> {
    let mut entries = BTreeMap::new();
    entries.insert(name("localhost"), Entry::Loopback);
    for (top, reason) in ABSENT {
        entries.insert(name(top), Entry::Absent(reason));
    }
    let mut trees = private_reverse();
    // Discovery of encrypted resolvers: about this resolver, never about another one (RFC 9462).
    trees.extend(["home.arpa".to_owned(), "resolver.arpa".to_owned()]);
    for tree in trees {
        let apex = name(&tree);
        let mut zone = empty_zone(apex.clone(), Extent::Tree);
        for address in [
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(Ipv6Addr::LOCALHOST),
        ] {
            let reverse = reverse_name(address);
            if reverse.is_within(&apex) {
                let pointers = vec![name("localhost")];
                zone.nodes.insert(
                    reverse,
                    Node {
                        addresses: Vec::new(),
                        pointers,
                    },
                );
            }
        }
        if tree == "resolver.arpa" {
            zone.nodes
                .insert(name("_dns.resolver.arpa"), Node::default());
        }
        entries.insert(apex, Entry::Zone(Box::new(zone)));
    }
    entries
}

/// The name that asks for the name of an address (RFC 1035 section 3.5, RFC 3596 section 2.5).
pub(super) fn reverse_name(address: IpAddr) -> DnsName {
    let text = match address {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(v6) => {
            let mut text = String::new();
            for byte in v6.octets().iter().rev() {
                text.push_str(&format!("{:x}.{:x}.", byte & 15, byte >> 4));
            }
            text + "ip6.arpa"
        }
    };
    name(&text)
}

fn private_reverse() -> Vec<String> {
    let v4 = |prefix: &str| format!("{prefix}.in-addr.arpa");
    let v6 = |prefix: &str| format!("{prefix}.ip6.arpa");
    let mut zones: Vec<String> = [
        "0",
        "10",
        "127",
        "254.169",
        "168.192",
        "2.0.192",
        "100.51.198",
        "113.0.203",
        "255.255.255.255",
    ]
    .map(v4)
    .to_vec();
    zones.extend((16..=31).map(|second| v4(&format!("{second}.172"))));
    zones.extend((64..=127).map(|second| v4(&format!("{second}.100"))));
    zones.extend(
        [
            "c.f",
            "d.f",
            "8.e.f",
            "9.e.f",
            "a.e.f",
            "b.e.f",
            "8.b.d.0.1.0.0.2",
        ]
        .map(v6),
    );
    let unspecified = vec!["0"; 32].join(".");
    zones.push(v6(&unspecified));
    zones.push(v6(&format!("1{}", &unspecified[1..])));
    zones
}

fn name(text: &str) -> DnsName {
    text.parse()
        .expect("the names of this file are well-formed")
}
