//! The replay window of one peer's session (ELECTION S2): each sequence number counts once.
//!
//! Owns which of the last 64 numbers were seen; never decides what a datagram means. One window
//! belongs to one verified session and ends with it.

#[cfg(test)]
mod tests;

/// How far behind the highest number a late one is still taken.
const WIDTH: u64 = 64;

/// Numbers seen, of a 48-bit sequence that never wraps: at 400 datagrams a second it lasts for
/// 22,000 years.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Window {
    /// The highest number seen; none before the first.
    highest: Option<u64>,
    /// Bit `n`: the number `highest - n` was seen.
    seen: u64,
}

impl Window {
    /// Whether this number is new; it is remembered as seen. A number more than 63 below the
    /// highest counts as seen.
    pub fn accept(&mut self, sequence: u64) -> bool {
        let is_new = self.is_new(sequence);
        if is_new {
            self.remember(sequence);
        }
        is_new
    }

    /// Whether this number would be accepted.
    pub fn is_new(&self, sequence: u64) -> bool {
        let Some(highest) = self.highest else {
            return true;
        };
        match highest.checked_sub(sequence) {
            None => true,
            Some(behind) => behind < WIDTH && self.seen >> behind & 1 == 0,
        }
    }

    fn remember(&mut self, sequence: u64) {
        let highest = self.highest.unwrap_or(sequence);
        if sequence > highest {
            let ahead = sequence - highest;
            self.seen = if ahead < WIDTH { self.seen << ahead } else { 0 };
        }
        let highest = highest.max(sequence);
        self.highest = Some(highest);
        self.seen |= 1 << (highest - sequence);
    }
}
