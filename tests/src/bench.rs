//! Benchmarks, `make bench-NAME`: one program beside others, in one run, in interleaved rounds.
//!
//! What every benchmark shares is here: samples and their statistics, the order of the rounds, what
//! is said of the machine, the programs beside sovnet, the table and the files. What is measured is
//! a module of its own: [`failover`], [`announce`], [`kubernetes`] and [`quiet`]. Nothing here judges the figures
//! except [`targets`], which only says so.

pub mod announce;
pub mod arguments;
mod asker;
pub mod conclusion;
pub mod conditions;
pub mod failover;
pub mod join;
pub mod kubernetes;
pub mod peer;
pub mod quiet;
mod ratios;
pub mod report;
pub mod samples;
pub mod stats;
pub mod targets;
mod usage;
