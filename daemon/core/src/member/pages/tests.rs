//! Cutting into pages: stable, complete, and converging whatever the network does to pages.

use std::net::IpAddr;

use proptest::prelude::*;

use super::*;
use crate::member::stated::Stated;

const PEER: NodeId = NodeId([7; 8]);

fn key(number: u16) -> AddressKey {
    let [high, low] = number.to_be_bytes();
    AddressKey::of(IpAddr::from([10, 0, high, low]))
}

fn statement(key: AddressKey, level: u8, term: Option<u64>) -> Statement {
    let claim = match term {
        Some(_) => ClaimKind::Active,
        None => ClaimKind::None,
    };
    let term = term.unwrap_or(0);
    let entry = Entry {
        key,
        term,
        highest: term,
        level,
        claim,
        moved: false,
        lease: None,
        offer: None,
    };
    Statement { entry, offer: None }
}

fn listed(count: u8) -> Vec<ListedPeer> {
    let one = |number| ListedPeer {
        id: NodeId([number; 8]),
        direct: true,
        heard: true,
        held: false,
    };
    (1..=count).map(one).collect()
}

/// Pages over so many addresses, of which every `step`th is claimed.
fn pages(addresses: u16, step: u16, peers: u8) -> Pages {
    let mut pages = Pages::new();
    for number in 0..addresses {
        let term = number.is_multiple_of(step).then_some(5);
        pages.state(key(number), Some(statement(key(number), 3, term)));
    }
    pages.renew(listed(peers), (NodeState::Active, true));
    pages
}

/// What a receiver should believe.
fn assert_same(pages: &Pages, stated: &Stated) {
    assert!(stated.is_complete());
    assert_eq!(stated.version, pages.version());
    for (key, statement) in &pages.statements {
        assert_eq!(stated.level(*key), statement.entry.level, "{key:?}");
        assert_eq!(stated.offer(*key), statement.offer, "{key:?}");
        let claim = stated.entry(*key).map_or(ClaimKind::None, |one| one.claim);
        assert_eq!(claim, statement.entry.claim, "{key:?}");
    }
    let claimed = pages.statements.values();
    let claimed = claimed.filter(|one| one.entry.claim != ClaimKind::None);
    assert_eq!(stated.load(), claimed.count());
    for entry in stated.entries() {
        assert!(pages.statements.contains_key(&entry.key), "a ghost");
    }
}

/// Hands over all that is not acknowledged, and says how many pages it took.
fn deliver(pages: &Pages, stated: &mut Stated) -> usize {
    let mut count = 0;
    loop {
        let next = pages.above(stated.version, 8);
        if next.is_empty() {
            return count;
        }
        for dispatch in next {
            assert!(dispatch.page.fits());
            stated
                .apply(PEER, dispatch.version, &dispatch.page)
                .expect("a sound page");
            stated.advance(dispatch.version, dispatch.follows);
            count += 1;
        }
    }
}

#[test]
fn few_addresses_and_few_nodes_are_one_page() {
    let pages = pages(64, 2, 9);
    let all = pages.above(0, 8);
    assert_eq!(all.len(), 1);
    assert_eq!((all[0].follows, all[0].version), (0, pages.version()));
    assert_eq!(all[0].page.addresses.len(), 64);
    assert_eq!(pages.above(pages.version(), 8), Vec::new());
}

#[test]
fn five_thousand_addresses_are_one_page_for_a_hundredth_and_about_eighty_for_a_half() {
    let mut stated = Stated::nothing();
    let few = pages(5_000, 100, 99);
    assert_eq!(deliver(&few, &mut stated), 2);
    assert_same(&few, &stated);
    let mut stated = Stated::nothing();
    let half = pages(5_000, 2, 1);
    let count = deliver(&half, &mut stated);
    assert!((50..=90).contains(&count), "{count} pages");
    assert_same(&half, &stated);
}

#[test]
fn one_address_changes_one_page() {
    let mut pages = pages(1_000, 2, 9);
    let before = pages.version();
    pages.state(key(1), Some(statement(key(1), 3, Some(9))));
    pages.renew(listed(9), (NodeState::Active, true));
    let changed = pages.above(before, 100);
    assert_eq!(changed.len(), 1);
    pages.state(key(2), None);
    pages.renew(listed(9), (NodeState::Active, true));
    assert_eq!(pages.above(changed[0].version, 100).len(), 1);
}

#[test]
fn nothing_new_is_no_new_version() {
    let mut pages = pages(1_000, 2, 9);
    assert!(!pages.renew(listed(9), (NodeState::Active, true)));
    pages.state(key(2), Some(statement(key(2), 3, Some(5))));
    assert!(!pages.renew(listed(9), (NodeState::Active, true)));
    assert!(pages.renew(listed(9), (NodeState::Draining, true)));
    assert!(pages.renew(listed(8), (NodeState::Draining, true)));
}

#[test]
fn a_page_that_came_without_the_one_before_is_applied_and_not_acknowledged() {
    let pages = pages(1_000, 2, 99);
    let all = pages.above(0, 100);
    let mut stated = Stated::nothing();
    let last = all.last().expect("many pages");
    stated.apply(PEER, last.version, &last.page).expect("sound");
    stated.advance(last.version, last.follows);
    assert_eq!(stated.version, 0);
    assert!(stated.entries().next().is_some());
}

