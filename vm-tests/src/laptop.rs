//! A simulated laptop: it asks for the page's host (ping) and for a name (DNS) again and again, and
//! keeps what became of each question.
//!
//! It believes ARP replies to its own questions and announcements, and forgets no neighbour: an
//! address that moves without an announcement stays lost to it.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sovnet_tests::lan::arp::{Arp, Mac};
use sovnet_tests::lan::probe::query;

use crate::frames::{Ends, Message, addresses, build, parse};
use crate::stations::question;
use crate::switch::Station;

#[cfg(test)]
mod tests;

/// Questions kept; more are a mistake of the test, and the oldest stay.
const KEPT: usize = 200_000;

/// The laptop's port for DNS.
const PORT: u16 = 40053;

/// What it asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// ICMP echo: answered by the kernel that has the address.
    Ping,
    /// The address of [`Habits::name`]: answered by the daemon.
    Name,
}

/// One question.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// What.
    pub question: Question,
    /// When.
    pub at: Instant,
    /// The right answer, when it came and from which machine.
    pub answer: Option<(Instant, Mac)>,
}

/// What it does.
#[derive(Debug, Clone)]
pub struct Habits {
    /// Its hardware address.
    pub mac: Mac,
    /// Its address.
    pub address: Ipv4Addr,
    /// Pinged.
    pub page: Ipv4Addr,
    /// Asked for the name.
    pub dns: Ipv4Addr,
    /// The name.
    pub name: &'static str,
    /// What its A record must be.
    pub expected: Ipv4Addr,
    /// How often both are asked.
    pub every: Duration,
}

/// What became of the questions so far; shared with the laptop.
#[derive(Debug, Clone, Default)]
pub struct Record(Arc<Mutex<Vec<Asked>>>);

impl Record {
    /// The questions of a kind that were asked from `since`.
    pub fn asked(&self, question: Question, since: Instant) -> Vec<Asked> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_meant = |asked: &&Asked| asked.question == question && asked.at >= since;
        all.iter().filter(is_meant).copied().collect()
    }

    /// How many of them `mac` answered.
    pub fn answered_by(&self, mac: Mac, question: Question, since: Instant) -> usize {
        let all = self.asked(question, since);
        let is_from = |asked: &&Asked| asked.answer.is_some_and(|(_at, from)| from == mac);
        all.iter().filter(is_from).count()
    }

    /// The longest time between two answers in a row, the first of which came after `since`.
    pub fn longest_silence(&self, question: Question, since: Instant) -> Duration {
        let all = self.asked(question, since);
        let mut answered: Vec<Instant> = all
            .iter()
            .filter_map(|asked| asked.answer.map(|(at, _from)| at))
            .collect();
        answered.sort();
        let pairs = answered
            .windows(2)
            .map(|pair| pair[1].duration_since(pair[0]));
        pairs.max().unwrap_or_default()
    }

    fn push(&self, asked: Asked) -> Option<usize> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= KEPT {
            return None;
        }
        all.push(asked);
        Some(all.len() - 1)
    }

    fn answer(&self, number: usize, question: Question, answer: (Instant, Mac)) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(asked) = all.get_mut(number)
            && asked.question == question
        {
            asked.answer.get_or_insert(answer);
        }
    }

    fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// The host.
#[derive(Debug)]
pub struct Laptop {
    habits: Habits,
    record: Record,
    neighbours: BTreeMap<Ipv4Addr, Mac>,
    next_at: Option<Instant>,
}

impl Laptop {
    /// A laptop that begins to ask at once.
    pub fn new(habits: Habits, record: Record) -> Laptop {
        Laptop {
            habits,
            record,
            neighbours: BTreeMap::new(),
            next_at: None,
        }
    }

