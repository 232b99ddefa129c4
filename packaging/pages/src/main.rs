//! `sovnet-pages DIR`: writes the manual pages and the completions that a package ships.
//!
//! Everything comes from what the programs are built from: the command lines from their clap
//! definitions, sovnet.toml(5) from the types that the config file is read with. It is no part of
//! a program that ships, and `make packages` is who runs it.
#![forbid(unsafe_code)]

mod commands;
mod page;
mod sovnet_toml;

#[path = "../../../ctl/src/cli.rs"]
mod ctl;
#[path = "../../../daemon/src/arguments.rs"]
mod daemon;

#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Parser;

/// Write manual pages and completions into a directory.
#[derive(Debug, Parser)]
struct Arguments {
    /// Where; `man` and one directory for each shell are made below it.
    dir: PathBuf,
}

/// One file, with its path below the directory.
#[derive(Debug, PartialEq, Eq)]
struct File {
    path: String,
    text: Vec<u8>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    for file in files()? {
        write(&arguments.dir, &file)?;
    }
    Ok(())
}

/// All files, the same for the same sources.
fn files() -> Result<Vec<File>> {
    let mut files = commands::files()?;
    files.push(sovnet_toml::page()?);
    Ok(files)
}

fn write(dir: &Path, file: &File) -> Result<()> {
    let path = dir.join(&file.path);
    let parent = path.parent().unwrap_or(dir);
    fs::create_dir_all(parent).with_context(|| format!("failed to make {}", parent.display()))?;
    fs::write(&path, &file.text).with_context(|| format!("failed to write {}", path.display()))
}
