//! What is told of DHCP servers, by what they gave away.

use super::*;
use crate::decide::{Sources, Watched};
use crate::frame::dhcp::Message;

const ROUTER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

fn at(secs: u64) -> Moment {
    Moment::from_millis(secs * 1_000)
}

fn plan() -> SegmentPlan {
    SegmentPlan {
        link: "eth0".parse().unwrap(),
        own: "192.0.2.11".parse().unwrap(),
        subnet: "192.0.2.0/24".parse().unwrap(),
        sources: Sources::default(),
        mac: Mac([2, 0, 0, 0, 0, 1]),
        is_wireless: false,
        generation: 0,
        gateway: None,
        abilities: BTreeMap::new(),
        forwarded: BTreeSet::new(),
        addresses: vec!["192.0.2.99".parse().unwrap()],
        nodes: BTreeSet::new(),
        watched: Watched {
            ranges: vec!["192.0.2.240-192.0.2.250".parse().unwrap()],
            ..Watched::default()
        },
    }
}

fn offer(server: Ipv4Addr, last: u8) -> DhcpFrame {
    DhcpFrame {
        source: Mac([2, 0, 0, 0, 0, 9]),
        message: Message::Offer,
        server,
        relay: None,
        client: Mac([2, 0, 0, 0, 0, 8]),
        offered: Some(Ipv4Addr::new(192, 0, 2, last)),
        prefix: Some(24),
        router: Some(ROUTER),
        lease: None,
    }
}

fn told(watcher: &DhcpWatcher, now: Moment) -> Vec<String> {
    let problems = watcher.problems(&plan(), now);
    let texts = problems.into_iter();
    texts
        .map(|problem| format!("{}: {}", problem.code, problem.what))
        .collect()
}

#[test]
fn a_server_beside_our_addresses_is_no_problem_and_its_range_is_learned() {
    let mut watcher = DhcpWatcher::default();
    for last in [120, 100, 239] {
        watcher.handle_frame(&offer(ROUTER, last), &plan(), at(1));
    }
    assert_eq!(told(&watcher, at(2)), [""; 0]);
    let [server] = &watcher.report()[..] else {
        panic!("one server");
    };
    let range = (Ipv4Addr::new(192, 0, 2, 100), Ipv4Addr::new(192, 0, 2, 239));
    assert_eq!(
        (server.address, server.range, server.count),
        (ROUTER, Some(range), 3)
    );
}

#[test]
fn what_is_ours_and_given_away_is_told_with_the_server() {
    let mut watcher = DhcpWatcher::default();
    for last in [239, 240, 99] {
        watcher.handle_frame(&offer(ROUTER, last), &plan(), at(1));
    }
    let expected = "dhcp-overlaps-pool: the DHCP server 192.0.2.1 (02:00:00:00:00:09) gives away \
                    addresses that are sovnet's: 192.0.2.99, 192.0.2.240";
    assert_eq!(told(&watcher, at(2)), [expected]);
    assert_eq!(told(&watcher, at(48 * 3_600 + 1)), [""; 0]);
}

#[test]
fn two_servers_are_told_and_hundreds_fill_no_memory() {
    let mut watcher = DhcpWatcher::default();
    for last in 0..=255 {
        for offered in 0..=255 {
            let server = Ipv4Addr::new(192, 0, 2, last);
            watcher.handle_frame(&offer(server, offered), &plan(), at(1));
        }
    }
    assert_eq!(watcher.servers.len(), MAX_SERVERS);
    let most = watcher.servers.values().map(|server| server.overlaps.len());
    assert_eq!(most.max(), Some(12));
    let problems = watcher.problems(&plan(), at(2));
    let last = problems
        .last()
        .map(|problem| (problem.severity, problem.code));
    assert_eq!(last, Some((Severity::Note, "several-dhcp-servers")));
}
