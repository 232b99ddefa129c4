//! The process that answers for the cluster: `sovnetd cluster`, on servers, beside the daemon.
//!
//! It holds an identity that may approve certificates, and so it faces no LAN: no packet of a
//! neighbour and no question of a client ever reaches it, and it names none of the modules that
//! read them. Owns its own wiring: the approver, its signals, and what the service manager is told.
//! Called by `main`.

mod answer;
mod approver;
mod connect;
mod report;
mod request;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use thiserror::Error;
use tokio::runtime::{Builder, LocalOptions};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::ready::{Keeper, Questions, Watchdog};
use crate::tasks::{TaskSet, TasksError, error_chain};
use crate::{clock, journal};
use approver::Approver;
use report::ApproverReport;

/// Why the process ended.
#[derive(Debug, Error)]
enum ClusterError {
    #[error("failed to start a runtime")]
    Runtime(#[source] std::io::Error),
    #[error("failed to listen to signals")]
    Signals(#[source] std::io::Error),
    #[error("a part of the process failed")]
    Tasks(#[source] TasksError),
}

/// Approves what nodes ask for, with the identity of `kubeconfig`, until SIGTERM or SIGINT.
pub(crate) fn run(kubeconfig: &Path, log_level: log::LevelFilter) -> ExitCode {
    if let Err(error) = journal::init("sovnetd-cluster", log_level) {
        // Without stderr there is nobody to tell.
        let _nobody = writeln!(std::io::stderr(), "{}", error_chain(&error));
        return ExitCode::FAILURE;
    }
    match serve(kubeconfig) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{}", error_chain(&error));
            ExitCode::FAILURE
        }
    }
}

fn serve(kubeconfig: &Path) -> Result<(), ClusterError> {
    // One provider for the whole process, chosen before the first connection.
    let _is_chosen_already = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Builder::new_current_thread();
    let runtime = builder.enable_all().build_local(LocalOptions::default());
    runtime.map_err(ClusterError::Runtime)?.block_on(async {
        let report = watch::Sender::new(Arc::new(ApproverReport::default()));
        let mut tasks = TaskSet::new();
        let keeper = Keeper::new(questions(&report), Watchdog::new(Vec::new()), clock::now());
        tasks.spawn("keeper", keeper.run(tasks.stop()));
        let mut terminate = signal(SignalKind::terminate()).map_err(ClusterError::Signals)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(ClusterError::Signals)?;
        let stop = tasks.stop();
        tasks.spawn("signals", async move {
            // Cancel-safe: a signal stays pending.
            tokio::select! {
                () = stop.cancelled() => {}
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            Ok::<(), std::convert::Infallible>(())
        });
        let approver = Approver::new(kubeconfig, report);
        tasks.spawn("approver", approver.run(tasks.stop()));
        log::info!(version:% = env!("CARGO_PKG_VERSION"), kubeconfig:% = kubeconfig.display(); "started");
        tasks.run().await.map_err(ClusterError::Tasks)
    })
}

/// Ready as soon as the first attempt has ended, well or not: a restart would not heal it, and the
/// status line says what is missing.
fn questions(report: &watch::Sender<Arc<ApproverReport>>) -> Questions {
    let (attempt, status) = (report.subscribe(), report.subscribe());
    Questions {
        is_ready: Box::new(move || attempt.borrow().has_tried()),
        summary: Box::new(move || status.borrow().summary()),
    }
}
