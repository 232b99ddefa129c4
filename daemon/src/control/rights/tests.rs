//! Peers with every kind of right, and none.

use std::cell::Cell;

use super::{Peer, Right, right_of, user_name};

const OWN: u32 = 990;
const ADMIN: u32 = 800;

async fn check(uid: u32, groups: &[u32], admin_group: Option<u32>) -> Right {
    let peer = Peer {
        uid,
        groups: groups.to_vec(),
    };
    right_of(&peer, OWN, async { admin_group }).await
}

#[tokio::test]
async fn root_the_own_user_and_the_admin_group_may_and_nobody_else() {
    assert_eq!(check(0, &[0], None).await, Right::Root);
    assert_eq!(check(OWN, &[OWN], None).await, Right::OwnUser);
    assert_eq!(check(1000, &[1000, ADMIN], Some(ADMIN)).await, Right::Admin);
    assert_eq!(check(1000, &[ADMIN], Some(ADMIN)).await, Right::Admin);
    assert_eq!(check(1000, &[1000], Some(ADMIN)).await, Right::None);
    assert_eq!(check(1000, &[1000, 0], None).await, Right::None);
}

#[tokio::test]
async fn the_group_is_not_looked_up_for_root() {
    let is_asked = Cell::new(false);
    let peer = Peer {
        uid: 0,
        groups: Vec::new(),
    };
    let ask = async {
        is_asked.set(true);
        None
    };
    assert_eq!(right_of(&peer, OWN, ask).await, Right::Root);
    assert!(!is_asked.get());
}

#[tokio::test]
async fn a_user_without_a_name_is_named_by_number() {
    assert_eq!(user_name(0).await, "root");
    assert_eq!(user_name(4_123_456_789).await, "user 4123456789");
}
