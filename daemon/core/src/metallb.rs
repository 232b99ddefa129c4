//! MetalLB's objects as a program reads them that takes its place: an `IPAddressPool` becomes a
//! `[[pool]]`, and an `L2Advertisement` says which of them are announced.
//!
//! For `sovnetctl adopt`, which writes the sections down, and for `[kubernetes] metallb-pools`,
//! which has them in force beside the config's as long as a cluster moves. Pure; nothing is ever
//! written to these objects.

mod advertisement;
mod draft;
mod find;
mod in_force;
pub mod json;
pub mod selector;

pub use advertisement::Advertisement;
pub use draft::Draft;
pub use find::{Found, find};
pub use in_force::{InForce, retained};

#[cfg(test)]
mod tests;
