//! `make packages`: the programs as they ship, their pages, and the Debian package of all.
//!
//! Cargo decides what is built anew; the rest takes seconds and gives the same bytes for the same
//! sources, since the time in the package is that of the last commit.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

use crate::suites::tool::{Tool, extend_path};

/// What makes the package, from `[package.metadata.deb]` in daemon/Cargo.toml.
const CARGO_DEB: Tool = Tool {
    name: "cargo-deb",
    version: "3.8.0",
};

/// Where the packages are below the build directory.
pub const DIR: &str = "packages";

/// The package's file: the version is the workspace's, the architecture that of the programs.
pub fn file_name() -> String {
    format!("sovnet_{}_amd64.deb", env!("CARGO_PKG_VERSION"))
}

/// Builds the package and returns its path.
pub fn build(
    root: &Path,
    target_dir: &Path,
    say: &mut dyn FnMut(&str) -> anyhow::Result<()>,
) -> anyhow::Result<PathBuf> {
    let bin = CARGO_DEB.provide(say)?;
    say("building the programs (minutes the first time)")?;
    let mut programs = cargo(root, target_dir);
    // All at once, so that they share what they are built from.
    programs.args(["build", "--locked", "--release", "-p", "sovnetd"]);
    programs.args(["-p", "sovnetctl", "-p", "sovnet-pages"]);
    run(&mut programs)?;

    let pages = target_dir.join("release/pages");
    clear(&pages)?;
    run(Command::new(target_dir.join("release/sovnet-pages")).arg(&pages))?;
    // cargo-deb packs what is below the build directory as it is. No name and no time inside.
    run(Command::new("gzip")
        .args(["-9", "--no-name", "--recursive"])
        .arg(pages.join("man")))?;

    let packages = target_dir.join(DIR);
    clear(&packages)?;
    fs::create_dir_all(&packages)
        .with_context(|| format!("failed to make {}", packages.display()))?;
    package(root, target_dir, bin.as_ref(), &packages)
}

/// Packs what is built into `dir`.
fn package(
    root: &Path,
    target_dir: &Path,
    bin: Option<&PathBuf>,
    dir: &Path,
) -> anyhow::Result<PathBuf> {
    let mut deb = cargo(root, target_dir);
    deb.args(["deb", "--quiet", "--no-build", "--strip", "-p", "sovnetd"]);
    deb.arg("--output").arg(dir);
    extend_path(&mut deb, bin)?;
    if let Some(time) = time_of_last_commit(root) {
        deb.env("SOURCE_DATE_EPOCH", time);
    }
    run(&mut deb)?;
    let file = dir.join(file_name());
    ensure!(file.exists(), "cargo-deb made no {}", file.display());
    Ok(file)
}

/// Packs once more what [`build`] has built, into `dir`.
pub fn pack_again(root: &Path, target_dir: &Path, dir: &Path) -> anyhow::Result<PathBuf> {
    let bin = CARGO_DEB.provide(&mut |_line| Ok(()))?;
    package(root, target_dir, bin.as_ref(), dir)
}

/// Cargo as a person calls it: some build scripts look at what `cargo run` says of us, and would
/// build the same programs anew for each way to get here.
fn cargo(root: &Path, target_dir: &Path) -> Command {
    let mut cargo = Command::new("cargo");
    for (name, _value) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        if name_text.starts_with("CARGO_PKG_") || name_text.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&name);
        }
    }
    cargo.current_dir(root).env("CARGO_TARGET_DIR", target_dir);
    cargo
}

/// In seconds since 1970; none outside of a git repository.
fn time_of_last_commit(root: &Path) -> Option<String> {
    let output = Command::new("git")
        .args(["log", "-1", "--format=%ct"])
        .current_dir(root)
        .output()
        .ok()?;
    let time = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !time.is_empty()).then_some(time)
}

/// What an earlier build left must not get into a package.
fn clear(dir: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("failed to clear {}", dir.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command
        .status()
        .with_context(|| format!("failed to run {command:?}"))?;
    ensure!(status.success(), "{command:?} failed: {status}");
    Ok(())
}
