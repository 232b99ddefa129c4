//! Neighbour discovery in the speaker: what is answered, and the frames of its own. The twin of
//! `arp`.

use std::net::{IpAddr, Ipv6Addr};

use super::outbox::Kind;
use super::{Handled, Outgoing, Speaker};
use crate::frame::ndp::{self, ALL_NODES, ALL_ROUTERS, Message, NdpFrame};
use crate::member::Heard;
use crate::names::Mac;
use crate::time::Moment;

/// Names of what was answered, defended and heard.
pub(super) const COUNTERS: [&str; 3] = ["ndp-answered", "ndp-defended", "ndp-heard"];
/// Names of what was announced and refreshed.
pub(super) const ANNOUNCED: [&str; 2] = ["ndp-announced", "ndp-refreshed"];

pub(super) fn handle(speaker: &mut Speaker, bytes: &[u8], now: Moment) -> Handled {
    let frame = match ndp::parse(bytes) {
        Ok(frame) => frame,
        Err(reject) => return Handled::Ignored(reject.name()),
    };
    if frame.source == speaker.mac || frame.speaker_mac() == speaker.mac {
        return Handled::Ignored("ndp-own-frame");
    }
    if frame.destination.is_unicast() && frame.destination != speaker.mac {
        return Handled::Ignored("ndp-not-for-us");
    }
    let heard = heard(&frame);
    let host = (heard.sender, heard.mac);
    speaker
        .askers
        .handle_frame(host, heard.target, !heard.is_reply);
    if !is_answered(speaker, &frame) {
        return Handled::Heard(heard);
    }
    let answer = Outgoing {
        kind: Kind::Reply,
        sender: frame.target.into(),
        bytes: ndp::reply(&frame, speaker.mac).to_bytes(),
    };
    match speaker.answer(frame.source, answer, now) {
        Ok(()) if frame.is_probe() => Handled::Defended(heard),
        Ok(()) => Handled::Answered,
        Err(name) => Handled::Ignored(name),
    }
}

/// In the words of ARP: an advertisement speaks for its target and goes to its receiver.
fn heard(frame: &NdpFrame) -> Heard {
    let (sender, target, is_reply) = match frame.message {
        Message::Solicitation => (frame.sender, frame.target, false),
        Message::Advertisement(_) => (frame.target, frame.receiver, true),
    };
    Heard {
        mac: frame.speaker_mac(),
        sender: sender.into(),
        target: target.into(),
        is_reply,
    }
}

/// A solicitation for an address of ours, also a unicast one (RFC 4861 section 7.3) and a probe
/// (RFC 4862 section 5.4). Not if the asker uses an address of ours as its own: that is evidence
/// and no question.
fn is_answered(speaker: &Speaker, frame: &NdpFrame) -> bool {
    frame.message == Message::Solicitation
        && speaker.speaking.contains(&frame.target.into())
        && !speaker.speaking.contains(&frame.sender.into())
}

/// To all nodes, and to all routers, which make an entry of it (RFC 9131).
pub(super) fn announcements(speaker: &Speaker, address: Ipv6Addr) -> [Vec<u8>; 2] {
    [ALL_NODES, ALL_ROUTERS].map(|group| ndp::unsolicited(speaker.mac, address, group).to_bytes())
}

/// The announcement to one host.
pub(super) fn update(speaker: &Speaker, address: Ipv6Addr, whom: (Mac, Ipv6Addr)) -> Vec<u8> {
    ndp::unsolicited_to(speaker.mac, address, whom).to_bytes()
}

/// To one and to the group, with the node's own address if it has one.
pub(super) fn questions(speaker: &Speaker, target: Ipv6Addr, whom: Option<Mac>) -> Vec<Outgoing> {
    let Some(own) = speaker.sources.v6 else {
        return Vec::new();
    };
    let unicast = whom.map(|whom| ndp::unicast_solicitation(speaker.mac, own, target, whom));
    let frames = unicast
        .into_iter()
        .chain([ndp::solicitation(speaker.mac, own, target)]);
    frames.map(|frame| question(&frame)).collect()
}

pub(super) fn probe(speaker: &Speaker, target: Ipv6Addr) -> Outgoing {
    question(&ndp::probe(speaker.mac, target))
}

fn question(frame: &NdpFrame) -> Outgoing {
    Outgoing {
        kind: Kind::Ask,
        sender: IpAddr::V6(frame.sender),
        bytes: frame.to_bytes(),
    }
}
