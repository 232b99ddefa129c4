//! Shells that know each other, and tasks that start anywhere.

use super::super::tests::{found, house};
use super::*;

const TABLE: &str = "### Modules of sovnetd

| module | uses |
| --- | --- |
| `app` | everything |
| `dns` | `clock` |
| `link` | `clock`, `tasks` |
| `clock` | |
| `gone` | |
";

#[test]
fn a_sibling_is_found_by_any_path() {
    let house = house(&[
        ("ARCHITECTURE.md", TABLE),
        ("daemon/src/app.rs", "use crate::dns; use crate::link;"),
        ("daemon/src/clock.rs", ""),
        (
            "daemon/src/dns.rs",
            "mod server;\nuse crate::{clock, link::Links};\nuse super::app;",
        ),
        (
            "daemon/src/dns/server.rs",
            "use super::cache;\nuse super::super::link;\nfn f() { crate::tasks::x() }",
        ),
        (
            "daemon/src/link.rs",
            "use crate::{clock, tasks};\nuse self::dns;",
        ),
        ("daemon/src/tasks.rs", ""),
    ]);
    assert_eq!(
        found(&SIBLINGS, &house),
        [
            "ARCHITECTURE.md:9: `gone`: no such module",
            "daemon/src/dns.rs:2: crate::link::Links",
            "daemon/src/dns.rs:3: super::app",
            "daemon/src/dns/server.rs:2: super::super::link",
            "daemon/src/dns/server.rs:3: crate::tasks::x",
            "daemon/src/tasks.rs:0: tasks has no row in the table",
        ]
    );
}

#[test]
fn a_helper_of_tests_needs_no_row() {
    let house = house(&[
        (
            "ARCHITECTURE.md",
            "### Modules of sovnetd\n\n| a | b |\n| - | - |\n| `link` | |\n| `main` | everything |\n",
        ),
        ("daemon/src/main.rs", "#[cfg(test)]\nmod netns;\nmod link;"),
        ("daemon/src/netns.rs", ""),
        ("daemon/src/link.rs", "#[cfg(test)]\nmod tests;"),
        ("daemon/src/link/tests.rs", "use crate::netns::ip;"),
    ]);
    assert_eq!(found(&SIBLINGS, &house), Vec::<String>::new());
}

#[test]
fn every_way_to_start_a_task_is_found() {
    let text = "use std::thread::spawn;\nfn f() {\n    tokio::spawn(x);\n    set.spawn_local(x);\n    \
                std::thread::Builder::new().spawn(x);\n    set.spawn::<T>(x);\n    spawner(x);\n}\n";
    let house = house(&[
        ("daemon/src/dns.rs", text),
        ("daemon/src/app.rs", text),
        ("daemon/src/tasks.rs", text),
    ]);
    assert_eq!(
        found(&SPAWNS, &house),
        [
            "daemon/src/dns.rs:1: std::thread::spawn",
            "daemon/src/dns.rs:3: spawn",
            "daemon/src/dns.rs:4: spawn_local",
            "daemon/src/dns.rs:5: spawn",
            "daemon/src/dns.rs:6: spawn",
        ]
    );
}

#[test]
fn test_code_may_start_what_it_needs() {
    let house = house(&[
        ("daemon/src/dns.rs", "#[cfg(test)]\nmod tests;"),
        ("daemon/src/dns/tests.rs", "fn f() { tokio::spawn(x); }"),
    ]);
    assert_eq!(found(&SPAWNS, &house), Vec::<String>::new());
}
