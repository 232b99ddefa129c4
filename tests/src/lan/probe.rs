//! Probes: a thread in a machine's network that asks an address again and again, and knows
//! afterwards which questions were never answered and how long the silence was.
//!
//! A question counts as lost if its answer has not come when the time is looked at; the last
//! [`SETTLE`] is waited for, so that a question on its way is not taken for lost.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;
use socket2::{Domain, Protocol, Socket, Type};

use super::node::Node;
use super::sniff::receive;
use crate::clock::{now, wait_for};

/// How long an answer may take before its question counts as lost.
pub const SETTLE: Duration = Duration::from_millis(300);

/// What a probe asks.
#[derive(Debug, Clone, Copy)]
pub enum Question {
    /// ICMP echo (RFC 792): answered by the kernel that has the address.
    Echo(Ipv4Addr),
    /// A DNS query for the A record of a fixed name: answered by the daemon.
    Dns(Ipv4Addr),
}

/// One question.
#[derive(Debug, Clone, Copy)]
struct Sent {
    at: Instant,
    is_answered: bool,
}

/// What became of the questions of some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// Questions sent.
    pub sent: usize,
    /// Questions never answered.
    pub lost: usize,
    /// From the first question of the longest unanswered run to the next answered one.
    pub longest_gap: Duration,
    /// When the first lost one was sent, counted from the begin of that time.
    pub first_lost_after: Option<Duration>,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Outcome {
            sent,
            lost,
            longest_gap,
            ..
        } = self;
        write!(f, "{lost} of {sent} lost")?;
        if *lost > 0 {
            write!(f, " in {} ms at most", longest_gap.as_millis())?;
        }
        Ok(())
    }
}

impl Outcome {
    /// What became of these questions, in their order: when each was asked, and whether it was
    /// answered.
    pub(super) fn of(asked: impl Iterator<Item = (Instant, bool)>, since: Instant) -> Outcome {
        let mut outcome = Outcome {
            sent: 0,
            lost: 0,
            longest_gap: Duration::ZERO,
            first_lost_after: None,
        };
        let mut silent_since: Option<Instant> = None;
        let mut last_at = since;
        for (at, is_answered) in asked {
            outcome.sent += 1;
            last_at = at;
            if !is_answered {
                outcome.lost += 1;
                outcome
                    .first_lost_after
                    .get_or_insert(at.duration_since(since));
                silent_since.get_or_insert(at);
            } else if let Some(from) = silent_since.take() {
                outcome.longest_gap = outcome.longest_gap.max(at.duration_since(from));
            }
        }
        if let Some(from) = silent_since {
            outcome.longest_gap = outcome.longest_gap.max(last_at.duration_since(from));
        }
        outcome
    }
}

/// Something that asks again and again, and is judged afterwards.
pub trait Watched: fmt::Debug {
    /// What became of all questions of that time, after the last of them had time to settle.
    fn outcome(&self, since: Instant, until: Instant) -> Outcome;

    /// Whether a question that was asked after `since` has been answered.
    fn is_answered_since(&self, since: Instant) -> bool;

    /// How many questions a planned move may break because they are under way just then: none,
    /// except where a question is a whole connection, which a move to another host ends.
    fn breakable(&self) -> usize {
        0
    }
}

impl Watched for Prober {
    fn outcome(&self, since: Instant, until: Instant) -> Outcome {
        Prober::outcome(self, since, until)
    }

    fn is_answered_since(&self, since: Instant) -> bool {
        Prober::is_answered_since(self, since)
    }
}

/// Asks until dropped.
#[derive(Debug)]
pub struct Prober {
    log: Arc<Mutex<Vec<Sent>>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<anyhow::Result<anyhow::Result<()>>>>,
}

impl Prober {
    /// Starts to ask from `node`, once per `every`.
    ///
    /// # Errors
    /// What the socket gave.
    pub fn start(node: &Node, question: Question, every: Duration) -> anyhow::Result<Prober> {
        let log = Arc::new(Mutex::new(Vec::new()));
        let is_over = Arc::new(AtomicBool::new(false));
        let (into, over) = (Arc::clone(&log), Arc::clone(&is_over));
        let socket = node
            .in_network(move || open(question))?
            .context("failed to open a probe")?;
        let thread = node
            .thread_in_network("probe", move || {
                ask(&socket, question, every, (&into, &over))
            })
            .context("failed to start a probe")?;
        Ok(Prober {
            log,
            is_over,
            thread: Some(thread),
        })
    }

    /// What became of all questions of that time, after the last of them had time to settle.
    pub fn outcome(&self, since: Instant, until: Instant) -> Outcome {
        let is_settled = || {
            let is_quick = self.count(since, until).lost == 0;
            (is_quick || now().duration_since(until) > SETTLE).then_some(())
        };
        // Settled at the latest when the time is over, so that waiting cannot be in vain.
        drop(wait_for("answers", SETTLE * 2, is_settled));
        self.count(since, until)
    }

