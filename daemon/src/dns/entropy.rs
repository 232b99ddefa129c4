//! Randomness for outgoing queries, from the kernel, fetched in bulk.

use hickory_proto::rr::Name;

/// Bytes of one draw: an id, and a bit for each letter of the longest name.
const DRAW_BYTES: usize = 34;
/// Draws fetched at once.
const DRAWS_AT_ONCE: usize = 64;

/// Random bytes in stock.
#[derive(Default)]
pub(super) struct Entropy {
    stock: Vec<u8>,
}

impl Entropy {
    /// Bytes that nobody has seen yet.
    pub(super) fn draw(&mut self) -> Result<Draw, getrandom::Error> {
        if self.stock.len() < DRAW_BYTES {
            self.stock.resize(DRAW_BYTES * DRAWS_AT_ONCE, 0);
            if let Err(error) = getrandom::fill(&mut self.stock) {
                // Zeroes must never be drawn.
                self.stock.clear();
                return Err(error);
            }
        }
        let rest = self.stock.split_off(self.stock.len() - DRAW_BYTES);
        let mut bytes = [0; DRAW_BYTES];
        bytes.copy_from_slice(&rest);
        Ok(Draw(bytes))
    }
}

/// The randomness of one outgoing query.
#[derive(Debug, Clone, Copy)]
pub(super) struct Draw(pub(super) [u8; DRAW_BYTES]);

impl Draw {
    /// The id of the query.
    pub(super) fn id(self) -> u16 {
        u16::from_be_bytes([self.0[0], self.0[1]])
    }

    /// The name with each letter in a random case.
    pub(super) fn shuffle_case(self, name: &Name) -> Name {
        let bits = &self.0[2..];
        let mut position = 0;
        let mut shuffle = |byte: &u8| {
            let is_upper = bits[position / 8 % bits.len()] >> (position % 8) & 1 == 1;
            position += 1;
            if is_upper {
                byte.to_ascii_uppercase()
            } else {
                byte.to_ascii_lowercase()
            }
        };
        let labels: Vec<Vec<u8>> = name
            .iter()
            .map(|label| label.iter().map(&mut shuffle).collect())
            .collect();
        Name::from_labels(labels.iter().map(Vec::as_slice))
            .expect("labels of the same lengths are a name again")
    }
}
