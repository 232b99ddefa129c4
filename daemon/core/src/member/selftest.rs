//! Whether the holders are heard on the wire: each node asks for its peers' addresses now and then,
//! and tells the others what it missed. A holder that nobody hears hands over.
//!
//! Owns the questions and complaints and their times. Only complaints travel, once a second while
//! there are any: silence means that all is well, and a lost datagram means nothing.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use super::own::Own;
use super::wire::{AddressKey, MAX_OBSERVED, Observed, Sight};
use super::{LogLine, Member, Output};
use crate::names::{Mac, NodeId};
use crate::report::{Holder, NodeState, Problem, Severity, Sighting};
use crate::time::Moment;

/// Each address is asked for about this often.
const EVERY: Duration = Duration::from_secs(60);
/// The first time soon after it went to its holder, when something can have changed on the way.
const FIRST: Duration = Duration::from_secs(2);
/// Two questions are not closer together, whatever the number of addresses.
const PACE: Duration = Duration::from_millis(500);
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(1);
/// So many questions in a row without an answer are a complaint.
const MISSES: u32 = 3;
/// So many are asked without a pause: three frames that were lost together make a complaint, and it
/// is taken back before anybody believes it.
const MISSES_IN_A_ROW: u32 = 2 * MISSES;
/// Afterwards a complaint is looked at again this often.
const AFTER_COMPLAINT: Duration = Duration::from_secs(10);
/// The table is looked at this often.
const LOOK: Duration = Duration::from_millis(100);
/// With many addresses it looks less often, so much for each.
const LOOK_EACH: Duration = Duration::from_micros(500);
/// And this is the least often: an answer is waited for as long.
const LOOK_MAX: Duration = ANSWER;

/// Complaints go out this often, and count for so long.
const TELL: Duration = Duration::from_secs(1);
const TOLD_COUNTS: Duration = Duration::from_secs(3);

/// All who could hear the holder complain for so long before it believes them: the questions that
/// follow the first complaint, and then as long as what was told last counts.
const BELIEVED_AFTER: Duration = Duration::from_secs(6);

/// For how long a holder that nobody heard stays a last resort for the address: what cannot be
/// heard anywhere moves once per node in this time.
const LAST_RESORT: Duration = Duration::from_secs(600);

/// What was answered shows in status for so long.
pub(super) const SEEN_COUNTS: Duration = Duration::from_secs(180);

/// The questions for one address of a peer.
#[derive(Debug, Clone, Copy)]
struct Seen {
    holder: NodeId,
    next_at: Moment,
    asked_at: Option<Moment>,
    misses: u32,
    /// When the holder was last heard to speak for it.
    right_at: Option<Moment>,
}

/// An address of this node that others complain of.
#[derive(Debug, Clone, Copy, Default)]
struct Unheard {
    since: Option<Moment>,
    until: Option<Moment>,
}

/// The state of the self-test.
#[derive(Debug, Default)]
pub(super) struct SelfTest {
    seen: BTreeMap<IpAddr, Seen>,
    unheard: BTreeMap<IpAddr, Unheard>,
    look_at: Moment,
    next_ask: Moment,
    tell_at: Moment,
}

impl SelfTest {
    /// Somebody with the holder's MAC speaks for the address.
    fn note_right(&mut self, address: IpAddr, now: Moment) {
        if let Some(seen) = self.seen.get_mut(&address) {
            seen.right_at = Some(now);
            seen.misses = 0;
            if seen.asked_at.take().is_some() {
                seen.next_at = now + EVERY;
            }
        }
    }

    /// Whether this node is a last resort for the address, since nobody heard it.
    pub(super) fn is_unheard(&self, address: IpAddr, now: Moment) -> bool {
        let unheard = self.unheard.get(&address);
        unheard.is_some_and(|unheard| unheard.until.is_some_and(|until| now < until))
    }

    /// When this node last heard the holder speak for the address.
    pub(super) fn right_at(&self, address: IpAddr) -> Option<Moment> {
        self.seen.get(&address)?.right_at
    }

    fn is_missed(&self, address: IpAddr) -> bool {
        self.seen
            .get(&address)
            .is_some_and(|seen| seen.misses >= MISSES)
    }

