//! The same for IPv6: who is answered and where, what is announced, what is evidence.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use proptest::prelude::*;

use super::{LAPTOP, OTHER, OURS, OWN, START, THEIRS, WEB};
use crate::decide::Sources;
use crate::frame::arp;
use crate::frame::ndp::{
    self, ALL_NODES, ALL_ROUTERS, Flags, Message, NdpFrame, probe, reply, solicitation,
    unicast_solicitation, unsolicited,
};
use crate::member::Heard;
use crate::names::Mac;
use crate::speaker::{Handled, Speaker};

const OWN6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x222);
const LAPTOP6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x50);
const VIP6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x241);
const WEB6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x240);
const SOURCES: Sources = Sources {
    v4: Some(OWN),
    v6: Some(OWN6),
};

fn set(addresses: &[Ipv6Addr]) -> BTreeSet<IpAddr> {
    addresses.iter().copied().map(IpAddr::V6).collect()
}

/// A speaker that speaks for both addresses and has nothing waiting.
fn quiet() -> Speaker {
    let mut speaker = Speaker::new(OURS, SOURCES);
    speaker.set_speaking(&set(&[WEB6, VIP6]), START);
    frames(&mut speaker);
    speaker
}

fn frames(speaker: &mut Speaker) -> Vec<NdpFrame> {
    std::iter::from_fn(|| speaker.next_frame())
        .map(|bytes| ndp::parse(&bytes).expect("only neighbour discovery goes out"))
        .collect()
}

fn heard(sender: Ipv6Addr, target: Ipv6Addr, is_reply: bool) -> Heard {
    Heard {
        mac: THEIRS,
        sender: sender.into(),
        target: target.into(),
        is_reply,
    }
}

#[track_caller]
fn check(frame: NdpFrame, expected: Handled) {
    let mut speaker = quiet();
    assert_eq!(speaker.handle_frame(&frame.to_bytes(), START), expected);
    let replies = frames(&mut speaker);
    if matches!(expected, Handled::Answered | Handled::Defended(_)) {
        assert_eq!(replies, [reply(&frame, OURS)]);
    } else {
        assert_eq!(replies, []);
    }
}

#[test]
fn questions_to_the_group_and_to_us_alone_are_answered() {
    check(solicitation(THEIRS, LAPTOP6, VIP6), Handled::Answered);
    check(
        unicast_solicitation(THEIRS, LAPTOP6, VIP6, OURS),
        Handled::Answered,
    );
}

#[test]
fn a_probe_for_our_address_is_answered_to_all_nodes_and_is_evidence() {
    let evidence = heard(Ipv6Addr::UNSPECIFIED, VIP6, false);
    check(probe(THEIRS, VIP6), Handled::Defended(evidence));
}

#[test]
fn what_concerns_other_addresses_is_only_heard() {
    check(
        solicitation(THEIRS, LAPTOP6, OWN6),
        Handled::Heard(heard(LAPTOP6, OWN6, false)),
    );
    check(
        probe(THEIRS, LAPTOP6),
        Handled::Heard(heard(Ipv6Addr::UNSPECIFIED, LAPTOP6, false)),
    );
    let answer = reply(&solicitation(OURS, OWN6, LAPTOP6), THEIRS);
    check(answer, Handled::Heard(heard(LAPTOP6, OWN6, true)));
}

#[test]
fn a_foreign_advertisement_of_our_address_is_evidence_and_not_answered() {
    check(
        unsolicited(THEIRS, VIP6, ALL_NODES),
        Handled::Heard(heard(VIP6, ALL_NODES, true)),
    );
    check(
        solicitation(THEIRS, VIP6, WEB6),
        Handled::Heard(heard(VIP6, WEB6, false)),
    );
}

#[test]
fn our_own_frames_heard_back_and_those_to_others_are_ignored() {
    let own = Handled::Ignored("ndp-own-frame");
    check(unsolicited(OURS, VIP6, ALL_NODES), own);
    let repeated = NdpFrame {
        source: OTHER,
        ..unsolicited(OURS, VIP6, ALL_NODES)
    };
    check(repeated, own);
    let elsewhere = unicast_solicitation(THEIRS, LAPTOP6, VIP6, OTHER);
    check(elsewhere, Handled::Ignored("ndp-not-for-us"));
}

