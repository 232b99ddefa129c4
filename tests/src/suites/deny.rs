//! cargo-deny at one version: the installed one if it is that, else one in a cache of our own.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail};

/// The version that `deny.toml` is written for.
const VERSION: &str = "0.20.2";

/// The checks that need no network.
pub const ARGUMENTS: [&str; 6] = ["deny", "--locked", "check", "bans", "licenses", "sources"];

/// Makes sure that `cargo deny` is there; returns a folder to put in front of PATH if need be.
pub fn provide(say: &mut dyn FnMut(&str) -> anyhow::Result<()>) -> anyhow::Result<Option<PathBuf>> {
    if is_right("cargo-deny".into()) {
        return Ok(None);
    }
    let root = cache_dir()?.join(format!("cargo-deny-{VERSION}"));
    let bin = root.join("bin");
    if is_right(bin.join("cargo-deny")) {
        return Ok(Some(bin));
    }
    say(&format!(
        "building cargo-deny {VERSION} into {} (once; a few minutes)",
        root.display()
    ))?;
    let status = Command::new("cargo")
        .args([
            "install",
            "--quiet",
            "--locked",
            "cargo-deny",
            "--version",
            VERSION,
        ])
        .arg("--root")
        .arg(&root)
        // A build directory that all installs share would keep what is needed once.
        .env_remove("CARGO_TARGET_DIR")
        .current_dir(env::temp_dir())
        .status()
        .context("failed to run cargo install")?;
    if !status.success() {
        bail!(
            "failed to install cargo-deny {VERSION}; `cargo install --locked cargo-deny --version {VERSION}` says why"
        );
    }
    Ok(Some(bin))
}

fn is_right(program: PathBuf) -> bool {
    let output = Command::new(program).arg("--version").output();
    output.is_ok_and(|output| {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.split_whitespace().last() == Some(VERSION)
    })
}

fn cache_dir() -> anyhow::Result<PathBuf> {
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let base = cache
        .or(home)
        .context("neither XDG_CACHE_HOME nor HOME is set")?;
    Ok(base.join("sovnet"))
}
