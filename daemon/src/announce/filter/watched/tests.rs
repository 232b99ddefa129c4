//! Ranges are joined, covered when there are too many, and never lose an address.

use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;

use super::{RANGES_MAX, Watched};

fn one(text: &str) -> (IpAddr, IpAddr) {
    let address = text.parse().unwrap();
    (address, address)
}

fn range(first: &str, last: &str) -> (IpAddr, IpAddr) {
    (first.parse().unwrap(), last.parse().unwrap())
}

fn watched(targets: &[(IpAddr, IpAddr)], senders: &[(IpAddr, IpAddr)]) -> Watched {
    Watched::new("192.168.8.0/24".parse().unwrap(), targets, senders)
}

#[test]
fn neighbours_become_one_range_and_others_stay_apart() {
    let targets = [
        one("0.0.0.7"),
        one("0.0.0.5"),
        one("0.0.0.6"),
        one("0.0.0.9"),
    ];
    let watched = watched(&targets, &[]);
    assert_eq!(watched.targets_v4(), [(5, 7), (9, 9)]);
    assert!(watched.targets_v6().is_empty());
}

#[test]
fn who_only_speaks_is_no_target() {
    let watched = watched(&[one("0.0.0.5")], &[one("0.0.0.1")]);
    assert_eq!(watched.targets_v4(), [(5, 5)]);
    assert_eq!(watched.senders_v4(), [(1, 1), (5, 5)]);
}

#[test]
fn of_ipv6_the_last_bits_count_unless_a_range_is_longer() {
    let watched_of = |targets: &[_]| watched(targets, &[]).targets_v6().to_vec();
    assert_eq!(
        watched_of(&[one("2001:db8::1:2")]),
        [(0x0001_0002, 0x0001_0002)]
    );
    assert_eq!(watched_of(&[range("2001:db8::1", "2001:db8::9")]), [(1, 9)]);
    assert_eq!(
        watched_of(&[range("2001:db8::1", "2001:db8:1::")]),
        [(0, u32::MAX)]
    );
}

#[test]
fn the_subnet_is_known_to_its_edges() {
    let home = watched(&[], &[]).home();
    assert_eq!(home, Some((0xc0a8_0800, 0xc0a8_08ff)));
    let everything = Watched::new("0.0.0.0/0".parse().unwrap(), &[], &[]);
    assert_eq!(everything.home(), Some((0, u32::MAX)));
    let single = Watched::new("10.0.0.1/32".parse().unwrap(), &[], &[]);
    assert_eq!(single.home(), Some((0x0a00_0001, 0x0a00_0001)));
    assert_eq!(
        Watched::new("fe80::/64".parse().unwrap(), &[], &[]).home(),
        None
    );
}

proptest! {
    #[test]
    fn no_address_is_lost_and_the_ranges_stay_few(
        addresses in prop::collection::btree_set(any::<u32>(), 0..300),
    ) {
        let targets: Vec<_> = addresses
            .iter()
            .map(|bits| IpAddr::from(Ipv4Addr::from(*bits)))
            .map(|address| (address, address))
            .collect();
        let watched = watched(&targets, &[]);
        let ranges = watched.targets_v4();
        prop_assert!(ranges.len() <= RANGES_MAX);
        prop_assert!(ranges.windows(2).all(|two| two[0].1 < two[1].0));
        for bits in addresses {
            let is_in = ranges.iter().any(|(first, last)| (*first..=*last).contains(&bits));
            prop_assert!(is_in);
        }
    }
}
