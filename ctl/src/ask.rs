//! One question to the daemon, within a time limit.

use std::io::ErrorKind;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use sovnet_control::client::{Control, whole_status};
use sovnet_control::message::ControlError;
use sovnet_control::status::Status;
use zlink::tokio::unix::{Connection, connect};

use crate::failure::Failure;

/// Where the daemon is, and how patient we are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Daemon<'a> {
    /// Its control socket.
    pub(crate) socket: &'a Path,
    /// For the whole exchange.
    pub(crate) timeout: Duration,
}

impl Daemon<'_> {
    /// Its status.
    ///
    /// # Errors
    ///
    /// See [`Failure`].
    pub(crate) fn status(&self) -> Result<Status, Failure> {
        self.ask(async |daemon| whole_status(daemon).await)
    }

    /// Drains it; the result is what it says it did.
    ///
    /// # Errors
    ///
    /// See [`Failure`].
    pub(crate) fn drain(&self) -> Result<String, Failure> {
        let reply = self.ask(async |daemon| daemon.drain().await)?;
        Ok(reply.done)
    }

    /// Undrains it; the result is what it says it did.
    ///
    /// # Errors
    ///
    /// See [`Failure`].
    pub(crate) fn undrain(&self) -> Result<String, Failure> {
        let reply = self.ask(async |daemon| daemon.undrain().await)?;
        Ok(reply.done)
    }

    /// Moves an address, for a time if one is given; the result is what it says it did.
    ///
    /// # Errors
    ///
    /// See [`Failure`].
    pub(crate) fn move_address(
        &self,
        address: IpAddr,
        to: &str,
        length: Option<Duration>,
    ) -> Result<String, Failure> {
        // A part of a second counts as a whole one.
        let seconds = length.map(|length| length.as_millis().div_ceil(1_000));
        let seconds = seconds.map(|seconds| i64::try_from(seconds).unwrap_or(i64::MAX));
        let address = address.to_string();
        let reply = self.ask(async |daemon| daemon.move_address(&address, to, seconds).await)?;
        Ok(reply.done)
    }

    /// Pins an address to a node; the result is what it says it did.
    ///
    /// # Errors
    ///
    /// See [`Failure`].
    pub(crate) fn pin(&self, address: IpAddr, to: &str) -> Result<String, Failure> {
        let address = address.to_string();
        let reply = self.ask(async |daemon| daemon.pin(&address, to).await)?;
        Ok(reply.done)
    }

    /// Takes the pin of an address back; the result is what it says it did.
    ///
    /// # Errors
    ///
    /// See [`Failure`].
    pub(crate) fn unpin(&self, address: IpAddr) -> Result<String, Failure> {
        let address = address.to_string();
        let reply = self.ask(async |daemon| daemon.unpin(&address).await)?;
        Ok(reply.done)
    }

    fn ask<T>(
        &self,
        question: impl AsyncFnOnce(&mut Connection) -> zlink::Result<Result<T, ControlError>>,
    ) -> Result<T, Failure> {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().map_err(Failure::Start)?;
        let exchange = async {
            let mut daemon = connect(self.socket)
                .await
                .map_err(|error| self.not_connected(error))?;
            match question(&mut daemon).await {
                Ok(Ok(reply)) => Ok(reply),
                Ok(Err(refusal)) => Err(refused(refusal)),
                Err(error) => Err(self.not_answered(error)),
            }
        };
        let limited = async { tokio::time::timeout(self.timeout, exchange).await };
        let late = |_elapsed| Failure::Late(self.timeout);
        runtime.block_on(limited).map_err(late)?
    }

    fn not_connected(&self, error: zlink::Error) -> Failure {
        let path = self.socket.to_owned();
        let zlink::Error::Io(source) = error else {
            return Failure::Garbage(path);
        };
        if source.kind() == ErrorKind::NotFound {
            Failure::NoSocket(path)
        } else if source.kind() == ErrorKind::ConnectionRefused {
            Failure::NobodyListens(path)
        } else if source.kind() == ErrorKind::PermissionDenied {
            Failure::Unreachable(path)
        } else {
            Failure::Connect { path, source }
        }
    }

    fn not_answered(&self, error: zlink::Error) -> Failure {
        if let zlink::Error::UnexpectedEof | zlink::Error::Io(_) = error {
            Failure::Closed
        } else if let zlink::Error::VarlinkService(_) = error {
            Failure::UnknownMethod(self.socket.to_owned())
        } else {
            Failure::Garbage(self.socket.to_owned())
        }
    }
}

fn refused(refusal: ControlError) -> Failure {
    match refusal {
        ControlError::PermissionDenied { user, needs } => Failure::Denied { user, needs },
        ControlError::Idle { reason } => Failure::Idle(reason),
        ControlError::Unavailable { reason }
        | ControlError::Refused { reason }
        | ControlError::TooLong { reason } => Failure::Unavailable(reason),
    }
}
