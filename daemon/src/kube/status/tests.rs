//! What is remembered of writes, and for how long.

use std::collections::BTreeSet;

use sovnet_core::facts::cluster::{Service as Object, TrafficPolicy};
use sovnet_core::facts::request::Request;

use super::*;

const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 242);

fn web() -> ServiceName {
    "shop/web".parse().unwrap()
}

fn object(assigned: &[Ipv4Addr]) -> Object {
    Object {
        uid: "u-1".to_owned(),
        created_secs: 1,
        class: None,
        policy: TrafficPolicy::Cluster,
        request: Request::default(),
        assigned: assigned.iter().copied().map(IpAddr::V4).collect(),
        ready_on: BTreeSet::new(),
    }
}

/// The watch shows the Service in this version.
fn seen(version: &str, assigned: &[Ipv4Addr]) -> (Watches, ClusterFacts) {
    let service = (object(assigned), version.to_owned());
    let watches = Watches::showing([(web(), service)]);
    let facts = watches.facts().unwrap();
    (watches, facts)
}

fn attempted(version: &str, failure: Option<Failure>) -> Attempts {
    let mut attempts = Attempts::default();
    let attempt = Attempt {
        version: version.to_owned(),
        wanted: Some(ADDRESS),
        failure,
        is_due: false,
    };
    attempts.note(&web(), attempt);
    attempts
}

#[test]
fn an_address_that_was_written_is_taken_before_the_watch_shows_it() {
    let attempts = attempted("7", None);
    let (watches, facts) = seen("7", &[]);
    let known = attempts.with_written(&facts, &watches);
    assert_eq!(known.services[&web()].assigned, [IpAddr::V4(ADDRESS)]);
    // What the watch shows later is the truth.
    let (watches, facts) = seen("8", &[]);
    assert_eq!(attempts.with_written(&facts, &watches), facts);
    // What failed was not written.
    let attempts = attempted("7", Some(Failure::Other("no answer".to_owned())));
    let (watches, facts) = seen("7", &[]);
    assert_eq!(attempts.with_written(&facts, &watches), facts);
}

#[test]
fn a_failed_write_is_told_as_long_as_the_service_is_the_same() {
    let conflict = Failure::Conflict("conflict with \"metallb\"".to_owned());
    let mut attempts = attempted("7", Some(conflict));
    let (watches, _) = seen("7", &[]);
    let told = attempts.trouble(&web(), &watches).unwrap();
    assert_eq!(
        told,
        "another controller writes its status: conflict with \"metallb\""
    );
    let (changed, _) = seen("8", &[]);
    assert_eq!(attempts.trouble(&web(), &changed), None);
    attempts.forget_failure(&web());
    assert_eq!(attempts.trouble(&web(), &watches), None);
}

#[test]
fn what_failed_is_tried_once_more_and_what_conflicts_waits_for_a_change() {
    let mut other = attempted("7", Some(Failure::Other("no answer".to_owned())));
    assert!(!other.is_due(&web(), "7"));
    other.retry();
    assert!(other.is_due(&web(), "7"));
    let mut conflict = attempted("7", Some(Failure::Conflict("metallb".to_owned())));
    conflict.retry();
    assert!(!conflict.is_due(&web(), "7"));
    assert!(conflict.is_due(&web(), "8"));
    assert!(!attempted("7", None).is_due(&web(), "7"));
}

#[test]
fn a_node_that_was_forbidden_to_write_is_no_writer_for_a_while() {
    let attempts = attempted("7", Some(Failure::Forbidden("no".to_owned())));
    let now = clock::now();
    assert!(attempts.is_forbidden(now));
    assert!(!attempts.is_forbidden(now + FORBIDDEN_FOR + Duration::from_secs(1)));
}
