//! Requests made by another library, and bytes that are none.

use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::certificates::v1::{
    CertificateSigningRequest, CertificateSigningRequestSpec,
};
use proptest::prelude::*;
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, DnType, KeyPair};
use sovnet_core::approve::{NameKind, Verdict, judge};

use super::{BYTES_MAX, parse, read};

fn params(names: &[(DnType, &str)], alternatives: &[&str]) -> CertificateParams {
    let alternatives: Vec<String> = alternatives.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(alternatives).unwrap();
    params.distinguished_name = DistinguishedName::new();
    for (kind, text) in names {
        params.distinguished_name.push(kind.clone(), *text);
    }
    params
}

fn pem(params: &CertificateParams) -> String {
    let key = KeyPair::generate().unwrap();
    params.serialize_request(&key).unwrap().pem().unwrap()
}

fn ours() -> [(DnType, &'static str); 2] {
    [
        (DnType::OrganizationName, "sovnet:nodes"),
        (DnType::CommonName, "sovnet:node:box-01"),
    ]
}

#[test]
fn a_plain_request_is_its_subject_and_nothing_else() {
    let (subject, extras) = parse(pem(&params(&ours(), &[])).as_bytes()).unwrap();
    let parts: Vec<_> = subject
        .iter()
        .map(|part| (&part.kind, part.text.as_str()))
        .collect();
    assert_eq!(
        parts,
        [
            (&NameKind::Organization, "sovnet:nodes"),
            (&NameKind::CommonName, "sovnet:node:box-01"),
        ]
    );
    assert_eq!(extras, Vec::<String>::new());
}

#[test]
fn alternative_names_and_unknown_extensions_are_named() {
    let request = pem(&params(&ours(), &["kubernetes", "192.0.2.1"]));
    assert_eq!(parse(request.as_bytes()).unwrap().1, ["2.5.29.17"]);
    let mut params = params(&ours(), &[]);
    let extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99_999, 1], vec![5, 0]);
    params.custom_extensions.push(extension);
    assert_eq!(
        parse(pem(&params).as_bytes()).unwrap().1,
        ["1.3.6.1.4.1.99999.1"]
    );
}

#[test]
fn further_parts_and_texts_in_other_encodings_are_named_by_number() {
    let bmp = rcgen::string::BmpString::try_from("sovnet:nodes").unwrap();
    let mut params = params(&[(DnType::OrganizationalUnitName, "x")], &[]);
    let bmp = rcgen::DnValue::BmpString(bmp);
    params
        .distinguished_name
        .push(DnType::OrganizationName, bmp);
    let (subject, _) = parse(pem(&params).as_bytes()).unwrap();
    let kinds: Vec<_> = subject.into_iter().map(|part| part.kind).collect();
    let other = |oid: &str| NameKind::Other(oid.to_owned());
    assert_eq!(kinds, [other("2.5.4.11"), other("2.5.4.10")]);
}

#[test]
fn what_is_not_exactly_one_block_is_not_read() {
    let good = pem(&params(&ours(), &[]));
    assert!(parse(good.as_bytes()).is_ok());
    let renamed = good.replace("CERTIFICATE REQUEST", "CERTIFICATE");
    let headed = good.replacen("REQUEST-----\n", "REQUEST-----\nProc-Type: 4\n\n", 1);
    for bad in [
        String::new(),
        format!("{good}{good}"),
        format!("hello\n{good}"),
        format!("{good}hello"),
        renamed,
        headed,
        good.replacen("MI", "!!", 1),
        good.clone() + &"\n".repeat(BYTES_MAX),
    ] {
        assert!(parse(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn a_request_as_kubernetes_stores_it_can_be_judged() {
    let object = CertificateSigningRequest {
        spec: CertificateSigningRequestSpec {
            request: ByteString(pem(&params(&ours(), &[])).into_bytes()),
            signer_name: "kubernetes.io/kube-apiserver-client".to_owned(),
            username: Some("system:node:box-01".to_owned()),
            groups: Some(vec!["system:nodes".to_owned()]),
            usages: Some(vec![
                "client auth".to_owned(),
                "digital signature".to_owned(),
            ]),
            expiration_seconds: Some(3600),
            ..CertificateSigningRequestSpec::default()
        },
        ..CertificateSigningRequest::default()
    };
    let request = read(&object).unwrap();
    assert_eq!(request.lifetime, Some(Duration::from_secs(3600)));
    let node = "box-01".to_owned();
    assert_eq!(judge(&request), Verdict::Approve { node });
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        let _read_or_refused = parse(&bytes);
    }

    /// Damage reaches the decoder: the frame stays, the bytes in it change.
    #[test]
    fn a_damaged_request_is_read_or_refused(
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let key = KeyPair::generate().unwrap();
        let request = params(&ours(), &["a.example"]).serialize_request(&key).unwrap();
        let mut der = request.der().to_vec();
        for (place, byte) in damage {
            let place = place.index(der.len());
            der[place] = byte;
        }
        let encoded = x509_cert::der::pem::encode_string(
            "CERTIFICATE REQUEST",
            x509_cert::der::pem::LineEnding::LF,
            &der,
        );
        let _read_or_refused = parse(encoded.unwrap().as_bytes());
    }
}
