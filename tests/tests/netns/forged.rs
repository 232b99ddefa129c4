//! Frames of a host that wishes the nodes ill, and a card that is exchanged: who is taken for whom.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use socket2::{Domain, Protocol, Socket, Type};
use sovnet_tests::clock::{now, wait_until};
use sovnet_tests::lan::arp::{Arp, Ask, BROADCAST, Mac, parse_mac};
use sovnet_tests::lan::probe::checksum;
use sovnet_tests::lan::sniff::{bind_to_link, packet_socket};
use sovnet_tests::lan::{NODES, Node, address_of, control};

use crate::support::{Bench, DNS, PAGE, UNPLANNED, other};

/// RFC 5227 section 1.1: an address is defended at most this often.
const DEFEND_INTERVAL: Duration = Duration::from_secs(10);

/// The port of heartbeats.
const PORT: u16 = 5847;

const OTHER_MAC: &str = "02:00:00:00:00:99";

/// Sends `frame(n)` from the laptop, so many each second, for so long.
fn flood(
    node: &Node,
    rate: u32,
    time: Duration,
    frame: impl Fn(u32) -> Arp + Send + 'static,
) -> u32 {
    node.in_network(move || {
        let socket = packet_socket().unwrap();
        bind_to_link(&socket, "eth0").unwrap();
        let started_at = now();
        let mut count = 0;
        while now().duration_since(started_at) < time {
            // In bunches, since a wait of less than a tick of the clock is none.
            for _ in 0..20 {
                drop(socket.send(&frame(count).to_bytes()));
                count += 1;
            }
            wait_until(started_at + Duration::from_secs(1) * count / rate);
        }
        count
    })
    .unwrap()
}

/// A gratuitous request: `mac` says that it has `address`.
fn gratuitous(mac: Mac, address: Ipv4Addr) -> Arp {
    Arp {
        to: BROADCAST,
        from: mac,
        operation: 1,
        sender_mac: mac,
        sender: address,
        target_mac: Mac([0; 6]),
        target: address,
    }
}

fn announcements(bench: &Bench, holder: &str, since: Instant) -> usize {
    let frames = bench.ear.from_machine(holder, PAGE, since);
    let ours = frames.iter().filter(|one| one.arp.target == PAGE);
    ours.filter(|one| one.arp.operation == 1).count()
}

#[test]
fn ten_thousand_gratuitous_requests_a_second_flap_nothing() {
    let mut bench = Bench::up();
    let holder = bench.holder("civil", PAGE).unwrap();
    let holders = |bench: &Bench| {
        let claims = bench.claims("civil");
        claims
            .into_iter()
            .map(|(holder, _)| holder)
            .collect::<Vec<_>>()
    };
    let before = holders(&bench);
    let laptop = bench.mac("laptop");
    let begun_at = now();
    let lasts = Duration::from_secs(4);
    let sent = flood(bench.lan.node("laptop"), 10_000, lasts, move |count| {
        // Now from one card, now from others, as they would be invented.
        let [.., high, low] = count.to_be_bytes();
        let mac = if count % 2 == 0 {
            laptop
        } else {
            Mac([2, 0x66, 0, 0, high, low])
        };
        gratuitous(mac, if count % 3 == 0 { DNS } else { PAGE })
    });
    assert!(sent > 20_000, "no flood: {sent} frames");
    let status = bench.wait_status("the thief is told", &holder, |status| {
        control::problem(status, "address-conflict").is_some()
    });
    let conflicts = &control::segment(&status).unwrap().conflicts;
    let page = conflicts.iter().find(|one| one.address == PAGE.to_string());
    assert_eq!(page.unwrap().done, "defended");
    assert_eq!(holders(&bench), before);
    assert_eq!(bench.answers(PAGE, Ask::Broadcast), [bench.mac(&holder)]);
    // A round of announcements has a handful of frames; each of them would answer one of the flood.
    let rounds = usize::try_from(lasts.as_secs() / DEFEND_INTERVAL.as_secs()).unwrap() + 1;
    let sent = announcements(&bench, &holder, begun_at);
    assert!((1..=rounds * 10).contains(&sent), "{sent} announcements");
    let log = bench.daemon(&holder).log();
    let told = log.iter().filter(|line| line.contains("is also used by"));
    assert!(told.count() <= 2);
}

