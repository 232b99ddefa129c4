//! What the tests and the lab share.

pub mod mutants;
pub mod suites;
pub mod tidy;
