//! A whole LAN in virtual time: members and speakers of the core between simulated kernels and a
//! simulated switch.
//!
//! Everything follows from a seed: a failing run prints it with the tail of its trace.
//! `SOVNET_SIM_SEEDS` sets how many random schedules run, `SOVNET_SIM_SEED=CLASS:SEED` runs one.
//! It is part of the crate because only there can a rule of the election be switched off.

mod arp;
mod campaign;
mod check;
mod classes;
mod counterexamples;
mod crowds;
mod fault;
mod faults;
mod host;
mod lan;
mod lying;
mod moves;
mod pins;
mod profiles;
mod random;
mod relays;
mod scenarios;
mod schedule;
mod shapes;
mod shrink;
mod verdict;
