//! Runs programs of the host and tells what they said when they fail. Knows nothing of what they do.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail};

/// Runs a program to its end and gives its standard output.
///
/// # Errors
/// If it cannot be started or fails, with the last lines that it wrote to standard error.
pub fn run(program: &str, arguments: &[&str], dir: &Path) -> anyhow::Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(dir)
        .env("LC_ALL", "C")
        .output()
        .with_context(|| {
            format!("failed to start {program} (`tests/scripts/needs` installs it)")
        })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<&str> = said.lines().collect();
        let last = lines
            .get(lines.len().saturating_sub(20)..)
            .unwrap_or(&lines);
        bail!(
            "{program} ended with {}:\n{}",
            output.status,
            last.join("\n")
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A path as an argument.
///
/// # Errors
/// If it is not UTF-8.
pub fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str()
        .with_context(|| format!("{} is not UTF-8", path.display()))
}
