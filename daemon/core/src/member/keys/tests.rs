//! Keys: separate, stable, secret.

use super::{KeyId, Keys};

#[test]
fn each_use_has_its_own_key() {
    let keys = Keys::derive(&[7; 32]);
    assert_ne!(keys.mac, keys.status);
    assert_ne!(keys.mac, [7; 32]);
    assert_ne!(keys.id().0, keys.mac[..4]);
    assert_ne!(keys.id(), KeyId::NONE);
}

#[test]
fn another_key_file_gives_other_keys() {
    let (one, other) = (Keys::derive(&[1; 32]), Keys::derive(&[2; 32]));
    assert_ne!(one.id(), other.id());
    assert_ne!(one.code(b"x"), other.code(b"x"));
    assert_ne!(Keys::none().code(b"x"), one.code(b"x"));
}

#[test]
fn only_the_right_code_is_the_code() {
    let keys = Keys::derive(&[1; 32]);
    let code = keys.code(b"beat");
    assert!(keys.is_code(b"beat", &code));
    assert!(!keys.is_code(b"beau", &code));
    for bit in 0..128 {
        let mut wrong = code;
        wrong[bit / 8] ^= 1 << (bit % 8);
        assert!(!keys.is_code(b"beat", &wrong), "bit {bit}");
    }
}

#[test]
fn debug_shows_the_id_and_no_secret() {
    let keys = Keys::derive(&[1; 32]);
    let shown = format!("{keys:?}");
    assert_eq!(shown, format!("Keys {{ id: {:?}, .. }}", keys.id()));
}
