//! What signals mean: the task that turns them into commands.

use std::convert::Infallible;
use std::io;

use sovnet_core::member::{Command, Order};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::reload::Reload;
use crate::control::CommandRequest;
use crate::ready;

/// SIGTERM and SIGINT stop, SIGUSR2 restarts; SIGHUP reads the key file again. The config is read at
/// start alone.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    restart: Signal,
    hang_up: Signal,
    reload: Reload,
}

impl Signals {
    pub(super) fn listen(reload: Reload) -> io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            restart: signal(SignalKind::user_defined2())?,
            hang_up: signal(SignalKind::hangup())?,
            reload,
        })
    }

    pub(super) async fn run(
        mut self,
        commands: mpsc::Sender<CommandRequest>,
        is_idle: bool,
        stop: CancellationToken,
    ) -> Result<(), Infallible> {
        loop {
            // Cancel-safe: a signal stays pending.
            let command = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                _ = self.terminate.recv() => Command::Stop,
                _ = self.interrupt.recv() => Command::Stop,
                _ = self.restart.recv() => Command::Restart,
                _ = self.hang_up.recv() => {
                    self.reload.reload();
                    continue;
                }
            };
            ready::tell_stopping();
            if is_idle {
                return Ok(());
            }
            let (answer, said) = oneshot::channel();
            if commands
                .send((Order::Command(command), answer))
                .await
                .is_err()
            {
                return Ok(());
            }
            if let Ok(Ok(said) | Err(said)) = said.await {
                log::info!("{said}");
            }
        }
    }
}
