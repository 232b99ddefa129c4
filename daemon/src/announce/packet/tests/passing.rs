//! What the kernel lets through by each filter, and what it drops, with real frames.

use std::net::{Ipv4Addr, Ipv6Addr};

use sovnet_core::frame::arp::{self, ArpFrame};
use sovnet_core::frame::ethernet::{self, Header};
use sovnet_core::frame::ndp::{self, ALL_NODES};
use sovnet_core::names::Mac;

use super::{Carries, GATEWAY, LAPTOP, OURS, PacketSocket, THEIRS, VIP, VIP6, next, open, plug_in};
use crate::announce::bell::Bell;
use crate::announce::filter::{self, Watched};
use crate::netns::{in_netns, index_of, ip};

const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(10, 1, 2, 3);
const PRINTER: Ipv4Addr = Ipv4Addr::new(192, 168, 8, 60);
const LAPTOP6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x50);
const PRINTER6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x60);

/// Sends all of these; exactly those that are to pass are received, in order.
async fn check(carries: Carries, is_storm: bool, dropped: &[Vec<u8>], passed: &[Vec<u8>]) {
    let bell = Bell::new().unwrap();
    let near = open("near", carries, is_storm, &bell).unwrap();
    let far = sender(carries);
    for frame in dropped.iter().chain(passed) {
        far.send(frame).unwrap();
    }
    for frame in passed {
        assert_eq!(&next(&near, &bell).await, frame);
    }
}

fn sender(carries: Carries) -> PacketSocket {
    open("far", carries, true, &Bell::new().unwrap()).unwrap()
}

/// The hardware address of the near end: only frames to it count as sent to this host.
fn near_mac() -> Mac {
    let line = ip("-o link show dev near");
    let text = line
        .split("link/ether ")
        .nth(1)
        .expect("a hardware address");
    let mac = text.split_whitespace().next().expect("a hardware address");
    mac.parse().unwrap()
}

fn spoiled(frame: &ArpFrame, at: usize, value: u8) -> Vec<u8> {
    let mut bytes = frame.to_bytes();
    bytes[at] = value;
    bytes
}

#[test]
fn netns_in_a_storm_only_arp_frames_with_a_watched_address_and_answers_to_us_pass() {
    in_netns(async || {
        plug_in();
        let asked = arp::request(THEIRS, LAPTOP, VIP);
        let unrelated = arp::request(THEIRS, LAPTOP, PRINTER);
        let dropped = [
            arp::request(THEIRS, ELSEWHERE, ELSEWHERE).to_bytes(),
            arp::unicast_request(THEIRS, LAPTOP, VIP, Mac([2, 9, 9, 9, 9, 9])).to_bytes(),
            spoiled(&asked, 12, 0x88),
            spoiled(&asked, 15, 6),
            spoiled(&asked, 18, 8),
            asked.to_bytes()[..30].to_vec(),
            unrelated.to_bytes(),
            arp::gratuitous_reply(THEIRS, PRINTER).to_bytes(),
            arp::request(THEIRS, LAPTOP, GATEWAY).to_bytes(),
        ];
        let answer = arp::reply(&arp::probe(near_mac(), PRINTER), THEIRS);
        let passed = [
            asked.to_bytes(),
            arp::probe(THEIRS, VIP).to_bytes(),
            arp::gratuitous_reply(THEIRS, VIP).to_bytes(),
            arp::request(THEIRS, VIP, ELSEWHERE).to_bytes(),
            arp::request(THEIRS, GATEWAY, PRINTER).to_bytes(),
            answer.to_bytes(),
        ];
        check(Carries::Arp, true, &dropped, &passed).await;
    });
}

#[test]
fn netns_without_a_storm_every_host_of_the_subnet_is_heard() {
    in_netns(async || {
        plug_in();
        let dropped = [
            arp::request(THEIRS, ELSEWHERE, PRINTER).to_bytes(),
            arp::probe(THEIRS, PRINTER).to_bytes(),
        ];
        let passed = [
            arp::request(THEIRS, LAPTOP, PRINTER).to_bytes(),
            arp::request(THEIRS, LAPTOP, ELSEWHERE).to_bytes(),
        ];
        check(Carries::Arp, false, &dropped, &passed).await;
    });
}

