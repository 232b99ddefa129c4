//! What the member does about hosts that are no nodes and use addresses of ours: it defends or
//! leaves the address, tells it once, asks who answers for everything, and probes what is free.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::conflict::{Act, Conflict, Met, Stand};
use super::own::{Claim, Own};
use super::placement::{DEFAULT_WEIGHT, score};
use super::proxy::{Answer, DECOYS};
use super::rules::{self, Rule};
use super::wire::AddressKey;
use super::{Heard, LogLine, Member, Output};
use crate::config::Conflict as Policy;
use crate::names::Mac;
use crate::report::{Handling, Liveness, NodeState, Sighting};
use crate::time::Moment;

/// The neighbourhood that decoys are chosen from: a router that answers for a part of the subnet
/// has a route for that part, and not for one address.
const DECOY_PREFIX_V4: u8 = 26;

/// Numbers drawn for decoys, at most: in a small subnet nearly every address may be somebody's.
const DECOY_DRAWS: usize = 24;

impl Member {
    /// A frame of a host that is no peer, with one of the announced addresses as sender.
    pub(super) fn meet_foreigner(&mut self, own: &mut Own, heard: Heard, now: Moment) {
        let Some(sighting) = self.judge_sighting(heard, now) else {
            return;
        };
        let met = Met {
            mac: heard.mac,
            sighting,
            stand: stand_of(own),
        };
        self.meet(own, met, now);
    }

    fn meet(&mut self, own: &mut Own, met: Met, now: Moment) {
        self.count("foreign-claims-heard");
        let policy = self.plan.watched.policy;
        let (act, is_news) = self.conflicts.meet(own.address, met, policy, now);
        if is_news {
            self.tell_conflict(own.address, met.mac);
        }
        match act {
            Act::Nothing => {}
            Act::Defend => {
                self.outputs.push_back(Output::Announce(own.address));
                if rules::applies(Rule::S3Unmet) {
                    self.hellos.hasten(&self.timers, now);
                }
                // Whether it still has the address shows by its answer, and not by luck.
                if policy != Policy::Defend {
                    self.outputs.push_back(Output::Probe(own.address));
                }
            }
            Act::Withhold => self.withhold(own, met.mac, now),
        }
    }

    /// The policy leaves the address to the host.
    fn withhold(&mut self, own: &mut Own, mac: Mac, now: Moment) {
        own.pursuit = None;
        own.ask = None;
        let reason = format!("left to {mac}, which is no node and uses it");
        let text = format!(
            "{} is left to {mac}, which is no node and uses it",
            own.address
        );
        self.log(LogLine {
            is_warning: true,
            address: Some(own.address),
            peer: None,
            text,
        });
        if own.is_active() {
            self.give_up(own, Claim::None, reason, now);
        }
    }

    /// What kind of frame it is; none if it says nothing about who has the address.
    fn judge_sighting(&mut self, heard: Heard, now: Moment) -> Option<Sighting> {
        // A proxy answers announcements of ours, too; only what goes to a group was not asked for.
        let is_answer = heard.is_reply && !heard.target.is_multicast();
        if !is_answer {
            return Some(Sighting::Announcement);
        }
        match self.proxies.answer(heard.mac, heard.sender, now) {
            Answer::Host => Some(Sighting::Answer),
            Answer::Wait => None,
            Answer::Proxy => {
                self.count("proxy-answers-heard");
                None
            }
            Answer::Ask => {
                let decoys = self.draw_decoys(heard.sender);
                if decoys.len() < DECOYS {
                    return Some(Sighting::Answer);
                }
                for target in &decoys {
                    let (target, mac) = (*target, None);
                    self.outputs.push_back(Output::Ask { target, mac });
                }
                self.proxies.begin(heard.mac, heard.sender, decoys, now);
                None
            }
        }
    }

    /// Addresses near this one that are nobody's, as far as is known.
    pub(super) fn draw_decoys(&mut self, near: IpAddr) -> BTreeSet<IpAddr> {
        let mut decoys = BTreeSet::new();
        for _ in 0..DECOY_DRAWS {
            let drawn = self.rng.next();
            let address = match near {
                IpAddr::V4(near) => IpAddr::V4(near_v4(near, self.plan.subnet.prefix(), drawn)),
                IpAddr::V6(near) => IpAddr::V6(near_v6(near, drawn)),
            };
            // The address in question is out of the table while a frame about it is judged.
            if address != near && !self.is_known_address(address) {
                decoys.insert(address);
            }
            if decoys.len() == DECOYS {
                break;
            }
        }
        decoys
    }

    fn is_known_address(&self, address: IpAddr) -> bool {
        let subnet = self.plan.subnet;
        let is_special = address == subnet.network()
            || subnet.broadcast().map(IpAddr::V4) == Some(address)
            || self.plan.is_own(address)
            || self.plan.gateway == Some(address);
        let is_host = self.watch.hosts.iter().any(|(host, _)| *host == address)
            || self.peers.values().any(|peer| peer.address == address)
            || self.expected.contains(&address);
        let mut ranges = self.plan.watched.ranges.iter();
        is_special
            || is_host
            || self.addresses.contains_key(&address)
            || ranges.any(|range| range.contains(address))
    }

