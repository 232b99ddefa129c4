//! The window against the plainest model: a set of all numbers seen.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::Window;

#[test]
fn a_number_counts_once() {
    let mut window = Window::default();
    assert!(window.accept(5));
    assert!(!window.accept(5));
    assert!(window.accept(7));
    assert!(window.accept(6));
    assert!(!window.accept(6));
}

#[test]
fn what_is_64_behind_is_too_late() {
    let mut window = Window::default();
    assert!(window.accept(100));
    assert!(!window.accept(36));
    assert!(window.accept(37));
}

#[test]
fn a_jump_forgets_the_old_numbers_but_not_the_limit() {
    let mut window = Window::default();
    assert!(window.accept(1));
    assert!(window.accept((1 << 48) - 1));
    assert!(!window.accept(1));
    assert!(window.accept((1 << 48) - 2));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn it_agrees_with_a_set(numbers in prop::collection::vec(0u64..300, 0..200)) {
        let mut window = Window::default();
        let mut seen = BTreeSet::new();
        for number in numbers {
            let highest = seen.last().copied().unwrap_or(number);
            let is_late = highest >= number + 64;
            let expected = !is_late && !seen.contains(&number);
            prop_assert_eq!(window.is_new(number), expected);
            prop_assert_eq!(window.accept(number), expected);
            if expected {
                seen.insert(number);
            }
        }
    }
}
