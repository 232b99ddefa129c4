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
    request
        .address
        .as_ref()
        .map(|(address, place)| format!("{address} by {place}"))
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

/// Annotations, the field, and the clause that is said.
type Case = (
    &'static [(&'static str, &'static str)],
    Option<&'static str>,
    &'static str,
);

#[test]
fn what_cannot_be_met_is_said_once_and_clearly() {
    let cases: [Case; 7] = [
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
            &[(ADDRESS_ANNOTATIONS[1], "fd00::1")],
            None,
            "metallb.io/loadBalancerIPs \"fd00::1\": asks for IPv6, and this version gives IPv4 only",
        ),
        (
            &[(ADDRESS_ANNOTATIONS[1], "192.0.2.1")],
            Some("192.0.2.2"),
            "metallb.io/loadBalancerIPs says 192.0.2.1, and spec.loadBalancerIP says 192.0.2.2",
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
        let annotations = [(ADDRESS_ANNOTATIONS[0], text.as_str()), (POOL_ANNOTATIONS[0], &pool)];
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
