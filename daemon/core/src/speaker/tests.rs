//! What is answered, what is heard, what is announced; and that nothing else ever goes out.

mod ndp;
mod updates;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use proptest::prelude::*;

use super::{Handled, Speaker};
use crate::decide::Sources;
use crate::frame::arp::{self, ArpFrame, Operation};
use crate::member::Heard;
use crate::names::Mac;
use crate::time::Moment;

const OURS: Mac = Mac([0x02, 0, 0, 0, 0, 0x01]);
const THEIRS: Mac = Mac([0x02, 0, 0, 0, 0, 0x02]);
const OTHER: Mac = Mac([0x02, 0, 0, 0, 0, 0x03]);
const OWN: Ipv4Addr = Ipv4Addr::new(192, 168, 8, 222);
const LAPTOP: Ipv4Addr = Ipv4Addr::new(192, 168, 8, 50);
const WEB: Ipv4Addr = Ipv4Addr::new(192, 168, 8, 240);
const VIP: Ipv4Addr = Ipv4Addr::new(192, 168, 8, 241);
const SOURCES: Sources = Sources {
    v4: Some(OWN),
    v6: None,
};
const START: Moment = Moment::from_millis(50_000);

/// A speaker that speaks for the two addresses and has nothing waiting.
fn quiet() -> Speaker {
    let mut speaker = Speaker::new(OURS, SOURCES);
    speaker.set_speaking(&set(&[WEB, VIP]), START);
    frames(&mut speaker);
    speaker
}

fn frames(speaker: &mut Speaker) -> Vec<ArpFrame> {
    std::iter::from_fn(|| speaker.next_frame())
        .map(|bytes| arp::parse(&bytes).expect("only ARP frames go out"))
        .collect()
}

fn set(addresses: &[Ipv4Addr]) -> BTreeSet<IpAddr> {
    addresses.iter().copied().map(IpAddr::V4).collect()
}

fn heard(sender: Ipv4Addr, target: Ipv4Addr, is_reply: bool) -> Handled {
    Handled::Heard(Heard {
        mac: THEIRS,
        sender: sender.into(),
        target: target.into(),
        is_reply,
    })
}

#[track_caller]
fn check(frame: ArpFrame, expected: Handled) {
    let mut speaker = quiet();
    assert_eq!(speaker.handle_frame(&frame.to_bytes(), START), expected);
    let replies = frames(&mut speaker);
    if matches!(expected, Handled::Answered | Handled::Defended(_)) {
        assert_eq!(replies, [arp::reply(&frame, OURS)]);
    } else {
        assert_eq!(replies, []);
    }
}

#[test]
fn a_broadcast_request_for_our_address_is_answered() {
    check(arp::request(THEIRS, LAPTOP, VIP), Handled::Answered);
}

#[test]
fn a_unicast_request_for_our_address_is_answered() {
    check(
        arp::unicast_request(THEIRS, LAPTOP, VIP, OURS),
        Handled::Answered,
    );
}

#[test]
fn a_probe_for_our_address_is_answered_and_is_evidence() {
    let Handled::Heard(evidence) = heard(Ipv4Addr::UNSPECIFIED, VIP, false) else {
        unreachable!("it was made so");
    };
    check(arp::probe(THEIRS, VIP), Handled::Defended(evidence));
}

#[test]
fn a_request_for_another_address_is_only_heard() {
    check(arp::request(THEIRS, LAPTOP, OWN), heard(LAPTOP, OWN, false));
    check(
        arp::probe(THEIRS, LAPTOP),
        heard(Ipv4Addr::UNSPECIFIED, LAPTOP, false),
    );
}

#[test]
fn a_foreign_announcement_of_our_address_is_evidence_and_not_answered() {
    check(arp::gratuitous_request(THEIRS, VIP), heard(VIP, VIP, false));
    check(arp::gratuitous_reply(THEIRS, VIP), heard(VIP, VIP, true));
    check(arp::request(THEIRS, VIP, WEB), heard(VIP, WEB, false));
}

#[test]
fn a_reply_is_heard() {
    let asked = arp::request(OURS, OWN, LAPTOP);
    check(arp::reply(&asked, THEIRS), heard(LAPTOP, OWN, true));
}

#[test]
fn our_own_frames_heard_back_are_ignored() {
    let own = Handled::Ignored("arp-own-frame");
    check(arp::gratuitous_request(OURS, VIP), own);
    let repeated = ArpFrame {
        source: OTHER,
        ..arp::gratuitous_request(OURS, VIP)
    };
    check(repeated, own);
}

#[test]
fn a_request_to_another_station_is_ignored() {
    let frame = arp::unicast_request(THEIRS, LAPTOP, VIP, OTHER);
    check(frame, Handled::Ignored("arp-not-for-us"));
}

#[test]
fn an_answer_goes_to_the_asker_and_not_to_the_access_point() {
    let frame = ArpFrame {
        source: OTHER,
        ..arp::request(THEIRS, LAPTOP, VIP)
    };
    let mut speaker = quiet();
    assert_eq!(
        speaker.handle_frame(&frame.to_bytes(), START),
        Handled::Answered
    );
    assert_eq!(frames(&mut speaker)[0].destination, THEIRS);
}

