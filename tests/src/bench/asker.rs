//! A client that knows nothing: asks by ARP again and again, and keeps who answered.
//!
//! An answer belongs to the question before it. A single question without an answer, between two
//! that have one, is taken for a late answer.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;
use socket2::Socket;

use crate::clock::now;
use crate::lan::Node;
use crate::lan::arp::{Arp, BROADCAST, Mac, link_mac};
use crate::lan::sniff::{bind_to_link, packet_socket, receive};

#[cfg(test)]
mod tests;

/// A silence that is a pause of the machine, and no change of the holder.
const HICCUP: Duration = Duration::from_millis(20);

/// A host that has not answered for so long, while another one did, begins anew.
const FORGOTTEN: Duration = Duration::from_secs(1);

/// One question, and the different hardware addresses that came back.
#[derive(Debug, Clone)]
struct Asked {
    at: Instant,
    answers: Vec<Mac>,
}

/// What asking gave in some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Verdict {
    /// The longest time in which nobody answered.
    pub(super) nobody: Duration,
    /// The time in which more than one answered, in total.
    pub(super) several: Duration,
}

/// Asks until dropped.
#[derive(Debug)]
pub(super) struct Asker {
    every: Duration,
    log: Arc<Mutex<Vec<Asked>>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<anyhow::Result<anyhow::Result<()>>>>,
}

impl Asker {
    /// Starts to ask on `link` of `node` who has `target`, once per `every`.
    pub(super) fn start(
        node: &Node,
        link: &'static str,
        target: Ipv4Addr,
        every: Duration,
    ) -> anyhow::Result<Asker> {
        let mac = link_mac(node, link)?;
        let own = node.must(&format!("ip -4 -br addr show dev {link}"))?;
        let own = own
            .split_ascii_whitespace()
            .nth(2)
            .and_then(|net| net.split('/').next());
        let request = Arp {
            to: BROADCAST,
            from: mac,
            operation: 1,
            sender_mac: mac,
            sender: own.unwrap_or_default().parse()?,
            target_mac: Mac([0; 6]),
            target,
        };
        let log = Arc::new(Mutex::new(Vec::new()));
        let is_over = Arc::new(AtomicBool::new(false));
        let (into, over) = (Arc::clone(&log), Arc::clone(&is_over));
        let thread = node
            .thread_in_network("asker", move || {
                let socket = packet_socket()?;
                bind_to_link(&socket, link)?;
                ask(&socket, &request, every, (&into, &over))
            })
            .context("failed to start to ask")?;
        Ok(Asker {
            every,
            log,
            is_over,
            thread: Some(thread),
        })
    }

    /// The one host that answered since then, without a longer silence than [`HICCUP`]; none if
    /// there was another one, or none, or no question.
    pub(super) fn sole_answerer(&self, since: Instant) -> Option<Mac> {
        let until = now();
        let asked = self.asked(since, until);
        // The last question may still be on its way.
        let (last, settled) = asked.split_last()?;
        let silence = judge(settled, last.at, self.every * 2).nobody;
        let mut answers = settled.iter().flat_map(|one| &one.answers);
        let first = answers.next().copied()?;
        let is_sole = answers.all(|mac| *mac == first);
        (is_sole && silence <= HICCUP).then_some(first)
    }

    /// How often a host began to answer since then, besides the first one, whether or not another
    /// one went on.
    pub(super) fn changes(&self, since: Instant) -> usize {
        changes(&self.asked(since, now()))
    }

    /// What asking gave between those moments.
    pub(super) fn verdict(&self, since: Instant, until: Instant) -> Verdict {
        judge(&self.asked(since, until), until, self.every * 2)
    }

    fn asked(&self, since: Instant, until: Instant) -> Vec<Asked> {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let of_time = log.iter().filter(|one| one.at >= since && one.at <= until);
        of_time.cloned().collect()
    }
}

impl Drop for Asker {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// What became of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Nobody,
    One,
    Several,
}