#[test]
fn netns_in_a_storm_only_neighbour_discovery_for_a_watched_address_and_answers_to_us_pass() {
    in_netns(async || {
        plug_in();
        let vip: Ipv6Addr = VIP6.parse().unwrap();
        let asked = ndp::solicitation(THEIRS, LAPTOP6, vip).to_bytes();
        let spoiled = |at: usize, value: u8| {
            let mut bytes = asked.clone();
            bytes[at] = value;
            bytes
        };
        let dropped = [
            spoiled(20, 17),
            spoiled(21, 254),
            spoiled(54, 134),
            spoiled(54, 128),
            asked[..70].to_vec(),
            ndp::solicitation(THEIRS, LAPTOP6, PRINTER6).to_bytes(),
            ndp::unsolicited(THEIRS, PRINTER6, ALL_NODES).to_bytes(),
        ];
        let answer = ndp::reply(&ndp::solicitation(near_mac(), LAPTOP6, PRINTER6), THEIRS);
        let passed = [
            asked.clone(),
            ndp::probe(THEIRS, vip).to_bytes(),
            ndp::unsolicited(THEIRS, vip, ALL_NODES).to_bytes(),
            answer.to_bytes(),
        ];
        check(Carries::Ndp, true, &dropped, &passed).await;
    });
}

#[test]
fn netns_only_what_dhcp_servers_answer_passes() {
    in_netns(async || {
        plug_in();
        let dropped = [
            udp(17, 0x4000, (67, 67), 2),
            udp(17, 0x4000, (68, 67), 1),
            udp(17, 0x4000, (67, 68), 1),
            udp(17, 0x2000, (67, 68), 2),
            udp(6, 0x4000, (67, 68), 2),
        ];
        let passed = [udp(17, 0x4000, (67, 68), 2), udp(17, 0, (67, 68), 2)];
        check(Carries::Dhcp, false, &dropped, &passed).await;
    });
}

/// A broadcast with the fields that the filter looks at.
fn udp(protocol: u8, fragment: u16, ports: (u16, u16), operation: u8) -> Vec<u8> {
    let mut packet = vec![0; 40];
    packet[0] = 0x46; // With an option of four bytes.
    packet[6..8].copy_from_slice(&fragment.to_be_bytes());
    packet[9] = protocol;
    packet[24..26].copy_from_slice(&ports.0.to_be_bytes());
    packet[26..28].copy_from_slice(&ports.1.to_be_bytes());
    packet[32] = operation;
    let header = Header {
        destination: Mac::BROADCAST,
        source: THEIRS,
        ethertype: 0x0800,
    };
    ethernet::build(header, &packet)
}

#[test]
fn netns_another_filter_takes_the_place_of_the_first_while_frames_arrive() {
    in_netns(async || {
        plug_in();
        let bell = Bell::new().unwrap();
        let near = open("near", Carries::Arp, true, &bell).unwrap();
        let far = sender(Carries::Arp);
        let moved = Ipv4Addr::new(192, 168, 8, 242);
        far.send(&arp::probe(THEIRS, VIP).to_bytes()).unwrap();
        let targets = [(moved.into(), moved.into())];
        let watched = Watched::new("192.168.8.0/24".parse().unwrap(), &targets, &[]);
        let sampling = super::sampling(true);
        let program = filter::arp(index_of("near"), &watched, sampling);
        near.replace_filter(&program).unwrap();
        far.send(&arp::gratuitous_reply(THEIRS, VIP).to_bytes())
            .unwrap();
        far.send(&arp::probe(OURS, moved).to_bytes()).unwrap();
        assert_eq!(next(&near, &bell).await, arp::probe(THEIRS, VIP).to_bytes());
        assert_eq!(next(&near, &bell).await, arp::probe(OURS, moved).to_bytes());
    });
}

#[test]
fn netns_a_program_for_a_thousand_addresses_is_taken_and_replaced() {
    in_netns(async || {
        plug_in();
        let targets: Vec<_> = (0..1_000_u16)
            .map(|number| {
                let [high, low] = (number * 3).to_be_bytes();
                let address = Ipv4Addr::new(192, 168, high, low).into();
                (address, address)
            })
            .collect();
        let watched = Watched::new("192.168.0.0/16".parse().unwrap(), &targets, &[]);
        let bell = Bell::new().unwrap();
        let near = open("near", Carries::Arp, true, &bell).unwrap();
        let sampling = super::sampling(true);
        let program = filter::arp(index_of("near"), &watched, sampling);
        near.replace_filter(&program).unwrap();
        near.replace_filter(&program).unwrap();
        let last = Ipv4Addr::new(192, 168, 11, 181);
        sender(Carries::Arp)
            .send(&arp::probe(THEIRS, last).to_bytes())
            .unwrap();
        assert_eq!(
            next(&near, &bell).await,
            arp::probe(THEIRS, last).to_bytes()
        );
    });
}
