//! A host that is no node and uses an IPv6 address of ours: what holds for IPv4 (`conflict`), by
//! neighbour discovery.

use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use socket2::Socket;
use sovnet_control::status::{Conflict, Status};
use sovnet_tests::clock::now;
use sovnet_tests::lan::arp::Mac;
use sovnet_tests::lan::ndp::{ALL_NODES, Advertisement, probe, socket, unsolicited};
use sovnet_tests::lan::sniff::receive;
use sovnet_tests::lan::{NODES, control};

use crate::ndp::{VIP, holder, up_with, wait_entry};
use crate::support::{Bench, SOON, example};

/// From the frame of the thief to the first frame against it, on a machine that has much to do.
const NOTICED: Duration = Duration::from_millis(100);

/// How long a read blocks before it is looked whether it has been too long.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The LAN with a host that will be a thief, and its ear and mouth.
struct Scene {
    bench: Bench,
    holder: String,
    /// At the laptop, which hears what every host hears.
    ear: Socket,
    mouth: Socket,
    thief: Mac,
}

impl Scene {
    fn with_policy(policy: &str) -> Scene {
        let line = format!("conflict = \"{policy}\"");
        let config = example().replace("#conflict = \"defend\"", &line);
        assert!(config.contains(&line), "the example has the setting");
        let bench = up_with(&config, &[("tv", 50)]);
        let ear = socket(bench.lan.node("laptop")).unwrap();
        ear.set_read_timeout(Some(LOOK_EVERY)).unwrap();
        Scene {
            holder: holder(&bench, "civil").unwrap(),
            ear,
            mouth: socket(bench.lan.node("tv")).unwrap(),
            thief: bench.mac("tv"),
            bench,
        }
    }

    fn say(&self, frame: &[u8]) {
        self.mouth.send(frame).unwrap();
    }

    /// The next advertisement by `mac` for the address, and when it was heard.
    fn hear(&self, mac: Mac) -> Option<(Advertisement, Instant)> {
        let started_at = now();
        let mut frame = [0; 2048];
        while now().duration_since(started_at) < SOON {
            let Ok(length) = receive(&self.ear, &mut frame) else {
                continue;
            };
            let read = Advertisement::parse(&frame[..length]);
            if let Some(read) = read.filter(|one| one.mac == mac && one.target == vip()) {
                return Some((read, now()));
            }
        }
        None
    }

    /// Waits until `name` tells of the thief, and this is so of what it tells.
    fn wait_told(&self, name: &str, is_so: impl Fn(&Conflict) -> bool) -> Conflict {
        let thief = self.thief.to_string();
        let status = self.bench.wait_status("the thief is told", name, |status| {
            conflict(status).is_some_and(|one| one.mac == thief && is_so(one))
        });
        let problem = control::problem(&status, "address-conflict").unwrap();
        assert!(problem.what.contains(&thief), "{problem:?}");
        conflict(&status).unwrap().clone()
    }
}

fn vip() -> Ipv6Addr {
    VIP.parse().unwrap()
}

fn conflict(status: &Status) -> Option<&Conflict> {
    let conflicts = &control::segment(status)?.conflicts;
    conflicts.iter().find(|one| one.address == VIP)
}

#[test]
fn a_host_that_advertises_an_ipv6_address_is_named_counted_and_answered_at_once() {
    let mut scene = Scene::with_policy("defend");
    let right = scene.bench.mac(&scene.holder);
    let theft = unsolicited(scene.thief, vip());
    scene.say(&theft);
    let (_, stolen_at) = scene.hear(scene.thief).unwrap();
    let (defence, defended_at) = scene.hear(right).unwrap();
    let took = defended_at.duration_since(stolen_at);
    println!("answered after {took:?}");
    assert!(took <= NOTICED, "answered after {took:?}");
    assert_eq!(defence.to, ALL_NODES);
    assert!(defence.is_override && !defence.is_solicited, "{defence:?}");
    let told = scene.wait_told(&scene.holder, |one| one.frames == 1);
    assert_eq!(
        [&*told.seen_by, &*told.done, &*told.policy],
        ["announcement", "defended", "defend"]
    );
    wait_entry(
        &scene.bench,
        "the client to know the holder again",
        &[&right.to_string()],
    );
    for _ in 0..5 {
        scene.say(&theft);
    }
    scene.wait_told(&scene.holder, |one| one.frames == 6);
    for name in NODES {
        assert_eq!(holder(&scene.bench, name).as_ref(), Some(&scene.holder));
    }
    let said = scene.bench.daemon(&scene.holder).log();
    let said = said.iter().filter(|line| line.contains("is also used by"));
    assert_eq!(said.count(), 1);
}

#[test]
fn a_host_that_probes_for_a_held_ipv6_address_is_answered_before_all_and_named() {
    let scene = Scene::with_policy("defend");
    let right = scene.bench.mac(&scene.holder);
    scene.say(&probe(scene.thief, vip()));
    // What is announced by itself goes on meanwhile, so the counter tells whether it was answered.
    let (answer, _) = scene.hear(right).unwrap();
    assert_eq!(answer.to, ALL_NODES);
    assert!(answer.is_override && !answer.is_solicited, "{answer:?}");
    let told = scene.wait_told(&scene.holder, |one| one.frames == 1);
    assert_eq!([&*told.seen_by, &*told.done], ["probe", "noticed"]);
    let status = scene.bench.status(&scene.holder);
    assert_eq!(control::counted(&status, "ndp-defended"), 1);
    assert_eq!(holder(&scene.bench, "civil").as_ref(), Some(&scene.holder));
}

#[test]
fn under_quarantine_an_ipv6_address_is_left_to_a_host_that_goes_on() {
    let scene = Scene::with_policy("quarantine");
    let theft = unsolicited(scene.thief, vip());
    scene.say(&theft);
    scene.wait_told(&scene.holder, |one| one.done == "defended");
    scene.say(&theft);
    for name in NODES {
        scene.wait_told(name, |one| one.done == "quarantined");
        scene
            .bench
            .wait_status("the address is left", name, |status| {
                let entry = control::address(status, VIP);
                entry.is_some_and(|one| one.holder.is_none() && !one.is_local)
            });
    }
}
