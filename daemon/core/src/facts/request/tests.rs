//! What annotations and the field ask for, together and apart.

use proptest::prelude::*;

use super::*;

fn read(annotations: &[(&str, &str)], field: Option<&str>) -> Request {
    let find = |name: &str| {
        let mut all = annotations.iter();
        all.find(|(known, _)| *known == name).map(|(_, text)| *text)
    };
    // The closure's result lives as long as the slice.
    Request::read(find, field)
}

fn address_of(request: &Request) -> Option<String> {
    let places = request.addresses.iter();
    let places: Vec<String> = places
        .map(|(address, place)| format!("{address} by {place}"))
        .collect();
    (!places.is_empty()).then(|| places.join(", "))
}

#[test]
fn deprecated_annotations_are_named_with_those_that_replace_them() {
    let new = [
        ("sovnet.internal/address-pool", "lan"),
        ("metallb.io/allow-shared-ip", "key"),
        ("metallb.universe.tf/ip-allocated-from-pool", "lan"),
    ];
    assert_eq!(read(&new, Some("192.0.2.240")).deprecation(), None);
    let one = read(&[("metallb.universe.tf/address-pool", "lan")], None);
    let sentence = "the annotation metallb.universe.tf/address-pool is deprecated: write \
                    sovnet.internal/address-pool, which means the same";
    assert_eq!(one.deprecation().as_deref(), Some(sentence));
    // Whatever they say: an unreadable one is deprecated, too.
    let two = [
        ("metallb.universe.tf/allow-shared-ip", ""),
        ("metallb.universe.tf/loadBalancerIPs", "one, please"),
    ];
    let sentence = "the annotations metallb.universe.tf/loadBalancerIPs and \
                    metallb.universe.tf/allow-shared-ip are deprecated: write \
                    sovnet.internal/loadBalancerIPs and sovnet.internal/allow-shared-ip, which mean \
                    the same";
    assert_eq!(read(&two, None).deprecation().as_deref(), Some(sentence));
}

#[test]
fn every_place_can_fix_the_address() {
    for place in ADDRESS_ANNOTATIONS {
        let request = read(&[(place, " 192.0.2.240 ")], None);
        assert_eq!(
            address_of(&request),
            Some(format!("192.0.2.240 by {place}"))
        );
        assert_eq!(request.fault, None);
    }
    let request = read(&[], Some("192.0.2.240"));
    let expected = "192.0.2.240 by spec.loadBalancerIP".to_owned();
    assert_eq!(address_of(&request), Some(expected));
    assert_eq!(read(&[], Some("")), Request::default());
    assert_eq!(read(&[], None), Request::default());
}

#[test]
fn every_annotation_can_name_the_pool() {
    for place in POOL_ANNOTATIONS {
        let request = read(&[(place, "production")], None);
        assert_eq!(
            request.pool,
            Some(("production".to_owned(), place.to_owned()))
        );
        assert_eq!(request.fault, None);
    }
}

#[test]
fn places_that_agree_are_one_request() {
    let both = [
        (ADDRESS_ANNOTATIONS[1], "192.0.2.240"),
        (ADDRESS_ANNOTATIONS[2], "192.0.2.240"),
        (POOL_ANNOTATIONS[0], "lab"),
        (POOL_ANNOTATIONS[2], "lab"),
    ];
    let request = read(&both, Some("192.0.2.240"));
    let expected = "192.0.2.240 by metallb.io/loadBalancerIPs".to_owned();
    assert_eq!(address_of(&request), Some(expected));
    assert_eq!(request.fault, None);
}

#[test]
fn one_place_can_ask_for_one_address_of_each_family() {
    let both = [
        (ADDRESS_ANNOTATIONS[1], "fd00::1, 192.0.2.1"),
        (ADDRESS_ANNOTATIONS[2], "192.0.2.1,fd00::1"),
    ];
    let request = read(&both, Some("fd00::1"));
    let expected = "192.0.2.1 by metallb.io/loadBalancerIPs, fd00::1 by metallb.io/loadBalancerIPs";
    assert_eq!(address_of(&request).as_deref(), Some(expected));
    assert_eq!(request.fault, None);
}

#[test]
fn every_annotation_can_have_the_key_and_an_empty_one_is_none() {
    for place in SHARING_ANNOTATIONS {
        let request = read(&[(place, " both ")], None);
        assert_eq!(request.sharing.as_deref(), Some("both"));
        let empty = read(&[(place, " ")], None);
        assert_eq!((empty.sharing, empty.fault), (None, None));
    }
}

