//! One node's view of the Lease, step by step; several nodes are in the simulation.

mod simulation;

use super::*;

fn at(millis: u64) -> Moment {
    Moment::from_millis(millis)
}

fn seen(holder: &str, version: &str) -> Option<Seen> {
    Some(Seen {
        holder: (!holder.is_empty()).then(|| holder.to_owned()),
        version: version.to_owned(),
    })
}

fn hold(version: &str, is_taken_over: bool) -> Step {
    Step::Hold {
        version: version.to_owned(),
        is_taken_over,
    }
}

fn lease() -> Lease {
    Lease::new("ada".to_owned())
}

#[test]
fn a_write_that_begins_in_time_ends_before_anybody_takes_over() {
    assert!(WRITE_FOR + REQUEST_MAX < DURATION);
    assert!(
        LOOK_EVERY + 2 * REQUEST_MAX <= WRITE_FOR,
        "a slow API costs no holder its right"
    );
}

#[test]
fn a_free_lease_is_taken_at_once() {
    let mut lease = lease();
    assert_eq!(
        lease.handle_seen(seen("", "1"), false, at(0)),
        hold("1", false)
    );
    assert!(!lease.may_write(at(0)), "not before the API said so");
    lease.handle_held("2".to_owned(), at(0), at(100));
    assert!(lease.may_write(at(100)));
    assert_eq!(lease.holder(), Some("ada"));
    assert_eq!(lease.identity(), "ada");
}

#[test]
fn the_right_to_write_counts_from_before_the_request() {
    let mut lease = lease();
    lease.handle_held("2".to_owned(), at(1_000), at(2_900));
    assert!(lease.may_write(at(6_999)));
    assert!(!lease.may_write(at(7_000)));
    lease.handle_held("3".to_owned(), at(7_500), at(7_600));
    assert!(lease.may_write(at(13_499)));
}

#[test]
fn who_makes_a_missing_lease_writes_only_after_its_time() {
    let mut lease = lease();
    assert_eq!(lease.handle_seen(None, false, at(500)), Step::Create);
    lease.handle_held("1".to_owned(), at(500), at(600));
    lease.handle_held("2".to_owned(), at(9_000), at(9_100));
    assert!(!lease.may_write(at(9_599)));
    assert!(lease.may_write(at(9_600)));
    // The reply is lost: what counts is the first look that shows it.
    let mut lease = super::Lease::new("ada".to_owned());
    assert_eq!(lease.handle_seen(None, false, at(0)), Step::Create);
    assert_eq!(
        lease.handle_seen(seen("ada", "1"), false, at(2_000)),
        hold("1", false)
    );
    assert_eq!(
        lease.handle_seen(seen("ada", "1"), false, at(4_000)),
        hold("1", false)
    );
    lease.handle_held("2".to_owned(), at(10_900), at(10_900));
    assert!(!lease.may_write(at(10_999)));
    assert!(lease.may_write(at(11_000)));
}

#[test]
fn a_holder_whose_lease_is_deleted_stops_at_once() {
    let mut lease = lease();
    lease.handle_held("2".to_owned(), at(0), at(0));
    assert_eq!(lease.handle_seen(None, false, at(2_000)), Step::Create);
    assert!(!lease.may_write(at(2_000)));
    assert_eq!(lease.holder(), None);
    // Somebody else made it.
    assert_eq!(
        lease.handle_seen(seen("bob", "3"), false, at(4_000)),
        Step::Wait
    );
    assert_eq!(
        lease.handle_seen(seen("bob", "3"), false, at(13_000)),
        hold("3", true)
    );
    lease.handle_held("4".to_owned(), at(13_000), at(13_100));
    assert!(lease.may_write(at(13_100)));
}

#[test]
fn a_lease_is_taken_over_when_it_stood_unchanged_for_its_time() {
    let mut lease = lease();
    assert_eq!(
        lease.handle_seen(seen("bob", "1"), false, at(0)),
        Step::Wait
    );
    assert_eq!(
        lease.handle_seen(seen("bob", "2"), false, at(8_000)),
        Step::Wait
    );
    assert_eq!(
        lease.handle_seen(seen("bob", "2"), false, at(16_999)),
        Step::Wait
    );
    assert_eq!(
        lease.handle_seen(seen("bob", "2"), false, at(17_000)),
        hold("2", true)
    );
    // The request was lost, or somebody else was faster and died.
    assert_eq!(
        lease.handle_seen(seen("bob", "2"), false, at(19_000)),
        hold("2", true)
    );
    assert_eq!(
        lease.handle_seen(seen("eve", "3"), false, at(21_000)),
        Step::Wait
    );
    assert_eq!(
        lease.handle_seen(seen("eve", "3"), false, at(30_000)),
        hold("3", true)
    );
    assert_eq!(lease.holder(), Some("eve"));
}

