//! Classic BPF, one small piece after the other.
//!
//! Each piece either ends the program or falls through to the next one, so there are no labels and
//! no jump is far. Knows instructions and nothing of protocols.

use socket2::SockFilter;

/// What an instruction does (`linux/bpf_common.h`).
const LOAD_HEADER_LENGTH: u16 = 0xb1;
const JUMP: u16 = 0x05;
const JUMP_IF_EQUAL: u16 = 0x15;
const JUMP_IF_ABOVE: u16 = 0x25;
const JUMP_IF_AT_LEAST: u16 = 0x35;
const JUMP_IF_ANY_OF: u16 = 0x45;
const RETURN: u16 = 0x06;

/// All of the frame, or none of it.
const ACCEPT: u32 = 0xffff;
const DROP: u32 = 0;

/// How much of a frame is loaded; beyond its end the program ends and the frame is dropped.
#[derive(Debug, Clone, Copy)]
pub(super) enum Load {
    Word,
    Half,
    Byte,
    /// From an offset behind the header whose length was loaded.
    WordBehindHeader,
    ByteBehindHeader,
}

impl Load {
    fn code(self) -> u16 {
        match self {
            Load::Word => 0x20,
            Load::Half => 0x28,
            Load::Byte => 0x30,
            Load::WordBehindHeader => 0x40,
            Load::ByteBehindHeader => 0x50,
        }
    }
}

/// One instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Instruction {
    pub(super) code: u16,
    pub(super) skip_if_true: u8,
    pub(super) skip_if_false: u8,
    pub(super) value: u32,
}

fn plain(code: u16, value: u32) -> Instruction {
    Instruction {
        code,
        skip_if_true: 0,
        skip_if_false: 0,
        value,
    }
}

fn jump(code: u16, value: u32, skip_if_true: u8, skip_if_false: u8) -> Instruction {
    Instruction {
        code,
        skip_if_true,
        skip_if_false,
        value,
    }
}

/// A program under construction.
#[derive(Debug, Default)]
pub(super) struct Program {
    instructions: Vec<Instruction>,
}

impl Program {
    pub(super) fn load(&mut self, load: Load, offset: u32) {
        self.instructions.push(plain(load.code(), offset));
    }

    /// Loads the length of the IPv4 header at this offset, for loads behind it.
    pub(super) fn load_header_length(&mut self, offset: u32) {
        self.instructions.push(plain(LOAD_HEADER_LENGTH, offset));
    }

    /// Drops the frame unless this value stands at this offset.
    pub(super) fn require(&mut self, load: Load, (offset, value): (u32, u32)) {
        self.load(load, offset);
        self.require_one_of(&[value]);
    }

    /// Drops the frame unless one of these few values was loaded.
    pub(super) fn require_one_of(&mut self, values: &[u32]) {
        let mut skip = u8::try_from(values.len()).expect("some few values");
        for value in values {
            self.instructions.push(jump(JUMP_IF_EQUAL, *value, skip, 0));
            skip -= 1;
        }
        self.instructions.push(plain(RETURN, DROP));
    }

    /// Drops the frame if any bit of the mask is set at this offset.
    pub(super) fn require_none_of(&mut self, load: Load, (offset, mask): (u32, u32)) {
        self.load(load, offset);
        self.instructions.push(jump(JUMP_IF_ANY_OF, mask, 0, 1));
        self.instructions.push(plain(RETURN, DROP));
    }

    /// Drops the frame unless some bit of the mask is set at this offset.
    pub(super) fn require_any_of(&mut self, load: Load, (offset, mask): (u32, u32)) {
        self.load(load, offset);
        self.instructions.push(jump(JUMP_IF_ANY_OF, mask, 1, 0));
        self.instructions.push(plain(RETURN, DROP));
    }

    /// Drops the frame unless the loaded value is below the limit.
    pub(super) fn require_below(&mut self, limit: u32) {
        self.instructions.push(jump(JUMP_IF_AT_LEAST, limit, 0, 1));
        self.instructions.push(plain(RETURN, DROP));
    }

    /// Drops the frame unless the loaded value lies in the range.
    pub(super) fn require_within(&mut self, (first, last): (u32, u32)) {
        self.instructions.push(jump(JUMP_IF_AT_LEAST, first, 1, 0));
        self.instructions.push(plain(RETURN, DROP));
        self.instructions.push(jump(JUMP_IF_ABOVE, last, 0, 1));
        self.instructions.push(plain(RETURN, DROP));
    }

    /// Runs a short block if the loaded value is this one; what is loaded is then another.
    pub(super) fn if_equal(&mut self, value: u32, block: &Program) {
        let length = u8::try_from(block.instructions.len()).expect("a short block");
        self.instructions
            .push(jump(JUMP_IF_EQUAL, value, 0, length));
        self.instructions.extend(&block.instructions);
    }

    pub(super) fn accept(&mut self) {
        self.answer(ACCEPT);
    }

    /// Ends with this number, where a program answers a question of another kind.
    pub(super) fn answer(&mut self, number: u32) {
        self.instructions.push(plain(RETURN, number));
    }

    /// Accepts the frame if no bit of the mask is set in the loaded value.
    pub(super) fn accept_if_none_of(&mut self, mask: u32) {
        self.instructions.push(jump(JUMP_IF_ANY_OF, mask, 1, 0));
        self.accept();
    }

    /// Accepts the frame if the loaded value lies in one of the ranges, which are in order and
    /// apart from each other. A search by halves: a storm meets few comparisons.
    pub(super) fn accept_within(&mut self, ranges: &[(u32, u32)]) {
        self.instructions.extend(search(ranges));
    }

    /// Drops what has come this far.
    pub(super) fn finish(mut self) -> Vec<SockFilter> {
        self.instructions.push(plain(RETURN, DROP));
        let as_filter = |one: &Instruction| {
            SockFilter::new(one.code, one.skip_if_true, one.skip_if_false, one.value)
        };
        self.instructions.iter().map(as_filter).collect()
    }

    #[cfg(test)]
    pub(super) fn instructions(&self) -> &[Instruction] {
        &self.instructions
    }
}

fn search(ranges: &[(u32, u32)]) -> Vec<Instruction> {
    match ranges {
        [] => Vec::new(),
        [(first, last)] if first == last => {
            vec![jump(JUMP_IF_EQUAL, *first, 0, 1), plain(RETURN, ACCEPT)]
        }
        [(first, last)] => {
            vec![
                jump(JUMP_IF_AT_LEAST, *first, 0, 2),
                jump(JUMP_IF_ABOVE, *last, 1, 0),
                plain(RETURN, ACCEPT),
            ]
        }
        _ => {
            let (low, high) = ranges.split_at(ranges.len() / 2);
            let pivot = high[0].0;
            let (low, high) = (search(low), search(high));
            let mut both = vec![
                jump(JUMP_IF_AT_LEAST, pivot, 0, 1),
                jump_over(low.len() + 1),
            ];
            both.extend(low);
            both.push(jump_over(high.len()));
            both.extend(high);
            both
        }
    }
}

fn jump_over(length: usize) -> Instruction {
    plain(
        JUMP,
        u32::try_from(length).expect("a program has some thousand instructions"),
    )
}

#[cfg(test)]
mod tests;
