//! What is planned for an address, in words.

use sovnet_control::status::Address;

use super::{address, expect};
use crate::show::reason;

#[test]
fn what_is_planned_for_an_address_stands_behind_its_reason() {
    let plain = address(240, Some("civil"));
    let node = || Some("box-01".to_owned());
    let moved = Address {
        is_moved: true,
        returns_to: node(),
        returns_in_ms: Some(540_000),
        pinned_to: node(),
        pinned_by: Some("config".to_owned()),
        ..plain.clone()
    };
    let held = Address {
        is_moved: true,
        held_back: Some("held back for 8 s: its ability fell 5 times in 10 minutes".to_owned()),
        ..plain.clone()
    };
    let waiting = |left| Address {
        fails_back_to: node(),
        fails_back_in_ms: left,
        ..plain.clone()
    };
    let pinned = Address {
        pinned_to: node(),
        pinned_by: Some("operator".to_owned()),
        ..plain.clone()
    };
    let all = [
        moved,
        pinned,
        held,
        waiting(Some(60_000)),
        waiting(None),
        plain.clone(),
    ];
    let text = all.map(|address| reason(&address)).join("\n");
    expect![[r#"
        the hash picked it among 2 able nodes; goes back to box-01 in 9 m; pinned to box-01 by the config
        the hash picked it among 2 able nodes; pinned to box-01 by an operator
        the hash picked it among 2 able nodes; stays where an operator put it; this node is held back for 8 s: its ability fell 5 times in 10 minutes
        the hash picked it among 2 able nodes; fails back to box-01 in 1 m
        the hash picked it among 2 able nodes; fails back to box-01 when the window opens
        the hash picked it among 2 able nodes
    "#]]
    .assert_eq(&(text + "\n"));
}
