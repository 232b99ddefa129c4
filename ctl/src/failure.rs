//! Everything that can go wrong, as one sentence and one exit code each.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use crate::k8s::JoinError;
use crate::words;

/// Why there is nothing to print. The texts are whole sentences for people.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// No socket.
    #[error("sovnetd is not running here (no socket at {}): systemctl status sovnetd", .0.display())]
    NoSocket(PathBuf),
    /// A socket, but nobody behind it.
    #[error("sovnetd is not running here (nobody listens on {}): systemctl status sovnetd", .0.display())]
    NobodyListens(PathBuf),
    /// The socket cannot be reached by this user.
    #[error("no permission to reach {}: look at the mode of the socket and its directory", .0.display())]
    Unreachable(PathBuf),
    /// Any other failure to connect.
    #[error("failed to connect to {}: {source}", path.display())]
    Connect {
        /// Where.
        path: PathBuf,
        /// Why; part of the sentence, since nothing prints a chain here.
        source: io::Error,
    },
    /// No answer in time.
    #[error("sovnetd did not answer within {}: systemctl status sovnetd", words::duration(*.0))]
    Late(Duration),
    /// The connection ended without an answer.
    #[error("sovnetd closed the connection without an answer: journalctl -u sovnetd")]
    Closed,
    /// An answer that cannot be understood.
    #[error("what answers at {} is not a sovnetd that this sovnetctl understands", .0.display())]
    Garbage(PathBuf),
    /// The daemon does not know the method.
    #[error("the sovnetd at {} does not know this command: it is another version", .0.display())]
    UnknownMethod(PathBuf),
    /// The daemon refused for lack of rights.
    #[error("denied: {user} may not do this; it needs {needs}")]
    Denied {
        /// Who asked.
        user: String,
        /// Who may.
        needs: String,
    },
    /// The daemon has no config.
    #[error("sovnetd is idle, so there is nothing to do: {0}")]
    Idle(String),
    /// The daemon cannot do it now.
    #[error("not done: {0}")]
    Unavailable(String),
    /// The runtime did not start.
    #[error("failed to start: {0}")]
    Start(io::Error),
    /// Output failed.
    #[error("failed to print: {0}")]
    Print(io::Error),
    /// A key file.
    #[error("{0}")]
    Key(String),
    /// No identity for Kubernetes, or no answer of it.
    #[error("{0}")]
    Join(#[from] JoinError),
    /// The config that a plan is for.
    #[error("{0}")]
    Config(String),
}

impl Failure {
    /// 5: the daemon cannot be reached; 6: denied; 1: anything else.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Failure::NoSocket(_)
            | Failure::NobodyListens(_)
            | Failure::Connect { .. }
            | Failure::Late(_)
            | Failure::Closed => 5,
            Failure::Unreachable(_) | Failure::Denied { .. } => 6,
            Failure::Join(error) if error.is_denial() => 6,
            Failure::Garbage(_)
            | Failure::UnknownMethod(_)
            | Failure::Idle(_)
            | Failure::Unavailable(_)
            | Failure::Start(_)
            | Failure::Print(_)
            | Failure::Key(_)
            | Failure::Config(_)
            | Failure::Join(_) => 1,
        }
    }
}
