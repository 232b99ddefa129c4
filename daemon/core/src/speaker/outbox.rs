//! Frames that wait to be sent: in order, and never more than a fixed number.
//!
//! Knows what each frame is for, so that the least important one makes room. Used by the speaker
//! alone.

use std::collections::VecDeque;
use std::net::IpAddr;

/// Far above what a turn of the driver produces: it fills only while the socket takes nothing.
const ROOM: usize = 1_024;

/// What a frame is for, the least important first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// A repeated announcement.
    Refresh,
    /// An announcement to one host alone, beside the one for everyone.
    Update,
    /// An answer; the asker will ask again.
    Reply,
    /// A question.
    Ask,
    /// An announcement of something new.
    Announce,
}

impl Kind {
    /// The name of the counter of those that were lost.
    pub(super) fn lost(self) -> &'static str {
        match self {
            Kind::Refresh => "frame-dropped-refresh",
            Kind::Update => "frame-dropped-update",
            Kind::Reply => "frame-dropped-reply",
            Kind::Ask => "frame-dropped-ask",
            Kind::Announce => "frame-dropped-announcement",
        }
    }
}

#[derive(Debug)]
struct Waiting {
    kind: Kind,
    /// The address that the frame speaks for.
    sender: IpAddr,
    bytes: Vec<u8>,
}

/// The queue.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    frames: VecDeque<Waiting>,
}

impl Outbox {
    /// Adds a frame. If there is no room, the oldest of the least important frames is lost, this
    /// one if none is less important; says what kind of frame was lost.
    pub(super) fn push(&mut self, kind: Kind, sender: IpAddr, bytes: Vec<u8>) -> Option<Kind> {
        let lost = if self.frames.len() < ROOM {
            None
        } else {
            let least = (0..self.frames.len()).min_by_key(|at| self.frames[*at].kind);
            match least.filter(|at| self.frames[*at].kind < kind) {
                Some(at) => self.frames.remove(at).map(|frame| frame.kind),
                None => return Some(kind),
            }
        };
        self.frames.push_back(Waiting {
            kind,
            sender,
            bytes,
        });
        lost
    }

    /// The oldest frame.
    pub(super) fn pop(&mut self) -> Option<Vec<u8>> {
        self.frames.pop_front().map(|frame| frame.bytes)
    }

    /// Throws away every frame that speaks for this address.
    pub(super) fn forget(&mut self, sender: IpAddr) {
        self.frames.retain(|frame| frame.sender != sender);
    }

    /// Throws everything away.
    pub(super) fn clear(&mut self) {
        self.frames.clear();
    }
}

#[cfg(test)]
mod tests;
