//! The key file: one or two keys that the nodes share. What is in it is judged by the core.
//!
//! A secret that others can read is none, so such a file is refused, with the command that mends
//! it. Never logs or returns any part of what the file holds but the key itself.

#[cfg(test)]
mod tests;

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::unistd::{Group, User, getegid, geteuid};
use sovnet_core::member::keys::{Secrets, SecretsError};
use thiserror::Error;

/// User and group that the service runs as.
const DAEMON: &str = "sovnet";

/// Why there is no key. Nothing is announced then (ELECTION section 2).
#[derive(Debug, Error)]
pub(crate) enum KeyError {
    /// There is no file.
    #[error(
        "there is no key file {path}: make one with `sovnetctl key new` and copy it to every node",
        path = .path.display()
    )]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The daemon's user may not read it.
    #[error(
        "the key file {path} cannot be read by the user {user}: `chown {user}: {path}` and `chmod 0600 {path}`",
        path = .path.display()
    )]
    Denied {
        /// Which.
        path: PathBuf,
        /// Who may not.
        user: String,
    },
    /// Opening or reading failed.
    #[error("failed to read the key file {path} ({source}): make a new one with `sovnetctl key new`", path = .path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A directory, a device, a pipe.
    #[error("the key file {path} is no regular file: make one with `sovnetctl key new`", path = .path.display())]
    NoFile {
        /// Which.
        path: PathBuf,
    },
    /// Somebody else may read or write it.
    #[error("{who} may read or change the key file {path}, so it is refused: `{remedy}`", path = .path.display())]
    Exposed {
        /// Which.
        path: PathBuf,
        /// Who else.
        who: String,
        /// The command that mends it.
        remedy: String,
    },
    /// It holds something else.
    #[error(
        "the key file {path} {why}: make a new one with `sovnetctl key new` and copy it to every node",
        path = .path.display()
    )]
    Content {
        /// Which.
        path: PathBuf,
        /// What.
        why: SecretsError,
    },
}

/// Who may have access to the key file besides root: users and groups by number.
#[derive(Debug, Clone, Default)]
struct Trusted {
    users: Vec<u32>,
    groups: Vec<u32>,
}

impl Trusted {
    /// This process.
    fn this_process() -> Trusted {
        Trusted {
            users: vec![geteuid().as_raw()],
            groups: vec![getegid().as_raw()],
        }
    }
}

/// Reads the key file as this process.
///
/// # Errors
/// Missing, unreadable, open to others (everybody, a foreign owner, or a group that is not this
/// process's), or of another form. Each error is a sentence with its remedy.
pub(crate) fn read_key(path: &Path) -> Result<Secrets, KeyError> {
    read_key_as(path, &Trusted::this_process()).map(|(key, _)| key)
}

/// Whether the service could read the key, asked by whoever runs `check-config`: the service's own
/// user and group are as good as this process's, and root's rights do not count for them.
pub(super) fn check_for_daemon(path: &Path) -> Result<(), KeyError> {
    let mut trusted = Trusted::this_process();
    // No such user: the daemon is run by hand, as whoever asks.
    let daemon = User::from_name(DAEMON).ok().flatten();
    let group = Group::from_name(DAEMON).ok().flatten();
    trusted
        .users
        .extend(daemon.as_ref().map(|user| user.uid.as_raw()));
    trusted
        .groups
        .extend(daemon.as_ref().map(|user| user.gid.as_raw()));
    trusted
        .groups
        .extend(group.as_ref().map(|group| group.gid.as_raw()));
    let (_, found) = read_key_as(path, &trusted)?;
    match daemon {
        Some(user) if geteuid().is_root() && !may_read(&found, user.uid.as_raw(), &trusted) => {
            Err(KeyError::Denied {
                path: path.to_owned(),
                user: user.name,
            })
        }
        Some(_) | None => Ok(()),
    }
}

/// Whether a user with the trusted groups may read the file.
fn may_read(found: &Metadata, user: u32, trusted: &Trusted) -> bool {
    if found.uid() == user {
        return found.mode() & 0o400 != 0;
    }
    found.mode() & 0o040 != 0 && trusted.groups.contains(&found.gid())
}

fn read_key_as(path: &Path, trusted: &Trusted) -> Result<(Secrets, Metadata), KeyError> {
    let path_buf = || path.to_owned();
    let read_error = |source| KeyError::Read {
        path: path.to_owned(),
        source,
    };
    // Without waiting: a pipe would hold up the start for ever.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC)
        .open(path)
        .map_err(|source| open_error(path, source))?;
    // Of the open file, not of the path: the path can be another file by now.
    let found = file.metadata().map_err(read_error)?;
    if !found.is_file() {
        return Err(KeyError::NoFile { path: path_buf() });
    }
    refuse_exposed(path, &found, trusted)?;
    let bytes = read_all(file).map_err(read_error)?;
    let secrets = Secrets::read(&bytes).map_err(|why| KeyError::Content {
        path: path_buf(),
        why,
    })?;
    Ok((secrets, found))
}

fn open_error(path: &Path, source: io::Error) -> KeyError {
    let path = path.to_owned();
    if source.kind() == io::ErrorKind::NotFound {
        return KeyError::Missing { path };
    }
    if source.kind() == io::ErrorKind::PermissionDenied {
        let name = User::from_uid(geteuid())
            .ok()
            .flatten()
            .map(|user| user.name);
        let user = name.unwrap_or_else(|| geteuid().to_string());
        return KeyError::Denied { path, user };
    }
    KeyError::Read { path, source }
}

/// Refuses a file that anybody but root and the trusted may read or change.
fn refuse_exposed(path: &Path, found: &Metadata, trusted: &Trusted) -> Result<(), KeyError> {
    let (mode, owner, group) = (found.mode(), found.uid(), found.gid());
    let shown = path.display();
    let (who, remedy) = if owner != 0 && !trusted.users.contains(&owner) {
        (format!("the user {owner}"), format!("chown root {shown}"))
    } else if mode & 0o007 != 0 {
        ("everybody".to_owned(), format!("chmod 0600 {shown}"))
    } else if mode & 0o070 != 0 && !trusted.groups.contains(&group) {
        (format!("the group {group}"), format!("chmod 0600 {shown}"))
    } else {
        return Ok(());
    };
    Err(KeyError::Exposed {
        path: path.to_owned(),
        who,
        remedy,
    })
}

/// A little more than two keys: enough to see that the file holds something else.
fn read_all(file: File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(256).read_to_end(&mut bytes)?;
    Ok(bytes)
}