/// "Port unreachable" (RFC 792) as `peer` would send it about a heartbeat of `victim`.
fn unreachable(peer: Ipv4Addr, victim: Ipv4Addr) -> Vec<u8> {
    let ip = |protocol: u8, length: usize, from: Ipv4Addr, to: Ipv4Addr| {
        let total = u16::try_from(20 + length).unwrap().to_be_bytes();
        let mut header = vec![
            0x45, 0, total[0], total[1], 0, 0, 0x40, 0, 64, protocol, 0, 0,
        ];
        header.extend(from.octets());
        header.extend(to.octets());
        let sum = checksum(&header).to_be_bytes();
        header.splice(10..12, sum);
        header
    };
    let mut icmp = vec![3, 3, 0, 0, 0, 0, 0, 0];
    icmp.extend(ip(17, 8 + 100, victim, peer));
    icmp.extend(PORT.to_be_bytes());
    icmp.extend(PORT.to_be_bytes());
    icmp.extend([0, 108, 0, 0]);
    let sum = checksum(&icmp).to_be_bytes();
    icmp.splice(2..4, sum);
    let mut packet = ip(1, icmp.len(), peer, victim);
    packet.extend(icmp);
    packet
}

#[test]
fn forged_refusals_bury_nobody() {
    let bench = Bench::up();
    let claims = bench.claims("civil");
    let begun_at = now();
    for victim in NODES {
        let to = address_of(victim).unwrap();
        let packet = unreachable(address_of(other(victim)).unwrap(), to);
        let send = move || {
            let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4)).unwrap();
            socket.set_header_included_v4(true).unwrap();
            let started_at = now();
            for count in 0..2_000_u32 {
                if count % 10 == 0 {
                    wait_until(started_at + Duration::from_millis(1) * count);
                }
                let to = std::net::SocketAddrV4::new(to, 0);
                drop(socket.send_to(&packet, &to.into()));
            }
        };
        bench.lan.node("laptop").in_network(send).unwrap();
    }
    for name in NODES {
        let status = bench.status(name);
        let forged = control::counted(&status, "refusal-forged");
        assert!(forged > 0, "{name} was told of no refusal");
        for harm in ["heartbeat-refused", "peers-given-up"] {
            assert_eq!(control::counted(&status, harm), 0, "{name}: {harm}");
        }
        assert_eq!(bench.claims(name), claims, "seen by {name}");
    }
    bench.assert_nothing_lost(begun_at);
}

#[test]
fn a_dead_peers_mac_in_the_hands_of_a_third_host_silences_nobody() {
    let mut bench = Bench::up();
    let dead = bench.holder("civil", PAGE).unwrap();
    let survivor = other(&dead);
    let mac = bench.mac(&dead);
    let right = bench.mac(survivor);
    let killed_at = now();
    bench.daemon(&dead).signal(Signal::SIGKILL).unwrap();
    bench.lan.cut(&dead).unwrap();
    // From before the take-over on: also the questions of the survivor are answered.
    let claim = move |count: u32| Arp {
        operation: 1 + u16::from(count.is_multiple_of(2)),
        ..gratuitous(mac, PAGE)
    };
    flood(bench.lan.node("laptop"), 200, Duration::from_secs(3), claim);
    bench.wait_holder(survivor, survivor);
    bench.hold_for("the survivor answers", Duration::from_secs(1), |bench| {
        bench.answers(PAGE, Ask::Broadcast) == [right]
    });
    let spoke = bench.ear.from_machine(survivor, PAGE, killed_at);
    let first = spoke.first().unwrap().at.duration_since(killed_at);
    println!("spoke after {first:?}");
    assert!(first < UNPLANNED * 8, "spoke after {first:?}");
    // And later: it announces on, and neither drives the survivor away.
    flood(bench.lan.node("laptop"), 200, Duration::from_secs(2), claim);
    assert_eq!(bench.holder(survivor, PAGE).as_deref(), Some(survivor));
    assert_eq!(bench.answers(PAGE, Ask::Broadcast), [right]);
}

#[test]
fn a_peer_with_another_card_is_no_foreigner() {
    let bench = Bench::up();
    let holder = bench.holder("civil", PAGE).unwrap();
    let watcher = other(&holder);
    let holders = |bench: &Bench| [PAGE, DNS].map(|address| bench.holder(watcher, address));
    let before = holders(&bench);
    let changed_at = now();
    let set = format!("ip link set eth0 address {OTHER_MAC}");
    bench.lan.node(&holder).must(&set).unwrap();
    bench.wait_status("the peer knows the new card", watcher, |status| {
        let entry = control::address(status, &PAGE.to_string());
        entry.is_some_and(|one| one.holder_mac.as_deref() == Some(OTHER_MAC))
    });
    println!("known after {:?}", now().duration_since(changed_at));
    bench.assert_lost_at_most(changed_at, UNPLANNED / 2);
    assert_eq!(
        bench.answers(PAGE, Ask::Broadcast),
        [parse_mac(OTHER_MAC).unwrap()]
    );
    for name in NODES {
        let status = bench.status(name);
        let conflicts = &control::segment(&status).unwrap().conflicts;
        assert!(conflicts.is_empty(), "{name}: {conflicts:?}");
        assert_eq!(control::counted(&status, "peers-given-up"), 0, "{name}");
    }
    assert_eq!(holders(&bench), before);
}