    /// The address to ask for now, at most one; what was not answered in time is a miss.
    fn ask(&mut self, now: Moment) -> Option<IpAddr> {
        for seen in self.seen.values_mut() {
            if seen.asked_at.is_some_and(|at| now.since(at) >= ANSWER) {
                seen.asked_at = None;
                seen.misses = seen.misses.saturating_add(1);
                seen.next_at = if seen.misses < MISSES_IN_A_ROW {
                    now
                } else {
                    now + AFTER_COMPLAINT
                };
            }
        }
        if now < self.next_ask {
            return None;
        }
        let mut due = self.seen.iter_mut();
        let (address, seen) =
            due.find(|(_, seen)| seen.asked_at.is_none() && now >= seen.next_at)?;
        seen.asked_at = Some(now);
        self.next_ask = now + PACE;
        Some(*address)
    }
}

impl Member {
    /// A frame with an announced address as sender: whether it is its holder's.
    pub(super) fn note_holder_heard(&mut self, address: IpAddr, mac: Mac, now: Moment) {
        let Some(seen) = self.selftest.seen.get(&address) else {
            return;
        };
        let holder = self.peers.get(&seen.holder);
        if holder.is_some_and(|peer| peer.mac == Some(mac)) {
            self.selftest.note_right(address, now);
        }
    }

    /// Once a turn: asks, tells, and listens to complaints.
    pub(super) fn test_wire(&mut self, now: Moment) {
        if now < self.selftest.look_at {
            return;
        }
        let count = u32::try_from(self.addresses.len()).unwrap_or(u32::MAX);
        self.selftest.look_at = now + LOOK_EACH.saturating_mul(count).clamp(LOOK, LOOK_MAX);
        if !matches!(self.state, NodeState::Active | NodeState::Draining) {
            self.selftest.seen.clear();
            self.selftest.unheard.clear();
            return;
        }
        self.follow_holders(now);
        if let Some(target) = self.selftest.ask(now) {
            self.count("holders-asked-for");
            self.outputs.push_back(Output::Ask { target, mac: None });
        }
        self.judge_complaints(now);
        if now >= self.selftest.tell_at {
            self.selftest.tell_at = now + TELL;
            self.tell_observed();
        }
    }

    /// The addresses of peers that are heard, and no others, are asked for: who is heard through a
    /// common neighbour only is out of reach for our questions as well.
    fn follow_holders(&mut self, now: Moment) {
        let mut held: BTreeMap<IpAddr, NodeId> = BTreeMap::new();
        for own in self.addresses.values() {
            if let Holder::Peer(id) = own.holder
                && let Some(peer) = self.peers.get(&id)
                && peer.is_direct()
                && peer.mac.is_some()
                && peer.claim(own.key).is_some()
            {
                held.insert(own.address, id);
            }
        }
        let seen = &mut self.selftest.seen;
        seen.retain(|address, seen| held.get(address) == Some(&seen.holder));
        let count = u32::try_from(held.len()).unwrap_or(u32::MAX);
        let spread = EVERY.min(FIRST + PACE.saturating_mul(count));
        let spread = u64::try_from(spread.as_millis()).unwrap_or(u64::MAX);
        for (address, holder) in held {
            let rng = &mut self.rng;
            seen.entry(address).or_insert_with(|| Seen {
                holder,
                next_at: now + Duration::from_millis(rng.next() % spread),
                asked_at: None,
                misses: 0,
                right_at: None,
            });
        }
    }

    /// Those who hear this node and could hear it speak.
    fn listeners(&self) -> impl Iterator<Item = &super::peer::Peer> {
        let me = self.settings.identity.id;
        self.peers.values().filter(move |peer| {
            peer.is_direct()
                && peer.lists(me)
                && matches!(peer.stated.state, NodeState::Active | NodeState::Draining)
        })
    }

    /// This node's own addresses that all others miss.
    fn judge_complaints(&mut self, now: Moment) {
        let mut missed = Vec::new();
        for own in self.addresses.values().filter(|own| own.is_active()) {
            let mut listeners = self.listeners().peekable();
            let is_missed =
                listeners.peek().is_some() && listeners.all(|peer| peer.complains_of(own.key, now));
            if is_missed {
                missed.push(own.address);
            }
        }
        let unheard = &mut self.selftest.unheard;
        unheard.retain(|address, unheard| {
            missed.contains(address) || unheard.until.is_some_and(|until| now < until)
        });
        let mut told = Vec::new();
        for (address, unheard) in unheard.iter_mut() {
            if !missed.contains(address) {
                unheard.since = None;
            }
        }
        for address in missed {
            let unheard = unheard.entry(address).or_default();
            let since = *unheard.since.get_or_insert(now);
            let is_capped = unheard.until.is_some_and(|until| now < until);
            if !is_capped && now.since(since) >= BELIEVED_AFTER {
                unheard.until = Some(now + LAST_RESORT);
                told.push(address);
            }
        }
        for address in told {
            let text = format!("no other node hears this one speak for {address}");
            self.log(LogLine {
                is_warning: true,
                address: Some(address),
                peer: None,
                text,
            });
        }
    }

