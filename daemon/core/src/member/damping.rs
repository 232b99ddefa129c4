//! Damping at the source (ELECTION R19): an ability falls at once and rises after a hold-up that
//! doubles with each fall, so that what flaps moves no address at each turn.
//!
//! Owns the count of falls and the end of the hold-up; until then the node is a last resort. Never
//! looks at other nodes. Used for the ability for each address, and for the node itself, whose
//! unplanned short lives count like falls.

use std::collections::VecDeque;
use std::time::Duration;

use super::rules::{self, Rule};
use super::{Member, Output};
use crate::decide::Ability;
use crate::time::Moment;

/// For how long a fall counts; a life that lasted this long was no short one.
pub(super) const MEMORY: Duration = Duration::from_secs(600);
/// The longest hold-up.
const LONGEST: Duration = Duration::from_secs(60);
/// Falls that are kept: with more of them the hold-up is the longest anyway.
const KEPT: usize = 8;

/// How long a rise is held up after so many falls: 0, 1, 2, 4 .. 60 s.
fn hold_up(falls: usize) -> Duration {
    match u32::try_from(falls).unwrap_or(u32::MAX).checked_sub(2) {
        None => Duration::ZERO,
        Some(doublings) => Duration::from_secs(1 << doublings.min(6)).min(LONGEST),
    }
}

/// What fell lately, and until when its rise is held up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Damper {
    falls: VecDeque<Moment>,
    until: Option<Moment>,
}

impl Damper {
    /// A damper after so many falls, all of them now.
    fn after_falls(falls: usize, now: Moment) -> Damper {
        Damper {
            falls: std::iter::repeat_n(now, falls.min(KEPT)).collect(),
            until: Some(now + hold_up(falls)),
        }
    }

    /// The ability changed.
    pub(super) fn handle_change(&mut self, before: Ability, after: Ability, now: Moment) {
        self.falls.retain(|at| now.since(*at) < MEMORY);
        if after < before {
            self.falls.push_back(now);
            if self.falls.len() > KEPT {
                self.falls.pop_front();
            }
        } else if after > before && rules::applies(Rule::R19Damping) {
            self.until = Some(now + hold_up(self.falls.len()));
        }
    }

    /// Whether a rise is or was held up, and nobody has looked since it was over.
    pub(super) fn is_waiting(&self) -> bool {
        self.until.is_some()
    }

    /// Somebody has looked.
    pub(super) fn forget_passed(&mut self, now: Moment) {
        self.until = self.until.filter(|until| now < *until);
    }

    /// For how long the rise is still held up, and after how many falls; none = it is not.
    pub(super) fn held(&self, now: Moment) -> Option<(Duration, usize)> {
        let until = self.until.filter(|until| now < *until)?;
        Some((until.since(now), self.falls.len()))
    }
}

/// This life of the machine, as damping sees it.
#[derive(Debug, Clone, Default)]
pub(super) struct Life {
    began: Moment,
    /// Unplanned short lives in a row before this one.
    short_before: u32,
    is_settled: bool,
    /// The end of this life is planned.
    is_ended: bool,
    damper: Damper,
}

impl Life {
    /// A life after so many unplanned short ones in a row.
    pub(super) fn after(short_before: u32, now: Moment) -> Life {
        let falls = usize::try_from(short_before).unwrap_or(usize::MAX);
        Life {
            began: now,
            short_before,
            is_settled: false,
            is_ended: false,
            damper: Damper::after_falls(falls, now),
        }
    }

    /// What the disk has to say if this life ends now without notice.
    pub(super) fn short_lives(&self) -> u32 {
        match (self.is_settled, self.is_ended) {
            (true, _) => 0,
            (false, true) => self.short_before,
            (false, false) => self.short_before.saturating_add(1),
        }
    }
}

impl Member {
    /// A life that has lasted is written down as such.
    pub(super) fn watch_life(&mut self, now: Moment) {
        if !self.life.is_settled && now.since(self.life.began) >= MEMORY {
            self.life.is_settled = true;
            self.outputs.push_back(Output::Remember);
        }
    }

    /// This life ends as planned: it does not count as a short one.
    pub(super) fn end_life(&mut self) {
        self.life.is_ended = true;
    }

    /// Why this node is only a last resort for a while, for people: the hold-up of its own life or
    /// of the ability for one address; none = it is not held back.
    pub(super) fn held_back(&self, damper: &Damper, now: Moment) -> Option<String> {
        let secs = |left: Duration| left.as_millis().div_ceil(1_000);
        let of_life = self.life.damper.held(now).map(|(left, lives)| {
            format!(
                "held back for {} s: sovnetd ended without notice {lives} times shortly after its start",
                secs(left)
            )
        });
        of_life.or_else(|| {
            let (left, falls) = damper.held(now)?;
            Some(format!(
                "held back for {} s: its ability fell {falls} times in 10 minutes",
                secs(left)
            ))
        })
    }

    /// Whether the node or its ability for an address is held back now.
    pub(super) fn is_held_back(&self, damper: &Damper, now: Moment) -> bool {
        self.is_life_held_back(now) || damper.held(now).is_some()
    }

    /// Whether the node is held back as a whole.
    pub(super) fn is_life_held_back(&self, now: Moment) -> bool {
        self.life.damper.held(now).is_some()
    }
}

#[cfg(test)]
mod tests;