    /// A frame of a host that is no peer about a free address of a pool.
    pub(super) fn hear_free(&mut self, heard: Heard, now: Moment) {
        self.prober.note_heard(heard.sender);
        let is_peer = self.peers.values().any(|peer| peer.mac == Some(heard.mac))
            || self.speaking_stranger(heard.mac, now).is_some();
        if is_peer {
            return;
        }
        if let Some(sighting) = self.judge_sighting(heard, now) {
            self.occupy(heard.sender, heard.mac, sighting, now);
        }
    }

    /// A free address of a pool turns out to be somebody's.
    pub(super) fn occupy(&mut self, address: IpAddr, mac: Mac, sighting: Sighting, now: Moment) {
        let met = Met {
            mac,
            sighting,
            stand: Stand::Free,
        };
        self.count("foreign-claims-heard");
        let policy = self.plan.watched.policy;
        let (act, is_news) = self.conflicts.meet(address, met, policy, now);
        if act == Act::Withhold {
            self.prober.note_taken(address, now);
        }
        if is_news {
            let text = format!("{address} of a pool is used by {mac}, which is no node");
            self.log(LogLine {
                is_warning: true,
                address: Some(address),
                peer: None,
                text,
            });
        }
    }

    /// Somebody asks whether an address is free, in order to take it (RFC 5227 section 2.1.1).
    pub(super) fn hear_probe(&mut self, heard: Heard, now: Moment) {
        if heard.is_reply || self.peers.values().any(|peer| peer.mac == Some(heard.mac)) {
            return;
        }
        if self.prober.contains(heard.target) {
            return self.prober.note_interest(heard.target, now);
        }
        let own = self.addresses.get(&heard.target);
        // The speaker has answered it: that is the defence.
        if own.is_some_and(Own::is_active) {
            let is_news = self.conflicts.note_probe(heard.target, heard.mac, now);
            if is_news {
                self.tell_conflict(heard.target, heard.mac);
            }
        }
    }

    fn tell_conflict(&mut self, address: IpAddr, mac: Mac) {
        let text = format!("{address} is also used by {mac}, which is no node");
        self.log(LogLine {
            is_warning: true,
            address: Some(address),
            peer: None,
            text,
        });
    }

    /// Once a turn: what was asked is settled, what is due is asked.
    pub(super) fn watch_foreigners(&mut self, now: Moment) {
        for (mac, address) in self.proxies.settle(now) {
            self.meet_settled(mac, address, now);
        }
        let (asked, over) = self.conflicts.look(now);
        for address in asked {
            self.outputs.push_back(Output::Probe(address));
        }
        for (address, conflict) in over {
            self.end_conflict(address, &conflict);
        }
        if matches!(self.state, NodeState::Active | NodeState::Draining) {
            self.probe_free(now);
        }
    }

    /// A host turned out to be no proxy: what it answered for is its own.
    fn meet_settled(&mut self, mac: Mac, address: IpAddr, now: Moment) {
        let sighting = Sighting::Answer;
        let Some(mut own) = self.addresses.remove(&address) else {
            if self.prober.contains(address) {
                self.occupy(address, mac, sighting, now);
            }
            return;
        };
        let stand = stand_of(&own);
        let met = Met {
            mac,
            sighting,
            stand,
        };
        self.meet(&mut own, met, now);
        self.addresses.insert(address, own);
    }

    fn end_conflict(&mut self, address: IpAddr, conflict: &Conflict) {
        if conflict.handling == Handling::Noticed || conflict.handling == Handling::Defended {
            return;
        }
        let text = format!("{address} was not heard from {} any more", conflict.mac);
        self.log(LogLine {
            is_warning: false,
            address: Some(address),
            peer: None,
            text,
        });
    }

    fn probe_free(&mut self, now: Moment) {
        if self.prober.next_at().is_none_or(|at| now < at) {
            return;
        }
        let me = self.settings.identity.id;
        let alive = self.peers.values();
        let alive = alive.filter(|peer| peer.liveness == Liveness::Alive);
        let alive: Vec<_> = alive.map(|peer| peer.id).collect();
        let is_mine = |address: IpAddr| {
            let key = AddressKey::of(address);
            let rank = |node| (score(key, node, DEFAULT_WEIGHT), node);
            alive.iter().all(|peer| rank(*peer) < rank(me))
        };
        for address in self.prober.run(is_mine, &mut self.rng, now) {
            self.count("free-addresses-probed");
            self.outputs.push_back(Output::Probe(address));
        }
    }
}

fn stand_of(own: &Own) -> Stand {
    if own.is_active() {
        Stand::Held
    } else if own.ask.is_some() {
        Stand::Pursued
    } else {
        Stand::Announced
    }
}

/// An address of the same neighbourhood, or of the subnet if that is smaller.
fn near_v4(near: Ipv4Addr, prefix: u8, drawn: u64) -> Ipv4Addr {
    let host_bits = 32 - u32::from(prefix.clamp(DECOY_PREFIX_V4, 32));
    let mask = u32::MAX.checked_shl(host_bits).unwrap_or(0);
    let [a, b, c, d, ..] = drawn.to_be_bytes();
    Ipv4Addr::from((u32::from(near) & mask) | (u32::from_be_bytes([a, b, c, d]) & !mask))
}

/// An address with the same first half: by chance nobody's.
fn near_v6(near: Ipv6Addr, drawn: u64) -> Ipv6Addr {
    let network = u128::from(near) >> 64 << 64;
    Ipv6Addr::from(network | u128::from(drawn))
}
