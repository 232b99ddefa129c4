//! Pages of a peer put together: the newest of each part counts, and hostile ones change nothing.

use super::*;
use crate::member::wire::MAX_ADDRESSES;

const PEER: NodeId = NodeId([7; 8]);

/// A page over a prefix that claims its first `count` keys.
fn page(prefix: Prefix, count: u64, level: u8) -> Page {
    let first = prefix.keys().start().0;
    let entry = |number| Entry {
        key: AddressKey(first + number),
        term: 3,
        highest: 3,
        level: 3,
        claim: ClaimKind::Active,
        moved: false,
        lease: None,
        offer: None,
    };
    Page {
        prefix: Some(prefix),
        default_level: level,
        addresses: (0..count).map(entry).collect(),
        ..Page::default()
    }
}

fn halves(prefix: Prefix) -> [Prefix; 2] {
    prefix.halves().expect("a short prefix")
}

#[test]
fn what_a_page_does_not_name_any_more_is_gone() {
    let mut stated = Stated::nothing();
    stated.apply(PEER, 1, &page(Prefix::ALL, 5, 0)).expect("ok");
    assert_eq!(stated.load(), 5);
    let news = stated.apply(PEER, 2, &page(Prefix::ALL, 2, 0)).expect("ok");
    assert_eq!((stated.load(), stated.entries().count()), (2, 2));
    assert_eq!(news.keys, BTreeSet::from([2, 3, 4].map(AddressKey)));
}

#[test]
fn an_older_page_takes_nothing_from_a_newer_one_within_or_around() {
    let [lower, upper] = halves(Prefix::ALL);
    let [first, second] = halves(lower);
    let mut stated = Stated::nothing();
    stated.apply(PEER, 9, &page(first, 4, 1)).expect("ok");
    // Around: only what the newer one leaves is taken over.
    stated.apply(PEER, 5, &page(Prefix::ALL, 1, 2)).expect("ok");
    assert_eq!(stated.load(), 4);
    assert_eq!(stated.level(AddressKey(99)), 1);
    assert_eq!(stated.level(*second.keys().start()), 2);
    assert_eq!(stated.level(*upper.keys().end()), 2);
    // Within: nothing.
    let [older, _] = halves(first);
    let news = stated.apply(PEER, 8, &page(older, 0, 3)).expect("ok");
    assert_eq!((news, stated.load()), (News::default(), 4));
    // And a newer one within leaves the rest as it was.
    stated.apply(PEER, 10, &page(second, 2, 3)).expect("ok");
    assert_eq!((stated.load(), stated.level(*upper.keys().start())), (6, 2));
}

#[test]
fn facts_are_complete_with_every_part_and_the_list() {
    let mut stated = Stated::nothing();
    let [lower, upper] = halves(Prefix::ALL);
    let list = Page {
        is_list: true,
        ..Page::default()
    };
    for (version, page) in (1..).zip([page(lower, 1, 0), list, page(upper, 1, 0)]) {
        assert!(!stated.is_complete());
        stated.apply(PEER, version, &page).expect("ok");
    }
    assert!(stated.is_complete());
}

#[test]
fn more_than_any_sound_peer_states_is_refused() {
    let mut stated = Stated::nothing();
    let mut refused = 0;
    for start in 0..400 {
        let prefix = Prefix::new(start, 16).expect("a prefix");
        let count = u64::try_from(MAX_ADDRESSES).expect("64");
        refused += u32::from(stated.apply(PEER, 1, &page(prefix, count, 0)).is_none());
    }
    assert!(refused > 0);
    assert!(stated.entries().count() <= MAX_ENTRIES);
}

#[test]
fn all_pages_given_again_say_the_same() {
    let [lower, upper] = halves(Prefix::ALL);
    let mut stated = Stated::nothing();
    let mut list = page(lower, 3, 1);
    list.is_list = true;
    stated.apply(PEER, 4, &list).expect("ok");
    stated.apply(PEER, 6, &page(upper, 5, 2)).expect("ok");
    let mut again = Stated::nothing();
    for number in 0..3 {
        let (version, page) = stated.page(number).expect("a page");
        again.apply(PEER, version, &page).expect("ok");
    }
    assert_eq!(again.entries, stated.entries);
    assert_eq!(again.parts, stated.parts);
    assert!(again.is_complete());
}
