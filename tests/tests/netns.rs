//! The namespace tests: real daemons on a LAN of network namespaces, one LAN per test, in one
//! binary. They need root and the Debian packages that the Makefile installs; without root they fail
//! with a sentence that says so, never silently pass.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a failed step is the failure of the test, and its story is printed"
)]

#[path = "netns/cable.rs"]
mod cable;
#[path = "netns/cleaning.rs"]
mod cleaning;
#[path = "netns/company.rs"]
mod company;
#[path = "netns/conflict.rs"]
mod conflict;
#[path = "netns/conflict6.rs"]
mod conflict6;
#[path = "netns/forged.rs"]
mod forged;
#[path = "netns/former.rs"]
mod former;
#[path = "netns/gaps.rs"]
mod gaps;
#[path = "netns/garbage.rs"]
mod garbage;
#[path = "netns/ground.rs"]
mod ground;
#[path = "netns/identity.rs"]
mod identity;
#[path = "netns/interfaces.rs"]
mod interfaces;
#[path = "netns/keys.rs"]
mod keys;
#[path = "netns/load.rs"]
mod load;
#[path = "netns/moves.rs"]
mod moves;
#[path = "netns/ndp.rs"]
mod ndp;
#[path = "netns/nodes.rs"]
mod nodes;
#[path = "netns/own_host.rs"]
mod own_host;
#[path = "netns/partition.rs"]
mod partition;
#[path = "netns/planned.rs"]
mod planned;
#[path = "netns/storm.rs"]
mod storm;
#[path = "netns/support.rs"]
mod support;
#[path = "netns/takeover.rs"]
mod takeover;
#[path = "netns/trouble.rs"]
mod trouble;
