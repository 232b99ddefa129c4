//! Refusals of names, words, numbers and of what does not fit together.

use expect_test::expect;

use super::super::super::{ADDRESSES_MAX, TEXT_BYTES_MAX, parse};
use super::check;

#[test]
fn single_values_are_judged() {
    check(
        r#"
[node]
name = "civil node"
[cluster]
key-file = "cluster.key"
port = 53
[announce]
links = ["an-interface-with-a-long-name"]
detection = "fats"
fail-back = "sometimes"
conflict = "fight"
"#,
        expect![[r#"
            sovnet.toml:3:8: [node] name: "civil node" is no node name: a node name has 1 to 63 letters, digits, '-' or '.'
                name = "civil node"
                       ^^^^^^^^^^^^
            sovnet.toml:5:12: [cluster] key-file: "cluster.key" is no absolute path
                key-file = "cluster.key"
                           ^^^^^^^^^^^^^
                hint: a path starts with '/', such as "/etc/sovnet/cluster.key"
            sovnet.toml:6:8: [cluster] port: a UDP port from 1 to 65535 is wanted, and not 53
                port = 53
                       ^^
            sovnet.toml:8:10: [announce] links: "an-interface-with-a-long-name" is no interface name: an interface name has 1 to 15 characters, without '/' and white space
                links = ["an-interface-with-a-long-name"]
                         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
            sovnet.toml:9:13: [announce] detection: "fats" is not one of default, fast, slow
                detection = "fats"
                            ^^^^^^
                hint: did you mean "fast"?
            sovnet.toml:10:13: [announce] fail-back: this is no way to fail back
                fail-back = "sometimes"
                            ^^^^^^^^^^^
                hint: write "never", { after = "10m" } or { between = ["03:00", "05:00"] }
            sovnet.toml:11:12: [announce] conflict: "fight" is not one of defend, yield, quarantine
                conflict = "fight"
                           ^^^^^^^
        "#]],
    );
}

#[test]
fn zones_are_judged() {
    check(
        r#"
[dns]
recursion-for = ["192.168.8.1/24", "192.168.8.0"]
[[dns.zone]]
name = "home..arpa"
pass = ["a.b", "*"]
ttl = 0
from = ["service"]
[[dns.zone]]
ttl = 99999999999999999999
"#,
        expect![[r#"
            sovnet.toml:3:18: [dns] recursion-for: "192.168.8.1/24" is an address within a subnet
                recursion-for = ["192.168.8.1/24", "192.168.8.0"]
                                 ^^^^^^^^^^^^^^^^
                hint: the subnet is "192.168.8.0/24"
            sovnet.toml:3:36: [dns] recursion-for: "192.168.8.0" is no subnet: a subnet is written 192.0.2.0/24
                recursion-for = ["192.168.8.1/24", "192.168.8.0"]
                                                   ^^^^^^^^^^^^^
            sovnet.toml:5:8: [[dns.zone]] name: "home..arpa" is no domain name: a label of a domain name has 1 to 63 bytes
                name = "home..arpa"
                       ^^^^^^^^^^^^
            sovnet.toml:6:9: [[dns.zone]] pass: "a.b" has more than one label
                pass = ["a.b", "*"]
                        ^^^^^
                hint: write the label directly below the zone, such as "_acme-challenge"
            sovnet.toml:6:16: [[dns.zone]] pass: "*" is no domain name: a domain name that is written in a file has letters, digits, '-', '_' and '.'
                pass = ["a.b", "*"]
                               ^^^
            sovnet.toml:7:7: [[dns.zone]] ttl: 1 to 86400 seconds are possible
                ttl = 0
                      ^
            sovnet.toml:8:9: [[dns.zone]] from: "service" is not one of services, ingress, nodes
                from = ["service"]
                        ^^^^^^^^^
                hint: did you mean "services"?
            sovnet.toml:9:1: the key "name" of this [[dns.zone]] is missing
                [[dns.zone]]
                ^^^^^^^^^^^^
            sovnet.toml:10:7: [[dns.zone]] ttl: the number is too large
                ttl = 99999999999999999999
                      ^^^^^^^^^^^^^^^^^^^^
        "#]],
    );
}

#[test]
fn fail_back_is_never_or_after_or_between() {
    for wrong in [
        "{ after = \"10 minutes\" }",
        "{ between = [\"03:00\"] }",
        "{ between = [\"03:00\", \"03:00\"] }",
        "{ after = \"10m\", between = [\"03:00\", \"05:00\"] }",
        "{}",
        "{ afterr = \"10m\" }",
        "5",
    ] {
        let text = format!("[announce]\nfail-back = {wrong}\n");
        assert!(parse(&text).is_err(), "{wrong} is refused");
    }
    check(
        "[announce]\nfail-back = { between = [\"3:00\", \"25:00\"] }\n",
        expect![[r#"
            sovnet.toml:2:26: [announce] fail-back between: "3:00" is no time of day
                fail-back = { between = ["3:00", "25:00"] }
                                         ^^^^^^
                hint: write "03:00"
            sovnet.toml:2:34: [announce] fail-back between: "25:00" is no time of day
                fail-back = { between = ["3:00", "25:00"] }
                                                 ^^^^^^^
                hint: write "03:00"
        "#]],
    );
}

#[test]
fn names_with_addresses_are_judged() {
    check(
        r#"
[dns.hosts]
"*.home.arpa" = ["192.168.8.1"]
"na s" = ["192.168.8.1"]
"nas.home.arpa" = "192.168.8.5"
"empty.home.arpa" = []
"group.home.arpa" = ["224.0.0.251", "x"]
"#,
        expect![[r#"
            sovnet.toml:3:1: [dns] hosts: "*.home.arpa" is no domain name: a domain name that is written in a file has letters, digits, '-', '_' and '.'
                "*.home.arpa" = ["192.168.8.1"]
                ^^^^^^^^^^^^^
                hint: for all names below a domain, give its [[dns.zone]] a wildcard
            sovnet.toml:4:1: [dns] hosts: "na s" is no domain name: a domain name that is written in a file has letters, digits, '-', '_' and '.'
                "na s" = ["192.168.8.1"]
                ^^^^^^
            sovnet.toml:5:19: [dns] hosts, "nas.home.arpa": a list is wanted here, not a text
                "nas.home.arpa" = "192.168.8.5"
                                  ^^^^^^^^^^^^^
                hint: write ["192.168.8.5"]
            sovnet.toml:6:21: [dns] hosts: empty.home.arpa. has no address
                "empty.home.arpa" = []
                                    ^^
            sovnet.toml:7:22: [dns] hosts: 224.0.0.251 is a multicast address
                "group.home.arpa" = ["224.0.0.251", "x"]
                                     ^^^^^^^^^^^^^
            sovnet.toml:7:37: [dns] hosts, "group.home.arpa": "x" is no IP address
                "group.home.arpa" = ["224.0.0.251", "x"]
                                                    ^^^
                hint: addresses are written "192.0.2.240" or "fd00::1"
        "#]],
    );
}

#[test]
fn dns_never_asks_itself() {
    check(
        r#"
[[address]]
address = "192.168.8.241"
purpose = "dns"
[dns]
listen = ["192.168.8.241", "0.0.0.0", "192.168.8.222:53"]
upstreams = ["192.168.8.241:53", "192.168.8.222", "dns.google", "udp://1.1.1.1", "tls://", "1.1.1.1:0", "0.0.0.0"]
"#,
        expect![[r#"
            sovnet.toml:6:11: [dns] listen: 192.168.8.241:53 is listened on already
                listen = ["192.168.8.241", "0.0.0.0", "192.168.8.222:53"]
                          ^^^^^^^^^^^^^^^
                hint: an [[address]] with purpose "dns" needs no entry here
            sovnet.toml:6:28: [dns] listen: 0.0.0.0 is the unspecified address
                listen = ["192.168.8.241", "0.0.0.0", "192.168.8.222:53"]
                                           ^^^^^^^^^
                hint: write the addresses that this node has, one by one
            sovnet.toml:7:14: [dns] upstreams: 192.168.8.241:53 is this node's own DNS
                upstreams = ["192.168.8.241:53", "192.168.8.222", "dns.google", "udp://1.1.1.1", "tls://", "1.1.1.1:0", "0.0.0.0"]
                             ^^^^^^^^^^^^^^^^^^
                hint: it would ask itself: write the server of your provider or a public one
            sovnet.toml:7:34: [dns] upstreams: 192.168.8.222:53 is this node's own DNS
                upstreams = ["192.168.8.241:53", "192.168.8.222", "dns.google", "udp://1.1.1.1", "tls://", "1.1.1.1:0", "0.0.0.0"]
                                                 ^^^^^^^^^^^^^^^
                hint: it would ask itself: write the server of your provider or a public one
            sovnet.toml:7:51: [dns] upstreams: "dns.google" is no address with an optional port
                upstreams = ["192.168.8.241:53", "192.168.8.222", "dns.google", "udp://1.1.1.1", "tls://", "1.1.1.1:0", "0.0.0.0"]
                                                                  ^^^^^^^^^^^^
                hint: write "1.1.1.1", "9.9.9.9:9953" or "[2620:fe::fe]:53"
            sovnet.toml:7:65: [dns] upstreams: "udp://1.1.1.1" has an unknown scheme
                upstreams = ["192.168.8.241:53", "192.168.8.222", "dns.google", "udp://1.1.1.1", "tls://", "1.1.1.1:0", "0.0.0.0"]
                                                                                ^^^^^^^^^^^^^^^
                hint: an upstream is an address, tls://... or https://...
            sovnet.toml:7:82: [dns] upstreams: "tls://" names no server
                upstreams = ["192.168.8.241:53", "192.168.8.222", "dns.google", "udp://1.1.1.1", "tls://", "1.1.1.1:0", "0.0.0.0"]
                                                                                                 ^^^^^^^^
                hint: write "tls://1.1.1.1" or "https://1.1.1.1/dns-query"
            sovnet.toml:7:92: [dns] upstreams: "1.1.1.1:0" has port 0, which does not exist
                upstreams = ["192.168.8.241:53", "192.168.8.222", "dns.google", "udp://1.1.1.1", "tls://", "1.1.1.1:0", "0.0.0.0"]
                                                                                                           ^^^^^^^^^^^
            sovnet.toml:7:105: [dns] upstreams: 0.0.0.0 is the unspecified address
                upstreams = ["192.168.8.241:53", "192.168.8.222", "dns.google", "udp://1.1.1.1", "tls://", "1.1.1.1:0", "0.0.0.0"]
                                                                                                                        ^^^^^^^^^
        "#]],
    );
}

#[test]
fn a_component_says_what_it_needs() {
    check(
        "[push]\ncomponents = [\"rbac\", \"cert-manager\", \"external-dns\", \"treafik\"]\nacme-mail = \"me\"\n",
        expect![[r#"
            sovnet.toml:2:23: [push] domain is missing: "cert-manager" needs it
                components = ["rbac", "cert-manager", "external-dns", "treafik"]
                                      ^^^^^^^^^^^^^^
            sovnet.toml:2:23: [push] cloudflare-token-file is missing: "cert-manager" needs it
                components = ["rbac", "cert-manager", "external-dns", "treafik"]
                                      ^^^^^^^^^^^^^^
            sovnet.toml:2:39: [push] domain is missing: "external-dns" needs it
                components = ["rbac", "cert-manager", "external-dns", "treafik"]
                                                      ^^^^^^^^^^^^^^
            sovnet.toml:2:39: [push] owner-id is missing: "external-dns" needs it
                components = ["rbac", "cert-manager", "external-dns", "treafik"]
                                                      ^^^^^^^^^^^^^^
            sovnet.toml:2:39: [push] cloudflare-token-file is missing: "external-dns" needs it
                components = ["rbac", "cert-manager", "external-dns", "treafik"]
                                                      ^^^^^^^^^^^^^^
            sovnet.toml:2:55: [push] components: "treafik" is not one of rbac, traefik, coredns, cert-manager, external-dns, secret-copies
                components = ["rbac", "cert-manager", "external-dns", "treafik"]
                                                                      ^^^^^^^^^
                hint: did you mean "traefik"?
            sovnet.toml:3:13: [push] acme-mail: "me" is no mail address
                acme-mail = "me"
                            ^^^^
        "#]],
    );
}

#[test]
fn a_limit_is_told() {
    let many: String = (1..=ADDRESSES_MAX + 1)
        .map(|n| {
            format!(
                "[[address]]\naddress = \"10.0.{}.{}\"\n",
                n / 250,
                n % 250 + 1
            )
        })
        .collect();
    check(
        &many,
        expect![[r#"
        sovnet.toml:10001:1: more than 5000 [[address]] entries are not possible
            [[address]]
            ^^^^^^^^^^^
    "#]],
    );
    let upstreams: Vec<String> = (1..=9).map(|n| format!("\"10.0.0.{n}\"")).collect();
    check(
        &format!("[dns]\nupstreams = [{}]\n", upstreams.join(", ")),
        expect![[r#"
            sovnet.toml:2:110: [dns] upstreams: at most 8 are possible
                upstreams = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6", "10.0.0.7", "10.0.0.8", "10.0.0.9"]
                                                                                                                             ^^^^^^^^^^
        "#]],
    );
    let peers: Vec<String> = (1..=127).map(|n| format!("\"10.0.0.{n}\"")).collect();
    check(
        &format!("[cluster]\npeers = [\n{}\n]\n", peers.join(",\n")),
        expect![[r#"
            sovnet.toml:2:9: [cluster] peers: at most 126 are possible
                peers = [
                        ^
        "#]],
    );
    check(
        &" ".repeat(TEXT_BYTES_MAX + 1),
        expect![[r#"
        sovnet.toml:1:1: the file is longer than 1048576 bytes
    "#]],
    );
}

#[test]
fn entries_that_choose_no_interface_are_judged() {
    check(
        r#"
[announce]
links = ["192.168.8.222", "192.168.8.222/24", "eth0/24", "an-interface-with-a-long-*", "!*", "eth *"]
"#,
        expect![[r#"
            sovnet.toml:3:10: [announce] links: "192.168.8.222" is an address: interfaces are chosen by name or by subnet
                links = ["192.168.8.222", "192.168.8.222/24", "eth0/24", "an-interface-with-a-long-*", "!*", "eth *"]
                         ^^^^^^^^^^^^^^^
                hint: write "eth0", "eth*" or the subnet, such as "192.0.2.0/24"
            sovnet.toml:3:27: [announce] links: "192.168.8.222/24" is an address within a subnet: the subnet is 192.168.8.0/24
                links = ["192.168.8.222", "192.168.8.222/24", "eth0/24", "an-interface-with-a-long-*", "!*", "eth *"]
                                          ^^^^^^^^^^^^^^^^^^
                hint: write "192.168.8.0/24"
            sovnet.toml:3:47: [announce] links: "eth0/24" is no subnet: a subnet is written 192.0.2.0/24
                links = ["192.168.8.222", "192.168.8.222/24", "eth0/24", "an-interface-with-a-long-*", "!*", "eth *"]
                                                              ^^^^^^^^^
                hint: write "eth0", "eth*" or the subnet, such as "192.0.2.0/24"
            sovnet.toml:3:58: [announce] links: "an-interface-with-a-long-*" matches no interface: their names have at most 15 characters
                links = ["192.168.8.222", "192.168.8.222/24", "eth0/24", "an-interface-with-a-long-*", "!*", "eth *"]
                                                                         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
            sovnet.toml:3:88: [announce] links: "!*" excludes every interface
                links = ["192.168.8.222", "192.168.8.222/24", "eth0/24", "an-interface-with-a-long-*", "!*", "eth *"]
                                                                                                       ^^^^
                hint: without addresses and pools nothing is announced anyway
            sovnet.toml:3:94: [announce] links: "eth *" is no interface name: an interface name has 1 to 15 characters, without '/' and white space
                links = ["192.168.8.222", "192.168.8.222/24", "eth0/24", "an-interface-with-a-long-*", "!*", "eth *"]
                                                                                                             ^^^^^^^
        "#]],
    );
}
