//! Who answers ARP and neighbour discovery on one link: a machine without sockets and clock.
//!
//! Answers for the addresses that it is told to speak for, and for nothing else; announces them to
//! everyone at once, then spaced past the lock time of receivers, then as a slow refresh, and to
//! the hosts that asked lately one by one.
//!
//! The driver passes frames and deadlines in, then takes [`Speaker::next_frame`] until there is
//! none, and sleeps until [`Speaker::next_timeout`]. Only frames whose sender is an address of the
//! speaking set, or the node's own, ever come out; beside them probes, which have no sender.

mod arp;
mod askers;
mod limits;
mod ndp;
mod outbox;
mod schedule;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use self::askers::Askers;
pub use self::askers::Surroundings;
use self::limits::Limits;
use self::outbox::{Kind, Outbox};
use self::schedule::{Cause, Schedule};
use crate::decide::Sources;
use crate::frame::ethernet;
use crate::member::Heard;
use crate::names::Mac;
use crate::time::Moment;

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handled {
    /// A request for an address of ours: a reply is among the outputs.
    Answered,
    /// A probe for an address of ours: somebody is about to take it. A reply is among the outputs,
    /// and it is evidence for the member.
    Defended(Heard),
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
    askers: Askers,
    /// Addresses of which the askers are still to be told.
    updates: BTreeSet<IpAddr>,
    limits: Limits,
    outbox: Outbox,
    counters: BTreeMap<&'static str, u64>,
}

