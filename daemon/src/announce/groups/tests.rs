//! Memberships as the kernel shows them, in a network namespace.

use std::net::Ipv6Addr;

use super::{Groups, PER_SOCKET};
use crate::netns::{in_netns, index_of, ip};

fn group(number: u16) -> Ipv6Addr {
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff77, number)
}

fn near() -> Groups {
    ip("link add name near type veth peer name far");
    ip("link set near up");
    ip("link set far up");
    Groups::new(index_of("near"))
}

/// How many of the groups of these tests the link is a member of.
fn count() -> usize {
    let shown = ip("-6 maddress show dev near");
    shown.matches("ff02::1:ff77:").count()
}

#[test]
fn netns_a_link_is_a_member_of_exactly_the_groups_that_are_wanted() {
    in_netns(async || {
        let mut groups = near();
        groups.set([1, 2].map(group).into_iter()).unwrap();
        assert!(ip("-6 maddress show dev near").contains("ff02::1:ff77:2"));
        groups.set([2, 3].map(group).into_iter()).unwrap();
        assert_eq!(count(), 2);
        assert!(!ip("-6 maddress show dev near").contains("ff02::1:ff77:1"));
        drop(groups);
        assert_eq!(count(), 0);
    });
}

#[test]
fn netns_a_thousand_groups_are_joined_and_left_again() {
    in_netns(async || {
        let mut groups = near();
        groups.set((1..=1_000).map(group)).unwrap();
        assert_eq!(count(), 1_000);
        groups.set((1..=10).map(group)).unwrap();
        groups.set((1..=1_000).map(group)).unwrap();
        assert_eq!(count(), 1_000);
        assert_eq!(groups.sockets.len(), 1_000_usize.div_ceil(PER_SOCKET));
    });
}

#[test]
fn netns_memberships_outlive_a_link_that_goes_down() {
    in_netns(async || {
        let mut groups = near();
        groups.set([7].map(group).into_iter()).unwrap();
        ip("link set near down");
        ip("link set near up");
        assert_eq!(count(), 1);
    });
}

#[test]
fn netns_on_a_link_that_does_not_exist_nothing_is_joined() {
    in_netns(async || {
        let mut groups = Groups::new(sovnet_core::names::LinkIndex(4_711));
        assert!(groups.set([1].map(group).into_iter()).is_err());
        assert!(groups.joined.is_empty());
    });
}
