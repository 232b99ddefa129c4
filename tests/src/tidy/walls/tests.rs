//! Crates that are named outside their wall.

use std::collections::BTreeSet;

use super::super::tests::{found, house};
use super::super::workspace::Package;
use super::*;

const TABLE: &str = "### Outside crates

| crate | named only in | for |
| --- | --- | --- |
| `hickory-proto`, `hickory-net` | `daemon/src/dns` | DNS |
| `thiserror` | everywhere | errors |
| `proptest` | test code | tests |
| `gone` | everywhere | nothing |
";

fn sample(files: &[(&str, &str)]) -> House {
    let mut all = vec![("ARCHITECTURE.md", TABLE)];
    all.extend_from_slice(files);
    let mut house = house(&all);
    let names = [
        "hickory-proto",
        "hickory-net",
        "thiserror",
        "proptest",
        "rand",
    ];
    let dependencies: BTreeSet<String> = names.iter().map(|name| (*name).to_owned()).collect();
    house.workspace.packages = vec![Package {
        name: "sovnetd".to_owned(),
        dir: "daemon".to_owned(),
        dependencies,
        tests: Vec::new(),
    }];
    house
}

#[test]
fn the_table_and_the_manifests_have_to_name_the_same_crates() {
    assert_eq!(
        found(&CRATES, &sample(&[])),
        [
            "ARCHITECTURE.md:8: gone is a dependency of no package",
            "Cargo.toml:0: rand has no row",
        ]
    );
}

#[test]
fn a_crate_outside_its_wall_is_found_however_it_is_named() {
    let house = sample(&[
        (
            "daemon/src/app.rs",
            "use hickory_proto::rr;\nfn f() { hickory_net::x() }",
        ),
        ("daemon/src/dns/codec.rs", "use hickory_proto::rr;"),
        (
            "daemon/src/dns.rs",
            "use {hickory_net as net, thiserror::Error};",
        ),
        (
            "daemon/src/store.rs",
            "use proptest::x;\n// hickory_proto::rr",
        ),
        ("daemon/src/store/tests.rs", "use proptest::x;"),
        ("daemon/src/brain.rs", "use crate::hickory_proto::x;"),
        ("daemon/src/link.rs", "#[cfg(test)]\nmod tests;"),
        ("daemon/src/link/tests.rs", "use proptest::x;"),
    ]);
    let all = found(&CRATES, &house);
    let in_source: Vec<&String> = all
        .iter()
        .filter(|line| line.starts_with("daemon/"))
        .collect();
    assert_eq!(
        in_source,
        [
            "daemon/src/app.rs:1: hickory_proto::rr",
            "daemon/src/app.rs:2: hickory_net::x",
            "daemon/src/store.rs:1: proptest::x",
            "daemon/src/store/tests.rs:1: proptest::x",
        ]
    );
}
