//! Exceptions and reports.

use super::*;
use files::SLEEPS;

/// A house of these files and no packages.
pub(super) fn house(files: &[(&str, &str)]) -> House {
    let owned = |(path, text): &(&str, &str)| ((*path).to_owned(), (*text).to_owned());
    House {
        tree: Tree::of(files.iter().map(owned).collect()),
        workspace: Workspace::default(),
    }
}

/// What a rule finds, as `path:line: found`.
pub(super) fn found(rule: &Rule, house: &House) -> Vec<String> {
    let violations = violations(rule, house);
    violations
        .iter()
        .map(|violation| format!("{}:{}: {}", violation.path, violation.line, violation.found))
        .collect()
}

const SLEEPER: (&str, &str) = ("tests/src/wait.rs", "fn f() { std::thread::sleep(x); }");

fn architecture(rows: &str) -> String {
    format!("## Exceptions\n\nWhy.\n\n| rule | place | reason |\n| --- | --- | --- |\n{rows}")
}

#[test]
fn an_exception_covers_its_place_only() {
    let text = architecture("| `sleep` | `tests/src/wait` | it polls |\n");
    let house = house(&[
        ("ARCHITECTURE.md", &text),
        SLEEPER,
        ("tests/src/other.rs", SLEEPER.1),
    ]);
    assert_eq!(
        found(&SLEEPS, &house),
        ["tests/src/other.rs:1: std::thread::sleep"]
    );
    assert_eq!(needless_exceptions(&house), []);
}

#[test]
fn an_exception_that_is_not_needed_or_has_no_reason_is_found() {
    let rows =
        "| `sleep` | `tests/src/gone.rs` | it polls |\n| `sleep` | `tests/src/wait.rs` | |\n";
    let house = house(&[("ARCHITECTURE.md", &architecture(rows)), SLEEPER]);
    let lines: Vec<usize> = needless_exceptions(&house)
        .iter()
        .map(|found| found.line)
        .collect();
    assert_eq!(lines, [7, 8]);
}

#[test]
fn a_report_names_the_rule_the_place_and_what_to_do() {
    let house = house(&[SLEEPER]);
    let text = report(&SLEEPS, &violations(&SLEEPS, &house));
    assert!(text.starts_with(SLEEPS.sentence));
    assert!(text.contains("  tests/src/wait.rs:1: std::thread::sleep\n"));
    assert!(text.contains(SLEEPS.instead));
    assert_eq!(report(&SLEEPS, &[]), "");
}

#[test]
fn every_rule_has_a_name_of_its_own() {
    let names: std::collections::BTreeSet<&str> = RULES.iter().map(|rule| rule.name).collect();
    assert_eq!(names.len(), RULES.len());
}
