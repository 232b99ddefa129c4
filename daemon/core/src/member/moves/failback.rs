//! Fail-back (ELECTION R18): an address that is not where placement from scratch would put it goes
//! there after a while, or at a time of day.
//!
//! Only the holder compares, and one address at a time goes, so that a node that is back for a
//! moment does not get everything at once.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use super::super::Member;
use super::super::own::Own;
use super::super::placement::{self, Candidate};
use super::super::rules::{self, Rule};
use super::super::wire::AddressKey;
use super::{Cause, is_moved_by};
use crate::config::FailBack;
use crate::decide::Ability;
use crate::names::NodeId;
use crate::report::{Liveness, NodeState};
use crate::time::Moment;

/// One address in this time, and placement is computed as often.
const PACE: Duration = Duration::from_secs(1);
/// For so long placement must not have changed before a window of the day counts.
const SETTLED: Duration = Duration::from_secs(10);

/// What fail-back remembers.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Watch {
    /// Local time of day in minutes after midnight; none = not told yet.
    day_minute: Option<u16>,
    looked_at: Moment,
    /// When the leases were written last.
    pub(super) remembered_at: Moment,
}

impl Member {
    /// The time of day where this node is, in minutes after midnight; only a window of fail-back
    /// looks at it.
    pub fn handle_wall_clock(&mut self, day_minute: u16) {
        self.failback.day_minute = Some(day_minute);
    }

    /// Looks once a second, and offers at most one address.
    pub(super) fn fail_back(&mut self, now: Moment) {
        let policy = self.settings.policy.fail_back;
        let is_due = now.since(self.failback.looked_at) >= PACE;
        if policy == FailBack::Never || !is_due || !rules::applies(Rule::R18FailBack) {
            return;
        }
        self.failback.looked_at = now;
        if !self.is_settled() {
            return;
        }
        let homes = self.homes(now);
        let me = self.settings.identity.id;
        for own in self.addresses.quiet().values_mut() {
            let home = homes.get(&own.key).copied();
            let home = home.filter(|home| *home != me && own.is_active());
            let before = own.moves.elsewhere;
            own.moves.elsewhere = home.map(|home| match before {
                Some((same, since)) if same == home => (home, since),
                Some(_) | None => (home, now),
            });
        }
        let is_moving = self.addresses.values().any(|own| own.offer.is_some());
        let due = self.addresses.values().find_map(|own| {
            let (home, _since) = own.moves.elsewhere?;
            let is_due = self
                .fail_back_in(own, now)
                .is_some_and(|left| left.is_zero());
            let is_possible = is_due
                && own.excluded.get(&home).is_none_or(|until| now >= *until)
                && self.level(own, now) == Ability::Serves.level()
                && self.obstacle(own, home).is_none();
            is_possible.then_some((own.address, home))
        });
        if let Some((address, home)) = due.filter(|_| !is_moving) {
            self.begin_fail_back(address, home, now);
        }
    }

    fn begin_fail_back(&mut self, address: IpAddr, home: NodeId, now: Moment) {
        if let Some(mut own) = self.addresses.remove(&address) {
            self.begin_errand(&mut own, home, Cause::FailBack, now);
            self.addresses.insert(address, own);
        }
    }

    /// After what time an address goes home; none = it is at home, or the time of day is not right.
    pub(in super::super) fn fail_back_in(&self, own: &Own, now: Moment) -> Option<Duration> {
        let (_home, since) = own.moves.elsewhere?;
        let lasted = now.since(since);
        match self.settings.policy.fail_back {
            FailBack::Never => None,
            FailBack::After(length) => Some(length.saturating_sub(lasted)),
            FailBack::Between { from, to } => {
                let minute = self.failback.day_minute?;
                let is_now = if from <= to {
                    (from..to).contains(&minute)
                } else {
                    minute >= from || minute < to
                };
                is_now.then(|| SETTLED.saturating_sub(lasted))
            }
        }
    }

    /// Whether what is seen of the nodes can be placed on: while one is silent, restarts or joins,
    /// nobody knows where addresses belong.
    fn is_settled(&self) -> bool {
        self.state == NodeState::Active
            && self.peers.values().all(|peer| match peer.liveness {
                Liveness::Suspect | Liveness::Hung | Liveness::Held => false,
                Liveness::Alive => peer.stated.state != NodeState::Joining,
                Liveness::Unknown | Liveness::Dead => true,
            })
    }

    /// Placement from scratch: where each address would be if nobody held any. What an operator has
    /// placed stays, and counts for its holder.
    fn homes(&self, now: Moment) -> BTreeMap<AddressKey, NodeId> {
        let moved: BTreeSet<AddressKey> = self
            .addresses
            .values()
            .filter(|own| self.is_moved(own))
            .map(|own| own.key)
            .collect();
        let placed: BTreeSet<AddressKey> = self
            .addresses
            .values()
            .map(|own| own.key)
            .filter(|key| !moved.contains(key))
            .collect();
        let mine = Candidate {
            weight: self.weight(),
            load: self
                .addresses
                .values()
                .filter(|own| own.moves.is_moved)
                .count(),
            levels: self
                .addresses
                .values()
                .map(|own| (own.key, self.level(own, now)))
                .collect(),
        };
        let mut candidates = BTreeMap::from([(self.settings.identity.id, mine)]);
        for peer in self.peers.values() {
            let takes_part = peer.liveness == Liveness::Alive
                && peer.stated.state == NodeState::Active
                && peer.lists(self.settings.identity.id);
            if takes_part {
                let candidate = Candidate {
                    weight: peer.weight,
                    load: moved.iter().filter(|key| is_moved_by(peer, **key)).count(),
                    levels: placed.iter().map(|key| (*key, peer.level(*key))).collect(),
                };
                candidates.insert(peer.id, candidate);
            }
        }
        placement::place(self.addresses.len(), &placed, &candidates)
    }

    /// This node's weight for placement. Weight 0 is a matter of its level, so that it still counts
    /// among last resorts.
    pub(in super::super) fn weight(&self) -> u8 {
        self.settings.policy.weight.max(1)
    }
}
