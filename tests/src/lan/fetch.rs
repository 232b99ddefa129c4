//! A reader of a page: a thread in a machine's network that fetches a page again and again, each
//! time over a new connection, and knows afterwards which fetches failed, and for how long.
//!
//! A fetch has failed if the page is not there within `PATIENCE`: less than the kernel waits before
//! it sends a lost SYN again, so that nothing is repaired behind the test's back, and long enough
//! for a machine that builds something meanwhile.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddrV4, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::node::Node;
use super::probe::{Outcome, Watched};
use crate::clock::{now, wait_for, wait_until};

/// How long a fetch may take; the kernel sends a lost SYN again after 1 s.
const PATIENCE: Duration = Duration::from_millis(800);

/// Fetches under way at once; more than this are not begun, and count as failed.
const AT_ONCE: usize = 100;

/// What a fetch gave.
#[derive(Debug, Clone)]
struct Fetch {
    at: Instant,
    page: Option<String>,
}

/// What has been fetched; shared with the fetches under way.
#[derive(Debug, Default)]
struct Book {
    fetches: Mutex<Vec<Fetch>>,
    under_way: AtomicUsize,
    is_over: AtomicBool,
}

impl Book {
    fn begin(&self, at: Instant) -> usize {
        let mut fetches = self.fetches.lock().unwrap_or_else(PoisonError::into_inner);
        fetches.push(Fetch { at, page: None });
        fetches.len() - 1
    }

    fn finish(&self, index: usize, page: String) {
        let mut fetches = self.fetches.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(fetch) = fetches.get_mut(index) {
            fetch.page = Some(page);
        }
    }
}

/// Fetches until dropped.
#[derive(Debug)]
pub struct Fetcher {
    book: Arc<Book>,
    thread: Option<JoinHandle<anyhow::Result<()>>>,
}

impl Fetcher {
    /// Starts to fetch `http://from/` on `node`, once per `every`.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub fn start(node: &Node, from: SocketAddrV4, every: Duration) -> anyhow::Result<Fetcher> {
        let book = Arc::new(Book::default());
        let kept = Arc::clone(&book);
        let thread = node
            .thread_in_network("fetcher", move || run(&kept, from, every))
            .context("failed to start a fetcher")?;
        Ok(Fetcher {
            book,
            thread: Some(thread),
        })
    }

    fn of(&self, since: Instant, until: Instant) -> Vec<Fetch> {
        let fetches = self.book.fetches.lock();
        let fetches = fetches.unwrap_or_else(PoisonError::into_inner);
        let is_within = |one: &&Fetch| one.at >= since && one.at <= until;
        fetches.iter().filter(is_within).cloned().collect()
    }
}

impl Watched for Fetcher {
    fn outcome(&self, since: Instant, until: Instant) -> Outcome {
        let is_settled = || (now().duration_since(until) > PATIENCE).then_some(());
        // The time is over at the latest then, so that waiting cannot be in vain.
        drop(wait_for("the last fetch to end", PATIENCE * 2, is_settled));
        let fetches = self.of(since, until);
        let asked = fetches.iter().map(|one| (one.at, one.page.is_some()));
        Outcome::of(asked, since)
    }

    fn is_answered_since(&self, since: Instant) -> bool {
        self.of(since, now()).iter().any(|one| one.page.is_some())
    }

    fn breakable(&self) -> usize {
        1
    }
}

impl Drop for Fetcher {
    fn drop(&mut self) {
        self.book.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn run(book: &Arc<Book>, from: SocketAddrV4, every: Duration) {
    let mut next_at = now();
    while !book.is_over.load(Ordering::Relaxed) {
        wait_until(next_at);
        next_at += every;
        let index = book.begin(now());
        if book.under_way.fetch_add(1, Ordering::Relaxed) >= AT_ONCE {
            book.under_way.fetch_sub(1, Ordering::Relaxed);
            continue;
        }
        let kept = Arc::clone(book);
        // A thread starts in the network of the one that starts it.
        let started = thread::Builder::new().spawn(move || {
            if let Ok(page) = fetch(from) {
                kept.finish(index, page);
            }
            kept.under_way.fetch_sub(1, Ordering::Relaxed);
        });
        if started.is_err() {
            book.under_way.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// The body of the page, if all of it is there in time.
fn fetch(from: SocketAddrV4) -> io::Result<String> {
    let end = now() + PATIENCE;
    let left = || {
        Some(
            end.saturating_duration_since(now())
                .max(Duration::from_millis(1)),
        )
    };
    let mut stream = TcpStream::connect_timeout(&from.into(), PATIENCE)?;
    stream.set_write_timeout(left())?;
    write!(
        stream,
        "GET / HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n",
        from.ip()
    )?;
    let mut text = String::new();
    let mut buffer = [0; 1024];
    loop {
        stream.set_read_timeout(left())?;
        let length = stream.read(&mut buffer)?;
        let Some(bytes) = buffer.get(..length).filter(|bytes| !bytes.is_empty()) else {
            break;
        };
        text.push_str(&String::from_utf8_lossy(bytes));
        if now() > end {
            return Err(io::ErrorKind::TimedOut.into());
        }
    }
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_default();
    if head.starts_with("HTTP/1.1 200 ") && !body.is_empty() {
        return Ok(body.trim().to_owned());
    }
    Err(io::ErrorKind::InvalidData.into())
}
