//! When which address is probed.

use std::net::Ipv4Addr;

use super::*;

const START: u64 = 1_000_000;

fn ip(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, last))
}

/// The milliseconds at which each address was probed, looked at every millisecond.
fn run(prober: &mut Prober, rng: &mut Rng, millis: u64, is_mine: bool) -> Vec<(u64, IpAddr)> {
    let mut probes = Vec::new();
    for millis in 0..millis {
        let now = Moment::from_millis(START + millis);
        for address in prober.run(|_| is_mine, rng, now) {
            probes.push((millis, address));
        }
    }
    probes
}

fn prober(free: &[IpAddr], rng: &mut Rng) -> Prober {
    let mut prober = Prober::default();
    prober.set(free, rng, Moment::from_millis(START));
    prober
}

#[test]
fn a_round_is_three_probes_one_to_two_seconds_apart_and_two_seconds_of_silence() {
    for seed in 0..20 {
        let mut rng = Rng::new([seed; 32]);
        let mut prober = prober(&[ip(240)], &mut rng);
        let probes = run(&mut prober, &mut rng, 60_000, true);
        let [(first, _), (second, _), (third, _)] = probes[..] else {
            panic!("{probes:?}");
        };
        assert!(first <= 1_200, "{first}");
        for gap in [second - first, third - second] {
            assert!((1_000..=2_000).contains(&gap), "{gap}");
        }
        let free_at = Moment::from_millis(START + third + 2_000);
        assert_eq!(prober.table[&ip(240)].free_at, Some(free_at));
    }
}

#[test]
fn each_address_is_probed_again_after_about_ten_minutes() {
    let mut rng = Rng::new([1; 32]);
    let mut prober = prober(&[ip(240)], &mut rng);
    let probes = run(&mut prober, &mut rng, 3_600_000, true);
    let rounds: Vec<u64> = probes.chunks(3).map(|round| round[0].0).collect();
    assert!((5..=7).contains(&rounds.len()), "{rounds:?}");
    for pair in rounds.windows(2) {
        assert!(
            (540_000..=670_000).contains(&(pair[1] - pair[0])),
            "{rounds:?}"
        );
    }
}

#[test]
fn two_addresses_are_never_begun_within_two_hundred_milliseconds() {
    let mut rng = Rng::new([2; 32]);
    let all: Vec<IpAddr> = (0..=255).map(ip).collect();
    let mut prober = prober(&all, &mut rng);
    let probes = run(&mut prober, &mut rng, 70_000, true);
    assert_eq!(probes.len(), 3 * 256);
    let mut begun = BTreeMap::new();
    for (millis, address) in probes {
        begun.entry(address).or_insert(millis);
    }
    let mut begun: Vec<u64> = begun.into_values().collect();
    begun.sort_unstable();
    assert!(begun.windows(2).all(|pair| pair[1] - pair[0] >= 200));
}

#[test]
fn what_is_another_nodes_to_probe_is_left_to_it_until_it_is_this_nodes() {
    let mut rng = Rng::new([3; 32]);
    let mut prober = prober(&[ip(240)], &mut rng);
    assert_eq!(run(&mut prober, &mut rng, 10_000, false), []);
    assert_eq!(run(&mut prober, &mut rng, 65_000, true).len(), 3);
}

#[test]
fn what_is_taken_meanwhile_is_not_found_free() {
    let mut rng = Rng::new([4; 32]);
    let mut prober = prober(&[ip(240)], &mut rng);
    run(&mut prober, &mut rng, 1_500, true);
    prober.note_taken(ip(240), Moment::from_millis(START + 1_500));
    assert_eq!(run(&mut prober, &mut rng, 60_000, true), []);
    assert_eq!(prober.table[&ip(240)].free_at, None);
}

#[test]
fn who_asks_whether_it_is_free_is_looked_at_ten_seconds_later() {
    let mut rng = Rng::new([5; 32]);
    let mut prober = prober(&[ip(240)], &mut rng);
    run(&mut prober, &mut rng, 60_000, true);
    prober.note_interest(ip(240), Moment::from_millis(START + 60_000));
    let probes = run(&mut prober, &mut rng, 100_000, true);
    assert_eq!(probes.first(), Some(&(70_000, ip(240))));
}
