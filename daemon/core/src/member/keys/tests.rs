//! Keys: separate, stable, secret.

use super::*;

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

fn hex(byte: u8) -> String {
    (0..32).map(|at| format!("{:02x}", byte ^ at)).collect()
}

fn secret(byte: u8) -> [u8; 32] {
    std::array::from_fn(|at| byte ^ u8::try_from(at).unwrap())
}

#[test]
fn a_key_file_has_one_or_two_keys_and_the_first_is_used() {
    let one = Secrets::read(format!("{}\n", hex(1)).as_bytes()).unwrap();
    assert_eq!((one.first, one.second), (secret(1), None));
    for text in [
        format!("{}\n{}\n", hex(1), hex(2)),
        format!("{}\r\n{}\r\n", hex(1), hex(2)),
        format!("{}\n{}", hex(1).to_uppercase(), hex(2)),
    ] {
        let two = Secrets::read(text.as_bytes()).unwrap();
        assert_eq!((two.first, two.second), (secret(1), Some(secret(2))));
        let ring = KeyRing::new(&two);
        assert_eq!(ring.used().id(), Keys::derive(&secret(1)).id());
        assert_eq!(ring.ids().len(), 2);
    }
    assert_eq!(Secrets::read(&secret(9)).unwrap().first, secret(9));
}

#[test]
fn what_is_no_key_is_refused() {
    let [a, b] = [hex(1), hex(2)];
    let forms = [
        String::new(),
        "\n".to_owned(),
        a[1..].to_owned(),
        format!("{a}{b}"),
        format!("{a}\n{b}\n{}\n", hex(3)),
        format!("{a}\n\n"),
        format!("\n{a}\n"),
        format!("{a} {b}"),
        a.replace('a', "g"),
    ];
    for text in forms {
        assert_eq!(
            Secrets::read(text.as_bytes()),
            Err(SecretsError::Form),
            "{text}"
        );
    }
    let weak = "00".repeat(32);
    assert_eq!(Secrets::read(weak.as_bytes()), Err(SecretsError::Weak));
    let weak = format!("{a}\n{weak}");
    assert_eq!(Secrets::read(weak.as_bytes()), Err(SecretsError::Weak));
    let twice = format!("{a}\n{a}\n");
    assert_eq!(Secrets::read(twice.as_bytes()), Err(SecretsError::Twice));
}

#[test]
fn debug_of_a_ring_shows_ids_alone() {
    let secrets = Secrets {
        first: secret(1),
        second: Some(secret(2)),
    };
    for text in [
        format!("{secrets:?}"),
        format!("{:?}", KeyRing::new(&secrets)),
    ] {
        assert!(text.len() < 120 && text.contains("KeyId"), "{text}");
    }
}
