//! Warnings without a section, and sections without a warning.

use super::super::tests::{found, house};
use super::*;

const SOURCE: &str = r#"
fn problems() {
    let one = Problem { severity: x, code: "port-taken", what: y };
    two(Severity::Degraded, "no-key", z);
    let three: Problem { code: String };
}
fn logs() {
    log::warn!(address:% = a, error:% = error_chain("not this one"); "address withheld");
    log::info!("not a warning");
    warn!("plain; text");
    error!(path:? = p; "cannot go on");
    log::warn!(code = problem.code; "{}. {}", problem.what, problem.remedy);
}
fn lines() {
    log(LogLine { is_warning: true, address: None, text: format!("key of {peer} differs") });
    log(LogLine { is_warning: false, text: "fine".into() });
    let text = format!("{peer} is dead");
    log(LogLine { is_warning, address: None, text });
    if line.is_warning { let is_warning: bool = x; }
}
"#;

fn section(title: &str) -> String {
    format!("### `{title}`\n\nWhy.\n\nDo: something.\n\n")
}

#[test]
fn every_kind_of_warning_needs_a_section() {
    let house = house(&[("daemon/src/dns.rs", SOURCE)]);
    assert_eq!(
        found(&DOCUMENTED, &house),
        [
            "daemon/src/dns.rs:3: port-taken",
            "daemon/src/dns.rs:4: no-key",
            "daemon/src/dns.rs:8: address withheld",
            "daemon/src/dns.rs:10: plain; text",
            "daemon/src/dns.rs:11: cannot go on",
            "daemon/src/dns.rs:15: key of {peer} differs",
            "daemon/src/dns.rs:17: {peer} is dead",
        ]
    );
}

#[test]
fn a_documented_program_is_fine_and_a_section_too_many_is_not() {
    let titles = [
        "port-taken",
        "no-key",
        "address withheld",
        "plain; text",
        "cannot go on",
    ];
    let mut text: String = titles.into_iter().map(section).collect();
    text.push_str(&section("key of {peer} differs"));
    text.push_str(&section("{peer} is dead"));
    let fine = house(&[("daemon/src/dns.rs", SOURCE), (FILE, &text)]);
    assert_eq!(found(&DOCUMENTED, &fine), Vec::<String>::new());

    let extra = format!("{text}### `never-said`\n\nDo: nothing.\n");
    let house = house(&[("daemon/src/dns.rs", SOURCE), (FILE, &extra)]);
    assert_eq!(
        found(&DOCUMENTED, &house),
        ["docs/warnings.md:43: nothing in the program says `never-said`"]
    );
}

#[test]
fn a_section_without_an_action_is_found() {
    let text = "### `port-taken`\n\nDo:\n";
    let house = house(&[("daemon/src/a.rs", "code: \"port-taken\""), (FILE, text)]);
    assert_eq!(
        found(&DOCUMENTED, &house),
        ["docs/warnings.md:1: `port-taken` has no line \"Do:\""]
    );
}

#[test]
fn a_text_that_is_put_together_elsewhere_is_shown_by_its_macro() {
    let house = house(&[("daemon/src/a.rs", "log::warn!(line.text)")]);
    assert_eq!(found(&DOCUMENTED, &house), ["daemon/src/a.rs:1: warn"]);
}

#[test]
fn the_last_words_are_the_error_itself_and_a_warning_has_words() {
    let text = "fn a() { log::error!(\"{error:#}\"); log::warn!(\"{error:#}\"); }";
    let house = house(&[("daemon/src/a.rs", text)]);
    assert_eq!(found(&DOCUMENTED, &house), ["daemon/src/a.rs:1: {error:#}"]);
}

#[test]
fn codes_that_are_handed_on_are_found() {
    let text =
        "fn a() { b(\"own-address\", \"some text\") }\nfn b(code: &str) { Problem { code, what } }";
    let house = house(&[("daemon/src/a.rs", text)]);
    assert_eq!(
        found(&DOCUMENTED, &house),
        ["daemon/src/a.rs:1: own-address"]
    );
}
