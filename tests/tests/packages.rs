//! The Debian package that `make packages` built: what is in it, what lintian says, and what it
//! leaves behind. How it behaves under a running systemd is for the virtual machines.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step is the failure of the test"
)]

#[path = "packages/contents.rs"]
mod contents;
#[path = "packages/life.rs"]
mod life;
#[path = "packages/throwaway.rs"]
mod throwaway;

use std::path::{Path, PathBuf};
use std::process::Command;

use sovnet_tests::packages;
use sovnet_tests::tidy::workspace::{self, Workspace};

/// Where cargo builds.
fn target_dir() -> PathBuf {
    let workspace = Workspace::load(&workspace::root()).expect("cargo knows the workspace");
    PathBuf::from(workspace.target_dir)
}

/// The package; without it there is nothing to look at.
fn package() -> PathBuf {
    let file = target_dir().join(packages::DIR).join(packages::file_name());
    assert!(file.exists(), "{}: run `make packages`", file.display());
    file
}

/// What a program prints; it must succeed.
fn output(program: &str, arguments: &[&str], file: &Path) -> String {
    let output = Command::new(program)
        .args(arguments)
        .arg(file)
        .output()
        .unwrap_or_else(|error| panic!("failed to run {program}: {error}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}:\n{text}{errors}");
    text
}