    /// Complaints, and who was found to have a free address, to every peer.
    fn tell_observed(&mut self) {
        let missed = self.addresses.values();
        let missed = missed.filter(|own| self.selftest.is_missed(own.address));
        let missed = missed.map(|own| Observed {
            key: own.key,
            sight: Sight::Unheard,
            mac: Mac([0; 6]),
        });
        let found = self.conflicts.iter().filter(|(address, conflict)| {
            self.prober.contains(*address) && conflict.sighting != Sighting::Told
        });
        let found = found.map(|(address, conflict)| Observed {
            key: AddressKey::of(address),
            sight: Sight::Occupied,
            mac: conflict.mac,
        });
        let observed: Vec<Observed> = missed.chain(found).take(MAX_OBSERVED).collect();
        if !observed.is_empty() {
            self.send_observed(&observed);
        }
    }

    /// What a peer says of free addresses.
    pub(super) fn take_observed(&mut self, observed: &[Observed], now: Moment) {
        for one in observed.iter().filter(|one| one.sight == Sight::Occupied) {
            let is_peer = self.peers.values().any(|peer| peer.mac == Some(one.mac));
            let Some(address) = self.prober.address_of(one.key) else {
                continue;
            };
            let known = self.conflicts.of(address);
            let is_told = known.is_none_or(|conflict| conflict.sighting == Sighting::Told);
            if is_told && !is_peer && one.mac != self.plan.mac && one.mac.is_unicast() {
                self.occupy(address, one.mac, Sighting::Told, now);
            }
        }
    }

    /// The nodes that hear the holder of an address speak for it, and those that say they do not:
    /// this one by its own questions, the others as long as they do not complain.
    pub(super) fn seen_by(&self, own: &Own, now: Moment) -> (Vec<String>, Vec<String>) {
        let (mut seen, mut unseen) = (Vec::new(), Vec::new());
        if own.holder == Holder::Nobody {
            return (seen, unseen);
        }
        if self.selftest.is_missed(own.address) {
            unseen.push(self.settings.identity.name.to_string());
        } else if self
            .selftest
            .right_at(own.address)
            .is_some_and(|at| now.since(at) < SEEN_COUNTS)
        {
            seen.push(self.settings.identity.name.to_string());
        }
        for peer in self.listeners() {
            if own.holder == Holder::Peer(peer.id) {
                continue;
            }
            if peer.complains_of(own.key, now) {
                unseen.push(peer.label());
            } else {
                seen.push(peer.label());
            }
        }
        (seen, unseen)
    }

    /// Addresses that are spoken for and not heard.
    pub(super) fn find_unheard(&self, problems: &mut Vec<Problem>, now: Moment) {
        for own in self.addresses.values() {
            let is_ours = own.is_active() && self.selftest.is_unheard(own.address, now);
            let what = if is_ours {
                format!(
                    "this node speaks for {}, and no other node hears it",
                    own.address
                )
            } else if self.selftest.is_missed(own.address) {
                format!(
                    "{} is held by a node that this one does not hear speak for it",
                    own.address
                )
            } else {
                continue;
            };
            problems.push(Problem {
                severity: if is_ours {
                    Severity::Unhealthy
                } else {
                    Severity::Degraded
                },
                code: "not-heard-on-the-wire",
                what,
                remedy: "look for a switch or an access point that filters ARP or broadcasts (ARP \
                         inspection, client isolation), and for a bridge or firewall on the holder"
                    .to_owned(),
            });
        }
    }
}

impl super::peer::Peer {
    /// Whether it said lately that it does not hear the holder of this address.
    pub(super) fn complains_of(&self, key: AddressKey, now: Moment) -> bool {
        let (observed, at) = &self.observed;
        let is_recent = at.is_some_and(|at| now.since(at) < TOLD_COUNTS);
        is_recent
            && observed
                .iter()
                .any(|one| one.key == key && one.sight == Sight::Unheard)
    }
}