#[test]
fn a_new_address_is_announced_to_nodes_and_routers_at_once_and_three_times_in_all() {
    let mut speaker = Speaker::new(OURS, SOURCES);
    speaker.set_speaking(&set(&[VIP6]), START);
    let both = [ALL_NODES, ALL_ROUTERS].map(|group| unsolicited(OURS, VIP6, group));
    let is_override = |frame: &NdpFrame| {
        frame.message
            == Message::Advertisement(Flags {
                is_override: true,
                ..Flags::default()
            })
    };
    let mut rounds = 0;
    let mut now = START;
    while now.since(START) < Duration::from_secs(10) {
        let sent = frames(&mut speaker);
        assert_eq!(sent, both, "in round {rounds}");
        assert!(sent.iter().all(is_override));
        rounds += 1;
        now = speaker.next_timeout().expect("there is always a refresh").0;
        speaker.handle_timeout(now);
    }
    assert_eq!(rounds, 3);
}

#[test]
fn both_families_are_spoken_for_at_once_and_silent_at_once() {
    let mut speaker = Speaker::new(OURS, SOURCES);
    speaker.set_speaking(&[WEB.into(), VIP6.into()].into(), START);
    let asked = [
        arp::request(THEIRS, LAPTOP, WEB).to_bytes(),
        solicitation(THEIRS, LAPTOP6, VIP6).to_bytes(),
    ];
    for frame in &asked {
        assert_eq!(speaker.handle_frame(frame, START), Handled::Answered);
    }
    speaker.set_speaking(&BTreeSet::new(), START);
    assert_eq!(speaker.next_frame(), None);
    for frame in &asked {
        let handled = speaker.handle_frame(frame, START);
        assert!(matches!(handled, Handled::Heard(_)), "{handled:?}");
    }
    assert_eq!(speaker.counters()["ndp-answered"], 1);
    assert_eq!(speaker.counters()["ndp-heard"], 1);
}

#[test]
fn a_question_is_asked_with_the_nodes_own_address() {
    let mut speaker = quiet();
    speaker.ask(LAPTOP6.into(), Some(THEIRS));
    speaker.probe(LAPTOP6.into());
    assert_eq!(
        frames(&mut speaker),
        [
            unicast_solicitation(OURS, OWN6, LAPTOP6, THEIRS),
            solicitation(OURS, OWN6, LAPTOP6),
            probe(OURS, LAPTOP6),
        ]
    );
}

fn address() -> impl Strategy<Value = Ipv6Addr> {
    (0x23e_u16..=0x243).prop_map(|last| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last))
}

fn frame() -> impl Strategy<Value = NdpFrame> {
    let mac = prop::sample::select(vec![OURS, THEIRS, OTHER]);
    (mac.clone(), mac, address(), address(), 0..4).prop_map(|(mac, whom, sender, target, form)| {
        match form {
            0 => solicitation(mac, sender, target),
            1 => unicast_solicitation(mac, sender, target, whom),
            2 => probe(mac, target),
            _ => unsolicited(mac, target, ALL_NODES),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn it_never_speaks_for_an_ipv6_address_that_it_is_not_told_to(
        steps in prop::collection::vec(
            (prop::collection::btree_set(address(), 0..5), prop::collection::vec(frame(), 0..5), 0_u64..3_000),
            0..30,
        ),
    ) {
        let mut speaker = Speaker::new(OURS, SOURCES);
        let mut now = START;
        for (speaking, heard, wait) in steps {
            let addresses: Vec<Ipv6Addr> = speaking.iter().copied().collect();
            speaker.set_speaking(&set(&addresses), now);
            for frame in heard {
                speaker.handle_frame(&frame.to_bytes(), now);
            }
            now = now + Duration::from_millis(wait);
            speaker.handle_timeout(now);
            for frame in frames(&mut speaker) {
                prop_assert_eq!(frame.source, OURS);
                prop_assert_eq!(frame.speaker_mac(), OURS);
                prop_assert!(speaking.contains(&frame.sender), "{:?}", frame);
                prop_assert_eq!(frame.target, frame.sender);
            }
        }
    }
}

#[test]
fn the_hardware_address_of_a_question_counts_and_not_that_of_an_access_point() {
    let mut asked = solicitation(THEIRS, LAPTOP6, VIP6);
    asked.source = OTHER;
    let mut speaker = quiet();
    speaker.handle_frame(&asked.to_bytes(), START);
    let to: Vec<Mac> = frames(&mut speaker)
        .iter()
        .map(|one| one.destination)
        .collect();
    assert_eq!(to, [THEIRS]);
}
