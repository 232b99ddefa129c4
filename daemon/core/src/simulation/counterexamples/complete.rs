//! Whether each number of the list of counterexamples has a test that shows what its rule is for.

use std::collections::BTreeSet;

/// Where they are.
const SOURCES: [&str; 5] = [
    include_str!("../counterexamples.rs"),
    include_str!("joins.rs"),
    include_str!("links.rs"),
    include_str!("sessions.rs"),
    include_str!("../relays.rs"),
];
/// The list's last number.
const LAST: u32 = 32;

/// The numbers of the tests that play their schedule without a rule as well.
fn shown(source: &str) -> impl Iterator<Item = u32> {
    let tests = source.split("#[test]").skip(1);
    let tests = tests.filter(|test| test.contains("shown.needs"));
    tests.filter_map(|test| {
        let (_before, name) = test.split_once("fn counterexample_")?;
        name.split('_').next()?.parse().ok()
    })
}

#[test]
fn every_counterexample_has_a_test_that_needs_its_rule() {
    let numbers: BTreeSet<u32> = SOURCES.into_iter().flat_map(shown).collect();
    let all: BTreeSet<u32> = (1..=LAST).collect();
    let missing: Vec<&u32> = all.difference(&numbers).collect();
    let unknown: Vec<&u32> = numbers.difference(&all).collect();
    assert!(missing.is_empty(), "no test for {missing:?}");
    assert!(unknown.is_empty(), "no such counterexample: {unknown:?}");
}

#[test]
fn a_test_that_switches_nothing_off_shows_nothing() {
    let source = "#[test]\nfn counterexample_07_a() {}\n#[test]\nfn counterexample_08_b() { \
                  shown.needs(Rule::R16Hold); }";
    assert_eq!(shown(source).collect::<Vec<u32>>(), [8]);
}
