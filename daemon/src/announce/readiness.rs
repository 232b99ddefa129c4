//! Waiting for a socket, without believing that nothing is there until the kernel was asked.
//!
//! tokio learns of input when its loop comes round; a driver that woke up for a timer has to see
//! what has arrived before it (R1), and one that has slept too long has to throw all of it away
//! (R2). So the sockets here are read directly, and tokio is only asked when to look.

use std::io;
use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::Socket;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Registers a socket for input and for its error queue.
#[expect(
    unsafe_code,
    reason = "tokio wants a promise about the descriptor; there is no other door"
)]
pub(super) fn register(socket: Socket) -> io::Result<AsyncFd<Socket>> {
    let interest = Interest::READABLE | Interest::ERROR;
    // SAFETY: a `Socket` owns one descriptor for its whole life and always names that one. The
    // `AsyncFd` owns the `Socket`, and nobody else gets it.
    let registered = unsafe { AsyncFd::register_with_interest(socket, interest) };
    Ok(registered?)
}

/// Returns when there is something to receive, or an error to take. Cancel-safe.
pub(super) async fn readable(socket: &AsyncFd<Socket>) -> io::Result<()> {
    loop {
        let mut guard = socket.ready(Interest::READABLE | Interest::ERROR).await?;
        if has_input(socket.get_ref())? {
            return Ok(());
        }
        guard.clear_ready();
    }
}

fn has_input(socket: &Socket) -> io::Result<bool> {
    let mut watched = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
    Ok(poll(&mut watched, PollTimeout::ZERO)? > 0)
}
