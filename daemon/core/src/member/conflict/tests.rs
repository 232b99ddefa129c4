//! What follows from each frame, by policy and by how the node stands to the address.

use std::net::Ipv4Addr;

use super::*;

const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 240));
const MAC: Mac = Mac([2, 0, 0x5e, 0x10, 0, 9]);

fn at(millis: u64) -> Moment {
    Moment::from_millis(100_000 + millis)
}

fn met(stand: Stand) -> Met {
    Met {
        mac: MAC,
        sighting: Sighting::Announcement,
        stand,
    }
}

/// What follows from frames at these milliseconds.
fn acts(policy: Policy, stand: Stand, frames: &[u64]) -> Vec<Act> {
    let mut conflicts = Conflicts::default();
    let met = met(stand);
    let meet = |millis: &u64| conflicts.meet(ADDRESS, met, policy, at(*millis)).0;
    frames.iter().map(meet).collect()
}

#[test]
fn each_policy_does_what_the_table_says() {
    use Act::{Defend, Nothing, Withhold};
    use Policy::{Quarantine, Yield};
    let twice_soon = [0, 9_999];
    let twice_late = [0, 10_000];
    let rows = [
        (Policy::Defend, Stand::Held, twice_soon, [Defend, Nothing]),
        (Policy::Defend, Stand::Held, twice_late, [Defend, Defend]),
        (
            Policy::Defend,
            Stand::Announced,
            twice_soon,
            [Nothing, Nothing],
        ),
        (
            Policy::Defend,
            Stand::Pursued,
            twice_soon,
            [Nothing, Nothing],
        ),
        (Policy::Defend, Stand::Free, twice_soon, [Withhold, Nothing]),
        (Yield, Stand::Held, twice_soon, [Defend, Withhold]),
        (Yield, Stand::Held, twice_late, [Defend, Defend]),
        (Yield, Stand::Announced, twice_soon, [Nothing, Withhold]),
        (Yield, Stand::Announced, twice_late, [Nothing, Nothing]),
        (Yield, Stand::Pursued, twice_soon, [Withhold, Nothing]),
        (Quarantine, Stand::Held, twice_soon, [Defend, Withhold]),
        (Quarantine, Stand::Held, twice_late, [Defend, Defend]),
        (Quarantine, Stand::Pursued, twice_soon, [Withhold, Nothing]),
        (Quarantine, Stand::Free, twice_soon, [Withhold, Nothing]),
    ];
    for (policy, stand, frames, expected) in rows {
        let found = acts(policy, stand, &frames);
        assert_eq!(found, expected, "{policy:?} {stand:?} {frames:?}");
    }
}

#[test]
fn an_address_is_given_back_after_the_time_of_its_policy() {
    for (policy, keeps) in [(Policy::Yield, 60_000), (Policy::Quarantine, 300_000)] {
        let mut conflicts = Conflicts::default();
        for millis in [0, 1] {
            conflicts.meet(ADDRESS, met(Stand::Held), policy, at(millis));
        }
        assert!(conflicts.is_withheld(ADDRESS, policy));
        assert_eq!(conflicts.look(at(keeps)).1, []);
        assert!(conflicts.is_withheld(ADDRESS, policy), "{policy:?}");
        let (_, over) = conflicts.look(at(keeps + 1));
        assert_eq!(over.len(), 1, "{policy:?}");
        assert!(!conflicts.is_withheld(ADDRESS, policy));
    }
}

#[test]
fn a_host_that_goes_on_keeps_the_address() {
    let mut conflicts = Conflicts::default();
    for millis in (0..600_000).step_by(5_000) {
        conflicts.meet(ADDRESS, met(Stand::Held), Policy::Yield, at(millis));
        assert_eq!(conflicts.look(at(millis)).1, []);
        assert_eq!(conflicts.is_withheld(ADDRESS, Policy::Yield), millis > 0);
    }
}

#[test]
fn the_host_is_asked_every_twenty_seconds() {
    let mut conflicts = Conflicts::default();
    conflicts.meet(ADDRESS, met(Stand::Free), Policy::Defend, at(0));
    let asked = (0..=61).filter(|second| {
        let (asked, _) = conflicts.look(at(second * 1_000));
        asked == [ADDRESS]
    });
    assert_eq!(asked.collect::<Vec<_>>(), [20, 40, 60]);
}

#[test]
fn defend_never_leaves_an_address_dark_not_even_one_that_was_quarantined_while_free() {
    let mut conflicts = Conflicts::default();
    conflicts.meet(ADDRESS, met(Stand::Free), Policy::Defend, at(0));
    let conflict = conflicts.of(ADDRESS).copied();
    assert!(conflict.is_some_and(|conflict| conflict.is_withheld()));
    assert!(!conflicts.is_withheld(ADDRESS, Policy::Defend));
    let (act, _) = conflicts.meet(ADDRESS, met(Stand::Held), Policy::Defend, at(1));
    assert_eq!(act, Act::Defend);
}

proptest::proptest! {
    #[test]
    fn no_storm_is_answered_more_than_once_in_ten_seconds(
        frames in proptest::collection::vec((0u64..40_000, 0u8..255), 1..400),
        policy in proptest::sample::select(vec![Policy::Defend, Policy::Yield, Policy::Quarantine]),
    ) {
        let mut frames = frames;
        frames.sort_unstable();
        let mut conflicts = Conflicts::default();
        let mut defended: Vec<u64> = Vec::new();
        for (millis, last) in frames {
            let met = Met { mac: Mac([2, 0, 0, 0, 0, last]), ..met(Stand::Held) };
            if conflicts.meet(ADDRESS, met, policy, at(millis)).0 == Act::Defend {
                defended.push(millis);
            }
            conflicts.look(at(millis));
        }
        proptest::prop_assert!(conflicts.table.len() <= 1);
        let pairs = defended.windows(2);
        proptest::prop_assert!(pairs.into_iter().all(|pair| pair[1] - pair[0] >= 10_000));
    }
}
