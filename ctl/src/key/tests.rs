//! Key files in directories of the test.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::make;

fn scratch(name: &str) -> PathBuf {
    let process = std::process::id();
    let path = std::env::temp_dir().join(format!("sovnetctl-key-{name}-{process}"));
    fs::create_dir_all(&path).unwrap();
    path
}

#[test]
fn a_key_is_64_hex_digits_that_nobody_else_reads_and_never_printed() {
    let path = scratch("new").join("cluster.key");
    let said = make(&path).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let digits = text.strip_suffix('\n').unwrap();
    assert_eq!(digits.len(), 64);
    assert!(digits.chars().all(|c| c.is_ascii_hexdigit()));
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o137, 0, "{mode:o}");
    assert!(!said.contains(digits));
    assert!(said.contains(&path.display().to_string()));
    fs::remove_file(&path).unwrap();
}

#[test]
fn two_keys_differ() {
    let (one, two) = (scratch("two").join("1"), scratch("two").join("2"));
    make(&one).unwrap();
    make(&two).unwrap();
    assert_ne!(fs::read(&one).unwrap(), fs::read(&two).unwrap());
    fs::remove_dir_all(scratch("two")).unwrap();
}

#[test]
fn a_key_is_never_overwritten() {
    let path = scratch("old").join("cluster.key");
    fs::write(&path, "precious").unwrap();
    let failure = make(&path).unwrap_err();
    assert!(
        failure.to_string().contains("never overwritten"),
        "{failure}"
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    assert_eq!(failure.exit_code(), 1);
    fs::remove_file(&path).unwrap();
}

#[test]
fn a_missing_directory_is_named() {
    let path = scratch("dir").join("missing/cluster.key");
    let failure = make(&path).unwrap_err().to_string();
    assert!(failure.contains("missing/cluster.key"), "{failure}");
}
