//! `key new`: the file that all nodes share.
//!
//! The key itself goes into the file and nowhere else.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, fchown};
use std::path::Path;

use nix::unistd::{Group, geteuid};

use crate::failure::Failure;

/// The group that sovnetd runs as.
const DAEMON_GROUP: &str = "sovnet";

/// Makes a new key file; the result says where and what to do with it.
///
/// # Errors
///
/// [`Failure::Key`] if the file exists or cannot be written; nothing is left behind then.
pub(crate) fn make(path: &Path) -> Result<String, Failure> {
    let key = fresh()?;
    let file = create(path)?;
    match fill(&file, &key) {
        Ok(access) => Ok(format!(
            "wrote a new key to {} ({access})\n\
             copy this file to every node that shall announce together, then restart sovnetd there",
            path.display()
        )),
        Err(error) => {
            // The half-written file is ours; if it cannot go, the next call says that it exists.
            let _left = fs::remove_file(path);
            let path = path.display();
            Err(Failure::Key(format!("failed to write {path}: {error}")))
        }
    }
}

fn create(path: &Path) -> Result<File, Failure> {
    let mut options = OpenOptions::new();
    let created = options.write(true).create_new(true).mode(0o600).open(path);
    created.map_err(|error| {
        let path = path.display();
        Failure::Key(if error.kind() == ErrorKind::AlreadyExists {
            format!("{path} exists already, and a key is never overwritten: move it away first")
        } else {
            format!("failed to create {path}: {error}")
        })
    })
}

/// The line of a key in a file.
pub(crate) fn line(key: &[u8; 32]) -> String {
    let mut text = String::new();
    for byte in key {
        write!(text, "{byte:02x}").expect("writing to a string does not fail");
    }
    text.push('\n');
    text
}

/// Fresh randomness.
///
/// # Errors
///
/// The kernel gives none.
pub(crate) fn fresh() -> Result<[u8; 32], Failure> {
    let mut key = [0; 32];
    getrandom::fill(&mut key)
        .map_err(|error| Failure::Key(format!("the kernel gave no randomness: {error}")))?;
    Ok(key)
}

/// Writes the key and opens the file to the daemon, if there is one; the result says to whom.
fn fill(mut file: &File, key: &[u8; 32]) -> io::Result<&'static str> {
    file.write_all(line(key).as_bytes())?;
    let access = give_to_daemon(file)?;
    file.sync_all()?;
    Ok(access)
}

fn give_to_daemon(file: &File) -> io::Result<&'static str> {
    let daemon = Group::from_name(DAEMON_GROUP).ok().flatten();
    match daemon {
        Some(group) if geteuid().is_root() => {
            fchown(file, Some(0), Some(group.gid.as_raw()))?;
            file.set_permissions(Permissions::from_mode(0o640))?;
            Ok("owner root, group sovnet, mode 0640")
        }
        Some(_) | None => Ok("mode 0600: only you can read it, so give it to the user of sovnetd"),
    }
}

#[cfg(test)]
mod tests;
