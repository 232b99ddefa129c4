//! Who answers ARP on one link: a machine without sockets and clock.
//!
//! Answers for the addresses that it is told to speak for, and for nothing else; announces them by
//! gratuitous ARP at once, then spaced past the lock time of receivers, then as a slow refresh.
//!
//! The driver passes frames and deadlines in, then takes [`Speaker::next_frame`] until there is
//! none, and sleeps until [`Speaker::next_timeout`]. Only frames whose sender is an address of the
//! speaking set, or the node's own, ever come out.

mod outbox;
mod schedule;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use self::outbox::{Kind, Outbox};
use self::schedule::{Cause, Schedule};
use crate::decide::Sources;
use crate::frame::arp::{self, ArpFrame, Operation};
use crate::member::Heard;
use crate::names::Mac;
use crate::time::Moment;

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handled {
    /// A request for an address of ours: a reply is among the outputs.
    Answered,
    /// A frame of somebody else: evidence for the member.
    Heard(Heard),
    /// Nothing: dropped and counted under this name.
    Ignored(&'static str),
}

/// The machine.
#[derive(Debug)]
pub struct Speaker {
    mac: Mac,
    sources: Sources,
    speaking: BTreeSet<IpAddr>,
    schedule: Schedule,
    outbox: Outbox,
    counters: BTreeMap<&'static str, u64>,
}

impl Speaker {
    /// A speaker that speaks for nothing yet. `sources` are the node's own addresses on the link,
    /// the senders of its questions.
    pub fn new(mac: Mac, sources: Sources) -> Speaker {
        Speaker {
            mac,
            sources,
            speaking: BTreeSet::new(),
            schedule: Schedule::default(),
            outbox: Outbox::default(),
            counters: BTreeMap::new(),
        }
    }

    /// Speak for exactly these from now on. What is new is announced at once; what is gone is
    /// silent at once, pending frames of it included.
    pub fn set_speaking(&mut self, addresses: &BTreeSet<IpAddr>, now: Moment) {
        let gone: Vec<IpAddr> = self.speaking.difference(addresses).copied().collect();
        let new: Vec<IpAddr> = addresses.difference(&self.speaking).copied().collect();
        self.speaking.clone_from(addresses);
        for address in gone {
            self.schedule.end(address);
            self.outbox.forget(address);
        }
        for address in new {
            self.schedule.begin(address, now);
        }
        self.announce_due(now);
    }

    /// The link's hardware or own address changed, or its carrier came back: announce all again.
    /// What waits to be sent is thrown away, since it may carry the former addresses.
    pub fn set_link(&mut self, mac: Mac, sources: Sources, now: Moment) {
        self.mac = mac;
        self.sources = sources;
        self.outbox.clear();
        for address in &self.speaking {
            self.schedule.begin(*address, now);
        }
        self.announce_due(now);
    }

    /// Announce one address again, as if it were new; nothing if it is not spoken for.
    pub fn announce_again(&mut self, address: IpAddr, now: Moment) {
        if self.speaking.contains(&address) {
            self.schedule.begin(address, now);
            self.announce_due(now);
        }
    }

    /// Ask who has `target`: by broadcast, and unicast to `mac` if given. Sender is the node's own
    /// address, never an announced one.
    pub fn ask(&mut self, target: IpAddr, mac: Option<Mac>) {
        let (IpAddr::V4(target), Some(own)) = (target, self.sources.v4) else {
            return;
        };
        if let Some(whom) = mac {
            let frame = arp::unicast_request(self.mac, own, target, whom);
            self.push(Kind::Ask, &frame);
        }
        self.push(Kind::Ask, &arp::request(self.mac, own, target));
    }

    /// A frame from the wire.
    pub fn handle_frame(&mut self, bytes: &[u8], _now: Moment) -> Handled {
        let handled = self.judge(bytes);
        self.count(match handled {
            Handled::Answered => "arp-answered",
            Handled::Heard(_) => "arp-heard",
            Handled::Ignored(name) => name,
        });
        handled
    }

    /// A deadline has passed.
    pub fn handle_timeout(&mut self, now: Moment) {
        self.announce_due(now);
    }

    /// When `handle_timeout` wants to be called, and what for.
    pub fn next_timeout(&self) -> Option<(Moment, &'static str)> {
        self.schedule.next_at().map(|(at, cause)| match cause {
            Cause::Round => (at, "announce"),
            Cause::Refresh => (at, "refresh"),
        })
    }

    /// The next frame to transmit.
    pub fn next_frame(&mut self) -> Option<Vec<u8>> {
        self.outbox.pop()
    }

    /// Throw away what waits to be sent and speak for nothing (R2).
    pub fn reset(&mut self) {
        self.speaking.clear();
        self.schedule.clear();
        self.outbox.clear();
    }

    /// Frames answered, announced, ignored: by a fixed name.
    pub fn counters(&self) -> BTreeMap<&'static str, u64> {
        self.counters.clone()
    }

    fn judge(&mut self, bytes: &[u8]) -> Handled {
        let frame = match arp::parse(bytes) {
            Ok(frame) => frame,
            Err(reject) => return Handled::Ignored(reject.name()),
        };
        if frame.source == self.mac || frame.sender_mac == self.mac {
            return Handled::Ignored("arp-own-frame");
        }
        if frame.destination != Mac::BROADCAST && frame.destination != self.mac {
            return Handled::Ignored("arp-not-for-us");
        }
        if !self.is_answered(&frame) {
            return Handled::Heard(Heard {
                mac: frame.sender_mac,
                sender: frame.sender.into(),
                target: frame.target.into(),
                is_reply: frame.operation == Operation::Reply,
            });
        }
        if self.push(Kind::Reply, &arp::reply(&frame, self.mac)) {
            Handled::Answered
        } else {
            Handled::Ignored("arp-answer-dropped")
        }
    }

    /// A request for an address of ours, also a unicast one and a probe (RFC 5227). Not if the
    /// asker uses an address of ours as its own: that is evidence and no question.
    fn is_answered(&self, frame: &ArpFrame) -> bool {
        frame.operation == Operation::Request
            && self.speaking.contains(&frame.target.into())
            && !self.speaking.contains(&frame.sender.into())
    }

    fn announce_due(&mut self, now: Moment) {
        while let Some((address, cause)) = self.schedule.take(now) {
            let (kind, name) = match cause {
                Cause::Round => (Kind::Announce, "arp-announced"),
                Cause::Refresh => (Kind::Refresh, "arp-refreshed"),
            };
            let IpAddr::V4(address) = address else {
                continue;
            };
            // Both forms: some receivers ignore one or the other.
            self.push(kind, &arp::gratuitous_request(self.mac, address));
            self.push(kind, &arp::gratuitous_reply(self.mac, address));
            self.count(name);
        }
    }

    /// Queues a frame; false if there was no room for it.
    fn push(&mut self, kind: Kind, frame: &ArpFrame) -> bool {
        let sender = IpAddr::V4(frame.sender);
        let lost = self.outbox.push(kind, sender, frame.to_bytes());
        if let Some(lost) = lost {
            self.count(match lost {
                Kind::Reply => "arp-dropped-reply",
                Kind::Ask => "arp-dropped-ask",
                Kind::Announce => "arp-dropped-announcement",
                Kind::Refresh => "arp-dropped-refresh",
            });
        }
        lost != Some(kind)
    }

    fn count(&mut self, name: &'static str) {
        *self.counters.entry(name).or_default() += 1;
    }
}

#[cfg(test)]
mod tests;
