//! A whole LAN in virtual time: members and speakers of the core between simulated kernels and a
//! simulated switch.
//!
//! Everything follows from a seed: a failing run prints it with the tail of its trace.
//! `SOVNET_SIM_SEEDS` sets how many random schedules each class runs, `SOVNET_SIM_SEED` runs one.
//! It is part of the crate because only there can a rule of the election be switched off.

mod arp;
mod chaos;
mod check;
mod counterexamples;
mod faults;
mod host;
mod lan;
mod profiles;
mod random;
mod scenarios;
mod shapes;
mod verdict;
