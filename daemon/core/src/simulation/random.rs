//! Randomness from a seed, the same on every machine.

use std::time::Duration;

/// A splitmix64 generator.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// The generator of this seed.
    pub(crate) fn of_seed(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x736f_766e_6574)
    }

    /// Any number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`; 0 if that is 0.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit)
            .expect("lengths fit into 64 bits")
            .max(1);
        usize::try_from(self.next() % limit).expect("it is below a length")
    }

    /// True so many times in a thousand.
    pub(crate) fn chance(&mut self, per_mille: u64) -> bool {
        self.next() % 1000 < per_mille
    }

    /// A length of time from `shortest` to `longest`.
    pub(crate) fn between(&mut self, shortest: Duration, longest: Duration) -> Duration {
        let spread = longest.saturating_sub(shortest).as_nanos();
        let spread = u64::try_from(spread).expect("simulated times are short");
        shortest + Duration::from_nanos(self.next() % (spread + 1))
    }

    /// So many milliseconds, both ends included.
    pub(crate) fn millis(&mut self, shortest: u64, longest: u64) -> u64 {
        shortest + self.next() % (longest - shortest + 1)
    }

    /// Fresh randomness for a life of a machine.
    pub(crate) fn bytes(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_be_bytes());
        }
        bytes
    }
}
