//! Documents that say what is not there.

use super::super::tests::{found, house};
use super::*;

#[test]
fn a_link_to_nothing_is_found() {
    let readme = "[a](docs/a.md) [b](docs) [c](https://example.org) [d](#part)\n[e](gone.md)\n";
    let house = house(&[
        ("README.md", readme),
        ("docs/a.md", "[up](../README.md#x) [beside](b.md)\n"),
    ]);
    assert_eq!(
        found(&LINKS, &house),
        ["README.md:2: gone.md", "docs/a.md:1: b.md"]
    );
}

#[test]
fn an_invariant_needs_a_test_that_exists() {
    let table = "## Invariants\n\n| | holds | shown by |\n| --- | --- | --- |\n| I1 | a | `it_holds` |\n\
                 | I2 | b | `gone` |\n| I3 | c | |\n| I4 | d | not in this version: no Services |\n";
    let house = house(&[
        ("ARCHITECTURE.md", table),
        ("tests/tests/tidy.rs", "fn it_holds() {}"),
        ("daemon/src/dns.rs", "fn gone() {}"),
    ]);
    assert_eq!(
        found(&INVARIANTS, &house),
        [
            "ARCHITECTURE.md:6: I2: there is no test gone",
            "ARCHITECTURE.md:7: I3 names no test",
        ]
    );
}

#[test]
fn a_mutant_without_a_test_is_found() {
    let house = house(&[("tests/mutants/a.patch", "Rule: r\n--- a/x\n+++ b/x\n")]);
    assert_eq!(
        found(&MUTANTS, &house),
        ["tests/mutants/a.patch:1: there is no line \"Test: ...\" before the patch"]
    );
}
