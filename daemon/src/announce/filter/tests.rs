//! The program's shape: every way through it ends, and where.

use sovnet_core::names::LinkIndex;

use super::{
    ACCEPT, ACCEPT_AT, AND, DROP, DROP_AT, Instruction, JUMP_IF_AT_LEAST, JUMP_IF_EQUAL, RETURN,
    instructions,
};

fn home() -> Vec<Instruction> {
    instructions(LinkIndex(7), "192.168.8.0/24".parse().unwrap())
}

#[test]
fn it_ends_in_accept_and_drop_where_the_jumps_believe_they_are() {
    let program = home();
    assert_eq!(program.len(), usize::from(DROP_AT) + 1);
    let ends = [
        program[usize::from(ACCEPT_AT)],
        program[usize::from(DROP_AT)],
    ];
    assert!(ends.iter().all(|end| end.code == RETURN));
    assert_eq!(ends.map(|end| end.value), [ACCEPT, DROP]);
}

#[test]
fn every_jump_lands_inside_the_program_and_has_the_position_it_was_made_for() {
    for (at, one) in home().iter().enumerate() {
        let is_jump = one.code == JUMP_IF_EQUAL || one.code == JUMP_IF_AT_LEAST;
        let targets = [one.skip_if_true, one.skip_if_false].map(|skip| at + 1 + usize::from(skip));
        if is_jump {
            let ends = [usize::from(ACCEPT_AT), usize::from(DROP_AT)];
            for target in targets {
                let is_next = target == at + 1;
                assert!(is_next || ends.contains(&target), "{at} jumps to {target}");
            }
        } else {
            assert_eq!(targets, [at + 1; 2], "{at} does not jump");
        }
    }
}

#[test]
fn both_addresses_are_compared_with_the_subnet() {
    let program = home();
    let masks = program.iter().filter(|one| one.code == AND);
    assert_eq!(
        masks.map(|one| one.value).collect::<Vec<_>>(),
        [0xffff_ff00; 2]
    );
    let networks = program.iter().filter(|one| one.value == 0xc0a8_0800);
    assert_eq!(networks.count(), 2);
}

#[test]
fn a_subnet_of_everything_compares_nothing() {
    let program = instructions(LinkIndex(7), "0.0.0.0/0".parse().unwrap());
    let masks = program.iter().filter(|one| one.code == AND);
    assert_eq!(masks.map(|one| one.value).collect::<Vec<_>>(), [0; 2]);
}
