//! The tests against a real Kubernetes: one control plane, one LAN and kube-proxy on both nodes for
//! the whole binary, since starting them takes longer than any test. Tests take turns, and each
//! begins with no Service, no Lease and no daemon.
//!
//! They need root, and the programs that `tests/scripts/peers` builds.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a failed step is the failure of the test, and its story is printed"
)]

#[path = "kube/access.rs"]
mod access;
#[path = "kube/adopt.rs"]
mod adopt;
#[path = "kube/allocation.rs"]
mod allocation;
#[path = "kube/conflict.rs"]
mod conflict;
#[path = "kube/ground.rs"]
mod ground;
#[path = "kube/join.rs"]
mod join;
#[path = "kube/nodes.rs"]
mod nodes;
#[path = "kube/outage.rs"]
mod outage;
#[path = "kube/pools.rs"]
mod pools;
#[path = "kube/proxy.rs"]
mod proxy;
#[path = "kube/refused.rs"]
mod refused;
#[path = "kube/scene.rs"]
mod scene;
#[path = "kube/servicelb_stand_in.rs"]
mod servicelb_stand_in;
#[path = "kube/services.rs"]
mod services;
#[path = "kube/stage.rs"]
mod stage;