#[test]
fn a_new_address_is_announced_at_once_in_both_forms() {
    let mut speaker = Speaker::new(OURS, SOURCES);
    speaker.set_speaking(&set(&[VIP]), START);
    let both = [
        arp::gratuitous_request(OURS, VIP),
        arp::gratuitous_reply(OURS, VIP),
    ];
    assert_eq!(frames(&mut speaker), both);
    let (at, what) = speaker.next_timeout().expect("there is a next round");
    assert_eq!(
        (at.since(START), what),
        (Duration::from_millis(1_100), "announce")
    );
    speaker.set_speaking(&set(&[VIP]), START);
    assert_eq!(frames(&mut speaker), [], "it is not new any more");
    speaker.handle_timeout(at);
    assert_eq!(frames(&mut speaker), both);
}

#[test]
fn an_address_that_is_gone_takes_its_waiting_frames_with_it() {
    let mut speaker = Speaker::new(OURS, SOURCES);
    speaker.set_speaking(&set(&[WEB, VIP]), START);
    speaker.handle_frame(&arp::request(THEIRS, LAPTOP, VIP).to_bytes(), START);
    speaker.set_speaking(&set(&[WEB]), START);
    let left = frames(&mut speaker);
    assert!(left.iter().all(|frame| frame.sender == WEB), "{left:?}");
    assert_eq!(left.len(), 2);
    let asked = arp::request(THEIRS, LAPTOP, VIP).to_bytes();
    assert_eq!(
        speaker.handle_frame(&asked, START),
        heard(LAPTOP, VIP, false)
    );
}

#[test]
fn a_new_hardware_address_is_announced_and_the_old_one_never_again() {
    let mut speaker = Speaker::new(OURS, SOURCES);
    speaker.set_speaking(&set(&[VIP]), START);
    speaker.set_link(OTHER, SOURCES, START + Duration::from_secs(9));
    let sent = frames(&mut speaker);
    assert_eq!(sent.len(), 2);
    assert!(
        sent.iter()
            .all(|frame| frame.sender_mac == OTHER && frame.source == OTHER)
    );
}

#[test]
fn an_address_is_announced_again_only_if_it_is_spoken_for() {
    let mut speaker = quiet();
    let later = START + Duration::from_millis(500);
    speaker.announce_again(LAPTOP.into(), later);
    assert_eq!(frames(&mut speaker), []);
    speaker.announce_again(VIP.into(), later);
    assert_eq!(frames(&mut speaker).len(), 2);
}

#[test]
fn a_question_is_asked_with_the_nodes_own_address() {
    let mut speaker = quiet();
    speaker.ask(LAPTOP.into(), Some(THEIRS));
    speaker.ask(VIP.into(), None);
    assert_eq!(
        frames(&mut speaker),
        [
            arp::unicast_request(OURS, OWN, LAPTOP, THEIRS),
            arp::request(OURS, OWN, LAPTOP),
            arp::request(OURS, OWN, VIP),
        ]
    );
}

#[test]
fn after_a_reset_it_speaks_for_nothing_until_it_is_told_to() {
    let mut speaker = Speaker::new(OURS, SOURCES);
    speaker.set_speaking(&set(&[VIP]), START);
    speaker.reset();
    assert_eq!(frames(&mut speaker), []);
    assert_eq!(speaker.next_timeout(), None);
    let asked = arp::request(THEIRS, LAPTOP, VIP).to_bytes();
    assert_eq!(
        speaker.handle_frame(&asked, START),
        heard(LAPTOP, VIP, false)
    );
    speaker.set_speaking(&set(&[VIP]), START);
    assert_eq!(frames(&mut speaker).len(), 2);
}

#[test]
fn what_happened_is_counted_by_name() {
    let mut speaker = quiet();
    speaker.handle_frame(&[0; 10], START);
    speaker.handle_frame(&arp::request(THEIRS, LAPTOP, VIP).to_bytes(), START);
    speaker.handle_frame(&arp::request(THEIRS, LAPTOP, OWN).to_bytes(), START);
    let counters: Vec<_> = speaker.counters().into_iter().collect();
    assert_eq!(
        counters,
        [
            ("arp-announced", 2),
            ("arp-answered", 1),
            ("arp-heard", 1),
            ("arp-truncated", 1)
        ]
    );
}

#[test]
fn whether_an_address_is_free_is_asked_without_a_sender() {
    let mut speaker = quiet();
    speaker.probe(LAPTOP.into());
    assert_eq!(frames(&mut speaker), [arp::probe(OURS, LAPTOP)]);
}

#[test]
fn without_an_address_of_its_own_it_asks_nothing() {
    let mut speaker = Speaker::new(OURS, Sources::default());
    speaker.ask(LAPTOP.into(), Some(THEIRS));
    assert_eq!(frames(&mut speaker), []);
    assert_eq!(speaker.counters()["ask-without-source"], 1);
}

