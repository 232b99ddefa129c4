//! Refusals of addresses, ranges and pools.

use expect_test::expect;

use super::super::super::{check::addresses::refuse_equal_keys, problem::Problems, render};
use super::check;

#[test]
fn addresses_that_no_machine_can_have_are_refused() {
    check(
        r#"
[cluster]
peers = ["255.255.255.255"]
[[address]]
address = "0.0.0.0"
[[address]]
address = "127.0.0.1"
[[address]]
address = "224.0.0.251"
[[address]]
address = "192.168.8.240/24"
[[reserve]]
address = "0.1.2.3"
service = "a/b"
[[dns.zone]]
name = "home.arpa"
wildcard = "ff02::1"
"#,
        expect![[r#"
            sovnet.toml:3:10: [cluster] peers: 255.255.255.255 is the broadcast address
                peers = ["255.255.255.255"]
                         ^^^^^^^^^^^^^^^^^
            sovnet.toml:5:11: [[address]] address: 0.0.0.0 is the unspecified address
                address = "0.0.0.0"
                          ^^^^^^^^^
            sovnet.toml:7:11: [[address]] address: 127.0.0.1 is a loopback address
                address = "127.0.0.1"
                          ^^^^^^^^^^^
            sovnet.toml:9:11: [[address]] address: 224.0.0.251 is a multicast address
                address = "224.0.0.251"
                          ^^^^^^^^^^^^^
            sovnet.toml:11:11: [[address]] address: "192.168.8.240/24" is no IP address
                address = "192.168.8.240/24"
                          ^^^^^^^^^^^^^^^^^^
                hint: one address is wanted here, such as "192.168.8.240"
            sovnet.toml:13:11: [[reserve]] address: 0.1.2.3 is an address of 0.0.0.0/8, which no machine can have
                address = "0.1.2.3"
                          ^^^^^^^^^
            sovnet.toml:17:12: [[dns.zone]] wildcard: ff02::1 is a multicast address
                wildcard = "ff02::1"
                           ^^^^^^^^^
        "#]],
    );
}

#[test]
fn what_is_there_twice_is_refused() {
    check(
        r#"
[cluster]
peers = ["192.168.8.222", "192.168.8.222"]
[announce]
links = ["eth0", "eth0"]
[[pool]]
name = "a"
addresses = ["10.0.0.1"]
[[pool]]
name = "a"
addresses = ["10.0.0.2"]
[[address]]
address = "192.168.8.240"
[[address]]
address = "::ffff:192.168.8.240"
[[reserve]]
address = "10.0.0.9"
service = "a/b"
[[reserve]]
address = "10.0.0.9"
service = "a/c"
[dns]
hosts = { "nas.home.arpa" = ["10.0.0.1", "10.0.0.1"], "NAS.home.arpa." = ["10.0.0.2"] }
upstreams = ["1.1.1.1", "1.1.1.1:53"]
[[dns.zone]]
name = "home.arpa"
[[dns.zone]]
name = "HOME.arpa."
"#,
        expect![[r#"
            sovnet.toml:3:27: [cluster] peers: 192.168.8.222 is already in the file
                peers = ["192.168.8.222", "192.168.8.222"]
                                          ^^^^^^^^^^^^^^^
                hint: remove one of the two
            sovnet.toml:5:18: [announce] links: eth0 is already in the file
                links = ["eth0", "eth0"]
                                 ^^^^^^
                hint: remove one of the two
            sovnet.toml:10:8: [[pool]] name a is already in the file
                name = "a"
                       ^^^
                hint: remove one of the two
            sovnet.toml:15:11: [[address]] 192.168.8.240 is already in the file
                address = "::ffff:192.168.8.240"
                          ^^^^^^^^^^^^^^^^^^^^^^
                hint: remove one of the two
            sovnet.toml:20:11: [[reserve]] 10.0.0.9 is already in the file
                address = "10.0.0.9"
                          ^^^^^^^^^^
                hint: remove one of the two
            sovnet.toml:23:42: [dns] hosts: the address 10.0.0.1 is already in the file
                hosts = { "nas.home.arpa" = ["10.0.0.1", "10.0.0.1"], "NAS.home.arpa." = ["10.0.0.2"] }
                                                         ^^^^^^^^^^
                hint: remove one of the two
            sovnet.toml:23:55: [dns] hosts: NAS.home.arpa. is already in the file
                hosts = { "nas.home.arpa" = ["10.0.0.1", "10.0.0.1"], "NAS.home.arpa." = ["10.0.0.2"] }
                                                                      ^^^^^^^^^^^^^^^^
                hint: remove one of the two
            sovnet.toml:24:25: [dns] upstreams: 1.1.1.1:53 is already in the list
                upstreams = ["1.1.1.1", "1.1.1.1:53"]
                                        ^^^^^^^^^^^^
                hint: remove one of the two
            sovnet.toml:28:8: [[dns.zone]] HOME.arpa. is already in the file
                name = "HOME.arpa."
                       ^^^^^^^^^^^^
                hint: remove one of the two
        "#]],
    );
}

#[test]
fn ranges_that_do_not_hold_say_what_was_meant() {
    check(
        r#"
[[pool]]
name = "a"
addresses = [
    "192.168.8.250-192.168.8.240",
    "192.168.8.240-250",
    "192.168.8.241/29",
    "192.168.8.240-fd00::1",
    "192.168.8.240/33",
    "some",
    "224.0.0.0/30",
]
[[pool]]
name = "B"
[[pool]]
name = "c"
addresses = []
"#,
        expect![[r#"
            sovnet.toml:5:5: [[pool]] addresses: "192.168.8.250-192.168.8.240" runs backward: 192.168.8.240 is before 192.168.8.250
                    "192.168.8.250-192.168.8.240",
                    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
                hint: write "192.168.8.240-192.168.8.250"
            sovnet.toml:6:5: [[pool]] addresses: "192.168.8.240-250" is no address range: the end needs the whole address, 192.168.8.240-192.168.8.250
                    "192.168.8.240-250",
                    ^^^^^^^^^^^^^^^^^^^
                hint: write "192.168.8.240-192.168.8.250"
            sovnet.toml:7:5: [[pool]] addresses: "192.168.8.241/29" is no block of addresses: the block with this address is 192.168.8.240/29, that is 192.168.8.240-192.168.8.247
                    "192.168.8.241/29",
                    ^^^^^^^^^^^^^^^^^^
                hint: write "192.168.8.240/29", or a range from first to last address
            sovnet.toml:8:5: [[pool]] addresses: "192.168.8.240-fd00::1" mixes IPv4 and IPv6: a range has one family
                    "192.168.8.240-fd00::1",
                    ^^^^^^^^^^^^^^^^^^^^^^^
                hint: ranges are written "192.0.2.240-192.0.2.250" or "192.0.2.240/29" (that is .240 to .247)
            sovnet.toml:9:5: [[pool]] addresses: "192.168.8.240/33" has a prefix length that is too long: an address has 32 bits
                    "192.168.8.240/33",
                    ^^^^^^^^^^^^^^^^^^
                hint: ranges are written "192.0.2.240-192.0.2.250" or "192.0.2.240/29" (that is .240 to .247)
            sovnet.toml:10:5: [[pool]] addresses: "some" is no address range
                    "some",
                    ^^^^^^
                hint: ranges are written "192.0.2.240-192.0.2.250" or "192.0.2.240/29" (that is .240 to .247)
            sovnet.toml:11:5: [[pool]] addresses: "224.0.0.0/30" holds a multicast address
                    "224.0.0.0/30",
                    ^^^^^^^^^^^^^^
                hint: ranges are written "192.0.2.240-192.0.2.250" or "192.0.2.240/29" (that is .240 to .247)
            sovnet.toml:13:1: the key "addresses" of this [[pool]] is missing
                [[pool]]
                ^^^^^^^^
            sovnet.toml:14:8: [[pool]] name: "B" is no name
                name = "B"
                       ^^^
                hint: a name has 1 to 63 small letters, digits, '-' and '.'
            sovnet.toml:17:13: [[pool]] addresses: the list is empty
                addresses = []
                            ^^
        "#]],
    );
}

#[test]
fn overlapping_pools_are_refused() {
    check(
        r#"
[[pool]]
name = "wide"
addresses = ["10.0.0.0/8", "192.168.8.240/29"]
[[pool]]
name = "first"
addresses = ["10.1.0.1"]
[[pool]]
name = "second"
addresses = ["10.2.0.0/16", "192.168.8.247-192.168.8.250"]
"#,
        expect![[r#"
            sovnet.toml:7:14: [[pool]] first: 10.1.0.1 overlaps 10.0.0.0-10.255.255.255 of [[pool]] wide
                addresses = ["10.1.0.1"]
                             ^^^^^^^^^^
                hint: an address is in one pool only
            sovnet.toml:10:14: [[pool]] second: 10.2.0.0-10.2.255.255 overlaps 10.0.0.0-10.255.255.255 of [[pool]] wide
                addresses = ["10.2.0.0/16", "192.168.8.247-192.168.8.250"]
                             ^^^^^^^^^^^^^
                hint: an address is in one pool only
            sovnet.toml:10:29: [[pool]] second: 192.168.8.247-192.168.8.250 overlaps 192.168.8.240-192.168.8.247 of [[pool]] wide
                addresses = ["10.2.0.0/16", "192.168.8.247-192.168.8.250"]
                                            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
                hint: an address is in one pool only
        "#]],
    );
}

#[test]
fn a_static_address_is_neither_reserved_nor_a_peer() {
    check(
        r#"
[cluster]
peers = ["192.168.8.240"]
[[address]]
address = "192.168.8.240"
[[reserve]]
address = "192.168.8.240"
service = "kube-system/traefik"
[[reserve]]
address = "192.168.8.242"
service = "traefik"
"#,
        expect![[r#"
            sovnet.toml:3:10: [cluster] peers: 192.168.8.240 is an [[address]]
                peers = ["192.168.8.240"]
                         ^^^^^^^^^^^^^^^
                hint: peers are the nodes' own addresses, which stay where they are
            sovnet.toml:7:11: [[reserve]] 192.168.8.240 is an [[address]], too
                address = "192.168.8.240"
                          ^^^^^^^^^^^^^^^
                hint: an [[address]] is never given to a Service: remove one of the two
            sovnet.toml:11:11: [[reserve]] service: "traefik" names no Service
                service = "traefik"
                          ^^^^^^^^^
                hint: write namespace and name, such as "kube-system/traefik"
        "#]],
    );
}

#[test]
fn two_addresses_with_one_short_key_are_refused() {
    let mut problems = Problems::new("10.0.0.1 10.0.0.2");
    let placed = [
        (0..8, "10.0.0.1".parse().unwrap()),
        (9..17, "10.0.0.2".parse().unwrap()),
    ];
    refuse_equal_keys(&mut problems, &placed, |_| 0);
    expect![[r#"
        sovnet.toml:1:10: [[address]] 10.0.0.2 has the same short key as 10.0.0.1
            10.0.0.1 10.0.0.2
                     ^^^^^^^^
            hint: nodes could not tell the two apart: take another address
    "#]]
    .assert_eq(&render("sovnet.toml", &problems.finish()));
}
