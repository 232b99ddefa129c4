//! The bodies of the fuzz targets: any bytes in, and nothing but a panic fails.
//!
//! Used by `fuzz/` (cargo-fuzz, with the feature `fuzzing`) and by the test that replays
//! `fuzz/corpus`; never part of a program.

mod driver;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::config;
use crate::decide::Sources;
use crate::frame::{dhcp, ndp};
use crate::member::keys::{KeyRing, Keys, Secrets};
use crate::member::memory;
use crate::member::wire::{self, Reject};
use crate::names::Mac;
use crate::speaker::Speaker;
use crate::time::Moment;

pub use driver::member;

/// A target: its name, which is that of its corpus, and its body.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 6] = [
    ("frames", frames),
    ("heartbeats", heartbeats),
    ("member", member),
    ("memory", memory),
    ("config", config),
    ("key_file", key_file),
];

/// The key of the corpus: the bytes 0 to 31.
pub fn corpus_secrets() -> Secrets {
    let mut first = [0; 32];
    for (byte, value) in first.iter_mut().zip(0..) {
        *byte = value;
    }
    Secrets {
        first,
        second: None,
    }
}

/// A frame as it comes from a packet socket, to a node that speaks for an address.
pub fn frames(bytes: &[u8]) {
    let mac = Mac([2, 0, 0x5e, 0, 0x53, 1]);
    let sources = Sources {
        v4: Some([192, 0, 2, 1].into()),
        v6: Some("2001:db8::1".parse().expect("an address")),
    };
    let now = Moment::from_millis(1_000);
    let mut speaker = Speaker::new(mac, sources);
    let address = IpAddr::from([192, 0, 2, 240]);
    speaker.set_speaking(&BTreeSet::from([address]), now);
    speaker.handle_timeout(now);
    while speaker.next_frame().is_some() {}
    speaker.handle_frame(bytes, now);
    let _refused_or_not = (dhcp::parse(bytes), ndp::parse(bytes));
    let mut answers = 0;
    while let Some(answer) = speaker.next_frame() {
        answers += 1;
        // A cable that is looped brings it back: nothing comes of that but one answer.
        speaker.handle_frame(&answer, now);
        assert!(answers <= 2, "one frame in, many out");
    }
}

/// A datagram as it comes from the wire, and the same bytes with a right code.
pub fn heartbeats(bytes: &[u8]) {
    let keys = Keys::derive(&corpus_secrets().first);
    let _refused_or_not = wire::decode(bytes, &[&keys]);
    let _refused_or_not = wire::decode(bytes, &[&Keys::none()]);
    let mut protected = bytes.to_vec();
    protected.extend_from_slice(&keys.code(bytes));
    match wire::decode(&protected, &[&keys]) {
        Ok(datagram) => {
            let again = wire::encode(&datagram, &keys);
            let decoded = wire::decode(&again, &[&keys]);
            assert_eq!(decoded, Ok(datagram), "what is believed can be said");
        }
        Err(Reject::Mac) => assert!(wire::key_id(bytes) != Some(keys.id()), "the code is right"),
        Err(
            Reject::NotOurs(_)
            | Reject::TooLong
            | Reject::Truncated
            | Reject::Key(_)
            | Reject::Version(_)
            | Reject::Malformed,
        ) => {}
    }
}

/// The file of remembered state, with the checksum that is in it and with a right one.
pub fn memory(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let sealed = memory::seal(&text);
    for text in [&*text, &sealed] {
        if let Ok(memories) = memory::from_text(text) {
            let again = memory::from_text(&memory::to_text(&memories));
            assert_eq!(again, Ok(memories), "what is read can be written");
        }
    }
}

/// The config file.
pub fn config(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Err(problems) = config::parse(&text) {
        assert!(!config::render("sovnet.toml", &problems).is_empty());
    }
}

/// The key file.
pub fn key_file(bytes: &[u8]) {
    if let Ok(secrets) = Secrets::read(bytes) {
        let ring = KeyRing::new(&secrets);
        assert_eq!(ring.accepted().len(), ring.ids().len());
        assert!(!format!("{secrets:?} {ring:?}").contains("first"));
    }
}
