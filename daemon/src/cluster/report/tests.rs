//! The line for people, and the ration of lines.

use std::time::Duration;

use sovnet_core::time::Moment;

use super::{ApproverReport, LINES_PER_MINUTE, Ration};

#[test]
fn the_line_says_what_is_reached_or_what_is_missing() {
    let mut report = ApproverReport::default();
    assert_eq!(report.summary(), "starting");
    assert!(!report.has_tried());
    report.server = Some("https://192.0.2.1:6443".to_owned());
    assert_eq!(report.summary(), "connecting to https://192.0.2.1:6443");
    report.is_watching = true;
    report.approved = 2;
    assert_eq!(
        report.summary(),
        "judging the nodes' certificate requests at https://192.0.2.1:6443: 2 approved, 0 denied"
    );
    report.trouble = Some("Connection refused".to_owned());
    assert_eq!(
        report.summary(),
        "no certificate is approved now: Connection refused"
    );
    assert!(report.has_tried());
}

#[test]
fn a_flood_of_requests_gets_a_ration_of_lines() {
    let start = Moment::from_nanos(1);
    let mut ration = Ration::default();
    let taken = (0..100).filter(|_| ration.take(start)).count();
    assert_eq!(taken, LINES_PER_MINUTE as usize);
    assert!(!ration.take(start + Duration::from_secs(59)));
    assert!(ration.take(start + Duration::from_secs(60)));
}
