//! What is counted, and how the summary reads.

use super::*;
use crate::tidy::workspace::Package;
use std::collections::BTreeSet;

const OUTPUT: &str = "running 3 tests
test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.00s

test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s
";

fn outcome(ending: Ending, counts: Counts, has_tests: bool) -> Outcome {
    Outcome {
        name: "unit",
        shows: "unit tests",
        ending,
        counts,
        has_tests,
        took: Duration::from_millis(1500),
    }
}

fn counts(passed: u64, failed: u64, ignored: u64) -> Counts {
    Counts {
        passed,
        failed,
        ignored,
    }
}

#[test]
fn all_result_lines_are_summed() {
    assert_eq!(Counts::of(OUTPUT), counts(15, 2, 1));
    assert_eq!(Counts::of("error: could not compile"), Counts::default());
}

#[test]
fn a_suite_is_fine_only_if_tests_ran_and_none_failed_or_was_ignored() {
    assert!(outcome(Ending::Success, counts(1, 0, 0), true).is_fine());
    assert!(outcome(Ending::Success, counts(0, 0, 0), false).is_fine());
    assert!(!outcome(Ending::Success, counts(0, 0, 0), true).is_fine());
    assert!(!outcome(Ending::Success, counts(1, 0, 1), true).is_fine());
    assert!(!outcome(Ending::Failure, counts(1, 0, 0), true).is_fine());
    assert!(!outcome(Ending::TimedOut, counts(1, 0, 0), true).is_fine());
}

#[test]
fn the_last_line_is_plain_and_never_hides_a_failed_suite() {
    let outcomes = [
        outcome(Ending::Success, counts(4, 0, 0), true),
        outcome(Ending::Failure, counts(3, 2, 0), true),
        outcome(Ending::Failure, counts(0, 0, 0), false),
    ];
    let text = summary(&outcomes);
    assert_eq!(text.lines().count(), 4);
    assert_eq!(text.lines().last(), Some("7 passed, 3 failed"));
    assert!(text.contains("unit   ok      4 passed, 0 failed"), "{text}");
    assert!(text.contains("unit   FAILED  3 passed, 2 failed"), "{text}");
}

#[test]
fn a_test_target_without_a_suite_of_its_own_runs_with_the_unit_tests() {
    let package = |name: &str, tests: &[&str]| Package {
        name: name.to_owned(),
        dir: String::new(),
        dependencies: BTreeSet::new(),
        tests: tests.iter().map(|test| (*test).to_owned()).collect(),
    };
    let workspace = Workspace {
        packages: vec![
            package("sovnetctl", &["ctl"]),
            package("sovnet-tests", &["tidy", "netns", "kube"]),
        ],
        ..Workspace::default()
    };
    let all = all(&workspace);
    let unit = all
        .iter()
        .find(|suite| suite.name == "unit")
        .expect("there is one");
    let commands: Vec<String> = unit.commands.iter().map(|words| words.join(" ")).collect();
    assert!(commands.contains(&"test --locked -p sovnetctl --test ctl".to_owned()));
    for own in ["netns", "kube"] {
        assert!(!commands.iter().any(|command| command.contains(own)));
    }
    let names: Vec<&str> = all.iter().map(|suite| suite.name).collect();
    assert_eq!(
        names,
        [
            "fmt", "tidy", "lint", "unit", "sim", "netns", "kube", "deb", "deny", "doc", "vm"
        ]
    );
}
