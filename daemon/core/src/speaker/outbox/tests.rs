//! What makes room for what.

use std::net::{IpAddr, Ipv4Addr};

use super::{Kind, Outbox, ROOM};

const A: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
const B: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));

fn full(first: Kind, rest: Kind) -> Outbox {
    let mut outbox = Outbox::default();
    assert_eq!(outbox.push(first, A, vec![1]), None);
    for _ in 1..ROOM {
        assert_eq!(outbox.push(rest, A, vec![2]), None);
    }
    outbox
}

#[test]
fn a_full_queue_loses_its_oldest_refresh_first() {
    let mut outbox = full(Kind::Reply, Kind::Refresh);
    assert_eq!(outbox.push(Kind::Reply, A, vec![3]), Some(Kind::Refresh));
    assert_eq!(outbox.pop(), Some(vec![1]));
}

#[test]
fn a_flood_of_answers_never_displaces_an_announcement() {
    let mut outbox = full(Kind::Announce, Kind::Reply);
    assert_eq!(outbox.push(Kind::Reply, A, vec![3]), Some(Kind::Reply));
    assert_eq!(outbox.push(Kind::Announce, A, vec![4]), Some(Kind::Reply));
    assert_eq!(outbox.pop(), Some(vec![1]));
    let left = std::iter::from_fn(|| outbox.pop()).count();
    assert_eq!(left, ROOM - 1);
}

#[test]
fn a_forgotten_sender_has_no_frame_left() {
    let mut outbox = Outbox::default();
    outbox.push(Kind::Announce, A, vec![1]);
    outbox.push(Kind::Announce, B, vec![2]);
    outbox.push(Kind::Reply, A, vec![3]);
    outbox.forget(A);
    assert_eq!(outbox.pop(), Some(vec![2]));
    assert_eq!(outbox.pop(), None);
}
