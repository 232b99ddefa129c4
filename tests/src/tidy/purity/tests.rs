//! A core that is not pure.

use std::collections::{BTreeMap, BTreeSet};

use super::super::tests::{found, house};
use super::*;

#[test]
fn a_forbidden_crate_is_found_however_far_away() {
    let mut house = house(&[]);
    let set = |names: &[&str]| {
        names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<BTreeSet<_>>()
    };
    house.workspace.links = BTreeMap::from([
        (CORE.to_owned(), set(&["blake3", "helper"])),
        ("helper".to_owned(), set(&["tokio-util"])),
    ]);
    assert_eq!(
        found(&CLOSURE, &house),
        ["daemon/core/Cargo.toml:0: sovnet-core -> helper -> tokio-util"]
    );
}

#[test]
fn clocks_files_threads_and_sockets_are_found() {
    let text = "//! Doc: std::fs is fine here.\nuse std::time::{Duration, Instant};\nuse std::{env, net::UdpSocket};\n\
                fn f() {\n    std::fs::read(x);\n    let m: std::collections::HashMap<u8, u8>;\n    println!(\"x\");\n}\n";
    let house = house(&[("daemon/core/src/member.rs", text)]);
    assert_eq!(
        found(&SOURCE, &house),
        [
            "daemon/core/src/member.rs:2: std::time::Instant",
            "daemon/core/src/member.rs:3: std::env",
            "daemon/core/src/member.rs:3: std::net::UdpSocket",
            "daemon/core/src/member.rs:5: std::fs::read",
            "daemon/core/src/member.rs:6: std::collections::HashMap",
            "daemon/core/src/member.rs:7: println",
        ]
    );
}

#[test]
fn tests_of_the_core_and_the_shells_may_do_it() {
    let house = house(&[
        ("daemon/core/src/member.rs", "#[cfg(test)]\nmod tests;"),
        ("daemon/core/src/member/tests.rs", "use std::fs;"),
        ("daemon/core/src/lib.rs", "#[cfg(test)]\nmod simulation;"),
        ("daemon/core/src/simulation/lan.rs", "use std::env;"),
        ("daemon/src/store.rs", "use std::fs;"),
    ]);
    assert_eq!(found(&SOURCE, &house), Vec::<String>::new());
}

#[test]
fn a_lint_that_the_core_does_not_repeat_is_found() {
    let house = house(&[
        ("clippy.toml", "# why\na = 1\nb = 2\n"),
        ("daemon/core/clippy.toml", "a = 1\nc = 3\n"),
    ]);
    assert_eq!(found(&LINTS, &house), ["clippy.toml:3: b = 2"]);
}
