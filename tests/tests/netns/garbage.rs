//! Ten thousand each of what nobody should send, while the probes go on: nothing is lost, nothing
//! moves, and the counters tell.

use std::net::{SocketAddrV4, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sovnet_control::status::Status;
use sovnet_tests::clock::{now, wait_until};
use sovnet_tests::lan::arp::{Arp, BROADCAST, Mac};
use sovnet_tests::lan::probe::query;
use sovnet_tests::lan::sniff::{bind_to_link, packet_socket};
use sovnet_tests::lan::{Lan, NODES, control};

use crate::support::{Bench, DNS, PAGE, bare_lan, other, plan};

const MANY: u32 = 10_000;

/// So many each second: a flood that fills every buffer would lose probes whatever they met.
const RATE: u32 = 5_000;

/// The port of heartbeats.
const PORT: u16 = 5847;

/// A small generator (xorshift): the same garbage in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.roll()).unwrap_or_default() % limit.max(1)
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.roll().to_le_bytes()[0]).collect()
    }

    /// Something like `good`: cut, prolonged, with some bytes changed, or random altogether.
    fn spoil(&mut self, good: &[u8], longest: usize) -> Vec<u8> {
        let mut bytes = good.to_vec();
        match self.roll() % 4 {
            0 => bytes.truncate(self.below(good.len())),
            1 => {
                let extra = self.below(longest - good.len());
                bytes.extend(self.bytes(extra));
            }
            2 => {
                for _ in 0..4 {
                    let at = self.below(bytes.len());
                    bytes[at] = self.roll().to_le_bytes()[0];
                }
            }
            _ => {
                let length = self.below(longest);
                bytes = self.bytes(length);
            }
        }
        bytes
    }
}

/// Waits until it is time for the message with that number.
fn keep_rate(started_at: Instant, number: u32) {
    // In small bunches, since a wait of less than a tick of the clock is none.
    if number.is_multiple_of(10) {
        wait_until(started_at + Duration::from_secs(1) * number / RATE);
    }
}

/// Nothing was lost, and holders and terms are what they were.
fn assert_unmoved(bench: &Bench, since: Instant, claims: &[(Option<String>, i64)]) {
    for name in NODES {
        assert_eq!(bench.claims(name), claims, "seen by {name}");
    }
    bench.assert_nothing_lost(since);
}

/// Whether the frame claims an address of the LAN that its sender does not have.
fn is_lie(arp: &Arp, own_mac: Mac) -> bool {
    let [a, b, c, host] = arp.sender.octets();
    [a, b, c] == [192, 168, 8] && (host != 100 || arp.sender_mac != own_mac)
}

/// What a daemon has counted under the names that contain one of `parts`.
fn counted(status: &Status, parts: &[&str]) -> i64 {
    parts
        .iter()
        .map(|part| control::counted(status, part))
        .sum()
}

#[test]
fn ten_thousand_bad_arp_frames_change_nothing() {
    let bench = Bench::up();
    let claims = bench.claims("civil");
    let since = now();
    let own_mac = bench.mac("laptop");
    let targets = NODES.map(|name| bench.mac(name));
    bench
        .lan
        .node("laptop")
        .in_network(move || {
            let socket = packet_socket().unwrap();
            bind_to_link(&socket, "eth0").unwrap();
            let mut dice = Dice(0x5eed);
            let started_at = now();
            let mut count = 0;
            while count < MANY {
                keep_rate(started_at, count);
                let good = Arp {
                    to: if count % 2 == 0 {
                        BROADCAST
                    } else {
                        targets[dice.below(2)]
                    },
                    from: own_mac,
                    operation: 1,
                    sender_mac: own_mac,
                    sender: "192.168.8.100".parse().unwrap(),
                    target_mac: Mac([0; 6]),
                    target: PAGE,
                };
                let mut frame = dice.spoil(&good.to_bytes(), 1500);
                // The destination and the type stay, or the switch and the filter would take it.
                frame.resize(frame.len().max(14), 0);
                frame[..14].copy_from_slice(&good.to_bytes()[..14]);
                // What is valid and lies is another matter: here no frame tells others where a host is.
                if Arp::parse(&frame).is_some_and(|arp| is_lie(&arp, own_mac)) {
                    continue;
                }
                socket.send(&frame).unwrap();
                count += 1;
            }
        })
        .unwrap();
    assert_unmoved(&bench, since, &claims);
    for name in NODES {
        let status = bench.status(name);
        // What is too short is dropped by the kernel already.
        assert_eq!(counted(&status, &["arp-truncated"]), 0, "{status:?}");
        assert!(counted(&status, &["arp-bad-operation"]) > 50, "{status:?}");
    }
}

