//! Certificates of any age, and what is none.

use proptest::prelude::*;
use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use super::*;

const DAY: i64 = 86_400;

fn pem() -> String {
    let mut params = CertificateParams::default();
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2026, 1, 8);
    let key = KeyPair::generate().unwrap();
    params.self_signed(&key).unwrap().pem()
}

#[test]
fn the_dates_are_those_of_the_certificate_in_the_kubeconfig_or_in_the_file_that_it_names() {
    let pem = pem();
    // 1,767,225,600 is the first of January 2026.
    let expected = Some(Validity {
        from: 1_767_225_600,
        until: 1_767_225_600 + 7 * DAY,
    });
    let data = serde_json::to_value(ByteString(pem.clone().into_bytes())).unwrap();
    let within = AuthInfo {
        client_certificate_data: data.as_str().map(str::to_owned),
        ..AuthInfo::default()
    };
    assert_eq!(Validity::of(&within), expected);
    let process = std::process::id();
    let path = std::env::temp_dir().join(format!("sovnetd-certificate-{process}.crt"));
    std::fs::write(&path, &pem).unwrap();
    let beside = AuthInfo {
        client_certificate: Some(path.display().to_string()),
        ..AuthInfo::default()
    };
    assert_eq!(Validity::of(&beside), expected);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(Validity::of(&beside), None);
    assert_eq!(Validity::of(&AuthInfo::default()), None);
}

#[test]
fn a_certificate_that_was_not_renewed_in_time_is_told_before_it_ends() {
    let week = Validity {
        from: 0,
        until: 7 * DAY,
    };
    assert_eq!(week.standing(6 * DAY), Standing::Valid);
    assert_eq!(week.standing(6 * DAY + 1), Standing::Ending);
    assert_eq!(week.standing(7 * DAY - 1), Standing::Ending);
    assert_eq!(week.standing(7 * DAY), Standing::Ended);
    let year = Validity {
        from: 0,
        until: 365 * DAY,
    };
    assert_eq!(year.standing(351 * DAY), Standing::Valid);
    assert_eq!(year.standing(351 * DAY + 1), Standing::Ending);
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
        let _none = Validity::read(&bytes);
    }
}