    fn ask(&mut self, question: Question, at: Instant) -> Option<Vec<u8>> {
        let to = self.server(question);
        let asked = Asked {
            question,
            at,
            answer: None,
        };
        let number = self.record.push(asked)?;
        let Some(mac) = self.neighbours.get(&to) else {
            // The question itself is lost.
            return Some(self::question(self.habits.mac, self.habits.address, to));
        };
        let message = match question {
            Question::Ping => Message::EchoRequest {
                number: u32::try_from(number).ok()?,
            },
            Question::Name => Message::DnsQuery {
                port: PORT,
                message: query(short(number), self.habits.name, 1),
            },
        };
        let ends = Ends {
            from_mac: self.habits.mac,
            to_mac: *mac,
            from: self.habits.address,
            to,
        };
        Some(build(&ends, &message))
    }

    fn server(&self, question: Question) -> Ipv4Addr {
        match question {
            Question::Ping => self.habits.page,
            Question::Name => self.habits.dns,
        }
    }

    fn take_arp(&mut self, arp: &Arp) -> Option<Vec<u8>> {
        let is_server = [self.habits.page, self.habits.dns].contains(&arp.sender);
        let is_reply = arp.operation == 2 && arp.to == self.habits.mac;
        let is_announcement = arp.sender == arp.target;
        if is_server && (is_reply || is_announcement) {
            self.neighbours.insert(arp.sender, arp.sender_mac);
        }
        let is_asked = arp.operation == 1 && arp.target == self.habits.address;
        is_asked.then(|| {
            let reply = Arp {
                to: arp.from,
                from: self.habits.mac,
                operation: 2,
                sender_mac: self.habits.mac,
                sender: self.habits.address,
                target_mac: arp.sender_mac,
                target: arp.sender,
            };
            reply.to_bytes()
        })
    }

    fn take_answer(&self, ends: &Ends, message: &Message, at: Instant) {
        let answer = (at, ends.from_mac);
        match message {
            Message::EchoReply { number } if ends.from == self.habits.page => {
                if let Ok(number) = usize::try_from(*number) {
                    self.record.answer(number, Question::Ping, answer);
                }
            }
            Message::DnsAnswer {
                port: PORT,
                message,
            } if ends.from == self.habits.dns => {
                let number = message
                    .first_chunk()
                    .map(|id| self.whole(u16::from_be_bytes(*id)));
                let Some(number) = number else { return };
                let asked = query(short(number), self.habits.name, 1);
                if addresses(&asked, message) == Some(vec![self.habits.expected]) {
                    self.record.answer(number, Question::Name, answer);
                }
            }
            Message::EchoReply { .. }
            | Message::DnsAnswer { .. }
            | Message::EchoRequest { .. }
            | Message::DnsQuery { .. } => {}
        }
    }

    /// The latest number with these low 16 bits.
    fn whole(&self, id: u16) -> usize {
        let last = self.record.len().saturating_sub(1);
        let behind = usize::from(short(last).wrapping_sub(id));
        last.saturating_sub(behind)
    }
}

impl Station for Laptop {
    fn take(&mut self, frame: &[u8], at: Instant) -> Vec<Vec<u8>> {
        if let Some(arp) = Arp::parse(frame) {
            return self.take_arp(&arp).into_iter().collect();
        }
        if let Some((ends, message)) = parse(frame)
            && ends.to == self.habits.address
            && ends.to_mac == self.habits.mac
        {
            self.take_answer(&ends, &message, at);
        }
        Vec::new()
    }

    fn tick(&mut self, at: Instant) -> Vec<Vec<u8>> {
        if self.next_at.is_some_and(|next_at| at < next_at) {
            return Vec::new();
        }
        self.next_at = Some(at + self.habits.every);
        let both = [Question::Ping, Question::Name];
        both.into_iter()
            .filter_map(|question| self.ask(question, at))
            .collect()
    }
}

/// The low 16 bits of a number.
fn short(number: usize) -> u16 {
    u16::try_from(number & 0xffff).unwrap_or_default()
}
