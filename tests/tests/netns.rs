//! The namespace tests: real daemons on a LAN of network namespaces, one LAN per test, in one
//! binary. They need root and the Debian packages that the Makefile installs; without root they fail
//! with a sentence that says so, never silently pass.

#[path = "netns/ground.rs"]
mod ground;
#[path = "netns/support.rs"]
mod support;
