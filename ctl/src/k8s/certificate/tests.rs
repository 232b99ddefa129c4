//! Certificates that an authority of the test issues.

use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, DistinguishedName, DnType, Issuer, KeyPair};

use super::{NewKey, node_of, now, read, validity_for};

/// A certificate of this common name for this key, from `from` on, for `life`.
pub(in crate::k8s) fn issue(name: &str, key: &NewKey, from: SystemTime, life: Duration) -> String {
    let authority = KeyPair::generate().unwrap();
    let issuer = Issuer::new(CertificateParams::default(), &authority);
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    (params.not_before, params.not_after) = (from.into(), (from + life).into());
    params.signed_by(&key.key, &issuer).unwrap().pem()
}

const DAY: Duration = Duration::from_secs(86_400);

#[test]
fn a_certificate_is_for_the_node_and_the_key_that_asked() {
    let key = NewKey::new("box-01").unwrap();
    let from = now();
    let pem = issue("sovnet:node:box-01", &key, from, 7 * DAY);
    let chain = read(pem.as_bytes(), "box-01", &key).unwrap();
    assert_eq!(chain.text, pem);
    assert_eq!(chain.validity.life(), 7 * DAY);
    let left = chain.validity.left(from + 5 * DAY).unwrap();
    // A certificate counts whole seconds.
    assert!(
        left <= 2 * DAY && left > 2 * DAY - Duration::from_secs(2),
        "{left:?}"
    );
    assert_eq!(chain.validity.left(from + 8 * DAY), None);
    assert_eq!(chain.validity.left(from - DAY), None);

    let refused =
        |pem: &str, node: &str, key: &NewKey| read(pem.as_bytes(), node, key).unwrap_err();
    assert_eq!(refused(&pem, "civil", &key), "it is for another name");
    let other = NewKey::new("box-01").unwrap();
    assert_eq!(refused(&pem, "box-01", &other), "it is for another key");
    assert_eq!(refused("hello", "box-01", &key), "it is no certificate");
    assert_eq!(refused("", "box-01", &key), "it is no certificate");
}

#[test]
fn a_kept_certificate_of_another_node_does_not_count() {
    let key = NewKey::new("box-01").unwrap();
    let pem = issue("sovnet:node:box-01", &key, now(), DAY);
    assert!(validity_for(pem.as_bytes(), "box-01").is_some());
    assert_eq!(validity_for(pem.as_bytes(), "box"), None);
    assert_eq!(validity_for(b"", "box-01"), None);
}

#[test]
fn the_node_is_named_by_its_kubelets_certificate_alone() {
    let key = NewKey::new("box-01").unwrap();
    let of = |name: &str| issue(name, &key, now(), DAY);
    let kubelet = of("system:node:box-01");
    let node = Some("box-01".to_owned());
    assert_eq!(node_of(kubelet.as_bytes()), node);
    // As in one file with the key, before it or after it; and with the authority behind.
    let secret = key.secret();
    let authority = of("authority");
    for file in [
        format!("{secret}{kubelet}"),
        format!("{kubelet}{secret}"),
        format!("{kubelet}{authority}"),
    ] {
        assert_eq!(node_of(file.as_bytes()), node);
    }
    for other in ["system:node:", "system:admin", "sovnet:node:box-01"] {
        assert_eq!(node_of(of(other).as_bytes()), None, "{other}");
    }
    for garbage in ["", "-----BEGIN CERTIFICATE-----", &kubelet[60..]] {
        assert_eq!(node_of(garbage.as_bytes()), None, "{garbage}");
    }
}
