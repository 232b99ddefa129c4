//! Every way through a program, run by an interpreter that knows these instructions alone.

use proptest::prelude::*;

use super::{
    ACCEPT, Instruction, JUMP, JUMP_IF_ABOVE, JUMP_IF_ANY_OF, JUMP_IF_AT_LEAST, JUMP_IF_EQUAL,
    LOAD_HEADER_LENGTH, Load, Program, RETURN,
};

/// Whether a frame is accepted; beyond its end it is dropped, as by the kernel.
fn accepts(program: Program, frame: &[u8]) -> bool {
    let mut instructions = program.instructions().to_vec();
    instructions.push(super::plain(RETURN, super::DROP));
    run(&instructions, frame).unwrap_or(false)
}

fn run(program: &[Instruction], frame: &[u8]) -> Option<bool> {
    let (mut loaded, mut header, mut at) = (0_u32, 0_u32, 0_usize);
    let bytes = |offset: u32, length: usize| {
        let start = usize::try_from(offset).unwrap();
        let bytes = frame.get(start..start + length)?;
        Some(
            bytes
                .iter()
                .fold(0, |sum, byte| sum << 8 | u32::from(*byte)),
        )
    };
    loop {
        let one = program[at];
        at += 1;
        let is_true = match one.code {
            RETURN => return Some(one.value == ACCEPT),
            LOAD_HEADER_LENGTH => {
                header = (bytes(one.value, 1)? & 0xf) * 4;
                continue;
            }
            JUMP => {
                at += usize::try_from(one.value).unwrap();
                continue;
            }
            JUMP_IF_EQUAL => loaded == one.value,
            JUMP_IF_ABOVE => loaded > one.value,
            JUMP_IF_AT_LEAST => loaded >= one.value,
            JUMP_IF_ANY_OF => loaded & one.value != 0,
            0x20 | 0x28 | 0x30 => {
                let length = [4, 2, 1][usize::from(one.code - 0x20) / 8];
                loaded = bytes(one.value, length)?;
                continue;
            }
            0x40 | 0x50 => {
                let length = [4, 2, 1][usize::from(one.code - 0x40) / 8];
                loaded = bytes(one.value + header, length)?;
                continue;
            }
            other => panic!("no such instruction: {other:#x}"),
        };
        at += usize::from(if is_true {
            one.skip_if_true
        } else {
            one.skip_if_false
        });
    }
}

fn loading(build: impl FnOnce(&mut Program)) -> Program {
    let mut program = Program::default();
    program.load(Load::Word, 0);
    build(&mut program);
    program
}

#[test]
fn an_empty_program_drops_everything() {
    assert!(!accepts(Program::default(), &[0; 64]));
}

#[test]
fn a_requirement_drops_what_does_not_meet_it() {
    let of = |frame: &[u8]| {
        let mut program = Program::default();
        program.require(Load::Half, (1, 0x0806));
        program.accept();
        accepts(program, frame)
    };
    assert!(of(&[0, 8, 6]));
    assert!(!of(&[0, 8, 7]));
    assert!(!of(&[0, 8]));
}

#[test]
fn one_of_several_values_is_enough() {
    for (value, is_fine) in [(135, true), (136, true), (134, false), (137, false)] {
        let mut program = Program::default();
        program.load(Load::Byte, 0);
        program.require_one_of(&[135, 136]);
        program.accept();
        assert_eq!(accepts(program, &[value]), is_fine, "{value}");
    }
}

#[test]
fn limits_and_masks_hold_at_their_edges() {
    let below = |value: u32| {
        let program = loading(|program| {
            program.require_below(3);
            program.accept();
        });
        accepts(program, &value.to_be_bytes())
    };
    assert_eq!([0, 2, 3, u32::MAX].map(below), [true, true, false, false]);
    let within = |value: u32| {
        let program = loading(|program| {
            program.require_within((10, 12));
            program.accept();
        });
        accepts(program, &value.to_be_bytes())
    };
    assert_eq!([9, 10, 12, 13].map(within), [false, true, true, false]);
    let unset = |value: u32| {
        let mut program = Program::default();
        program.require_none_of(Load::Word, (0, 0x3fff));
        program.accept();
        accepts(program, &value.to_be_bytes())
    };
    assert_eq!(
        [0, 0x4000, 1, 0x2000].map(unset),
        [true, true, false, false]
    );
    let sampled = |value: u32| {
        let program = loading(|program| program.accept_if_none_of(7));
        accepts(program, &value.to_be_bytes())
    };
    assert_eq!([0, 8, 7, 1].map(sampled), [true, true, false, false]);
}

#[test]
fn a_block_runs_for_its_value_alone_and_goes_on_behind_it() {
    let of = |frame: [u8; 3]| {
        let mut block = Program::default();
        block.load(Load::Byte, 1);
        block.accept_within(&[(5, 5)]);
        let mut program = Program::default();
        program.load(Load::Byte, 0);
        program.if_equal(2, &block);
        program.load(Load::Byte, 2);
        program.accept_within(&[(9, 9)]);
        accepts(program, &frame)
    };
    assert!(of([2, 5, 0]));
    assert!(!of([1, 5, 0]));
    assert!(of([2, 4, 9]));
    assert!(of([1, 0, 9]));
}

#[test]
fn a_load_behind_a_header_knows_its_length() {
    let of = |length: u8| {
        let mut program = Program::default();
        program.load_header_length(0);
        program.require(Load::ByteBehindHeader, (0, 7));
        program.require(Load::WordBehindHeader, (1, 8));
        program.accept();
        let mut frame = vec![0x40 | (length / 4)];
        frame.resize(usize::from(length), 0);
        frame.extend([7, 0, 0, 0, 8]);
        accepts(program, &frame)
    };
    assert!(of(20));
    assert!(of(60));
}

proptest! {
    #[test]
    fn a_search_finds_what_lies_in_a_range_and_nothing_else(
        mut edges in prop::collection::btree_set(0_u32..2_000, 0..200),
        is_single in any::<bool>(),
        value in 0_u32..2_000,
    ) {
        if edges.len() % 2 == 1 {
            edges.pop_last();
        }
        let edges: Vec<u32> = edges.into_iter().collect();
        let as_range = |pair: &[u32]| (pair[0], if is_single { pair[0] } else { pair[1] });
        let ranges: Vec<_> = edges.chunks(2).map(as_range).collect();
        let is_in = ranges.iter().any(|(first, last)| (*first..=*last).contains(&value));
        let program = loading(|program| program.accept_within(&ranges));
        prop_assert_eq!(accepts(program, &value.to_be_bytes()), is_in);
    }
}
