//! Real machines for tests: Debian under QEMU, on a switch that is a thread of the test.
//!
//! What is real: the kernel, systemd, the package as it ships, disks that outlive a reboot. What is
//! simulated in the test's process: the switch, a laptop, an asker in the manner of arping, and a
//! router that only answers ARP. Nothing here is part of the product or calls into it.

pub mod cache;
pub mod command;
pub mod frames;
pub mod image;
pub mod lab;
pub mod laptop;
pub mod machine;
pub mod pcap;
pub mod qmp;
pub mod shell;
pub mod stations;
pub mod switch;
