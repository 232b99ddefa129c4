//! More frames than anyone can read: what does not concern a node costs it nothing.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use sovnet_tests::clock::now;
use sovnet_tests::lan::arp::{Arp, Ask, Mac};
use sovnet_tests::lan::sniff::{bind_to_link, packet_socket};
use sovnet_tests::lan::{Node, control};

use crate::support::{Bench, PAGE};

/// How long a storm lasts.
const LASTS: Duration = Duration::from_secs(2);

/// Sends requests as fast as the laptop can, each from another host; how many.
fn storm(node: &Node, target: impl Fn(u32) -> Ipv4Addr + Send + 'static) -> u32 {
    node.in_network(move || -> anyhow::Result<u32> {
        let socket = packet_socket()?;
        bind_to_link(&socket, "eth0")?;
        let until: Instant = now() + LASTS;
        let mut count = 0_u32;
        while now() < until {
            for _ in 0..100 {
                let [_, high, middle, low] = count.to_be_bytes();
                let mac = Mac([2, 0x77, 0, high, middle, low]);
                let request = Arp {
                    to: Mac([0xff; 6]),
                    from: mac,
                    operation: 1,
                    sender_mac: mac,
                    sender: Ipv4Addr::new(192, 168, 8, low % 150 + 2),
                    target_mac: Mac([0; 6]),
                    target: target(count),
                };
                // A full queue loses it, as a full cable would.
                drop(socket.send(&request.to_bytes()));
                count += 1;
            }
        }
        Ok(count)
    })
    .unwrap()
    .unwrap()
}

fn counted(bench: &Bench, name: &str, part: &str) -> i64 {
    control::counted(&bench.status(name), part)
}

/// The address is where it was. Terms may have grown: a storm at full speed on a small machine can
/// take the processor from the daemons.
fn assert_holds(bench: &Bench, holder: &str) {
    bench.wait_agreement();
    assert_eq!(bench.holder("civil", PAGE).as_deref(), Some(holder));
}

#[test]
fn a_storm_of_unrelated_requests_is_dropped_by_the_kernel_and_nothing_moves() {
    let bench = Bench::up();
    let holder = bench.holder("civil", PAGE).unwrap();
    let before = counted(&bench, &holder, "arp-heard");
    let sent = storm(bench.lan.node("laptop"), |count| {
        Ipv4Addr::new(192, 168, 8, count.to_be_bytes()[3] % 100 + 20)
    });
    assert!(sent > 20_000, "no storm: {sent} requests");
    let heard = counted(&bench, &holder, "arp-heard") - before;
    // What passes until the first turns have looked, and a sample of the rest.
    assert!(heard < 5_000, "{heard} of {sent} requests were read");
    assert_holds(&bench, &holder);
}

#[test]
fn of_a_flood_of_questions_no_more_than_ten_thousand_a_second_are_answered() {
    let bench = Bench::up();
    let holder = bench.holder("civil", PAGE).unwrap();
    let before = counted(&bench, &holder, "arp-answered");
    let sent = storm(bench.lan.node("laptop"), |_| PAGE);
    let answered = counted(&bench, &holder, "arp-answered") - before;
    let most = 1_000 + 10_000 * (i64::try_from(LASTS.as_secs()).unwrap() + 1);
    assert!(answered <= most, "{answered} of {sent} were answered");
    assert_holds(&bench, &holder);
    let answers = bench.answers(PAGE, Ask::Broadcast);
    assert_eq!(answers, [bench.mac(&holder)]);
}
