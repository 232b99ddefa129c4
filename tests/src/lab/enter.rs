//! Entering a machine of the lab that is up: where its holder's process id and its search path for
//! programs are written, and the shell that starts there.

use std::fs;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::lan::Lan;

/// One file per machine: the process id of its holder, and its search path for programs.
const DIR: &str = "/run/sovnet-lab";

/// The files of the lab that is up; removed when dropped.
#[derive(Debug)]
pub struct Signs {
    files: Vec<PathBuf>,
}

impl Signs {
    /// Writes the files.
    ///
    /// # Errors
    /// If another lab is up, or the directory is not writable.
    pub fn put_up(lan: &Lan) -> anyhow::Result<Signs> {
        fs::create_dir_all(DIR).with_context(|| format!("failed to make {DIR}"))?;
        let mut signs = Signs { files: Vec::new() };
        for node in lan.nodes() {
            let path = sign_of(node.name());
            if let Some(pid) = living_holder(&path) {
                bail!(
                    "another lab is up (process {pid}): quit it first, or wait until it has ended"
                );
            }
            fs::write(&path, format!("{}\n{}\n", node.pid(), node.search_path()))
                .with_context(|| format!("failed to write {}", path.display()))?;
            signs.files.push(path);
        }
        Ok(signs)
    }
}

impl Drop for Signs {
    fn drop(&mut self) {
        for file in &self.files {
            drop(fs::remove_file(file));
        }
        // Stays if another lab has put files there.
        drop(fs::remove_dir(DIR));
    }
}

/// Becomes a shell (or `command`) on machine `name` of the lab that is up.
///
/// # Errors
/// If no lab is up, or it has no such machine.
pub fn enter(name: &str, command: &[String]) -> anyhow::Result<()> {
    let Some(pid) = living_holder(&sign_of(name)) else {
        bail!(
            "no lab with a machine named {name:?} is up: start one with `make lab` in another terminal ({})",
            known()
        );
    };
    let mut shell = Command::new("nsenter");
    shell.args([
        "--target",
        &pid.to_string(),
        "--net",
        "--mount",
        "--uts",
        "--pid",
        "--",
    ]);
    if command.is_empty() {
        shell
            .args(["bash", "--norc"])
            .env("PS1", format!("{name} # "));
    } else {
        shell.args(command);
    }
    if let Some(search_path) = search_path_of(&sign_of(name)) {
        shell.env("PATH", search_path);
    }
    let error: io::Error = shell.current_dir("/").exec();
    Err(error).context("failed to run nsenter (Debian package util-linux)")
}

fn sign_of(name: &str) -> PathBuf {
    Path::new(DIR).join(format!("{name}.pid"))
}

fn known() -> String {
    let names = fs::read_dir(DIR).into_iter().flatten().flatten();
    let names: Vec<String> = names
        .map(|entry| entry.path())
        .filter(|path| living_holder(path).is_some())
        .filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned()))
        .collect();
    if names.is_empty() {
        "none is up".to_owned()
    } else {
        format!("up: {}", names.join(", "))
    }
}

/// The process that a file names, if it is still a holder: a file may outlive a lab that was
/// killed, and its number may belong to another program by now.
fn living_holder(path: &Path) -> Option<u32> {
    let pid: u32 = fs::read_to_string(path)
        .ok()?
        .lines()
        .next()?
        .parse()
        .ok()?;
    let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    line.split(|byte| *byte == 0)
        .any(|word| word == b"hold")
        .then_some(pid)
}

/// Where the machine's programs are, `sovnetctl` among them.
fn search_path_of(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().nth(1).map(ToOwned::to_owned)
}
