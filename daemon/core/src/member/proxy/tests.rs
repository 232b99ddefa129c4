//! Who is put to the question, and what the answers mean.

use std::net::Ipv4Addr;

use super::*;

const ROUTER: Mac = Mac([2, 0, 0x5e, 0x10, 0, 1]);

fn ip(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, last))
}

fn at(millis: u64) -> Moment {
    Moment::from_millis(5_000 + millis)
}

fn asked() -> Proxies {
    let mut proxies = Proxies::default();
    assert_eq!(proxies.answer(ROUTER, ip(240), at(0)), Answer::Ask);
    let decoys = BTreeSet::from([ip(200), ip(201), ip(202)]);
    proxies.begin(ROUTER, ip(240), decoys, at(0));
    assert_eq!(proxies.answer(ROUTER, ip(241), at(1)), Answer::Wait);
    proxies
}

#[test]
fn who_answers_for_nobodys_addresses_is_a_proxy_and_has_none_of_ours() {
    let mut proxies = asked();
    assert!(proxies.hear(ROUTER, ip(200)));
    assert_eq!(proxies.settle(at(10)), []);
    assert!(proxies.hear(ROUTER, ip(202)));
    assert_eq!(proxies.settle(at(20)), []);
    assert_eq!(proxies.answer(ROUTER, ip(240), at(500)), Answer::Proxy);
    let found: Vec<_> = proxies.found().collect();
    assert_eq!(found, [(ROUTER, at(500))]);
}

#[test]
fn who_answers_for_ours_alone_has_them_after_one_second() {
    let mut proxies = asked();
    assert!(!proxies.hear(ROUTER, ip(99)));
    // One of the decoys may be its own.
    assert!(proxies.hear(ROUTER, ip(201)));
    assert_eq!(proxies.settle(at(999)), []);
    assert_eq!(proxies.next_at(), Some(at(1_000)));
    let found = proxies.settle(at(1_000));
    assert_eq!(found, [(ROUTER, ip(240)), (ROUTER, ip(241))]);
    assert_eq!(proxies.answer(ROUTER, ip(242), at(1_001)), Answer::Host);
    assert_eq!(proxies.next_at(), None);
}

#[test]
fn a_verdict_is_looked_at_again_after_ten_minutes() {
    let mut proxies = asked();
    proxies.settle(at(1_000));
    let later = at(1_000 + 600_000);
    assert_eq!(proxies.answer(ROUTER, ip(240), later), Answer::Ask);
}

#[test]
fn ever_new_hosts_fill_no_memory() {
    let mut proxies = Proxies::default();
    for number in 0..=u8::MAX {
        let mac = Mac([2, 0, 0, 0, 0, number]);
        if proxies.answer(mac, ip(240), at(0)) == Answer::Ask {
            proxies.begin(mac, ip(240), BTreeSet::new(), at(0));
        }
    }
    assert_eq!(proxies.checks.len(), MAX_HOSTS);
}
