//! The thread that starts every process of one LAN, inside a process-id namespace of its own.
//!
//! The namespace's first process is the switch's holder. It dies with this thread (and so with the
//! whole program, whatever ends it), and the kernel then ends every process in the namespace. So
//! nothing outlives a test or a lab, not even after SIGKILL, and nothing has to be cleaned by hand.

use std::io;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use nix::sched::{CloneFlags, unshare};

/// One request: what to start, and where the answer goes.
struct Request {
    command: Command,
    reply: SyncSender<io::Result<Child>>,
}

/// Starts processes; the process-id namespace lives as long as this value.
#[derive(Debug)]
pub(super) struct Nursery {
    requests: Option<SyncSender<Request>>,
    thread: Option<JoinHandle<()>>,
}

impl Nursery {
    /// Makes the thread and its namespace. The first process that is spawned becomes its init.
    ///
    /// # Errors
    /// What `unshare(2)` says; `EPERM` without root.
    pub(super) fn start() -> io::Result<Nursery> {
        let (requests, inbox) = sync_channel::<Request>(1);
        let (ready_tx, ready_rx) = sync_channel(1);
        let thread = thread::Builder::new()
            .name("nursery".to_owned())
            .spawn(move || {
                // Only children of this thread enter the new namespace; the thread itself stays.
                let made = unshare(CloneFlags::CLONE_NEWPID).map_err(io::Error::from);
                let is_made = made.is_ok();
                if ready_tx.send(made).is_ok() && is_made {
                    serve(&inbox);
                }
            })?;
        ready_rx.recv().map_err(io::Error::other)??;
        Ok(Nursery {
            requests: Some(requests),
            thread: Some(thread),
        })
    }

    /// Starts `command` in the namespace.
    ///
    /// # Errors
    /// What starting it gave.
    pub(super) fn spawn(&self, command: Command) -> io::Result<Child> {
        let (reply, answer) = sync_channel(1);
        let requests = self
            .requests
            .as_ref()
            .expect("the channel is there until drop");
        requests
            .send(Request { command, reply })
            .map_err(io::Error::other)?;
        answer.recv().map_err(io::Error::other)?
    }
}

impl Drop for Nursery {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            // A thread that has panicked is gone as well.
            drop(thread.join());
        }
    }
}

fn serve(inbox: &Receiver<Request>) {
    while let Ok(mut request) = inbox.recv() {
        let answer = request.command.spawn();
        // Nobody waits for the answer any more only when the asker's thread is being torn down.
        drop(request.reply.send(answer));
    }
}
