//! When everybody on the segment is greeted (docs/election.md, section 2): often while this node
//! joins, seldom in the end, since a broadcast wakes every phone on a Wi-Fi.
//!
//! Owns the time of the next hello. Nodes that know each other send heartbeats; only those that have
//! never met depend on hellos, and where they all were lost, both would speak.

use std::time::Duration;

use super::rules::{self, Rule};
use super::timers::Timers;
use crate::time::Moment;

/// The broadcast hellos of a member.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hellos {
    next: Moment,
    sent_at: Option<Moment>,
    /// How long after the last one the next follows.
    pause: Duration,
}

impl Hellos {
    /// The first one is due at once.
    pub(super) fn new(now: Moment) -> Hellos {
        Hellos {
            next: now,
            sent_at: None,
            pause: Duration::ZERO,
        }
    }

    /// Somebody new may listen now: at once, and often again.
    pub(super) fn start_over(&mut self, now: Moment) {
        self.next = now;
        self.pause = Duration::ZERO;
    }

    /// Who speaks for an address of this node may be a node that has heard none of its hellos: the
    /// same, but no more often than a joining node does.
    pub(super) fn hasten(&mut self, timers: &Timers, now: Moment) {
        let earliest = self.sent_at.map_or(now, |at| at + timers.hello_joining);
        self.start_over(now.max(earliest));
    }

    /// Whether one is due; if so, it counts as sent.
    pub(super) fn take(&mut self, is_joining: bool, timers: &Timers, now: Moment) -> bool {
        if now < self.next {
            return false;
        }
        let again = if rules::applies(Rule::S3Again) {
            self.pause * 2
        } else {
            timers.hello
        };
        self.pause = if is_joining {
            timers.hello_joining
        } else {
            again.clamp(timers.hello_joining, timers.hello)
        };
        self.sent_at = Some(now);
        self.next = now + self.pause;
        true
    }
}
