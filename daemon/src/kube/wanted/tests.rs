//! When a status is right, and what is written where it is not.

use std::net::Ipv4Addr;

use sovnet_core::facts::cluster::Service as Object;

use super::*;

pub(in crate::kube) const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 242));

pub(in crate::kube) fn web() -> ServiceName {
    "shop/web".parse().unwrap()
}

/// These addresses, of the pool lan.
pub(in crate::kube) fn wanted(addresses: &[IpAddr]) -> Wanted {
    Wanted {
        addresses: addresses.to_vec(),
        pool: Some("lan".to_owned()),
    }
}

pub(in crate::kube) fn object(assigned: &[IpAddr]) -> Object {
    Object {
        uid: "u-1".to_owned(),
        created_secs: 1,
        assigned: assigned.to_vec(),
        ..Object::default()
    }
}

#[test]
fn a_status_is_right_with_its_addresses_its_pool_and_nothing_else() {
    let right = Object {
        noted_pool: Some("lan".to_owned()),
        ..object(&[ADDRESS])
    };
    assert!(wanted(&[ADDRESS]).stands(&right));
    assert!(wanted(&[ADDRESS]).stands(&object(&[ADDRESS])), "not noted");
    let of_another_pool = Object {
        noted_pool: Some("guests".to_owned()),
        ..right.clone()
    };
    let with_host_name = Object {
        has_foreign_status: true,
        ..right.clone()
    };
    let empty = Object {
        assigned: Vec::new(),
        ..right
    };
    for wrong in [of_another_pool, with_host_name, empty] {
        assert!(!wanted(&[ADDRESS]).stands(&wrong), "{wrong:?}");
    }
    assert!(Wanted::default().stands(&object(&[])));
}

#[test]
fn both_addresses_and_the_pool_are_written_for_exactly_the_version_that_was_judged() {
    let v6 = "fd00::1".parse().unwrap();
    let patch = wanted(&[ADDRESS, v6]).patch(&web(), &object(&[]), "7");
    let ingress = serde_json::json!([
        { "ip": "192.0.2.242", "ipMode": "VIP" },
        { "ip": "fd00::1", "ipMode": "VIP" },
    ]);
    assert_eq!(patch["status"]["loadBalancer"]["ingress"], ingress);
    let metadata = &patch["metadata"];
    assert_eq!(metadata["resourceVersion"], "7");
    assert_eq!(metadata["uid"], "u-1");
    assert_eq!(metadata["annotations"][FROM_POOL_ANNOTATION], "lan");
    // An annotation that a manifest has is not fought for.
    let copied = Object {
        has_foreign_note: true,
        ..object(&[])
    };
    let patch = wanted(&[ADDRESS]).patch(&web(), &copied, "7");
    assert_eq!(patch["metadata"]["annotations"], serde_json::json!({}));
    // Nothing of ours is left by who gets nothing.
    let patch = Wanted::default().patch(&web(), &object(&[]), "7");
    let nothing = serde_json::json!({});
    assert_eq!(patch["metadata"]["annotations"], nothing);
    assert_eq!(patch["status"]["loadBalancer"], nothing);
}

#[test]
fn the_status_of_others_and_of_those_that_wait_is_not_touched() {
    let class = Some("example.org/lb".to_owned());
    assert_eq!(Wanted::of(&Verdict::Foreign { class }), None);
    assert_eq!(Wanted::of(&Verdict::Waiting), None);
    assert_eq!(Wanted::of(&Verdict::Former), Some(Wanted::default()));
}
