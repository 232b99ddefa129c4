//! One bad file for each rule.

use super::super::tests::{found, house};
use super::*;

#[test]
fn a_file_of_501_lines_is_too_long_and_one_of_500_is_not() {
    let house = house(&[("a.rs", &"x\n".repeat(500)), ("b.rs", &"x\n".repeat(501))]);
    assert_eq!(found(&LENGTH, &house), ["b.rs:501: 501 lines"]);
}

#[test]
fn mod_rs_is_found() {
    let house = house(&[("daemon/src/dns/mod.rs", ""), ("daemon/src/amod.rs", "")]);
    assert_eq!(found(&MODULES, &house), ["daemon/src/dns/mod.rs:0: mod.rs"]);
}

#[test]
fn a_file_has_to_begin_with_a_doc_that_says_something() {
    let house = house(&[
        ("a.rs", "//! Says it.\n"),
        ("b.rs", "use x;\n"),
        ("c.rs", "//!\n"),
    ]);
    assert_eq!(found(&HEADERS, &house), ["b.rs:1: use x;", "c.rs:1: //!"]);
}

#[test]
fn allow_is_found_and_expect_is_not() {
    let text = "#![allow(x)]\n#[allow(y)]\n#[expect(z, reason = \"allow\")]\nfn allow() {}\n";
    let house = house(&[("a.rs", text)]);
    assert_eq!(
        found(&ALLOWS, &house),
        ["a.rs:1: #[allow", "a.rs:2: #[allow"]
    );
}

#[test]
fn an_ignored_test_is_found() {
    let house = house(&[("a.rs", "#[test]\n#[ignore = \"slow\"]\nfn f() {}\n")]);
    assert_eq!(found(&IGNORED, &house), ["a.rs:2: #[ignore"]);
}

#[test]
fn leftovers_are_found_in_every_kind_of_file() {
    let line = format!("# {}: later\n", LEFTOVER_WORDS[0]);
    let house = house(&[("Makefile", &line), ("a.md", "tmp.XXXXXX is no word\n")]);
    assert_eq!(
        found(&LEFTOVERS, &house),
        [format!("Makefile:1: {}", line.trim())]
    );
}

#[test]
fn white_space_at_ends_is_found() {
    let house = house(&[
        ("a.md", "x \ny\n"),
        ("b.md", "x"),
        ("c.md", "x\n\n"),
        ("d.md", "x\n"),
    ]);
    assert_eq!(
        found(&WHITE_SPACE, &house),
        [
            "a.md:1: x",
            "b.md:1: the end of the file",
            "c.md:2: the end of the file",
        ]
    );
}

#[test]
fn a_sleep_in_test_code_is_found() {
    let text =
        "use std::thread;\nfn f() { thread::sleep(x); tokio::time::sleep(x); sleep_well(); }\n";
    let house = house(&[("tests/src/lab.rs", text), ("daemon/src/link.rs", text)]);
    assert_eq!(
        found(&SLEEPS, &house),
        [
            "tests/src/lab.rs:2: thread::sleep",
            "tests/src/lab.rs:2: tokio::time::sleep",
        ]
    );
}

#[test]
fn tests_inside_the_code_are_found() {
    let house = house(&[
        ("a.rs", "#[cfg(test)]\nmod tests {\n}\n"),
        ("b.rs", "#[cfg(test)]\nmod tests;\n"),
    ]);
    assert_eq!(found(&INLINE_TESTS, &house), ["a.rs:2: mod tests {"]);
}
