//! What wakes the latency loop: one set of all sockets of its segments, and one timer.
//!
//! tokio sees a single descriptor, so a turn costs one wake-up, however many sockets there are, and
//! a deadline is met to the microsecond. It is only asked when to look: what has arrived is read
//! directly, by a turn that is due (R1) and by one that has slept too long (R2) alike. Owned by
//! `announce`; decides nothing.

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A timer of nothing would be none.
const AT_ONCE: Duration = Duration::from_nanos(1);

/// The bell; its copies are the same bell. A socket that is closed leaves it.
#[derive(Debug, Clone)]
pub(crate) struct Bell(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    set: AsyncFd<Set>,
    timer: TimerFd,
}

#[derive(Debug)]
struct Set(Epoll);

impl AsRawFd for Set {
    fn as_raw_fd(&self) -> RawFd {
        self.0.0.as_raw_fd()
    }
}

impl Bell {
    /// A bell that nothing rings yet. Needs a tokio runtime with I/O.
    pub(crate) fn new() -> io::Result<Bell> {
        let timer = TimerFd::new(
            ClockId::CLOCK_BOOTTIME,
            TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK,
        )?;
        let set = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        set.add(&timer, EpollEvent::new(EpollFlags::EPOLLIN, 0))?;
        let set = register(Set(set))?;
        Ok(Bell(Arc::new(Inner { set, timer })))
    }

    /// From now on input of this socket rings, and what its error queue holds.
    pub(crate) fn hear(&self, socket: &impl AsFd) -> io::Result<()> {
        let event = EpollEvent::new(EpollFlags::EPOLLIN, 0);
        Ok(self.set().add(socket, event)?)
    }

    /// Whether input of a socket that was added rings; its error queue does in any case.
    pub(crate) fn set_hears_input(&self, socket: &impl AsFd, hears: bool) -> io::Result<()> {
        let events = if hears {
            EpollFlags::EPOLLIN
        } else {
            EpollFlags::empty()
        };
        Ok(self.set().modify(socket, &mut EpollEvent::new(events, 0))?)
    }

    /// Returns when there is input, or an error to take, or after this pause; now and then without
    /// any of them. Take all input before the next call. Cancel-safe.
    pub(crate) async fn rung(&self, pause: Duration) -> io::Result<()> {
        let pause = TimeSpec::from_duration(pause.max(AT_ONCE));
        let once = Expiration::OneShot(pause);
        self.0.timer.set(once, TimerSetTimeFlags::empty())?;
        // Something may be left that no wake-up will tell of again.
        if self.has_rung()? {
            return Ok(());
        }
        self.0.set.readable().await?.clear_ready();
        Ok(())
    }

    pub(crate) fn has_rung(&self) -> io::Result<bool> {
        let set = self.set().0.as_fd();
        let mut watched = [PollFd::new(set, PollFlags::POLLIN)];
        Ok(poll(&mut watched, PollTimeout::ZERO)? > 0)
    }

    fn set(&self) -> &Epoll {
        &self.0.set.get_ref().0
    }
}

#[expect(
    unsafe_code,
    reason = "tokio wants a promise about the descriptor; there is no other door"
)]
fn register(set: Set) -> io::Result<AsyncFd<Set>> {
    // SAFETY: a `Set` owns one descriptor for its whole life and always names that one. The
    // `AsyncFd` owns the `Set`, and nobody else gets it.
    let registered = unsafe { AsyncFd::register_with_interest(set, Interest::READABLE) };
    Ok(registered?)
}

#[cfg(test)]
mod tests;
