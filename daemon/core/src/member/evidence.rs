//! What the wire says: ARP frames of others as evidence (ELECTION R3, R11, R14, R15).
//!
//! Evidence answers questions that were asked; alone it never takes an address from a node, except
//! for the one case of R14.

use std::net::IpAddr;

use super::claims::{Claim, Own};
use super::rules::{self, Rule};
use super::strangers::rank;
use super::timers::LASTING_BEATS;
use super::{Heard, LogLine, Member, Output};
use crate::names::{Mac, NodeId};
use crate::report::Liveness;
use crate::time::Moment;

/// A peer that is not heard and announces an address of this node (R14).
#[derive(Debug, Clone, Copy)]
pub(super) struct Rival {
    host: IpAddr,
    mac: Mac,
    first: Moment,
    last: Moment,
    asked_at: Option<Moment>,
}

/// A host that is no peer and answers for an address of ours.
#[derive(Debug, Clone, Copy)]
pub(super) struct Conflict {
    pub(super) mac: Mac,
    pub(super) last: Moment,
    pub(super) count: u64,
    defended_at: Option<Moment>,
    told_at: Moment,
}

impl Member {
    /// An ARP frame was heard that is not our own.
    pub fn handle_heard(&mut self, heard: Heard, now: Moment) {
        if heard.mac == self.plan.mac || !heard.mac.is_unicast() || heard.sender.is_unspecified() {
            return;
        }
        let is_answer = heard.is_reply && self.plan.is_own(heard.target);
        if self.plan.gateway == Some(heard.sender) {
            self.watch.gateway_at = Some(now);
            self.watch.gateway_mac = Some(heard.mac);
        }
        if self.addresses.contains_key(&heard.sender) {
            return self.hear_address(heard, now);
        }
        let peer = self
            .peers
            .values()
            .find(|peer| peer.address == heard.sender);
        if let Some(id) = peer.map(|peer| peer.id) {
            return self.hear_peer(id, heard, now);
        }
        if self.hear_stranger(heard.sender, heard.mac, now) {
            self.confirm_rival(heard.sender, heard.mac, now);
        }
        if self.plan.subnet.contains(heard.sender) && !self.plan.is_own(heard.sender) {
            if is_answer {
                self.watch.witness_at = Some(now);
            }
            self.watch.remember_host(heard.sender, heard.mac);
        }
    }

    /// An ARP frame from a peer's own host address.
    fn hear_peer(&mut self, id: NodeId, heard: Heard, now: Moment) {
        let me = self.settings.identity.id;
        let Some(peer) = self.peers.get_mut(&id) else {
            return;
        };
        // A frame can be forged: while the peer hears us under the known MAC, no other replaces it.
        // While it is silent nobody vouches for it under another one (R15): a host that answers
        // for everything would keep its addresses dark.
        let is_mutual = peer.is_direct() && peer.lists(me);
        if peer.mac != Some(heard.mac) {
            let is_silent = matches!(
                peer.liveness,
                Liveness::Suspect | Liveness::Hung | Liveness::Held
            );
            let is_vouching = is_silent && rules::applies(Rule::R15OwnMac);
            if (is_mutual || is_vouching) && peer.mac.is_some() {
                return self.count("peer-mac-disputed");
            }
            peer.mac = Some(heard.mac);
            self.outputs.push_back(Output::NeighboursChanged);
            // Only the peer's own MAC vouches for it: a new one has to answer once more.
            if peer.liveness != Liveness::Alive {
                return;
            }
        }
        peer.kernel_at = Some(now);
        let is_probed = matches!(
            peer.liveness,
            Liveness::Alive | Liveness::Suspect | Liveness::Hung
        );
        if is_probed && peer.probe.asking_since.is_some() {
            peer.detector.handle_sign_of_life(peer.stated.interval, now);
        }
        self.confirm_rival(heard.sender, heard.mac, now);
    }

    /// An ARP frame that carries one of the announced addresses as sender.
    fn hear_address(&mut self, heard: Heard, now: Moment) {
        let sender = self
            .peers
            .values_mut()
            .find(|peer| peer.mac == Some(heard.mac));
        let sender = sender.map(|peer| {
            peer.speaks_at = Some(now);
            peer.kernel_at = Some(now);
            (peer.address, peer.liveness)
        });
        let stranger = self.speaking_stranger(heard.mac, now);
        let sender = sender.or(stranger.map(|host| (host, Liveness::Unknown)));
        let Some(mut own) = self.addresses.remove(&heard.sender) else {
            return;
        };
        match sender {
            // Heartbeats settle it, faster than frames could.
            Some((_, Liveness::Alive)) => {}
            Some((host, _)) if own.is_active() && rules::applies(Rule::R14Wire) => {
                self.meet_rival(&mut own, host, heard.mac, now);
            }
            Some(_) if own.ask.is_some() && rules::applies(Rule::R11Wire) => {
                own.ask = None;
                own.ask_again_at = Some(now + self.timers.wire);
                self.count("vacancy-answered-by-peer");
            }
            Some(_) => {}
            None if own.ask.is_some() && !rules::applies(Rule::R11Foreign) => {
                own.ask = None;
                own.ask_again_at = Some(now + self.timers.wire);
            }
            None => self.meet_foreigner(&mut own, heard.mac, now),
        }
        self.addresses.insert(heard.sender, own);
    }

