//! The latency thread: the loop that announces and the one that knows the links, with nothing
//! between them and the processor that can be kept from them.

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::{Context, Result};
use nix::sys::mman::{MlockAllFlags, mlockall};
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use sovnet_core::member::Settings;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::board::Board;
use super::keep::keep;
use super::runtime;
use crate::announce::{Announce, Wires};
use crate::control::{AskRequest, CommandRequest};
use crate::link::Link;
use crate::store;
use crate::tasks::TaskSet;

/// The latency thread: nothing on it waits for a disk, a query or the Kubernetes API.
pub(super) fn start(
    settings: Settings,
    (commands, asked): (mpsc::Receiver<CommandRequest>, mpsc::Receiver<AskRequest>),
    board: &Board,
    stop_rest: CancellationToken,
) -> Result<JoinHandle<Result<()>>> {
    let wires = Wires {
        decision: board.decision.subscribe(),
        local: board.local.subscribe(),
        keys: board.keys.subscribe(),
        commands,
        wish: board.wish.clone(),
        report: board.lan.clone(),
        asked,
        occupants: board.occupants.clone(),
        held: board.held.clone(),
        gone: board.gone.clone(),
        macs: board.macs.clone(),
        memories: board.memories.clone(),
        progress: Arc::clone(&board.announcing),
        day_minute: board.day_minute.subscribe(),
    };
    let link = Link::new(
        board.wish.subscribe(),
        board.links.clone(),
        board.local.clone(),
        board.kernel_problems.clone(),
        board.former.clone(),
    );
    let thread = std::thread::Builder::new().name("latency".to_owned());
    let thread = thread.spawn(move || {
        let _stop_rest = stop_rest.drop_guard();
        lock_memory();
        runtime()?.block_on(async {
            let mut tasks = TaskSet::new();
            tasks.spawn("link", link.run(tasks.stop()));
            tasks.spawn("announce", Announce::new(settings, wires)?.run());
            tasks.run().await.context("announcing failed")
        })
    });
    thread.context("failed to start the latency thread")
}

/// Keeps on disk what links had before. What is there of an earlier life is known from here on.
pub(super) fn remember_links(tasks: &mut TaskSet, state_dir: &Path, board: &Board) {
    let store = ("links-store", &store::LINKS);
    let (former, problems) = (&board.former, &board.former_problems);
    keep(tasks, state_dir, store, former, problems);
}

/// Keeps every page in memory once it was touched, so that no turn waits for a disk. `ONFAULT`:
/// what is never touched costs nothing. The lock is the process's, and ends with it.
fn lock_memory() {
    if let Err(why) = try_lock_memory() {
        log::info!(reason:% = why; "memory is not locked: where it is short, a heartbeat may wait for the disk");
    }
}

fn try_lock_memory() -> Result<(), String> {
    // A limit is of what is mapped, not of what is touched, and what does not fit later is an
    // allocation that fails: so no lock under a limit.
    let limit = getrlimit(Resource::RLIMIT_MEMLOCK);
    let (limit, _hard) = limit.map_err(|error| error.to_string())?;
    if limit != RLIM_INFINITY {
        return Err(format!("the limit for it is {} kB", limit / 1024));
    }
    // nix has no name for it.
    let on_fault = MlockAllFlags::from_bits_retain(libc::MCL_ONFAULT);
    mlockall(MlockAllFlags::MCL_CURRENT | MlockAllFlags::MCL_FUTURE | on_fault)
        .map_err(|error| error.to_string())
}
