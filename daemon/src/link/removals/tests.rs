//! Whom a removal is laid at the door of.

use std::net::IpAddr;
use std::time::Duration;

use sovnet_core::time::Moment;

use super::{Cause, PID_MAX, Removals};
use crate::clock;

const V4: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 168, 8, 241));
const V6: IpAddr = IpAddr::V6(std::net::Ipv6Addr::LOCALHOST);
const OURS: u32 = 4_000_000_001;

fn start() -> (Removals, Moment) {
    let now = clock::now();
    (Removals::new(OURS, now), now)
}

#[test]
fn an_event_with_a_port_is_of_whoever_has_the_port() {
    let (mut removals, now) = start();
    assert_eq!(removals.cause(V4, OURS, now), Cause::Ours);
    assert_eq!(removals.cause(V4, 812, now), Cause::Other(Some(812)));
    assert_eq!(removals.cause(V4, PID_MAX + 1, now), Cause::Other(None));
    assert_eq!(removals.cause(V4, 0, now), Cause::Kernel);
}

#[test]
fn each_own_removal_of_ipv6_excuses_one_event() {
    let (mut removals, now) = start();
    removals.handle_own(V6);
    removals.handle_own(V6);
    assert_eq!(removals.cause(V6, 0, now), Cause::Ours);
    assert_eq!(removals.cause(V6, 0, now), Cause::Ours);
    assert_eq!(removals.cause(V6, 0, now), Cause::Other(None));
    removals.handle_own(V6);
    removals.handle_lost_events();
    assert_eq!(removals.cause(V6, 0, now), Cause::Other(None));
}

#[test]
fn what_was_not_renewed_in_time_ended_by_itself() {
    let (mut removals, now) = start();
    let soon = now + Duration::from_secs(5);
    assert_eq!(removals.cause(V6, 0, soon), Cause::Other(None));
    let late = now + Duration::from_secs(9);
    assert_eq!(removals.cause(V6, 0, late), Cause::Kernel);
    removals.handle_renewal(late);
    assert_eq!(
        removals.cause(V6, 0, late),
        Cause::Kernel,
        "the event waited"
    );
    let later = late + Duration::from_secs(2);
    assert_eq!(removals.cause(V6, 0, later), Cause::Other(None));
}
