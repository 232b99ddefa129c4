//! Which heads of patches are understood.

use super::*;

const PATCH: &str = "Rule: I6 a node never answers for an address that it does not claim
Test: cargo test -p sovnet-core --lib speaker::tests::it_answers_only_for_its_own

diff --git a/x b/x
--- a/x
+++ b/x
";

#[test]
fn a_head_names_rule_and_test() {
    let mutant = Mutant::parse("tests/mutants/answers-all.patch", PATCH).expect("it is complete");
    assert_eq!(mutant.name, "answers-all");
    assert_eq!(
        mutant.rule,
        "I6 a node never answers for an address that it does not claim"
    );
    assert_eq!(
        mutant.test.run().join(" "),
        "test --locked -p sovnet-core --lib speaker::tests::it_answers_only_for_its_own -- --exact"
    );
    assert_eq!(
        mutant.test.build().join(" "),
        "test --locked -p sovnet-core --lib --no-run"
    );
}

#[test]
fn a_namespace_test_needs_the_programs() {
    let text = PATCH.replace("-p sovnet-core --lib", "-p sovnet-tests --test netns");
    let mutant = Mutant::parse("x.patch", &text).expect("it is complete");
    assert!(mutant.test.needs_programs());
    assert_eq!(mutant.test.target, ["--test", "netns"]);
}

#[test]
fn what_is_missing_is_named() {
    let without = |key: &str| {
        let lines = PATCH.lines().filter(|line| !line.starts_with(key));
        lines.collect::<Vec<_>>().join("\n")
    };
    assert_eq!(
        Mutant::parse("x", &without("Rule")),
        Err(MutantError::Missing("Rule"))
    );
    assert_eq!(
        Mutant::parse("x", &without("Test")),
        Err(MutantError::Missing("Test"))
    );
    assert_eq!(
        Mutant::parse("x", "Rule: a\nTest: b\n"),
        Err(MutantError::Empty)
    );
}

#[test]
fn a_test_without_a_name_or_with_another_program_is_refused() {
    for bad in [
        "cargo test -p sovnet-core --lib",
        "make test",
        "cargo test some_name",
    ] {
        let text = format!("Rule: r\nTest: {bad}\n--- a/x\n");
        assert_eq!(
            Mutant::parse("x", &text),
            Err(MutantError::Test(bad.to_owned()))
        );
    }
}

#[test]
fn a_line_of_the_patch_itself_is_no_head() {
    let text = "Rule: r\n--- a/x\n+++ b/x\nTest: cargo test -p a --lib b\n";
    assert_eq!(Mutant::parse("x", text), Err(MutantError::Missing("Test")));
}

/// What the patches themselves say they break.
#[test]
fn each_rule_of_the_election_has_a_mutant() {
    let mutants = run::load(&crate::tidy::workspace::root(), "").expect("the patches are sound");
    let words = |text: &str| -> Vec<String> {
        let words = text.split(|letter: char| !letter.is_alphanumeric());
        words.map(str::to_owned).collect()
    };
    let broken: Vec<String> = mutants
        .iter()
        .flat_map(|(_path, mutant)| words(&mutant.rule))
        .collect();
    let rules = (1..=21).map(|number| format!("R{number}"));
    let sessions = (1..=7).map(|number| format!("S{number}"));
    let missing: Vec<String> = rules
        .chain(sessions)
        .filter(|rule| !broken.contains(rule))
        .collect();
    assert!(missing.is_empty(), "no patch breaks {missing:?}");
}