/// A frame that goes out, before it is bytes.
struct Outgoing {
    kind: Kind,
    /// The address that it speaks for, or that it asks with.
    sender: IpAddr,
    bytes: Vec<u8>,
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
            askers: Askers::default(),
            updates: BTreeSet::new(),
            limits: Limits::default(),
            outbox: Outbox::default(),
            counters: BTreeMap::new(),
        }
    }

    /// What there is on the segment beside the speaking set.
    pub fn set_surroundings(&mut self, surroundings: Surroundings) {
        self.askers.set(surroundings);
    }

    /// Speak for exactly these from now on. What is new is announced at once; what is gone is
    /// silent at once, pending frames of it included.
    pub fn set_speaking(&mut self, addresses: &BTreeSet<IpAddr>, now: Moment) {
        let gone: Vec<IpAddr> = self.speaking.difference(addresses).copied().collect();
        let new: Vec<IpAddr> = addresses.difference(&self.speaking).copied().collect();
        self.speaking.clone_from(addresses);
        for address in gone {
            self.schedule.end(address);
            self.updates.remove(&address);
            self.outbox.forget(address);
        }
        for address in new {
            self.begin(address, now);
        }
        self.announce_due(now);
    }

    /// The link's hardware or own address changed, or its carrier came back: announce all again.
    /// What waits to be sent is thrown away, since it may carry the former addresses.
    pub fn set_link(&mut self, mac: Mac, sources: Sources, now: Moment) {
        self.mac = mac;
        self.sources = sources;
        self.outbox.clear();
        for address in self.speaking.clone() {
            self.begin(address, now);
        }
        self.announce_due(now);
    }

    /// Announce one address again, as if it were new; nothing if it is not spoken for.
    pub fn announce_again(&mut self, address: IpAddr, now: Moment) {
        if self.speaking.contains(&address) {
            self.begin(address, now);
            self.announce_due(now);
        }
    }

    /// Ask who has `target`: everyone, and `mac` alone if given. Sender is the node's own address,
    /// never an announced one; without one of the family nothing is asked, and that is counted.
    pub fn ask(&mut self, target: IpAddr, mac: Option<Mac>) {
        let questions = match target {
            IpAddr::V4(target) => arp::questions(self, target, mac),
            IpAddr::V6(target) => ndp::questions(self, target, mac),
        };
        if questions.is_empty() {
            self.count("ask-without-source");
        }
        for question in questions {
            self.push(question);
        }
    }

    /// Ask whether `target` is free, without a sender (RFC 5227 section 2.1.1, RFC 4862 section
    /// 5.4.2).
    pub fn probe(&mut self, target: IpAddr) {
        let probe = match target {
            IpAddr::V4(target) => arp::probe(self, target),
            IpAddr::V6(target) => ndp::probe(self, target),
        };
        self.push(probe);
    }

    /// A frame from the wire.
    pub fn handle_frame(&mut self, bytes: &[u8], now: Moment) -> Handled {
        let is_ipv6 =
            ethernet::split(bytes).is_some_and(|(header, _)| header.ethertype == ethernet::IPV6);
        let (handled, names) = if is_ipv6 {
            (ndp::handle(self, bytes, now), ndp::COUNTERS)
        } else {
            (arp::handle(self, bytes, now), arp::COUNTERS)
        };
        let [answered, defended, heard] = names;
        self.count(match handled {
            Handled::Answered => answered,
            Handled::Defended(_) => defended,
            Handled::Heard(_) => heard,
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
        let due = self.schedule.next_at().map(|(at, cause)| match cause {
            Cause::Round => (at, "announce"),
            Cause::Refresh => (at, "refresh"),
        });
        let update = (!self.updates.is_empty()).then(|| (self.schedule.room_at(), "update"));
        due.into_iter().chain(update).min()
    }

    /// The next frame to transmit.
    pub fn next_frame(&mut self) -> Option<Vec<u8>> {
        self.outbox.pop()
    }

    /// Throw away what waits to be sent and speak for nothing (R2).
    pub fn reset(&mut self) {
        self.speaking.clear();
        self.schedule.clear();
        self.updates.clear();
        self.outbox.clear();
    }

    /// Frames answered, announced, ignored: by a fixed name.
    pub fn counters(&self) -> BTreeMap<&'static str, u64> {
        self.counters.clone()
    }

    fn begin(&mut self, address: IpAddr, now: Moment) {
        self.schedule.begin(address, now);
        self.updates.insert(address);
    }

    fn announce_due(&mut self, now: Moment) {
        while let Some((address, cause)) = self.schedule.take(now) {
            let kind = match cause {
                Cause::Round => Kind::Announce,
                Cause::Refresh => Kind::Refresh,
            };
            let (frames, [announced, refreshed]) = match address {
                IpAddr::V4(v4) => (arp::announcements(self, v4), arp::ANNOUNCED),
                IpAddr::V6(v6) => (ndp::announcements(self, v6), ndp::ANNOUNCED),
            };
            for bytes in frames {
                self.push(Outgoing {
                    kind,
                    sender: address,
                    bytes,
                });
            }
            self.count(match cause {
                Cause::Round => announced,
                Cause::Refresh => refreshed,
            });
        }
        self.update_due(now);
    }

    /// Tells the hosts that asked lately, once nobody waits for the announcement to everyone.
    fn update_due(&mut self, now: Moment) {
        while let Some(address) = self.updates.first().copied() {
            let told = self.askers.of(address);
            let count = u32::try_from(told.len()).unwrap_or(u32::MAX);
            if count > 0 && !self.schedule.take_room(count, now) {
                return;
            }
            self.updates.remove(&address);
            for host in told {
                let bytes = match (address, host) {
                    (IpAddr::V4(v4), (_, mac)) => arp::update(self, v4, mac),
                    (IpAddr::V6(v6), (IpAddr::V6(host), mac)) => ndp::update(self, v6, (mac, host)),
                    (IpAddr::V6(_), (IpAddr::V4(_), _)) => continue,
                };
                self.push(Outgoing {
                    kind: Kind::Update,
                    sender: address,
                    bytes,
                });
                self.count("asker-told");
            }
        }
    }

    /// Queues an answer to this asker; says why if it does not go out.
    fn answer(&mut self, asker: Mac, answer: Outgoing, now: Moment) -> Result<(), &'static str> {
        self.limits
            .admit(asker, now)
            .map_err(|limit| limit.name())?;
        if self.push(answer) {
            Ok(())
        } else {
            Err("answer-dropped")
        }
    }

    /// Queues a frame; false if there was no room for it.
    fn push(&mut self, frame: Outgoing) -> bool {
        let kind = frame.kind;
        let lost = self.outbox.push(kind, frame.sender, frame.bytes);
        if let Some(lost) = lost {
            self.count(lost.lost());
        }
        lost != Some(kind)
    }

    fn count(&mut self, name: &'static str) {
        *self.counters.entry(name).or_default() += 1;
    }
}

#[cfg(test)]
mod tests;