/// Each question stands for the time until the next one, but for no more than `longest`: a pause of
/// the asker is nobody's silence.
fn judge(asked: &[Asked], until: Instant, longest: Duration) -> Verdict {
    let ends = asked.iter().skip(1).map(|next| next.at).chain([until]);
    let mut verdict = Verdict {
        nobody: Duration::ZERO,
        several: Duration::ZERO,
    };
    let mut silence = Duration::ZERO;
    for ((one, kind), end) in asked.iter().zip(kinds(asked)).zip(ends) {
        let time = end.saturating_duration_since(one.at).min(longest);
        silence = if kind == Kind::Nobody {
            silence + time
        } else {
            Duration::ZERO
        };
        verdict.nobody = verdict.nobody.max(silence);
        if kind == Kind::Several {
            verdict.several += time;
        }
    }
    verdict
}

/// How often a host answers that neither answered the question before nor has for [`FORGOTTEN`],
/// besides the first one.
fn changes(asked: &[Asked]) -> usize {
    let mut seen: BTreeMap<Mac, Instant> = BTreeMap::new();
    let mut before: &[Mac] = &[];
    let mut begun: usize = 0;
    for one in asked.iter().filter(|one| !one.answers.is_empty()) {
        for mac in &one.answers {
            let seen_at = seen.insert(*mac, one.at);
            let is_recent = seen_at.is_some_and(|at| one.at.duration_since(at) <= FORGOTTEN);
            if !is_recent && !before.contains(mac) {
                begun += 1;
            }
        }
        before = &one.answers;
    }
    begun.saturating_sub(1)
}

fn kinds(asked: &[Asked]) -> Vec<Kind> {
    let is_empty = |at: Option<usize>| {
        at.and_then(|at| asked.get(at))
            .is_some_and(|one| one.answers.is_empty())
    };
    let kind = |(at, one): (usize, &Asked)| match one.answers.len() {
        0 if is_empty(at.checked_sub(1)) || is_empty(at.checked_add(1)) => Kind::Nobody,
        0 | 1 => Kind::One,
        _ => Kind::Several,
    };
    asked.iter().enumerate().map(kind).collect()
}

fn ask(
    socket: &Socket,
    request: &Arp,
    every: Duration,
    (log, is_over): (&Mutex<Vec<Asked>>, &AtomicBool),
) -> anyhow::Result<()> {
    let bytes = request.to_bytes();
    let mut next_at = now();
    while !is_over.load(Ordering::Relaxed) {
        // Whatever has come is read before the next question: it answers an earlier one.
        if is_readable(socket, next_at.saturating_duration_since(now()))? {
            read_answer(socket, request, log)?;
            continue;
        }
        let asked = Asked {
            at: now(),
            answers: Vec::new(),
        };
        log.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(asked);
        socket.send(&bytes).context("failed to ask")?;
        // After a pause of this thread nothing is made up for: of two questions at once only the
        // second one would get the answers.
        next_at += every;
        if next_at <= now() {
            next_at = now() + every;
        }
    }
    Ok(())
}

fn is_readable(socket: &Socket, within: Duration) -> anyhow::Result<bool> {
    let mut ready = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
    Ok(ppoll(&mut ready, Some(TimeSpec::from_duration(within)), None)? > 0)
}

fn read_answer(socket: &Socket, request: &Arp, log: &Mutex<Vec<Asked>>) -> anyhow::Result<()> {
    let mut buffer = [0; 2048];
    let length = receive(socket, &mut buffer)?;
    let Some(arp) = buffer.get(..length).and_then(Arp::parse) else {
        return Ok(());
    };
    let is_answer = arp.operation == 2 && arp.sender == request.target && arp.to == request.from;
    let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(last) = log.last_mut()
        && is_answer
        && !last.answers.contains(&arp.sender_mac)
    {
        last.answers.push(arp.sender_mac);
    }
    Ok(())
}
