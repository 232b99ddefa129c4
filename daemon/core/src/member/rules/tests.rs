//! Switches of rules.

use super::switches::{applies, hits, without};
use super::*;

#[test]
fn a_rule_that_is_off_neither_decides_nor_counts() {
    let count = || hits()[Rule::R7Lose as usize];
    assert!(!without(&[Rule::R7Lose], || applies(Rule::R7Lose)));
    assert_eq!(count(), (Rule::R7Lose, 0));
    assert!(applies(Rule::R7Lose));
    assert_eq!(count(), (Rule::R7Lose, 1));
}