#[test]
fn a_flood_of_one_asker_is_not_answered_frame_for_frame() {
    let mut speaker = quiet();
    let asked = arp::request(THEIRS, LAPTOP, VIP).to_bytes();
    let mut answered = 0;
    for _ in 0..10_000 {
        speaker.handle_frame(&asked, START);
        answered += frames(&mut speaker).len();
    }
    assert_eq!(answered, 1_000);
    let over = Handled::Ignored("answer-over-limit-of-source");
    assert_eq!(speaker.handle_frame(&asked, START), over);
    let other = arp::request(OTHER, LAPTOP, VIP);
    assert_eq!(
        speaker.handle_frame(&other.to_bytes(), START + Duration::from_millis(1)),
        Handled::Answered
    );
}

#[derive(Debug, Clone)]
enum Step {
    Speak(BTreeSet<Ipv4Addr>),
    Frame(Box<ArpFrame>),
    Bytes(Vec<u8>),
    Ask(Ipv4Addr, bool),
    Again(Ipv4Addr),
    Relink(bool),
    Reset,
    Flush,
    Wait(u16),
}

/// One of few addresses, so that steps meet.
fn address() -> impl Strategy<Value = Ipv4Addr> {
    (238_u8..=243).prop_map(|last| Ipv4Addr::new(192, 168, 8, last))
}

fn frame() -> impl Strategy<Value = ArpFrame> {
    let mac = prop::sample::select(vec![OURS, THEIRS, OTHER, Mac::BROADCAST]);
    (mac.clone(), mac, address(), address(), any::<bool>()).prop_map(
        |(destination, source, sender, target, is_reply)| ArpFrame {
            destination,
            source,
            operation: if is_reply {
                Operation::Reply
            } else {
                Operation::Request
            },
            sender_mac: source,
            sender,
            target_mac: Mac::ZERO,
            target,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => prop::collection::btree_set(address(), 0..5).prop_map(Step::Speak),
        4 => frame().prop_map(|frame| Step::Frame(Box::new(frame))),
        1 => prop::collection::vec(any::<u8>(), 0..70).prop_map(Step::Bytes),
        2 => (address(), any::<bool>()).prop_map(|(target, knows)| Step::Ask(target, knows)),
        1 => address().prop_map(Step::Again),
        1 => any::<bool>().prop_map(Step::Relink),
        1 => Just(Step::Reset),
        3 => Just(Step::Flush),
        3 => any::<u16>().prop_map(Step::Wait),
    ]
}

/// A speaker with what it is held to.
struct World {
    speaker: Speaker,
    mac: Mac,
    speaking: BTreeSet<Ipv4Addr>,
    /// Told to speak for, and not announced since.
    owed: BTreeSet<Ipv4Addr>,
    now: Moment,
}

impl World {
    fn take(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Speak(addresses) => {
                self.owed.retain(|address| addresses.contains(address));
                self.owed.extend(addresses.difference(&self.speaking));
                let shown: Vec<Ipv4Addr> = addresses.iter().copied().collect();
                self.speaker.set_speaking(&set(&shown), self.now);
                self.speaking = addresses;
            }
            Step::Frame(frame) => {
                self.speaker.handle_frame(&frame.to_bytes(), self.now);
            }
            Step::Bytes(bytes) => {
                self.speaker.handle_frame(&bytes, self.now);
            }
            Step::Ask(target, knows) => self.speaker.ask(target.into(), knows.then_some(OTHER)),
            Step::Again(address) => self.speaker.announce_again(address.into(), self.now),
            Step::Relink(is_new) => {
                self.mac = if is_new { THEIRS } else { OURS };
                self.speaker.set_link(self.mac, SOURCES, self.now);
                self.owed.clone_from(&self.speaking);
            }
            Step::Reset => {
                self.speaker.reset();
                self.speaking.clear();
                self.owed.clear();
            }
            Step::Flush => self.flush()?,
            Step::Wait(millis) => {
                self.now = self.now + Duration::from_millis(u64::from(millis));
                self.speaker.handle_timeout(self.now);
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), TestCaseError> {
        for frame in frames(&mut self.speaker) {
            prop_assert_eq!(frame.source, self.mac);
            prop_assert_eq!(frame.sender_mac, self.mac);
            let may_speak = frame.sender == OWN || self.speaking.contains(&frame.sender);
            prop_assert!(
                may_speak,
                "{:?} while speaking for {:?}",
                frame,
                self.speaking
            );
            if frame.is_gratuitous() {
                self.owed.remove(&frame.sender);
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn it_never_speaks_for_what_it_is_not_told_to_and_always_announces_what_it_is(
        steps in prop::collection::vec(step(), 0..60),
    ) {
        let mut world = World {
            speaker: Speaker::new(OURS, SOURCES),
            mac: OURS,
            speaking: BTreeSet::new(),
            owed: BTreeSet::new(),
            now: START,
        };
        for step in steps {
            world.take(step)?;
        }
        world.take(Step::Flush)?;
        // A driver that is in time: everything owed goes out within the pace.
        for _ in 0..20 {
            world.take(Step::Wait(1))?;
            world.take(Step::Flush)?;
        }
        prop_assert_eq!(world.owed, BTreeSet::new());
    }
}
