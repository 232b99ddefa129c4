//! A part of the space of address keys: all keys that begin with the same bits.

use std::ops::RangeInclusive;

use super::AddressKey;

/// Longest prefix, in bits: 5,000 addresses need about 8.
pub const MAX_PREFIX_BITS: u8 = 16;

/// All keys that begin with these bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Prefix {
    /// The first 16 bits of the lowest key; what follows the prefix is zero.
    start: u16,
    bits: u8,
}

impl Prefix {
    /// Every key.
    pub const ALL: Prefix = Prefix { start: 0, bits: 0 };

    /// The prefix of so many bits; none if it is too long or has other bits set.
    pub fn new(start: u16, bits: u8) -> Option<Prefix> {
        let is_possible = bits <= MAX_PREFIX_BITS
            && start
                .checked_shl(u32::from(bits))
                .is_none_or(|rest| rest == 0);
        is_possible.then_some(Prefix { start, bits })
    }

    /// The longest prefix of a key.
    pub fn smallest(key: AddressKey) -> Prefix {
        let [high, low, ..] = key.0.to_be_bytes();
        Prefix {
            start: u16::from_be_bytes([high, low]),
            bits: MAX_PREFIX_BITS,
        }
    }

    /// What is left of it without `part`, which it contains: in as few prefixes as possible.
    pub fn without(self, part: Prefix) -> Vec<Prefix> {
        let mut rest = Vec::new();
        let mut left = self;
        while left.bits < part.bits {
            let Some([lower, upper]) = left.halves() else {
                break;
            };
            let (with, other) = if lower.contains(part) {
                (lower, upper)
            } else {
                (upper, lower)
            };
            rest.push(other);
            left = with;
        }
        rest
    }

    /// Its length in bits.
    pub fn bits(self) -> u8 {
        self.bits
    }

    /// The first 16 bits of its lowest key.
    pub fn start(self) -> u16 {
        self.start
    }

    /// How many of the 65,536 smallest parts it has.
    pub fn size(self) -> u32 {
        (1 << MAX_PREFIX_BITS) >> self.bits
    }

    /// The keys in it.
    pub fn keys(self) -> RangeInclusive<AddressKey> {
        let first = u64::from(self.start) << 48;
        let rest = u64::MAX.checked_shr(u32::from(self.bits)).unwrap_or(0);
        AddressKey(first)..=AddressKey(first | rest)
    }

    /// Whether a key is in it.
    pub fn has(self, key: AddressKey) -> bool {
        self.keys().contains(&key)
    }

    /// Whether all keys of `other` are in it.
    pub fn contains(self, other: Prefix) -> bool {
        self.bits <= other.bits && self.has(*other.keys().start())
    }

    /// Its lower and its upper half; none at the longest prefix.
    pub fn halves(self) -> Option<[Prefix; 2]> {
        if self.bits >= MAX_PREFIX_BITS {
            return None;
        }
        let bits = self.bits + 1;
        let upper = self.start | (1 << (MAX_PREFIX_BITS - bits));
        Some([self.start, upper].map(|start| Prefix { start, bits }))
    }

    /// The prefix of which this is one half, and the other half; none of the whole.
    pub fn parent(self) -> Option<(Prefix, Prefix)> {
        let bits = self.bits.checked_sub(1)?;
        let bit = 1 << (MAX_PREFIX_BITS - self.bits);
        let parent = Prefix {
            start: self.start & !bit,
            bits,
        };
        let sibling = Prefix {
            start: self.start ^ bit,
            bits: self.bits,
        };
        Some((parent, sibling))
    }
}
