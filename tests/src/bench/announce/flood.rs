//! A flood of ARP requests at a fixed rate, from many hosts at once as far as anybody can see, and
//! the count of what is answered.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use std::{io, iter};

use anyhow::Context as _;
use socket2::{SockFilter, Socket};

use crate::clock::{now, wait_until};
use crate::lan::Node;
use crate::lan::arp::{Arp, BROADCAST, Mac};
use crate::lan::sniff::{bind_to_link, packet_socket, receive, set_queue};

#[cfg(test)]
mod tests;

/// The hosts that seem to ask.
const SOURCES: u8 = 250;

/// The first octets of their hardware addresses; the last one counts.
const SOURCE: [u8; 5] = [0x02, 0, 0, 0, 0x11];

/// Between bursts.
const BEAT: Duration = Duration::from_millis(1);

/// After a pause of this thread no more than this is made up for.
const MADE_UP: Duration = Duration::from_millis(20);

/// How long the counter blocks before it looks whether it is to end.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Queue of the counter, so that it misses none while it is not run.
const QUEUE: usize = 32 << 20;

/// What a flood was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flood {
    /// Requests sent.
    pub(super) sent: u64,
    /// Answers to them.
    pub(super) answered: u64,
    /// How long it took.
    pub(super) took: Duration,
}

/// Sends `rate` requests per second from `node`, for all `targets` in turn.
pub(super) fn flood(
    node: &Node,
    targets: &[Ipv4Addr],
    rate: u32,
    time: Duration,
) -> anyhow::Result<Flood> {
    let counter = Counter::start(node)?;
    let frames = frames(targets);
    let (sent, took) = node.in_network(move || send(&frames, rate, time))??;
    Ok(Flood {
        sent,
        answered: counter.stop()?,
        took,
    })
}

/// One request of every source for every target, in an order that varies both; as many as bring
/// every pair once, or a few thousand.
fn frames(targets: &[Ipv4Addr]) -> Vec<Vec<u8>> {
    const MOST: usize = 10_000;
    let sources = (1..=SOURCES).cycle();
    let count = targets.len().saturating_mul(usize::from(SOURCES)).min(MOST);
    let pairs = sources.zip(targets.iter().cycle()).take(count);
    pairs
        .map(|(source, target)| request(source, *target))
        .collect()
}

fn request(source: u8, target: Ipv4Addr) -> Vec<u8> {
    let [a, b, c, d, e] = SOURCE;
    let mac = Mac([a, b, c, d, e, source]);
    let arp = Arp {
        to: BROADCAST,
        from: mac,
        operation: 1,
        sender_mac: mac,
        sender: Ipv4Addr::new(192, 168, 17, source),
        target_mac: Mac([0; 6]),
        target,
    };
    arp.to_bytes()
}

fn send(frames: &[Vec<u8>], rate: u32, time: Duration) -> anyhow::Result<(u64, Duration)> {
    let socket = packet_socket()?;
    bind_to_link(&socket, "eth0")?;
    let mut frames = frames.iter().cycle();
    let started_at = now();
    let mut paid_until = started_at;
    let mut sent = 0;
    while now().duration_since(started_at) < time {
        let behind = now().saturating_duration_since(paid_until);
        if behind > MADE_UP {
            paid_until += behind - MADE_UP;
        }
        let due = due(now().saturating_duration_since(paid_until), rate);
        for frame in iter::from_fn(|| frames.next()).take(due) {
            socket.send(frame).context("failed to send")?;
            sent += 1;
        }
        paid_until += Duration::from_secs(1) / rate * u32::try_from(due)?;
        wait_until(now() + BEAT);
    }
    Ok((sent, now().duration_since(started_at)))
}

/// How many requests belong to that time.
fn due(time: Duration, rate: u32) -> usize {
    let whole = time.as_nanos() * u128::from(rate) / 1_000_000_000;
    usize::try_from(whole).unwrap_or_default()
}

/// Counts answers to the sources.
struct Counter {
    count: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<anyhow::Result<anyhow::Result<()>>>,
}

impl Counter {
    fn start(node: &Node) -> anyhow::Result<Counter> {
        let count = Arc::new(AtomicU64::new(0));
        let is_over = Arc::new(AtomicBool::new(false));
        let (into, over) = (Arc::clone(&count), Arc::clone(&is_over));
        // Opened before anything is sent.
        let socket = node.in_network(replies_socket)??;
        let thread = node.thread_in_network("counter", move || listen(&socket, &into, &over))?;
        Ok(Counter {
            count,
            is_over,
            thread,
        })
    }

    /// After the last answers had time to come.
    fn stop(self) -> anyhow::Result<u64> {
        wait_until(now() + LOOK_EVERY * 5);
        self.is_over.store(true, Ordering::Relaxed);
        self.thread
            .join()
            .ok()
            .context("the counter has panicked")???;
        Ok(self.count.load(Ordering::Relaxed))
    }
}

/// Hears only ARP replies, before they cost this program anything.
fn replies_socket() -> anyhow::Result<Socket> {
    let socket = packet_socket()?;
    bind_to_link(&socket, "eth0")?;
    socket.attach_filter(&[
        SockFilter::new(0x28, 0, 0, 12),
        SockFilter::new(0x15, 0, 3, 0x0806),
        SockFilter::new(0x28, 0, 0, 20),
        SockFilter::new(0x15, 0, 1, 2),
        SockFilter::new(0x06, 0, 0, u32::from(u16::MAX)),
        SockFilter::new(0x06, 0, 0, 0),
    ])?;
    set_queue(&socket, QUEUE)?;
    socket.set_read_timeout(Some(LOOK_EVERY))?;
    Ok(socket)
}

fn listen(socket: &Socket, count: &AtomicU64, is_over: &AtomicBool) -> anyhow::Result<()> {
    let mut buffer = [0; 128];
    while !is_over.load(Ordering::Relaxed) {
        match receive(socket, &mut buffer) {
            // Bytes 0 to 4 are those of the host that it is for.
            Ok(length)
                if buffer
                    .get(..length)
                    .is_some_and(|one| one.starts_with(&SOURCE)) =>
            {
                count.fetch_add(1, Ordering::Relaxed);
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
