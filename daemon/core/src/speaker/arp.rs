//! ARP in the speaker: what is answered, and the frames of its own. The twin of `ndp`.

use std::net::{IpAddr, Ipv4Addr};

use super::outbox::Kind;
use super::{Handled, Outgoing, Speaker};
use crate::frame::arp::{self, ArpFrame, Operation};
use crate::member::Heard;
use crate::names::Mac;
use crate::time::Moment;

/// Names of what was answered, defended and heard.
pub(super) const COUNTERS: [&str; 3] = ["arp-answered", "arp-defended", "arp-heard"];
/// Names of what was announced and refreshed.
pub(super) const ANNOUNCED: [&str; 2] = ["arp-announced", "arp-refreshed"];

pub(super) fn handle(speaker: &mut Speaker, bytes: &[u8], now: Moment) -> Handled {
    let frame = match arp::parse(bytes) {
        Ok(frame) => frame,
        Err(reject) => return Handled::Ignored(reject.name()),
    };
    if frame.source == speaker.mac || frame.sender_mac == speaker.mac {
        return Handled::Ignored("arp-own-frame");
    }
    if frame.destination != Mac::BROADCAST && frame.destination != speaker.mac {
        return Handled::Ignored("arp-not-for-us");
    }
    let is_question = frame.operation == Operation::Request;
    let host = (IpAddr::V4(frame.sender), frame.sender_mac);
    speaker
        .askers
        .handle_frame(host, frame.target.into(), is_question);
    let heard = Heard {
        mac: frame.sender_mac,
        sender: frame.sender.into(),
        target: frame.target.into(),
        is_reply: !is_question,
    };
    if !is_answered(speaker, &frame) {
        return Handled::Heard(heard);
    }
    let answer = Outgoing {
        kind: Kind::Reply,
        sender: frame.target.into(),
        bytes: arp::reply(&frame, speaker.mac).to_bytes(),
    };
    match speaker.answer(frame.source, answer, now) {
        Ok(()) if frame.is_probe() => Handled::Defended(heard),
        Ok(()) => Handled::Answered,
        Err(name) => Handled::Ignored(name),
    }
}

/// A request for an address of ours, also a unicast one and a probe (RFC 5227). Not if the asker
/// uses an address of ours as its own: that is evidence and no question.
fn is_answered(speaker: &Speaker, frame: &ArpFrame) -> bool {
    frame.operation == Operation::Request
        && speaker.speaking.contains(&frame.target.into())
        && !speaker.speaking.contains(&frame.sender.into())
}

/// Both forms: some receivers ignore one or the other.
pub(super) fn announcements(speaker: &Speaker, address: Ipv4Addr) -> [Vec<u8>; 2] {
    [
        arp::gratuitous_request(speaker.mac, address).to_bytes(),
        arp::gratuitous_reply(speaker.mac, address).to_bytes(),
    ]
}

/// The announcement to one host.
pub(super) fn update(speaker: &Speaker, address: Ipv4Addr, whom: Mac) -> Vec<u8> {
    arp::gratuitous_reply_to(speaker.mac, address, whom).to_bytes()
}

/// Unicast and broadcast, with the node's own address if it has one.
pub(super) fn questions(speaker: &Speaker, target: Ipv4Addr, whom: Option<Mac>) -> Vec<Outgoing> {
    let Some(own) = speaker.sources.v4 else {
        return Vec::new();
    };
    let unicast = whom.map(|whom| arp::unicast_request(speaker.mac, own, target, whom));
    let frames = unicast
        .into_iter()
        .chain([arp::request(speaker.mac, own, target)]);
    frames.map(|frame| question(&frame)).collect()
}

pub(super) fn probe(speaker: &Speaker, target: Ipv4Addr) -> Outgoing {
    question(&arp::probe(speaker.mac, target))
}

fn question(frame: &ArpFrame) -> Outgoing {
    Outgoing {
        kind: Kind::Ask,
        sender: frame.sender.into(),
        bytes: frame.to_bytes(),
    }
}
