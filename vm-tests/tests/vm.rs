//! The package in two Debian machines under systemd, on a switch in this process. The laptop, the
//! asker and the router are simulated (see the package's README); everything else is real.
//!
//! They need root, QEMU and a package, which `make vm-test` provides; without one of them they fail
//! with a sentence that says so, never silently pass.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a failed step is the failure of the test, and its figures are printed"
)]

#[path = "vm/boot.rs"]
mod boot;
#[path = "vm/outage.rs"]
mod outage;
#[path = "vm/planned.rs"]
mod planned;
#[path = "vm/support.rs"]
mod support;
