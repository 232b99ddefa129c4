//! What counts as test code, and which files a place holds.

use super::*;

fn tree(files: &[(&str, &str)]) -> Tree {
    let owned = |(path, text): &(&str, &str)| ((*path).to_owned(), (*text).to_owned());
    Tree::of(files.iter().map(owned).collect())
}

#[test]
fn a_module_behind_cfg_test_is_test_code_with_all_below_it() {
    let tree = tree(&[
        (
            "daemon/src/dns.rs",
            "#[cfg(test)]\nmod fixtures;\nmod server;",
        ),
        ("daemon/src/dns/fixtures.rs", ""),
        ("daemon/src/dns/fixtures/names.rs", ""),
        ("daemon/src/dns/server.rs", ""),
    ]);
    let is_test: Vec<bool> = tree.files.iter().map(|file| file.is_test).collect();
    assert_eq!(is_test, [false, true, true, false]);
}

#[test]
fn a_module_of_main_lies_beside_it() {
    for visible in ["", "pub", "pub(crate)", "pub(super)"] {
        let main = format!("#[cfg(test)] {visible} mod golden;");
        let tree = tree(&[("ctl/src/main.rs", &main), ("ctl/src/golden.rs", "")]);
        let golden = tree.file("ctl/src/golden.rs").expect("it was given");
        assert!(golden.is_test, "{main}");
    }
}

#[test]
fn integration_tests_are_test_code() {
    let tree = tree(&[("daemon/tests/lan.rs", ""), ("tests/src/lab.rs", "")]);
    assert!(tree.files.iter().all(|file| file.is_test));
}

#[test]
fn a_place_is_a_file_with_its_folder() {
    assert!(is_in("daemon/src/dns.rs", "daemon/src/dns"));
    assert!(is_in("daemon/src/dns/server.rs", "daemon/src/dns"));
    assert!(is_in("daemon/src/dns/server.rs", "daemon/src/"));
    assert!(!is_in("daemon/src/dnssec.rs", "daemon/src/dns"));
}
