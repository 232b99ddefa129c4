//! Where the daemon's kubeconfig is kept, and whose it is.
//!
//! The directory is in the daemon's own, so a daemon that somebody has taken over could put links
//! there. Hence root only makes the directory, and then becomes the daemon's user for good: what
//! is written, is written with no more rights than the daemon has.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use nix::unistd::{User, geteuid, getgid, setgroups, setresgid, setresuid};

use super::{JoinError, local};

#[cfg(test)]
mod tests;

/// The user of the daemon.
const DAEMON: &str = "sovnet";
/// The file in the directory.
const FILE: &str = "kubeconfig";
/// What it is called until it is whole.
const NEW_FILE: &str = "kubeconfig.new";
/// The most that is read of it; ours has about 3,000 bytes.
const BYTES_MAX: u64 = 65_536;

/// The file in `dir`.
pub(super) fn path(dir: &Path) -> PathBuf {
    dir.join(FILE)
}

/// What an earlier join has left there; none if there is no plain file that can be read.
pub(super) fn read(path: &Path) -> Option<Vec<u8>> {
    // A pipe must not make us wait, and a link must not lead elsewhere.
    let flags = nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let file = file.ok()?;
    let mut bytes = Vec::new();
    let is_file = file.metadata().ok()?.is_file();
    is_file.then(|| file.take(BYTES_MAX).read_to_end(&mut bytes).ok())??;
    Some(bytes)
}

/// Writes the file in one step; the result says whose it is. A process of root is the daemon's
/// user from then on, if there is one.
///
/// # Errors
/// [`JoinError::Local`]; the former file is still there then.
pub(super) fn write(dir: &Path, text: &str) -> Result<String, JoinError> {
    let failed = |error: io::Error| local(&format!("write {}", path(dir).display()), &error);
    let is_root = geteuid().is_root();
    let daemon = User::from_name(DAEMON).ok().flatten();
    let daemon = daemon.filter(|_user| is_root);
    make_directory(dir, daemon.as_ref()).map_err(failed)?;
    if let Some(user) = &daemon {
        become_user(user).map_err(|error| failed(error.into()))?;
    }
    replace(dir, text).map_err(failed)?;
    Ok(match daemon {
        Some(_) => format!("owner {DAEMON}, mode 0600"),
        None if is_root => {
            format!("mode 0600, owner root, since there is no user {DAEMON} here")
        }
        None => format!(
            "mode 0600, owner {}: run this as root to give it to {DAEMON}",
            geteuid()
        ),
    })
}

fn make_directory(dir: &Path, daemon: Option<&User>) -> io::Result<()> {
    if let Some(parent) = dir.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let flags = nix::libc::O_NOFOLLOW | nix::libc::O_DIRECTORY;
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(dir)?;
    let owner = opened.metadata()?.uid();
    match daemon {
        // Somebody else's directory is not taken from him.
        Some(user) if owner == 0 || owner == user.uid.as_raw() => {
            fchown(&opened, Some(user.uid.as_raw()), Some(user.gid.as_raw()))?;
            opened.set_permissions(Permissions::from_mode(0o700))
        }
        None if owner == geteuid().as_raw() => {
            opened.set_permissions(Permissions::from_mode(0o700))
        }
        Some(_) | None => Err(io::Error::other("the directory belongs to another user")),
    }
}

/// Gives up root for good.
fn become_user(user: &User) -> nix::Result<()> {
    setgroups(&[user.gid])?;
    setresgid(user.gid, user.gid, user.gid)?;
    setresuid(user.uid, user.uid, user.uid)?;
    debug_assert_eq!(getgid(), user.gid);
    Ok(())
}

fn replace(dir: &Path, text: &str) -> io::Result<()> {
    let new = dir.join(NEW_FILE);
    // A half-written one of an interrupted join.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all());
    let renamed = written.and_then(|()| fs::rename(&new, path(dir)));
    if renamed.is_err() {
        // What is left is removed by the next join.
        let _left = fs::remove_file(&new);
    }
    renamed?;
    File::open(dir)?.sync_all()
}
