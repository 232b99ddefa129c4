//! The latency thread: the loop that announces and the one that knows the links, with nothing
//! between them and the processor that can be kept from them.

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::{Context, Result};
use sovnet_core::member::Settings;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::board::Board;
use super::keep::keep;
use super::memory;
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
        memory::lock();
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
