//! The rules of the house, held to this workspace; each rule's own tests stand beside it in
//! `tests/src/tidy/`.

use std::sync::LazyLock;

use sovnet_tests::tidy::{
    House, Rule, Violation, documents, files, needless_exceptions, purity, report, shells, values,
    violations, walls, warnings, workspace,
};

static HOUSE: LazyLock<House> =
    LazyLock::new(|| House::load(&workspace::root()).expect("the workspace can be read"));

fn hold(rule: &Rule) {
    let report = report(rule, &violations(rule, &HOUSE));
    assert!(report.is_empty(), "\n\n{report}");
}

#[test]
fn packages_depend_on_each_other_as_the_architecture_says() {
    hold(&workspace::EDGES);
}

#[test]
fn outside_crates_stay_behind_their_walls() {
    hold(&walls::CRATES);
}

#[test]
fn the_core_links_nothing_impure() {
    hold(&purity::CLOSURE);
}

#[test]
fn the_core_does_no_io_and_reads_no_clock() {
    hold(&purity::SOURCE);
}

#[test]
fn the_core_repeats_the_lints_of_the_root() {
    hold(&purity::LINTS);
}

#[test]
fn no_shell_knows_a_sibling() {
    hold(&shells::SIBLINGS);
}

#[test]
fn only_app_starts_tasks() {
    hold(&shells::SPAWNS);
}

#[test]
fn no_file_is_too_long() {
    hold(&files::LENGTH);
}

#[test]
fn modules_bear_the_name_of_their_file() {
    hold(&files::MODULES);
}

#[test]
fn every_file_says_what_it_owns() {
    hold(&files::HEADERS);
}

#[test]
fn no_lint_is_allowed_for_ever() {
    hold(&files::ALLOWS);
}

#[test]
fn nothing_is_marked_as_unfinished() {
    hold(&files::LEFTOVERS);
}

#[test]
fn no_white_space_at_ends() {
    hold(&files::WHITE_SPACE);
}

#[test]
fn every_test_runs() {
    hold(&files::IGNORED);
}

#[test]
fn no_test_sleeps() {
    hold(&files::SLEEPS);
}

#[test]
fn tests_stand_in_their_own_files() {
    hold(&files::INLINE_TESTS);
}

#[test]
fn every_warning_has_an_action_in_the_documents() {
    hold(&warnings::DOCUMENTED);
}

#[test]
fn no_value_of_one_home_is_in_the_code() {
    hold(&values::HOME);
}

#[test]
fn links_in_documents_lead_somewhere() {
    hold(&documents::LINKS);
}

#[test]
fn every_invariant_names_its_test() {
    hold(&documents::INVARIANTS);
}

#[test]
fn every_mutant_names_its_rule_and_its_test() {
    hold(&documents::MUTANTS);
}

#[test]
fn every_exception_is_needed_and_has_a_reason() {
    let needless: Vec<Violation> = needless_exceptions(&HOUSE);
    assert!(needless.is_empty(), "remove these rows: {needless:#?}");
}
