//! Hosts that asked lately are told alone, after everyone was told.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::{LAPTOP, OURS, OWN, START, VIP, WEB, frames, set};
use crate::decide::Sources;
use crate::frame::arp;
use crate::frame::ndp::{self, solicitation};
use crate::names::Mac;
use crate::speaker::{Speaker, Surroundings};

const GATEWAY: Ipv4Addr = Ipv4Addr::new(192, 168, 8, 1);
const GATEWAY_MAC: Mac = Mac([2, 0, 0, 0, 0, 0xfe]);
const PHONE: Mac = Mac([2, 0, 0, 0, 0, 0x50]);
const VIP6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x241);
const PHONE6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x50);

/// A speaker that has heard the gateway, and a phone that asked for addresses that another node
/// holds.
fn speaker() -> Speaker {
    let mut speaker = Speaker::new(
        OURS,
        Sources {
            v4: Some(OWN),
            v6: None,
        },
    );
    speaker.set_surroundings(Surroundings {
        addresses: [WEB.into(), VIP.into(), VIP6.into()].into(),
        gateway: Some(GATEWAY.into()),
        peers: BTreeSet::new(),
    });
    for frame in [
        arp::request(GATEWAY_MAC, GATEWAY, LAPTOP).to_bytes(),
        arp::request(PHONE, LAPTOP, VIP).to_bytes(),
        solicitation(PHONE, PHONE6, VIP6).to_bytes(),
    ] {
        speaker.handle_frame(&frame, START);
    }
    speaker
}

/// Runs the speaker as a driver that is in time, and collects what goes out in the first second.
fn first_second(speaker: &mut Speaker) -> Vec<(Duration, Vec<u8>)> {
    let mut sent = Vec::new();
    let mut now = START;
    while now.since(START) < Duration::from_secs(1) {
        speaker.handle_timeout(now);
        while let Some(frame) = speaker.next_frame() {
            sent.push((now.since(START), frame));
        }
        let next = speaker.next_timeout().expect("there is always a refresh");
        now = next.0.max(now + Duration::from_micros(1));
    }
    sent
}

#[test]
fn after_the_announcement_the_gateway_and_who_asked_are_told_alone() {
    let mut speaker = speaker();
    speaker.set_speaking(&set(&[VIP]), START);
    assert_eq!(
        frames(&mut speaker),
        [
            arp::gratuitous_request(OURS, VIP),
            arp::gratuitous_reply(OURS, VIP),
            arp::gratuitous_reply_to(OURS, VIP, GATEWAY_MAC),
            arp::gratuitous_reply_to(OURS, VIP, PHONE),
        ]
    );
}

#[test]
fn of_an_ipv6_address_the_ipv6_askers_are_told() {
    let mut speaker = speaker();
    speaker.set_speaking(&[VIP6.into()].into(), START);
    let sent: Vec<_> = std::iter::from_fn(|| speaker.next_frame()).collect();
    let told = ndp::unsolicited_to(OURS, VIP6, (PHONE, PHONE6));
    assert_eq!(sent.len(), 3);
    assert_eq!(sent[2], told.to_bytes());
}

#[test]
fn only_the_first_round_of_a_claim_tells_them() {
    let mut speaker = speaker();
    speaker.set_speaking(&set(&[VIP]), START);
    frames(&mut speaker);
    speaker.handle_timeout(START + Duration::from_millis(1_100));
    assert_eq!(frames(&mut speaker).len(), 2);
    speaker.announce_again(VIP.into(), START + Duration::from_millis(1_500));
    assert_eq!(
        frames(&mut speaker).len(),
        4,
        "an attack is answered to them, too"
    );
}

#[test]
fn what_is_not_spoken_for_any_more_is_told_to_nobody() {
    let mut speaker = speaker();
    let many: Vec<Ipv4Addr> = (0..100)
        .map(|last| Ipv4Addr::new(192, 168, 8, last))
        .collect();
    speaker.set_speaking(&set(&many), START);
    while speaker.next_frame().is_some() {}
    speaker.set_speaking(&BTreeSet::new(), START);
    assert_eq!(speaker.next_timeout(), None);
    speaker.handle_timeout(START + Duration::from_millis(500));
    assert_eq!(frames(&mut speaker), []);
}

#[test]
fn two_hundred_addresses_are_announced_to_everyone_before_anyone_is_told_alone_and_in_pace() {
    let mut speaker = speaker();
    let many: BTreeSet<IpAddr> = (0..200)
        .map(|last| IpAddr::from([192, 168, 9, last]))
        .collect();
    speaker.set_speaking(&many, START);
    let sent = first_second(&mut speaker);
    let is_broadcast = |frame: &[u8]| frame[..6] == [0xff; 6];
    let last_broadcast = sent.iter().rposition(|(_, frame)| is_broadcast(frame));
    assert_eq!(last_broadcast, Some(399), "two frames of each address");
    assert_eq!(sent.len(), 200 * 4);
    for (index, (at, _)) in sent.iter().enumerate() {
        let pace = Duration::from_micros(500) * u32::try_from(index).unwrap();
        assert!(
            *at + Duration::from_millis(6) >= pace,
            "frame {index} at {at:?}"
        );
    }
}