    fn count(&self, since: Instant, until: Instant) -> Outcome {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = log
            .iter()
            .filter(|sent| sent.at >= since && sent.at <= until);
        Outcome::of(asked.map(|sent| (sent.at, sent.is_answered)), since)
    }

    /// Whether a question that was asked after `since` has been answered.
    pub fn is_answered_since(&self, since: Instant) -> bool {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.iter()
            .rev()
            .take_while(|sent| sent.at >= since)
            .any(|sent| sent.is_answered)
    }
}

impl Drop for Prober {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn open(question: Question) -> io::Result<Socket> {
    let (socket, address, port) = match question {
        Question::Echo(address) => (
            Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4))?,
            address,
            0,
        ),
        Question::Dns(address) => (Socket::new(Domain::IPV4, Type::DGRAM, None)?, address, 53),
    };
    // Connected, so that an answer from any other source address is none.
    socket.connect(&SocketAddrV4::new(address, port).into())?;
    Ok(socket)
}

fn ask(
    socket: &Socket,
    question: Question,
    every: Duration,
    (log, is_over): (&Mutex<Vec<Sent>>, &AtomicBool),
) -> anyhow::Result<()> {
    let mut next_at = now();
    // 16 bits in the packet; the log's index is found from the last one sent.
    let mut count: usize = 0;
    while !is_over.load(Ordering::Relaxed) {
        if now() >= next_at {
            let sent = Sent {
                at: now(),
                is_answered: false,
            };
            log.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(sent);
            // The error of an earlier question stands in the way of this one only once. One that
            // cannot be sent at all (no neighbour, no carrier) is lost.
            let bytes = packet(question, short(count));
            drop(socket.send(&bytes).or_else(|_earlier| socket.send(&bytes)));
            count += 1;
            next_at += every;
        }
        // Not SO_RCVTIMEO, which counts in ticks of the kernel and is coarser than a question.
        let left = TimeSpec::from_duration(next_at.saturating_duration_since(now()));
        if ppoll(
            &mut [PollFd::new(socket.as_fd(), PollFlags::POLLIN)],
            Some(left),
            None,
        )? == 0
        {
            continue;
        }
        let mut buffer = [0; 2048];
        // An error is a refusal or an unreachable host: no answer.
        let Ok(length) = receive(socket, &mut buffer) else {
            continue;
        };
        if let Some(number) = buffer
            .get(..length)
            .and_then(|bytes| answered(question, bytes))
        {
            let behind = usize::from(short(count).wrapping_sub(number));
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(sent) = count
                .checked_sub(behind)
                .and_then(|index| log.get_mut(index))
            {
                sent.is_answered = true;
            }
        }
    }
    Ok(())
}

/// The low 16 bits of a count.
fn short(count: usize) -> u16 {
    u16::try_from(count & 0xffff).unwrap_or_default()
}

fn packet(question: Question, number: u16) -> Vec<u8> {
    match question {
        Question::Echo(_) => {
            let mut packet = vec![8, 0, 0, 0, b's', b'v'];
            packet.extend(number.to_be_bytes());
            let sum = checksum(&packet).to_be_bytes();
            packet.splice(2..4, sum);
            packet
        }
        Question::Dns(_) => query(number, "router.internal.cloud.payne.io", 1),
    }
}

/// A DNS query (RFC 1035 section 4.1) with recursion desired.
pub fn query(id: u16, name: &str, kind: u16) -> Vec<u8> {
    let mut packet = Vec::new();
    packet.extend(id.to_be_bytes());
    packet.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        packet.push(u8::try_from(label.len()).unwrap_or_default());
        packet.extend(label.bytes());
    }
    packet.push(0);
    packet.extend(kind.to_be_bytes());
    packet.extend([0, 1]);
    packet
}

/// The number of the question that these bytes answer.
fn answered(question: Question, bytes: &[u8]) -> Option<u16> {
    match question {
        Question::Echo(_) => {
            // A raw socket gives the IPv4 header as well; it has no options here.
            let icmp = bytes.get(20..28)?;
            let is_ours = icmp.first() == Some(&0) && icmp.get(4..6)? == b"sv";
            is_ours.then_some(u16::from_be_bytes(icmp.get(6..8)?.try_into().ok()?))
        }
        Question::Dns(_) => {
            let flags = bytes.get(2..4)?;
            // An answer without error, and with one record at least.
            let is_good = flags.first()? & 0x80 != 0 && flags.get(1)? & 0x0f == 0;
            let has_records = bytes.get(6..8)? != [0, 0];
            let id = u16::from_be_bytes(bytes.get(..2)?.try_into().ok()?);
            (is_good && has_records).then_some(id)
        }
    }
}

/// The checksum of RFC 1071; zero over bytes that hold a right one.
pub fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = 0;
    for pair in bytes.chunks(2) {
        let high = pair.first().copied().unwrap_or_default();
        let low = pair.get(1).copied().unwrap_or_default();
        sum += u32::from(u16::from_be_bytes([high, low]));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or_default()
}
