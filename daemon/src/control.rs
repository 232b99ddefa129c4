//! The control socket: answers `sovnetctl` and every other Varlink client.
//!
//! Owns the socket, the admission of connections and the decision who may give commands. It reads
//! snapshots of the other shells and passes commands on; it decides nothing about addresses. Only
//! `app` calls it.
//!
//! One small zlink server runs per connection, each in its own task: zlink's server for all
//! connections knows no limits. [`guard`] puts them below it (size, time), [`admission`] in front
//! of it (number). These futures are not `Send`, so the runtime must be tokio's `LocalRuntime`.

mod admission;
mod counters;
mod guard;
mod render;
mod rights;
mod service;
mod socket;
mod sources;

use std::io;
use std::os::unix::net::UnixListener as StdListener;
use std::rc::Rc;
use std::time::Duration;

use sovnet_core::member::Order;
use thiserror::Error;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use zlink::connection::socket::FetchPeerCredentials;

use self::admission::Admission;
use self::counters::Counter;
use self::guard::{Guarded, Limits};
use self::rights::Peer;
use self::service::{Desk, Shared};

pub(crate) use self::socket::bind;
pub(crate) use self::sources::Sources;

/// One sentence: what was done, or why it can not be done.
pub(crate) type Answer = Result<String, String>;

/// An order with the place for its answer.
pub(crate) type CommandRequest = (Order, oneshot::Sender<Answer>);

/// Somebody wants the LAN's report as of now.
pub(crate) type AskRequest = ();

/// How many commands may wait; an operator gives one at a time.
pub(crate) const COMMAND_QUEUE: usize = 8;

/// A breath after a failed accept: it fails when descriptors run out, and at once again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why the control shell ended.
#[derive(Debug, Error)]
pub(crate) enum ControlShellError {
    /// The listener could not be handed to the runtime.
    #[error("failed to watch the control socket")]
    Watch(#[source] io::Error),
}

/// The shell.
#[derive(Debug)]
pub(crate) struct Control {
    listener: UnixListener,
    shared: Rc<Shared>,
    limits: Limits,
    admission: Admission,
    connections: JoinSet<u32>,
}

enum Event {
    Connection(UnixStream),
    AcceptFailed(io::Error),
    /// A connection of this user ended.
    Ended(u32),
    Stop,
}

impl Control {
    /// A control shell on a bound socket (see [`bind`]). `commands` leads to whoever carries them
    /// out; every request must be answered within [`service::ANSWER`], or the caller is told so.
    ///
    /// # Errors
    ///
    /// [`ControlShellError::Watch`] if the runtime refuses the listener.
    pub(crate) fn new(
        listener: StdListener,
        sources: Sources,
        commands: mpsc::Sender<CommandRequest>,
    ) -> Result<Control, ControlShellError> {
        let own_uid = nix::unistd::geteuid().as_raw();
        Ok(Control {
            listener: UnixListener::from_std(listener).map_err(ControlShellError::Watch)?,
            shared: Rc::new(Shared::new(sources, commands, own_uid)),
            limits: Limits::default(),
            admission: Admission::default(),
            connections: JoinSet::new(),
        })
    }

    /// Serves until `stop`. Open connections are closed then.
    ///
    /// # Errors
    ///
    /// None at present: what a client does wrong ends that client's connection only.
    pub(crate) async fn run(mut self, stop: CancellationToken) -> Result<(), ControlShellError> {
        loop {
            match self.wait_for_event(&stop).await {
                Event::Connection(stream) => self.admit(stream).await,
                Event::AcceptFailed(error) => {
                    log::warn!(error:% = error; "control socket accepts no connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
                Event::Ended(uid) => self.admission.handle_end(uid),
                Event::Stop => return Ok(()),
            }
        }
    }

    /// Every branch is cancel-safe: an accept or a join that is dropped has taken nothing.
    async fn wait_for_event(&mut self, stop: &CancellationToken) -> Event {
        tokio::select! {
            () = stop.cancelled() => Event::Stop,
            Some(ended) = self.connections.join_next(), if !self.connections.is_empty() => {
                // A task of this set is never aborted while the shell lives, and a panic ends the
                // process.
                Event::Ended(ended.expect("a connection's task runs to its end"))
            }
            accepted = self.listener.accept() => match accepted {
                Ok((stream, _)) => Event::Connection(stream),
                Err(error) => Event::AcceptFailed(error),
            },
        }
    }

    async fn admit(&mut self, stream: UnixStream) {
        let socket = Guarded::new(stream, self.limits, Rc::clone(&self.shared.counters));
        // The kernel keeps the credentials of the moment of connect; asking for them never waits.
        let peer = match socket.fetch_peer_credentials().await {
            Ok(credentials) => Peer::from(&credentials),
            Err(error) => match Peer::unseen(&socket) {
                Ok(peer) => peer,
                Err(_also) => {
                    log::debug!(error:% = error; "control client without credentials");
                    return self.shared.counters.add(Counter::Refused);
                }
            },
        };
        if !self.admission.admit(peer.uid) {
            log::debug!(uid = peer.uid; "too many control connections");
            return self.shared.counters.add(Counter::Refused);
        }
        self.shared.counters.add(Counter::Connections);
        let desk = Desk::new(Rc::clone(&self.shared), peer);
        self.connections.spawn_local(service::serve(socket, desk));
    }
}

#[cfg(test)]
mod tests;
