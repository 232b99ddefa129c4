//! What the tests and the lab share.

pub mod mutants;
pub mod suites;
pub mod tidy;

use std::path::PathBuf;

/// The root of the workspace. Cargo says at run time where the package lies; a program that was
/// built for another copy of the tree must not look at that one.
pub fn workspace_root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    let mut root = package;
    root.pop();
    root
}
