//! What the wire says: ARP frames of others as evidence (ELECTION R3, R11, R14, R15).
//!
//! Evidence answers questions that were asked; alone it never takes an address from a node, except
//! for the one case of R14.

use std::net::IpAddr;

use super::own::{Claim, Own};
use super::peer::Peer;
use super::rules::{self, Rule};
use super::strangers::rank;
use super::timers::LASTING_BEATS;
use super::{Heard, Member, Output};
use crate::names::{Mac, NodeId};
use crate::report::{Holder, Liveness};
use crate::time::Moment;

/// A peer that is not heard and announces an address of this node (R14).
#[derive(Debug, Clone, Copy)]
pub(super) struct Rival {
    host: IpAddr,
    mac: Mac,
    first: Moment,
    last: Moment,
    /// When its host was asked for first, and last.
    asked_at: Option<Moment>,
    asked_again_at: Moment,
}

impl Member {
    /// An ARP frame was heard that is not our own.
    pub fn handle_heard(&mut self, heard: Heard, now: Moment) {
        if heard.mac == self.plan.mac || !heard.mac.is_unicast() {
            return;
        }
        if heard.sender.is_unspecified() {
            return self.hear_probe(heard, now);
        }
        if self.proxies.hear(heard.mac, heard.sender) {
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
        if self.prober.contains(heard.sender) {
            self.hear_free(heard, now);
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
        // A frame can be forged: while the peer hears us, and while it is silent (R15), another MAC
        // replaces the known one only when that does not answer any more.
        let is_mutual = peer.is_direct() && peer.lists(me);
        if peer.mac != Some(heard.mac) {
            let is_silent = !matches!(peer.liveness, Liveness::Alive | Liveness::Unknown);
            let has_replaced = peer.hardware.handle_other(heard.mac, now);
            let is_vouching = is_silent && rules::applies(Rule::R15OwnMac);
            if (is_mutual || is_vouching) && !has_replaced && peer.mac.is_some() {
                return self.count("peer-mac-disputed");
            }
            peer.mac = Some(heard.mac);
            peer.hardware.handle_replaced(heard.mac);
            self.outputs.push_back(Output::NeighboursChanged);
            // Only the peer's own MAC vouches for it: a new one has to answer once more.
            if peer.liveness != Liveness::Alive {
                return;
            }
        }
        let foreign = peer.hardware.handle_known(now);
        peer.kernel_at = Some(now);
        peer.host_at = Some(now);
        let is_probed = matches!(
            peer.liveness,
            Liveness::Alive | Liveness::Suspect | Liveness::Hung
        );
        if is_probed && peer.probe.asking_since.is_some() {
            peer.detector.handle_sign_of_life(peer.stated.interval, now);
        }
        self.judge_deferred(foreign, now);
        self.confirm_rival(heard.sender, heard.mac, now);
    }

    /// Frames that waited to know whose card that is, and are a foreign host's.
    pub(super) fn judge_deferred(&mut self, foreign: Vec<Heard>, now: Moment) {
        for heard in foreign {
            if let Some(mut own) = self.addresses.remove(&heard.sender) {
                self.meet_foreigner(&mut own, heard, now);
                self.addresses.insert(heard.sender, own);
            }
        }
    }

    /// Whether a frame for an address that a peer holds may come from another card of that peer, so
    /// that it waits until that is known.
    fn may_be_new_card(&mut self, own: &Own, heard: Heard, now: Moment) -> bool {
        let Holder::Peer(id) = own.holder else {
            return false;
        };
        let holder = self.peers.get_mut(&id);
        let holder = holder.filter(|peer| peer.is_direct() && peer.claim(own.key).is_some());
        holder.is_some_and(|peer| peer.mac.is_some() && peer.hardware.defer(heard, now))
    }

    /// An ARP frame that carries one of the announced addresses as sender.
    fn hear_address(&mut self, heard: Heard, now: Moment) {
        let sender = self
            .peers
            .values_mut()
            .find(|peer| peer.mac == Some(heard.mac));
        let sender = sender.map(|peer| {
            // No sign of its kernel, which answers for the host's own address too: another host may
            // have the card of a dead one.
            peer.speaks_at = Some(now);
            (peer.address, peer.liveness)
        });
        self.note_holder_heard(heard.sender, heard.mac, now);
        let stranger = self.speaking_stranger(heard.mac, now);
        let sender = sender.or(stranger.map(|host| (host, Liveness::Unknown)));
        let Some(mut own) = self.addresses.remove(&heard.sender) else {
            return;
        };
        if !matches!(sender, Some((_, Liveness::Alive))) {
            own.free_until = None;
        }
        match sender {
            // Heartbeats settle it, faster than frames could.
            Some((_, Liveness::Alive)) => {}
            Some((host, _)) if own.is_active() && rules::applies(Rule::R14Wire) => {
                let is_impostor = self.meet_rival(&mut own, host, heard.mac, now);
                if is_impostor {
                    self.meet_foreigner(&mut own, heard, now);
                }
            }
            Some((host, _)) if own.ask.is_some() && rules::applies(Rule::R11Wire) => {
                self.meet_unheard_holder(&mut own, host, heard, now);
            }
            Some(_) => {}
            None if own.ask.is_some() && !rules::applies(Rule::R11Foreign) => {
                own.ask = None;
                own.ask_again_at = Some(now + self.timers.wire);
            }
            None if self.may_be_new_card(&own, heard, now) => self.count("card-asked-for"),
            None => self.meet_foreigner(&mut own, heard, now),
        }
        self.addresses.insert(heard.sender, own);
    }

    /// R11: a peer that I do not hear answers for a vacant address: not now, and asked again. But a
    /// MAC alone is no peer: it has to answer for the peer's own address as well.
    fn meet_unheard_holder(&mut self, own: &mut Own, host: IpAddr, heard: Heard, now: Moment) {
        let is_vouched = self.vouches_for_itself(host, heard.mac, now);
        if is_vouched {
            own.doubted_at = None;
        } else {
            let (target, mac) = (host, Some(heard.mac));
            self.outputs.push_back(Output::Ask { target, mac });
            let doubted_at = *own.doubted_at.get_or_insert(now);
            if now.since(doubted_at) >= self.timers.wire {
                return self.meet_foreigner(own, heard, now);
            }
        }
        own.ask = None;
        own.ask_again_at = Some(now + self.timers.wire);
        self.count("vacancy-answered-by-peer");
    }

    /// Whether this MAC answered for the peer's own host address lately.
    fn vouches_for_itself(&self, host: IpAddr, mac: Mac, now: Moment) -> bool {
        let is_recent = |at: Moment| now.since(at) < self.timers.wire * 3;
        let mut peers = self.peers.values();
        let is_peer = peers.any(|peer| {
            peer.address == host && peer.mac == Some(mac) && peer.host_at.is_some_and(is_recent)
        });
        is_peer || self.strangers.answered_at(host, mac).is_some_and(is_recent)
    }

    /// R14: a peer that I do not hear announces my address. True if it turned out to be none: its
    /// MAC does not answer for the peer's own host address.
    fn meet_rival(&mut self, own: &mut Own, host: IpAddr, mac: Mac, now: Moment) -> bool {
        let lasting = self.beat() * LASTING_BEATS;
        let mut rival = match own.rival {
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
                asked_again_at: Moment::default(),
            },
        };
        let is_lasting = now.since(rival.first) >= lasting || !rules::applies(Rule::R14Delay);
        let may_ask = rival.asked_at.is_none() || now.since(rival.asked_again_at) >= lasting;
        if is_lasting && may_ask {
            rival.asked_at.get_or_insert(now);
            rival.asked_again_at = now;
            let (target, mac) = (host, Some(mac));
            self.outputs.push_back(Output::Ask { target, mac });
        }
        own.rival = Some(rival);
        self.addresses.note_rival(own.address);
        rival
            .asked_at
            .is_some_and(|at| now.since(at) >= self.timers.wire)
    }

    /// The rival's MAC also answers for its own host address: it is that peer, and rank decides.
    fn confirm_rival(&mut self, host: IpAddr, mac: Mac, now: Moment) {
        let is_host = |peer: &Peer| peer.address == host && peer.liveness == Liveness::Alive;
        let is_heard = self.peers.values().any(is_host);
        let is_rival = |own: &&Own| {
            own.rival.is_some_and(|rival| {
                rival.host == host && rival.mac == mac && rival.asked_at.is_some()
            })
        };
        let rivalled = self.addresses.rivalled().filter(is_rival);
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
        peer.map_or_else(|| host.to_string(), Peer::label)
    }
}
