//! Which key files are believed.

use std::fs;
use std::os::unix::fs::chown;

use super::super::tests::Scratch;
use super::*;

const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F";

fn counting() -> [u8; 32] {
    std::array::from_fn(|index| u8::try_from(index).unwrap())
}

/// The error for a key file with this content and mode.
fn refused(bytes: impl AsRef<[u8]>, mode: u32) -> KeyError {
    let scratch = Scratch::new();
    let path = scratch.file("cluster.key", bytes, mode);
    read_key(&path).expect_err("the key file is refused")
}

#[test]
fn a_key_is_hex_digits_or_bytes() {
    let scratch = Scratch::new();
    let with_newline = format!("{HEX}\n");
    for bytes in [HEX.as_bytes(), with_newline.as_bytes(), &counting()] {
        let path = scratch.file("cluster.key", bytes, 0o600);
        let secrets = read_key(&path).unwrap();
        assert_eq!((secrets.first, secrets.second), (counting(), None));
    }
}

#[test]
fn another_form_is_refused() {
    let not_hex = HEX.replace('A', "G");
    let two_newlines = format!("{HEX}\n\n");
    let long = HEX.repeat(100);
    for text in [
        "",
        "\n",
        &"0".repeat(64),
        &HEX[1..],
        &not_hex,
        &two_newlines,
        &long,
    ] {
        let error = refused(text, 0o600);
        assert!(
            matches!(error, KeyError::Content { .. }),
            "{text:?}: {error}"
        );
    }
    let error = refused([0; 31], 0o600);
    assert!(matches!(error, KeyError::Content { .. }), "{error}");
}

#[test]
fn two_lines_are_two_keys() {
    let scratch = Scratch::new();
    let text = format!("{HEX}\n{}\n", HEX.replace("00", "ff"));
    let secrets = read_key(&scratch.file("cluster.key", text, 0o600)).unwrap();
    assert!(secrets.second.is_some());
}

#[test]
fn what_the_file_holds_is_never_told() {
    let scratch = Scratch::new();
    let secret = &HEX[..40];
    let path = scratch.file("cluster.key", secret, 0o600);
    let error = read_key(&path).unwrap_err();
    assert!(!format!("{error} {error:?}").contains(&secret[..8]));
}

#[test]
fn a_file_that_everybody_may_use_is_refused_with_the_remedy() {
    for mode in [0o604, 0o602, 0o601, 0o644, 0o666] {
        let error = refused(HEX, mode);
        assert!(
            matches!(error, KeyError::Exposed { .. }),
            "{mode:o}: {error}"
        );
        let text = error.to_string();
        assert!(text.starts_with("everybody may read"), "{text}");
        assert!(text.contains("`chmod 0600 /"), "{text}");
    }
}

#[test]
fn the_group_may_read_if_it_is_the_daemons() {
    let scratch = Scratch::new();
    let path = scratch.file("cluster.key", HEX, 0o640);
    let found = fs::metadata(&path).unwrap();
    let trusted = Trusted {
        users: vec![found.uid()],
        groups: vec![found.gid()],
    };
    assert!(read_key_as(&path, &trusted).is_ok());
    assert!(may_read(&found, 12_345, &trusted));
    let others = Trusted {
        groups: vec![found.gid() + 1],
        ..trusted
    };
    let error = read_key_as(&path, &others).unwrap_err();
    assert!(error.to_string().starts_with("the group "), "{error}");
    assert!(!may_read(&found, 12_345, &others));
    assert!(may_read(&found, found.uid(), &others));
}

#[test]
fn a_foreign_owner_is_refused() {
    let scratch = Scratch::new();
    let path = scratch.file("cluster.key", HEX, 0o600);
    if geteuid().is_root() {
        // Root itself is never foreign.
        chown(&path, Some(12_345), None).unwrap();
    }
    let owner = fs::metadata(&path).unwrap().uid();
    let error = read_key_as(&path, &Trusted::default()).unwrap_err();
    let expected = format!("the user {owner} may read");
    assert!(error.to_string().starts_with(&expected), "{error}");
    let trusted = Trusted {
        users: vec![owner],
        groups: Vec::new(),
    };
    assert!(read_key_as(&path, &trusted).is_ok());
}

#[test]
fn what_is_no_file_is_named() {
    let scratch = Scratch::new();
    let missing = read_key(&scratch.path("none")).unwrap_err();
    assert!(matches!(missing, KeyError::Missing { .. }), "{missing}");
    assert!(
        missing.to_string().contains("sovnetctl key new"),
        "{missing}"
    );
    let pipe = scratch.path("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
    let error = read_key(&pipe).unwrap_err();
    assert!(matches!(error, KeyError::NoFile { .. }), "{error}");
}
