//! What is looked at, and what is left alone.

use super::*;

fn name(text: &str) -> ServiceName {
    text.parse().unwrap()
}

fn table(entries: &[(&str, u8)]) -> BTreeMap<ServiceName, u8> {
    let entries = entries.iter();
    entries.map(|(text, value)| (name(text), *value)).collect()
}

#[test]
fn all_or_some_of_a_table() {
    let all = table(&[("a/x", 1), ("a/y", 2), ("b/x", 3)]);
    let mut touched = Touched::default();
    assert!(touched.is_nothing());
    assert_eq!(touched.of(&all).count(), 0);
    touched.note([name("a/y"), name("c/gone")]);
    assert!(!touched.is_nothing() && touched.has(&name("c/gone")));
    let values: Vec<u8> = touched.of(&all).map(|(_, value)| *value).collect();
    assert_eq!(values, [2]);
    touched.merge(&Touched::everything());
    assert_eq!(touched.of(&all).count(), 3, "each of them once");
    touched.note([name("a/y")]);
    assert_eq!(touched.of(&all).count(), 3, "each of them once");
}

#[test]
fn what_two_tables_say_differently_is_touched() {
    let old = table(&[("a/gone", 0), ("a/other", 1), ("a/same", 2), ("z/gone", 3)]);
    let new = table(&[("a/new", 9), ("a/other", 7), ("a/same", 2)]);
    let mut touched = Touched::default();
    touched.note_changes(&old, &new);
    let wanted = ["a/gone", "a/new", "a/other", "z/gone"].map(name);
    assert_eq!(touched.names, BTreeSet::from(wanted));
    let mut same = Touched::default();
    same.note_changes(&new, &new);
    assert!(same.is_nothing());
}

#[test]
fn only_what_is_touched_is_removed() {
    let is_odd = |_: &ServiceName, value: &u8| value % 2 == 1;
    let all = table(&[("a/x", 1), ("a/y", 2), ("b/x", 4)]);
    let mut some = all.clone();
    let mut touched = Touched::default();
    touched.note([name("a/x"), name("a/y"), name("c/gone")]);
    touched.retain(&mut some, is_odd);
    assert_eq!(some, table(&[("a/x", 1), ("b/x", 4)]));
    let mut rest = all;
    Touched::everything().retain(&mut rest, is_odd);
    assert_eq!(rest, table(&[("a/x", 1)]));
}
