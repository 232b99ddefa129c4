//! What the tests and the lab share: a LAN made of network namespaces, the probes that watch it,
//! the tour that shows it to a person; and the house's own checks.
//!
//! Nothing here is part of the product. It runs the built programs as programs and looks at the
//! wire; it never calls into the daemon.

pub mod bench;
pub mod clock;
pub mod cluster;
pub mod lab;
pub mod lan;
pub mod mutants;
pub mod packages;
pub mod suites;
pub mod tidy;
