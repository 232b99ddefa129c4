//! The socket file: where it is, who may reach it, and what happens to an old one.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Everybody may read the status; commands are decided per request.
const MODE: u32 = 0o666;

/// Why there is no control socket.
#[derive(Debug, Error)]
pub(crate) enum SocketError {
    /// Something else than a socket has the name.
    #[error("{} exists and is not a socket: remove it", .0.display())]
    NotASocket(PathBuf),
    /// Another process answers there.
    #[error("another sovnetd already listens on {}: stop it first", .0.display())]
    InUse(PathBuf),
    /// The directory could not be made.
    #[error("failed to make the directory {}", path.display())]
    MakeDirectory {
        /// Which.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A socket that nobody listens on could not be removed, or not be looked at.
    #[error("failed to replace the old socket {}", path.display())]
    Replace {
        /// Which.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The new socket could not be bound or opened to all users.
    #[error("failed to listen on {}", path.display())]
    Bind {
        /// Which.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

/// Listens on `path`: a stale socket file is replaced, its directory is made if it is missing.
///
/// # Errors
///
/// See [`SocketError`]; each names the path.
pub(crate) fn bind(path: &Path) -> Result<UnixListener, SocketError> {
    make_directory(path)?;
    remove_stale(path)?;
    let failed = |source| SocketError::Bind {
        path: path.to_owned(),
        source,
    };
    let listener = UnixListener::bind(path).map_err(failed)?;
    // Bound under the unit's umask of 0077: nobody gets in before this line.
    fs::set_permissions(path, Permissions::from_mode(MODE)).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    Ok(listener)
}

/// The service manager makes the directory; by hand or in a test it may be missing.
fn make_directory(path: &Path) -> Result<(), SocketError> {
    let Some(directory) = path.parent() else {
        return Ok(());
    };
    match fs::create_dir(directory) {
        Ok(()) => fs::set_permissions(directory, Permissions::from_mode(0o755)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
    .map_err(|source| SocketError::MakeDirectory {
        path: directory.to_owned(),
        source,
    })
}

fn remove_stale(path: &Path) -> Result<(), SocketError> {
    let failed = |source| SocketError::Replace {
        path: path.to_owned(),
        source,
    };
    let kind = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata.file_type(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    if !kind.is_socket() {
        return Err(SocketError::NotASocket(path.to_owned()));
    }
    match UnixStream::connect(path) {
        Ok(_answered) => Err(SocketError::InUse(path.to_owned())),
        Err(_nobody) => fs::remove_file(path).map_err(failed),
    }
}

#[cfg(test)]
mod tests;
