//! How long the kernel of a node whose daemon was killed still has the address as its own.

use std::fs;
use std::net::Ipv4Addr;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;

use crate::clock::{now, wait_until};
use crate::lan::Node;

#[cfg(test)]
mod tests;

/// How often is looked.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Looks on its own thread.
#[derive(Debug)]
pub(super) struct Leftover {
    thread: JoinHandle<anyhow::Result<anyhow::Result<Duration>>>,
}

impl Leftover {
    /// Begins to look, until the address is gone or `most` is over.
    pub(super) fn start(
        node: &Node,
        address: Ipv4Addr,
        most: Duration,
    ) -> anyhow::Result<Leftover> {
        let thread = node
            .thread_in_network("leftover", move || look(address, most))
            .context("failed to start to look")?;
        Ok(Leftover { thread })
    }

    /// Waits for the end: how long the address was there.
    pub(super) fn took(self) -> anyhow::Result<Duration> {
        let looked = self.thread.join();
        looked.ok().context("a thread has panicked")??
    }
}

fn look(address: Ipv4Addr, most: Duration) -> anyhow::Result<Duration> {
    let started_at = now();
    loop {
        // The routing table tells it without a process or a socket.
        let table = fs::read_to_string("/proc/thread-self/net/fib_trie")?;
        let looked_for = now().duration_since(started_at);
        if looked_for >= most || !is_local(&table, address) {
            return Ok(looked_for);
        }
        wait_until(now() + LOOK_EVERY);
    }
}

/// Whether `/proc/net/fib_trie` has the address as one of the host's own.
fn is_local(table: &str, address: Ipv4Addr) -> bool {
    let mut leaf = None;
    for line in table.lines() {
        if let Some((_, shown)) = line.split_once("|-- ") {
            leaf = shown.trim().parse::<Ipv4Addr>().ok();
        } else if leaf == Some(address) && line.contains("/32 host LOCAL") {
            return true;
        }
    }
    false
}
