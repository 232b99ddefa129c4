//! Hosts that are peers and are not believed: from the config and never heard (a firewall), or with
//! another key. Two such nodes see each other's ARP and nothing else (ELECTION section 2, R11, R14).
//!
//! Owns who they are and their MACs; what follows from their frames is decided in `evidence`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use super::placement::{DEFAULT_WEIGHT, score};
use super::timers::MAX_PEERS;
use super::wire::AddressKey;
use super::{LogLine, Member, Output};
use crate::names::{Mac, NodeId};
use crate::report::Liveness;
use crate::time::Moment;

/// A host that sent a wrong key counts as a stranger for so long: three of its broadcast hellos.
const WRONG_KEY_COUNTS: Duration = Duration::from_secs(30);

/// What is known of strangers.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    /// Who sent a datagram with another key or without one, and when last.
    pub(super) wrong_keys: BTreeMap<IpAddr, Moment>,
    /// Who answered for one of the announced addresses, and when last.
    pub(super) speaks: BTreeMap<IpAddr, Moment>,
    /// The MAC that last answered for its own address, and when.
    macs: BTreeMap<IpAddr, (Mac, Moment)>,
    asked_at: Option<Moment>,
}

impl Strangers {
    /// When this MAC last answered for the stranger's own address.
    pub(super) fn answered_at(&self, host: IpAddr, mac: Mac) -> Option<Moment> {
        let (known, at) = self.macs.get(&host)?;
        (*known == mac).then_some(*at)
    }
}

impl Member {
    /// A datagram that was protected by another key, or by none.
    pub(super) fn note_wrong_key(&mut self, source: IpAddr, now: Moment) {
        let known = &mut self.strangers.wrong_keys;
        known.retain(|_, at| now.since(*at) < WRONG_KEY_COUNTS);
        if known.len() >= MAX_PEERS && !known.contains_key(&source) {
            return;
        }
        if known.insert(source, now).is_none() {
            let text = format!("{source} sends heartbeats with another key, or with none");
            self.log(LogLine {
                is_warning: true,
                address: None,
                peer: None,
                text,
            });
        }
    }

    /// An ARP frame from the own address of a stranger: true if it was one.
    pub(super) fn hear_stranger(&mut self, host: IpAddr, mac: Mac, now: Moment) -> bool {
        let strangers = self.strangers(now);
        let is_stranger = strangers.contains(&host);
        self.strangers.macs.retain(|one, _| strangers.contains(one));
        self.strangers
            .speaks
            .retain(|one, _| strangers.contains(one));
        if is_stranger {
            self.strangers.macs.insert(host, (mac, now));
        }
        is_stranger
    }

    /// The stranger that sent a frame for an announced address.
    pub(super) fn speaking_stranger(&mut self, mac: Mac, now: Moment) -> Option<IpAddr> {
        let found = self.strangers.macs.iter().find(|(_, (one, _))| *one == mac);
        let host = found.map(|(host, _)| *host)?;
        let is_stranger = self.strangers(now).contains(&host);
        if is_stranger {
            self.strangers.speaks.insert(host, now);
        }
        is_stranger.then_some(host)
    }

    /// Asks for the MACs of strangers: often in the first seconds, then seldom, since one that comes
    /// later asks for this node and so shows its own.
    pub(super) fn ask_strangers(&mut self, now: Moment) {
        let is_young = now.since(self.watch.join_at) < self.timers.hello;
        let pause = if is_young {
            self.timers.wire
        } else {
            self.timers.hello
        };
        let asked_at = self.strangers.asked_at;
        if asked_at.is_some_and(|at| now.since(at) < pause) {
            return;
        }
        self.strangers.asked_at = Some(now);
        for target in self.strangers(now) {
            if !self.strangers.macs.contains_key(&target) {
                self.outputs.push_back(Output::Ask { target, mac: None });
            }
        }
    }

    fn strangers(&self, now: Moment) -> BTreeSet<IpAddr> {
        let wrong = self.strangers.wrong_keys.iter();
        // Where the config says who the peers are, nobody becomes one by sending rubbish.
        let peers = &self.settings.peers;
        let wrong = wrong.filter(|(host, at)| {
            now.since(**at) < WRONG_KEY_COUNTS && (peers.is_empty() || peers.contains(host))
        });
        let believed = self.peers.values();
        let believed = believed.filter(|peer| peer.liveness != Liveness::Unknown);
        let believed: BTreeSet<IpAddr> = believed.map(|peer| peer.address).collect();
        let mut strangers: BTreeSet<IpAddr> = wrong.map(|(host, _)| *host).collect();
        strangers.extend(&self.expected);
        strangers.retain(|host| !believed.contains(host));
        strangers
    }
}

/// The rank of a host in R14. By its own address, since the two may not know each other's identity,
/// and both must come to the same result.
pub(super) fn rank(key: AddressKey, host: IpAddr) -> (u64, IpAddr) {
    let node = match host {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            NodeId([0, 0, 0, 0, a, b, c, d])
        }
        // The lower half names the host on its link.
        IpAddr::V6(v6) => {
            let [_, _, _, _, _, _, _, _, host @ ..] = v6.octets();
            NodeId(host)
        }
    };
    (score(key, node, DEFAULT_WEIGHT), host)
}
