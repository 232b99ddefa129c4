//! The pure part of sovnet: facts in, decisions out.
//!
//! Nothing here opens a socket or a file, reads a clock or draws a random number: time
//! ([`time::Moment`]), randomness and identity are parameters. The shells in `sovnetd` carry out
//! what is decided here.
#![forbid(unsafe_code)]

pub mod allocate;
pub mod approve;
pub mod config;
pub mod decide;
pub mod dhcp;
pub mod facts;
pub mod frame;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
pub mod lease;
pub mod member;
pub mod metallb;
pub mod names;
pub mod report;
#[cfg(test)]
mod simulation;
pub mod speaker;
pub mod time;
pub mod zones;
