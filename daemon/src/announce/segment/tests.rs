//! A segment alone on a real cable; the kernel's part in it is played by the test.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use sovnet_core::config::Detection;
use sovnet_core::decide::{Ability, SegmentPlan, Sources};
use sovnet_core::frame::arp;
use sovnet_core::member::keys::KeyRing;
use sovnet_core::member::{Identity, Remembered, Settings};
use sovnet_core::names::{LinkIndex, Mac, NodeId};

use super::Segment;
use crate::announce::bell::Bell;
use crate::announce::filter::{self, Sampling, Watched};
use crate::announce::packet::{Carries, PacketSocket};
use crate::clock;
use crate::netns::{in_netns, index_of, ip};

const OWN: Ipv4Addr = Ipv4Addr::new(192, 168, 8, 222);
const VIP: Ipv4Addr = Ipv4Addr::new(192, 168, 8, 241);

/// Longer than any pause between the announcements of something new.
const PAUSE: Duration = Duration::from_secs(3);

/// Far sooner than addresses are refreshed.
const SOON: Duration = Duration::from_millis(500);

struct Bench {
    segment: Segment,
    settings: Settings,
    far: PacketSocket,
    bell: Bell,
}

/// The far end of the cable, which hears everything that is ARP of the subnet.
fn ear(plan: &SegmentPlan, bell: &Bell) -> PacketSocket {
    let everything = Watched::new(plan.subnet, &[], &[]);
    let program = filter::arp(index_of("far"), &everything, Sampling::default());
    PacketSocket::open(index_of("far"), Carries::Arp, &program, bell).unwrap()
}

impl Bench {
    fn new() -> (Bench, SegmentPlan) {
        ip("link add near address 02:00:00:00:00:01 type veth peer name far");
        ip("link set near up");
        ip("link set far up");
        ip("address add 192.168.8.222/24 dev near");
        let plan = plan();
        let bell = Bell::new().unwrap();
        let bench = Bench {
            segment: Segment::new(index(), plan.clone(), Remembered::default(), bell.clone()),
            settings: Settings {
                identity: Identity {
                    id: NodeId([7; 8]),
                    name: "near".parse().unwrap(),
                    version: "test".to_owned(),
                    config_hash: 0,
                },
                keys: KeyRing::none(),
                detection: Detection::Default,
                port: 7_947,
                peers: BTreeSet::new(),
                policy: sovnet_core::member::Policy::default(),
            },
            far: ear(&plan, &bell),
            bell,
        };
        (bench, plan)
    }

    /// Turns until so much time has passed; how many frames the far end heard that announce.
    async fn run(&mut self, time: Duration) -> usize {
        let local = Arc::new(BTreeSet::from([IpAddr::V4(VIP)]));
        let until = clock::now() + time;
        let mut heard = 0;
        while clock::now() < until {
            self.segment
                .take_turn(&self.settings, &local, clock::now())
                .unwrap();
            let mut buffer = [0; 256];
            while let Some(length) = self.far.recv(&mut buffer) {
                let frame = arp::parse(&buffer[..length]);
                heard += usize::from(frame.is_ok_and(|frame| frame.sender == VIP));
            }
            self.bell.rung(Duration::from_millis(5)).await.unwrap();
        }
        heard
    }
}

fn index() -> LinkIndex {
    index_of("near")
}

fn plan() -> SegmentPlan {
    SegmentPlan {
        link: "near".parse().unwrap(),
        own: IpAddr::V4(OWN),
        subnet: "192.168.8.0/24".parse().unwrap(),
        sources: Sources {
            v4: Some(OWN),
            v6: None,
        },
        mac: Mac([2, 0, 0, 0, 0, 1]),
        is_wireless: false,
        generation: 0,
        gateway: None,
        abilities: BTreeMap::from([(IpAddr::V4(VIP), Ability::Serves)]),
        forwarded: BTreeSet::new(),
        addresses: vec![IpAddr::V4(VIP)],
        nodes: BTreeSet::new(),
        watched: sovnet_core::decide::Watched::default(),
    }
}

#[test]
fn netns_everything_is_announced_again_when_the_links_generation_changes() {
    in_netns(async || {
        let (mut bench, plan) = Bench::new();
        while bench.run(Duration::from_millis(100)).await == 0 {}
        while bench.run(PAUSE).await > 0 {}
        let mut next = plan;
        next.is_wireless = true;
        bench.segment.handle_plan(&next, clock::now());
        assert_eq!(bench.run(SOON).await, 0, "that is nobody's concern");
        next.generation = 1;
        bench.segment.handle_plan(&next, clock::now());
        assert!(bench.run(SOON).await > 0);
    });
}
