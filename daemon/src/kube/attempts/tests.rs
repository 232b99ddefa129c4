//! What is remembered of writes, and for how long.

use std::net::IpAddr;

use sovnet_core::facts::cluster::Service as Object;

use super::super::wanted::tests::{ADDRESS, object, wanted, web};
use super::*;

/// The watch shows the Service in this version.
fn seen(version: &str, assigned: &[IpAddr]) -> (Watches, Arc<ClusterFacts>) {
    let service = (object(assigned), version.to_owned());
    let watches = Watches::showing([(web(), service)]);
    let facts = Arc::new(watches.facts().unwrap());
    (watches, facts)
}

fn attempted(version: &str, failure: Option<Failure>) -> Attempts {
    let mut attempts = Attempts::default();
    let attempt = Attempt {
        version: version.to_owned(),
        wanted: wanted(&[ADDRESS]),
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
    assert_eq!(known.services[&web()].assigned, [ADDRESS]);
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
    let conflict = Failure::Conflict(Some("controller".to_owned()));
    let mut attempts = attempted("7", Some(conflict));
    let (watches, _) = seen("7", &[]);
    let told = attempts.trouble(&web(), &watches).unwrap();
    assert_eq!(
        told.what,
        "the controller \"controller\" has written its status"
    );
    assert!(told.rival.unwrap().contains("MetalLB"));
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
    let mut conflict = attempted("7", Some(Failure::Conflict(None)));
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

#[test]
fn a_conflict_names_the_other_controller() {
    let refused = |code: u16, causes: serde_json::Value| {
        let status = serde_json::json!({
            "message": "Apply failed with 1 conflict", "code": code, "reason": "Conflict",
            "status": "Failure", "details": { "causes": causes },
        });
        failure(&kube::Error::Api(serde_json::from_value(status).unwrap()))
    };
    let cause = |message: &str| {
        serde_json::json!([{
            "reason": "FieldManagerConflict",
            "message": message,
            "field": ".status.loadBalancer.ingress",
        }])
    };
    let named = cause("conflict with \"k3s\" with subresource \"status\" using v1");
    assert_eq!(
        refused(409, named),
        Failure::Conflict(Some("k3s".to_owned()))
    );
    assert_eq!(refused(409, cause("conflict")), Failure::Conflict(None));
    assert_eq!(refused(409, serde_json::json!([])), Failure::Outdated);
}

#[test]
fn nodes_that_do_not_write_know_as_well_who_has_written_a_status() {
    let by = |status_by: StatusBy, assigned: &[IpAddr]| Object {
        status_by,
        ..object(assigned)
    };
    let verdict = Verdict::Assigned {
        addresses: vec![ADDRESS],
        pool: None,
        reason: "it is free".to_owned(),
        complaint: None,
    };
    let k3s = || StatusBy::Other("k3s".to_owned());
    let foreseen = |service: &Object| Unwritten::foreseen(&verdict, service);
    let node: IpAddr = "192.0.2.2".parse().unwrap();
    let known = foreseen(&by(k3s(), &[node])).unwrap();
    assert_eq!(known.what, "the controller \"k3s\" has written its status");
    assert!(known.rival.unwrap().contains("--disable servicelb"));
    assert_eq!(foreseen(&by(k3s(), &[ADDRESS])), None, "it is right");
    assert_eq!(foreseen(&by(StatusBy::Nobody, &[])), None);
    let class = Some("example.org/lb".to_owned());
    let foreign = Verdict::Foreign { class };
    assert_eq!(Unwritten::foreseen(&foreign, &by(k3s(), &[node])), None);
}