#[test]
fn ten_thousand_bad_or_replayed_heartbeats_change_nothing() {
    let bench = Bench::up();
    let claims = bench.claims("civil");
    let recorded = record_heartbeats(&bench.lan);
    assert!(!recorded.is_empty(), "no heartbeat was overheard");
    let since = now();
    let recorded_again = recorded.clone();
    for name in NODES {
        let recorded = recorded_again.clone();
        let to: SocketAddrV4 = format!("{}:{PORT}", address_of(other(name)))
            .parse()
            .unwrap();
        // From the peer's own address, as a replayed datagram would come; and from the laptop's.
        for sender in [name, "laptop"] {
            let recorded = recorded.clone();
            bench
                .lan
                .node(sender)
                .in_network(move || flood(to, &recorded))
                .unwrap();
        }
    }
    assert_unmoved(&bench, since, &claims);
    for name in NODES {
        let status = bench.status(name);
        for kind in ["truncated", "wrong-mac", "replayed"] {
            assert!(
                counted(&status, &[&format!("heartbeat-{kind}")]) > 100,
                "{kind}: {status:?}"
            );
        }
        let dropped = [
            "heartbeat-truncated",
            "heartbeat-too-long",
            "heartbeat-not-",
            "heartbeat-wrong",
            "heartbeat-replayed",
            "heartbeat-malformed",
            "heartbeat-other",
        ];
        assert!(
            counted(&status, &dropped) > i64::from(MANY / 4),
            "{status:?}"
        );
    }
}

fn address_of(name: &str) -> &'static str {
    if name == "civil" {
        "192.168.8.222"
    } else {
        "192.168.8.218"
    }
}

fn flood(to: SocketAddrV4, recorded: &[Vec<u8>]) {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    let mut dice = Dice(0xbea7);
    let started_at = now();
    for count in 0..MANY / 4 {
        keep_rate(started_at, count);
        let good = &recorded[dice.below(recorded.len())];
        let bytes = if count % 2 == 0 {
            good.clone()
        } else {
            dice.spoil(good, 1400)
        };
        // A refused datagram is as good as a dropped one.
        drop(socket.send_to(&bytes, to));
    }
}

/// Heartbeats as they pass the switch.
fn record_heartbeats(lan: &Lan) -> Vec<Vec<u8>> {
    let switch = lan.node("switch");
    let file = "/run/machine/beats.pcap";
    let line = format!("tcpdump -Z root -i any -c 200 -w {file} udp port {PORT}");
    switch.must(&line).unwrap();
    payloads(&std::fs::read(switch.path(file)).unwrap())
}

/// The UDP payloads of a capture on all links (pcap, Linux cooked headers).
fn payloads(capture: &[u8]) -> Vec<Vec<u8>> {
    let word = |at: usize| {
        Some(u32::from_le_bytes(
            capture.get(at..at + 4)?.try_into().ok()?,
        ))
    };
    let cooked = if word(20) == Some(276) { 20 } else { 16 };
    let mut all = Vec::new();
    let mut at = 24;
    while let Some(length) = word(at + 8).and_then(|length| usize::try_from(length).ok()) {
        let packet = capture.get(at + 16..at + 16 + length).unwrap_or_default();
        // IPv4 without options, and UDP.
        if let Some(payload) = packet.get(cooked + 28..) {
            all.push(payload.to_vec());
        }
        at += 16 + length;
    }
    all
}

#[test]
fn what_passes_the_switch_is_recorded_as_it_was_sent() {
    let (lan, _permit) = bare_lan(&plan());
    let is_over = Arc::new(AtomicBool::new(false));
    let over = Arc::clone(&is_over);
    let sender = lan.node("civil").thread_in_network("beat", move || {
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        while !over.load(Ordering::Relaxed) {
            // box-01 refuses it, which the next call reports.
            drop(socket.send_to(b"a beat of the heart", (address_of("box-01"), PORT)));
        }
    });
    let recorded = record_heartbeats(&lan);
    is_over.store(true, Ordering::Relaxed);
    sender.unwrap().join().unwrap().unwrap();
    assert!(!recorded.is_empty());
    assert!(
        recorded.iter().all(|bytes| bytes == b"a beat of the heart"),
        "{recorded:?}"
    );
}

#[test]
fn ten_thousand_bad_dns_messages_change_nothing() {
    let bench = Bench::up();
    let claims = bench.claims("civil");
    let since = now();
    let holder = bench.holder("civil", DNS).unwrap();
    bench
        .lan
        .node("laptop")
        .in_network(|| {
            let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
            let mut dice = Dice(0xd175);
            let good = query(7, "router.internal.cloud.payne.io", 1);
            let started_at = now();
            for count in 0..MANY {
                keep_rate(started_at, count);
                let bytes = dice.spoil(&good, 1400);
                socket.send_to(&bytes, (DNS, 53)).unwrap();
            }
        })
        .unwrap();
    assert_unmoved(&bench, since, &claims);
    let status = bench.status(&holder);
    assert!(
        counted(&status, &["malformed"]) > i64::from(MANY / 4),
        "{status:?}"
    );
}

#[test]
fn ten_thousand_bad_control_requests_change_nothing() {
    let bench = Bench::up();
    let claims = bench.claims("civil");
    let since = now();
    let civil = bench.lan.node("civil");
    let mut dice = Dice(0xc7a1);
    let good = br#"{"method":"internal.sovnet.Control.Status","parameters":{}}"#;
    let mut messages: Vec<Vec<u8>> = (0..MANY)
        .map(|_| [dice.spoil(good, 4000), vec![0]].concat())
        .collect();
    messages.push(vec![b'{'; 4 << 20]);
    control::flood(civil, &messages).unwrap();
    let counters = bench.status("civil").control_counters;
    assert!(counters["malformed"] > i64::from(MANY / 2), "{counters:?}");
    assert!(counters["oversized"] > 0, "{counters:?}");
    assert_eq!(counters["refused"], 0, "{counters:?}");
    assert_unmoved(&bench, since, &claims);
}