#[test]
fn an_offer_names_its_receiver_in_every_page() {
    let mut pages = pages(1_000, 2, 120);
    for number in (0..1_000).step_by(2) {
        let to = u8::try_from(number % 120).expect("below 120") + 1;
        let offered = Statement {
            offer: Some(NodeId([to; 8])),
            ..statement(key(number), 3, Some(5))
        };
        pages.state(key(number), Some(offered));
    }
    pages.renew(listed(120), (NodeState::Draining, true));
    let mut stated = Stated::nothing();
    deliver(&pages, &mut stated);
    assert_same(&pages, &stated);
}

/// One change of what a node states.
#[derive(Debug, Clone)]
enum Change {
    State(u16, u8, Option<u64>, bool),
    Forget(u16),
    Level(u8),
    Many(u16, u16),
    Peers(u8),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = prop_oneof![
        (0u16..400, 0u8..4, prop::option::of(1u64..9), any::<bool>())
            .prop_map(|(number, level, term, offered)| Change::State(number, level, term, offered)),
        (0u16..400).prop_map(Change::Forget),
        (0u8..4).prop_map(Change::Level),
        (0u16..400, 1u16..9).prop_map(|(to, step)| Change::Many(to, step)),
        (0u8..126).prop_map(Change::Peers),
    ];
    prop::collection::vec(change, 1..30)
}

fn carry_out(change: &Change, pages: &mut Pages, peers: &mut u8) {
    match *change {
        Change::State(number, level, term, offered) => {
            let offer = (offered && *peers > 0).then_some(NodeId([1; 8]));
            let statement = Statement {
                offer,
                ..statement(key(number), level, term)
            };
            pages.state(key(number), Some(statement));
        }
        Change::Forget(number) => pages.state(key(number), None),
        Change::Level(level) => {
            for key in pages.statements.keys().copied().collect::<Vec<_>>() {
                let mut statement = pages.statements[&key];
                statement.entry.level = level;
                pages.state(key, Some(statement));
            }
        }
        Change::Many(to, step) => {
            for number in (0..to).step_by(usize::from(step)) {
                pages.state(key(number), Some(statement(key(number), 3, Some(2))));
            }
        }
        Change::Peers(count) => {
            *peers = count;
            if count == 0 {
                for key in pages.statements.keys().copied().collect::<Vec<_>>() {
                    let mut statement = pages.statements[&key];
                    statement.offer = None;
                    pages.state(key, Some(statement));
                }
            }
        }
    }
    pages.renew(listed(*peers), (NodeState::Active, true));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// After each change some pages are sent; the network loses, doubles, delays and reorders them.
    /// Whatever arrived: nothing is acknowledged that is not applied, and once it is quiet the
    /// receiver knows what the sender states.
    #[test]
    fn any_interleaving_of_pages_converges(
        changes in changes(),
        fates in prop::collection::vec((0u8..4, any::<prop::sample::Index>()), 64),
    ) {
        let mut pages = Pages::new();
        let mut stated = Stated::nothing();
        let mut peers = 1;
        let mut on_the_way: Vec<Dispatch> = Vec::new();
        let mut fates = fates.iter().cycle();
        for change in &changes {
            carry_out(change, &mut pages, &mut peers);
            for dispatch in pages.above(stated.version, 8) {
                let (fate, place) = fates.next().expect("endless");
                for _copy in 0..*fate {
                    let place = place.index(on_the_way.len() + 1);
                    on_the_way.insert(place, dispatch.clone());
                }
            }
            let arriving = on_the_way.len() / 2;
            for dispatch in on_the_way.drain(..arriving) {
                let acked = stated.version;
                stated.apply(PEER, dispatch.version, &dispatch.page).expect("sound");
                stated.advance(dispatch.version, dispatch.follows);
                prop_assert!(stated.version >= acked);
            }
            if stated.version == pages.version() {
                assert_same(&pages, &stated);
            }
        }
        deliver(&pages, &mut stated);
        assert_same(&pages, &stated);
        // What is still on its way is old, and changes nothing any more.
        for dispatch in on_the_way {
            stated.apply(PEER, dispatch.version, &dispatch.page).expect("sound");
            stated.advance(dispatch.version, dispatch.follows);
            assert_same(&pages, &stated);
        }
    }

    /// The parts are always a partition of all keys, and each page fits into a datagram.
    #[test]
    fn any_changes_leave_whole_parts(changes in changes()) {
        let mut pages = Pages::new();
        let mut peers = 1;
        for change in &changes {
            carry_out(change, &mut pages, &mut peers);
            let size: u32 = pages.parts.keys().map(|part| part.size()).sum();
            prop_assert_eq!(size, Prefix::ALL.size());
            for (prefix, (_, page)) in &pages.parts {
                prop_assert_eq!(page.prefix, Some(*prefix));
                prop_assert!(page.fits());
            }
        }
    }
}

#[test]
fn pages_that_are_cut_short_say_the_same_and_stay_short() {
    for (addresses, peers) in [(2, 1), (40, 2), (64, 2), (70, 1), (1_000, 9)] {
        let mut pages = pages(addresses, 1, peers);
        let mut stated = Stated::nothing();
        deliver(&pages, &mut stated);
        pages.shorten(512);
        pages.renew(listed(peers), (NodeState::Active, true));
        let mut late = Stated::nothing();
        for receiver in [&mut stated, &mut late] {
            for dispatch in pages.above(receiver.version, usize::MAX) {
                assert!(dispatch.page.fits_in(512), "{addresses} addresses");
            }
            deliver(&pages, receiver);
            assert_same(&pages, receiver);
        }
        pages.state(key(1), Some(statement(key(1), 3, Some(6))));
        pages.renew(listed(peers), (NodeState::Active, true));
        deliver(&pages, &mut stated);
        assert_same(&pages, &stated);
        assert!(pages.parts.values().all(|(_, page)| page.fits_in(512)));
    }
}
