//! Numbers that nobody can guess, drawn from a seed that the shell provides.

/// A generator: keyed BLAKE3 over a counter. Its seed comes from the kernel's randomness in the
/// daemon and from the test's seed in simulations.
#[derive(Clone)]
pub(crate) struct Rng {
    key: [u8; 32],
    counter: u64,
}

impl Rng {
    /// A generator from a fresh seed.
    pub(crate) fn new(seed: [u8; 32]) -> Rng {
        Rng {
            key: seed,
            counter: 0,
        }
    }

    /// The next number; never zero, which means "unknown" on the wire.
    pub(crate) fn next(&mut self) -> u64 {
        loop {
            self.counter = self.counter.wrapping_add(1);
            let hash = blake3::keyed_hash(&self.key, &self.counter.to_be_bytes());
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&hash.as_bytes()[..8]);
            let number = u64::from_be_bytes(bytes);
            if number != 0 {
                return number;
            }
        }
    }
}

impl std::fmt::Debug for Rng {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rng")
    }
}
