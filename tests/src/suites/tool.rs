//! Programs of cargo at one version each: the installed one if it is that, else one in a cache of
//! our own.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail};

/// A program that `cargo install` brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tool {
    /// The package, and the program in it.
    pub name: &'static str,
    /// The only version that is used.
    pub version: &'static str,
}

impl Tool {
    /// Makes sure that the program is there; returns a folder to put in front of PATH if need be.
    pub fn provide(
        self,
        say: &mut dyn FnMut(&str) -> anyhow::Result<()>,
    ) -> anyhow::Result<Option<PathBuf>> {
        let Tool { name, version } = self;
        if self.is_right(name.into()) {
            return Ok(None);
        }
        let root = cache_dir()?.join(format!("{name}-{version}"));
        let bin = root.join("bin");
        if self.is_right(bin.join(name)) {
            return Ok(Some(bin));
        }
        say(&format!(
            "building {name} {version} into {} (once; a few minutes)",
            root.display()
        ))?;
        let status = Command::new("cargo")
            .args(["install", "--quiet", "--locked", name])
            .args(["--version", version, "--root"])
            .arg(&root)
            // A build directory that all installs share would keep what is needed once.
            .env_remove("CARGO_TARGET_DIR")
            .current_dir(env::temp_dir())
            .status()
            .context("failed to run cargo install")?;
        if !status.success() {
            bail!(
                "failed to install {name} {version}; `cargo install --locked {name} --version {version}` says why"
            );
        }
        Ok(Some(bin))
    }

    fn is_right(self, program: PathBuf) -> bool {
        let output = Command::new(program).arg("--version").output();
        output.is_ok_and(|output| {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            text.split_whitespace().last() == Some(self.version)
        })
    }
}

/// Puts a folder in front of PATH for a command.
pub fn extend_path(command: &mut Command, dir: Option<&PathBuf>) -> anyhow::Result<()> {
    let Some(dir) = dir else {
        return Ok(());
    };
    let old = env::var_os("PATH").unwrap_or_default();
    let dirs = std::iter::once(dir.clone()).chain(env::split_paths(&old));
    command.env(
        "PATH",
        env::join_paths(dirs).context("failed to extend PATH")?,
    );
    Ok(())
}

/// Where things are kept that outlive a build directory.
pub fn cache_dir() -> anyhow::Result<PathBuf> {
    if let Some(dir) = env::var_os("SOVNET_CACHE") {
        return Ok(PathBuf::from(dir));
    }
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let base = cache
        .or(home)
        .context("neither XDG_CACHE_HOME nor HOME is set")?;
    Ok(base.join("sovnet"))
}