#[test]
fn a_holder_renews_and_a_lost_reply_gives_it_nothing() {
    let mut lease = lease();
    lease.handle_held("2".to_owned(), at(0), at(0));
    assert_eq!(
        lease.handle_seen(seen("ada", "2"), false, at(2_000)),
        hold("2", false)
    );
    // That succeeded as version 3, and nobody told.
    assert_eq!(
        lease.handle_seen(seen("ada", "3"), false, at(4_000)),
        hold("3", false)
    );
    assert!(lease.may_write(at(5_999)));
    assert!(!lease.may_write(at(6_000)));
    lease.handle_held("4".to_owned(), at(4_000), at(6_000));
    assert!(lease.may_write(at(9_999)));
}

#[test]
fn a_takeover_whose_reply_is_lost_gives_a_right_only_after_its_time() {
    let mut lease = lease();
    lease.handle_seen(seen("bob", "1"), false, at(0));
    assert_eq!(
        lease.handle_seen(seen("bob", "1"), false, at(9_000)),
        hold("1", true)
    );
    assert_eq!(
        lease.handle_seen(seen("ada", "2"), false, at(11_000)),
        hold("2", false)
    );
    lease.handle_held("3".to_owned(), at(19_000), at(19_100));
    assert!(!lease.may_write(at(19_999)));
    assert!(lease.may_write(at(20_000)));
}

#[test]
fn a_holder_that_sees_another_one_stops_at_once() {
    let mut lease = lease();
    lease.handle_held("2".to_owned(), at(0), at(0));
    assert_eq!(
        lease.handle_seen(seen("bob", "3"), false, at(1_000)),
        Step::Wait
    );
    assert!(!lease.may_write(at(1_000)));
}

#[test]
fn a_daemon_that_restarts_waits_for_its_former_life() {
    let mut lease = Lease::new("ada-2".to_owned());
    assert_eq!(
        lease.handle_seen(seen("ada-1", "7"), false, at(0)),
        Step::Wait
    );
    assert_eq!(
        lease.handle_seen(seen("ada-1", "7"), false, at(9_000)),
        hold("7", true)
    );
}

#[test]
fn a_holder_that_is_known_to_be_gone_is_not_waited_for() {
    let mut lease = lease();
    assert_eq!(
        lease.handle_seen(seen("bob", "1"), false, at(0)),
        Step::Wait
    );
    let taken = lease.handle_seen(seen("bob", "1"), true, at(100));
    assert_eq!(taken, hold("1", true));
    // The request was lost: it is tried again.
    let taken = lease.handle_seen(seen("bob", "1"), true, at(2_100));
    assert_eq!(taken, hold("1", true));
    lease.handle_held("2".to_owned(), at(2_100), at(2_150));
    assert!(lease.may_write(at(2_150)));
}

#[test]
fn who_takes_the_lease_back_was_not_gone_and_is_waited_for_from_then_on() {
    let mut lease = lease();
    lease.handle_seen(seen("bob", "1"), true, at(0));
    lease.handle_held("2".to_owned(), at(0), at(50));
    // It is cut off from the nodes, not from the API, and takes this node for gone in its turn.
    assert_eq!(
        lease.handle_seen(seen("bob", "3"), true, at(2_000)),
        Step::Wait
    );
    assert!(!lease.may_write(at(2_000)));
    assert_eq!(
        lease.handle_seen(seen("bob", "4"), true, at(4_000)),
        Step::Wait
    );
    // Another life of it is another holder.
    let taken = lease.handle_seen(seen("bob2", "5"), true, at(6_000));
    assert_eq!(taken, hold("5", true));
    // And one that renews no more is taken over as any other one.
    lease.handle_seen(seen("bob", "6"), true, at(8_000));
    let taken = lease.handle_seen(seen("bob", "6"), true, at(17_000));
    assert_eq!(taken, hold("6", true));
}
