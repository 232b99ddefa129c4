//! The limits of one connection, below zlink: how big a request may be, and how long it may take.
//!
//! zlink reads a message of up to 100 MB, waits for ever, and accepts descriptors. This socket ends
//! the connection instead, says why in the counters, and reads without ancillary data, so that the
//! kernel throws passed descriptors away.

use std::cell::Cell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;
use std::time::Duration;

use sovnet_core::time::Moment;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;
use zlink::connection::PassedCredentials;
use zlink::connection::socket::{ReadHalf, ReadResult, Socket, UnixSocket, WriteHalf};

use super::counters::{Counter, Counters};
use crate::clock;

/// What one connection may use.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// The biggest request, its terminating NUL not counted.
    pub(super) request_bytes: usize,
    /// From the first byte of a request to its end; and the time for sending a reply.
    pub(super) transfer: Duration,
    /// Silence between two requests.
    pub(super) idle: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            request_bytes: 64 * 1024,
            transfer: Duration::from_secs(5),
            idle: Duration::from_secs(60),
        }
    }
}

/// A Unix socket with limits.
#[derive(Debug)]
pub(super) struct Guarded {
    stream: UnixStream,
    limits: Limits,
    verdict: Verdict,
}

/// Whether the end of the connection has been explained.
#[derive(Debug, Clone)]
pub(super) struct Verdict {
    counters: Rc<Counters>,
    is_explained: Rc<Cell<bool>>,
}

impl Verdict {
    fn explain(&self, counter: Option<Counter>) {
        self.is_explained.set(true);
        if let Some(counter) = counter {
            self.counters.add(counter);
        }
    }

    /// To be called when the server is done with the connection. If the socket never reported an
    /// end, the server gave up by itself: the request was no Varlink call.
    pub(super) fn handle_end(&self) {
        if !self.is_explained.get() {
            self.explain(Some(Counter::Malformed));
        }
    }
}

impl Guarded {
    pub(super) fn new(stream: UnixStream, limits: Limits, counters: Rc<Counters>) -> Guarded {
        let is_explained = Rc::new(Cell::new(false));
        Guarded {
            stream,
            limits,
            verdict: Verdict {
                counters,
                is_explained,
            },
        }
    }

    /// The explanation of the connection's end, to be finished by who serves it.
    pub(super) fn verdict(&self) -> Verdict {
        self.verdict.clone()
    }
}

impl AsFd for Guarded {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// Gives access to the peer's credentials.
impl UnixSocket for Guarded {}

impl Socket for Guarded {
    type ReadHalf = GuardedRead;
    type WriteHalf = GuardedWrite;

    fn split(self) -> (GuardedRead, GuardedWrite) {
        let (read, write) = self.stream.into_split();
        let reader = GuardedRead {
            half: read,
            limits: self.limits,
            verdict: self.verdict.clone(),
            request: None,
        };
        let writer = GuardedWrite {
            half: write,
            patience: self.limits.transfer,
            verdict: self.verdict,
        };
        (reader, writer)
    }
}

/// The part of a request that has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pending {
    bytes: usize,
    since: Moment,
}

/// The reading half.
#[derive(Debug)]
pub(super) struct GuardedRead {
    half: OwnedReadHalf,
    limits: Limits,
    verdict: Verdict,
    request: Option<Pending>,
}

impl GuardedRead {
    fn patience(&self, now: Moment) -> Duration {
        match self.request {
            Some(request) => self
                .limits
                .transfer
                .saturating_sub(now.since(request.since)),
            None => self.limits.idle,
        }
    }

    /// Follows the requests through the bytes; false if one is too big.
    fn follow(&mut self, chunk: &[u8], now: Moment) -> bool {
        for byte in chunk {
            if *byte == 0 {
                self.request = None;
                continue;
            }
            let request = self.request.get_or_insert(Pending {
                bytes: 0,
                since: now,
            });
            request.bytes += 1;
            if request.bytes > self.limits.request_bytes {
                return false;
            }
        }
        true
    }
}

impl ReadHalf for GuardedRead {
    /// Cancel-safe: nothing is taken from the socket before the only await has ended.
    async fn read(&mut self, buffer: &mut [u8]) -> zlink::Result<ReadResult> {
        let patience = self.patience(clock::now());
        let count = match timeout(patience, self.half.read(buffer)).await {
            Ok(Ok(count)) => count,
            Ok(Err(error)) => {
                self.verdict.explain(None);
                return Err(error.into());
            }
            Err(_elapsed) => {
                // Silence between requests is no fault; the client may connect again.
                self.verdict.explain(self.request.map(|_| Counter::Slow));
                return Err(io::Error::from(io::ErrorKind::TimedOut).into());
            }
        };
        if count == 0 {
            self.verdict.explain(self.request.map(|_| Counter::Half));
        } else if !self.follow(buffer.get(..count).unwrap_or_default(), clock::now()) {
            self.verdict.explain(Some(Counter::Oversized));
            return Err(zlink::Error::BufferOverflow);
        }
        Ok(ReadResult::new(count))
    }
}

/// The writing half.
#[derive(Debug)]
pub(super) struct GuardedWrite {
    half: OwnedWriteHalf,
    patience: Duration,
    verdict: Verdict,
}

impl WriteHalf for GuardedWrite {
    async fn write(
        &mut self,
        buffer: &[u8],
        _descriptors: &[impl AsFd],
        _credentials: Option<&PassedCredentials>,
    ) -> zlink::Result<()> {
        match timeout(self.patience, self.half.write_all(buffer)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                self.verdict.explain(None);
                Err(error.into())
            }
            Err(_elapsed) => {
                self.verdict.explain(Some(Counter::Slow));
                Err(io::Error::from(io::ErrorKind::TimedOut).into())
            }
        }
    }
}