/// Annotations, the field, and the clause that is said.
type Case = (
    &'static [(&'static str, &'static str)],
    Option<&'static str>,
    &'static str,
);

#[test]
fn what_cannot_be_met_is_said_once_and_clearly() {
    let cases: [Case; 10] = [
        (
            &[(ADDRESS_ANNOTATIONS[0], "traefik")],
            None,
            "sovnet.internal/loadBalancerIPs \"traefik\": is no IP address",
        ),
        (
            &[(ADDRESS_ANNOTATIONS[1], "")],
            None,
            "metallb.io/loadBalancerIPs \"\": is no IP address",
        ),
        (
            &[(ADDRESS_ANNOTATIONS[1], "192.0.2.1,192.0.2.2")],
            None,
            "metallb.io/loadBalancerIPs \"192.0.2.1,192.0.2.2\": asks for more than one IPv4 address",
        ),
        (
            &[(ADDRESS_ANNOTATIONS[1], "fd00::1,192.0.2.1,fd00::1")],
            None,
            "metallb.io/loadBalancerIPs \"fd00::1,192.0.2.1,fd00::1\": asks for more than one IPv6 address",
        ),
        (
            &[(ADDRESS_ANNOTATIONS[1], "192.0.2.1")],
            Some("192.0.2.2"),
            "metallb.io/loadBalancerIPs says 192.0.2.1, and spec.loadBalancerIP says 192.0.2.2",
        ),
        (
            &[
                (ADDRESS_ANNOTATIONS[0], "192.0.2.1,fd00::1"),
                (ADDRESS_ANNOTATIONS[1], "192.0.2.1"),
            ],
            None,
            "sovnet.internal/loadBalancerIPs says 192.0.2.1,fd00::1, and metallb.io/loadBalancerIPs says 192.0.2.1",
        ),
        (
            &[(ADDRESS_ANNOTATIONS[0], "192.0.2.1,fd00::1")],
            Some("192.0.2.2"),
            "sovnet.internal/loadBalancerIPs says 192.0.2.1,fd00::1, and spec.loadBalancerIP says 192.0.2.2",
        ),
        (
            &[(SHARING_ANNOTATIONS[0], "a"), (SHARING_ANNOTATIONS[1], "b")],
            None,
            "sovnet.internal/allow-shared-ip says \"a\", and metallb.io/allow-shared-ip says \"b\"",
        ),
        (
            &[(POOL_ANNOTATIONS[0], "a"), (POOL_ANNOTATIONS[1], "b")],
            None,
            "sovnet.internal/address-pool says a, and metallb.io/address-pool says b",
        ),
        (
            &[(POOL_ANNOTATIONS[2], " ")],
            None,
            "metallb.universe.tf/address-pool is empty",
        ),
    ];
    for (annotations, field, expected) in cases {
        let request = read(annotations, field);
        assert_eq!(request.fault.as_deref(), Some(expected));
    }
}

proptest! {
    #[test]
    fn any_text_gives_a_request_or_a_short_fault(
        text in any::<String>(),
        pool in any::<String>(),
        field in any::<String>(),
    ) {
        let annotations = [
            (ADDRESS_ANNOTATIONS[0], text.as_str()),
            (POOL_ANNOTATIONS[0], &pool),
            (SHARING_ANNOTATIONS[0], &text),
            (SHARING_ANNOTATIONS[1], &pool),
        ];
        let request = read(&annotations, Some(&field));
        if let Some(fault) = &request.fault {
            prop_assert!(fault.chars().count() < 300, "{fault}");
            prop_assert!(!fault.contains('\n'));
        }
        if let Some((pool, _)) = &request.pool {
            prop_assert!(pool.chars().count() <= SHOWN_CHARS + 1);
        }
    }
}

#[test]
fn an_annotation_of_a_megabyte_is_one_short_fault() {
    let long = "192.0.2.1,".repeat(100_000);
    let request = read(&[(ADDRESS_ANNOTATIONS[0], &long)], None);
    assert!(request.fault.unwrap().len() < 300);
    let long = "🏠".repeat(250_000);
    let request = read(&[(SHARING_ANNOTATIONS[0], &long)], None);
    let expected = "sovnet.internal/allow-shared-ip is longer than 253 bytes";
    assert_eq!(request.fault.as_deref(), Some(expected));
    assert_eq!(request.sharing, None);
    let request = read(&[(POOL_ANNOTATIONS[0], &long)], None);
    assert!(request.pool.unwrap().0.len() < 300);
}