    /// R14: a peer that I do not hear announces my address.
    fn meet_rival(&mut self, own: &mut Own, host: IpAddr, mac: Mac, now: Moment) {
        let lasting = self.beat() * LASTING_BEATS;
        let rival = match own.rival {
            // One of an earlier partition is no evidence for this one.
            Some(rival)
                if rival.host == host
                    && rival.mac == mac
                    && now.since(rival.last) < self.timers.defend =>
            {
                Rival { last: now, ..rival }
            }
            Some(_) | None => Rival {
                host,
                mac,
                first: now,
                last: now,
                asked_at: None,
            },
        };
        own.rival = Some(rival);
        if now.since(rival.first) < lasting && rules::applies(Rule::R14Delay) {
            return;
        }
        own.rival = Some(Rival {
            asked_at: Some(now),
            ..rival
        });
        self.outputs.push_back(Output::Ask {
            target: host,
            mac: Some(mac),
        });
    }

    /// The rival's MAC also answers for its own host address: it is that peer, and rank decides.
    fn confirm_rival(&mut self, host: IpAddr, mac: Mac, now: Moment) {
        let mut peers = self.peers.values();
        let is_heard = peers.any(|peer| peer.address == host && peer.liveness == Liveness::Alive);
        let is_rival = |own: &&Own| {
            own.rival.is_some_and(|rival| {
                rival.host == host && rival.mac == mac && rival.asked_at.is_some()
            })
        };
        let rivalled = self.addresses.values().filter(is_rival);
        let addresses: Vec<IpAddr> = rivalled.map(|own| own.address).collect();
        for address in addresses {
            let Some(mut own) = self.addresses.remove(&address) else {
                continue;
            };
            if own.is_active() {
                own.rival = None;
                if is_heard {
                    // Heartbeats settle it: with both, each side could yield to the other.
                    self.count("rival-heard-again");
                } else if rank(own.key, host) > rank(own.key, self.plan.own) {
                    let label = self.label_of(host);
                    let reason =
                        format!("{label} announces it too, is not heard, and ranks higher");
                    self.give_up(&mut own, Claim::None, reason, now);
                    own.ask_again_at = Some(now + self.timers.wire);
                } else {
                    self.outputs.push_back(Output::Announce(address));
                }
            }
            self.addresses.insert(address, own);
        }
    }

    fn label_of(&self, host: IpAddr) -> String {
        let mut peers = self.peers.values();
        let peer = peers.find(|peer| peer.address == host);
        peer.map_or_else(|| host.to_string(), super::peer::Peer::label)
    }

    /// A host that is no peer answers for one of the addresses: defended at most once per 10 s,
    /// reported, and it never moves the address (R11, R14).
    fn meet_foreigner(&mut self, own: &mut Own, mac: Mac, now: Moment) {
        let mut conflict = match own.conflict {
            Some(conflict) if conflict.mac == mac => conflict,
            Some(_) | None => {
                let told_at = own.conflict.map(|old| old.told_at);
                let told_at = told_at.filter(|at| now.since(*at) < self.timers.defend);
                if told_at.is_none() {
                    let text = format!(
                        "{} is also answered by {mac}, which is no peer",
                        own.address
                    );
                    let address = Some(own.address);
                    self.log(LogLine {
                        is_warning: true,
                        address,
                        peer: None,
                        text,
                    });
                }
                // The time of the last defence outlives a change of MAC: a host that changes it
                // with every frame must not make us answer every frame.
                let defended_at = own.conflict.and_then(|old| old.defended_at);
                Conflict {
                    mac,
                    last: now,
                    count: 0,
                    defended_at,
                    told_at: told_at.unwrap_or(now),
                }
            }
        };
        conflict.last = now;
        conflict.count = conflict.count.saturating_add(1);
        let may_defend = conflict
            .defended_at
            .is_none_or(|at| now.since(at) >= self.timers.defend);
        if own.is_active() && may_defend {
            conflict.defended_at = Some(now);
            self.outputs.push_back(Output::Announce(own.address));
        }
        own.conflict = Some(conflict);
        self.count("foreign-claims-heard");
    }
}
