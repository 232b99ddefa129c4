//! A whole LAN in virtual time: members and speakers of the core between simulated kernels and a
//! simulated switch.
//!
//! Everything follows from a seed: a failing run prints it with the tail of its trace.
//! `SOVNET_SIM_SEEDS` sets how many random schedules each class runs, `SOVNET_SIM_SEED` runs one.

#[path = "simulation/arp.rs"]
mod arp;
#[path = "simulation/chaos.rs"]
mod chaos;
#[path = "simulation/check.rs"]
mod check;
#[path = "simulation/counterexamples.rs"]
mod counterexamples;
#[path = "simulation/faults.rs"]
mod faults;
#[path = "simulation/host.rs"]
mod host;
#[path = "simulation/lan.rs"]
mod lan;
#[path = "simulation/random.rs"]
mod random;
#[path = "simulation/scenarios.rs"]
mod scenarios;
#[path = "simulation/shapes.rs"]
mod shapes;
