//! Hosts that are no nodes and use addresses of ours: what is known of each, and what follows by the
//! policy (RFC 5227 section 2.4).
//!
//! Owns the table of conflicts and its times, for announced addresses and for free ones of the
//! pools. Who counts as foreign is decided in `evidence`; what is carried out, in `foreign`.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::config::Conflict as Policy;
use crate::names::Mac;
use crate::report::{Handling, Sighting};
use crate::time::Moment;

/// RFC 5227 `DEFEND_INTERVAL`: an address is announced against a conflict at most this often.
pub(super) const DEFEND_INTERVAL: Duration = Duration::from_secs(10);

/// An address that is left to a host is taken back when that was silent for so long. Nobody is to
/// wait for a router or a phone that comes back for a moment, so an address moves at most as often.
const YIELDED_FOR: Duration = Duration::from_secs(60);

/// The same under quarantine, and for a free address of a pool: long enough for a machine to boot.
const QUARANTINED_FOR: Duration = Duration::from_secs(300);

/// A host that has an address that is left to it is asked this often whether it still has it.
const RECHECK: Duration = Duration::from_secs(20);

/// What was seen is shown for so long; a conflict after it is a new one, which is told again.
const FORGET: Duration = Duration::from_secs(600);

/// What is known of the host that uses one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Conflict {
    /// The hardware address that was heard last.
    pub(super) mac: Mac,
    /// When it was first seen in this episode.
    pub(super) first: Moment,
    /// When it was last seen.
    pub(super) last: Moment,
    /// How many frames of it were heard.
    pub(super) count: u64,
    /// What the last of them was.
    pub(super) sighting: Sighting,
    /// What was done last.
    pub(super) handling: Handling,
    /// When the address was last announced against it, or would have been by its holder.
    answered_at: Option<Moment>,
    /// When the host is asked next.
    recheck_at: Option<Moment>,
}

/// How the node stands to the address when the host is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stand {
    /// It is a free address of a pool.
    Free,
    /// It is announced, by a peer or by nobody.
    Announced,
    /// This node is about to claim it, and asked for it.
    Pursued,
    /// This node speaks for it.
    Held,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// Nothing.
    Nothing,
    /// Announce the address again.
    Defend,
    /// Leave the address alone from now on.
    Withhold,
}

/// One frame of a host that is no peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Met {
    pub(super) mac: Mac,
    pub(super) sighting: Sighting,
    pub(super) stand: Stand,
}

/// The conflicts of a segment, at most one per address that is announced or watched.
#[derive(Debug, Default)]
pub(super) struct Conflicts {
    table: BTreeMap<IpAddr, Conflict>,
    /// The table is looked through at most this often.
    look_at: Moment,
}

impl Conflict {
    fn new(met: Met, now: Moment) -> Conflict {
        Conflict {
            mac: met.mac,
            first: now,
            last: now,
            count: 0,
            sighting: met.sighting,
            handling: Handling::Noticed,
            answered_at: None,
            recheck_at: None,
        }
    }

    /// Whether nobody of ours shall speak for the address.
    pub(super) fn is_withheld(&self) -> bool {
        matches!(self.handling, Handling::Yielded | Handling::Quarantined)
    }

    /// One more frame of the host: what follows.
    fn meet(&mut self, met: Met, policy: Policy, now: Moment) -> Act {
        self.mac = met.mac;
        self.last = now;
        self.sighting = met.sighting;
        self.count = self.count.saturating_add(1);
        // A free address that was found taken may be announced since: whoever asked for it has it.
        let is_defended = policy == Policy::Defend && met.stand != Stand::Free;
        if self.is_withheld() && !is_defended {
            return Act::Nothing;
        }
        let is_again = self
            .answered_at
            .is_some_and(|at| now.since(at) < DEFEND_INTERVAL);
        let is_left = match (met.stand, policy) {
            (Stand::Free, _) => true,
            (_, Policy::Defend) => false,
            (Stand::Pursued, Policy::Yield | Policy::Quarantine) => true,
            (Stand::Announced | Stand::Held, Policy::Yield | Policy::Quarantine) => is_again,
        };
        if is_left {
            self.handling = match policy {
                Policy::Yield if met.stand != Stand::Free => Handling::Yielded,
                Policy::Defend | Policy::Yield | Policy::Quarantine => Handling::Quarantined,
            };
            self.recheck_at = Some(now + RECHECK);
            return Act::Withhold;
        }
        if is_again {
            return Act::Nothing;
        }
        match met.stand {
            Stand::Held => {
                self.answered_at = Some(now);
                self.handling = Handling::Defended;
                Act::Defend
            }
            // Its holder defends it now: what is heard after that counts as going on.
            Stand::Announced => {
                self.answered_at = Some(now);
                Act::Nothing
            }
            Stand::Pursued | Stand::Free => Act::Nothing,
        }
    }

    fn is_over(&self, now: Moment) -> bool {
        now.since(self.last) >= self.keeps()
    }

    /// How long it is kept after the host was last heard.
    fn keeps(&self) -> Duration {
        match self.handling {
            Handling::Noticed | Handling::Defended => FORGET,
            Handling::Yielded => YIELDED_FOR,
            Handling::Quarantined => QUARANTINED_FOR,
        }
    }
}

impl Conflicts {
    /// A host that is no peer uses the address: what follows, and whether that is news.
    pub(super) fn meet(
        &mut self,
        address: IpAddr,
        met: Met,
        policy: Policy,
        now: Moment,
    ) -> (Act, bool) {
        let is_news = !self.table.contains_key(&address);
        let conflict = self
            .table
            .entry(address)
            .or_insert_with(|| Conflict::new(met, now));
        let act = conflict.meet(met, policy, now);
        self.look_at = self.look_at.min(now);
        (act, is_news)
    }

    /// A host asked for the address before it would take it, and was answered.
    pub(super) fn note_probe(&mut self, address: IpAddr, mac: Mac, now: Moment) -> bool {
        let met = Met {
            mac,
            sighting: Sighting::Probe,
            stand: Stand::Announced,
        };
        let is_news = !self.table.contains_key(&address);
        let conflict = self
            .table
            .entry(address)
            .or_insert_with(|| Conflict::new(met, now));
        conflict.mac = mac;
        conflict.last = now;
        conflict.count = conflict.count.saturating_add(1);
        conflict.sighting = Sighting::Probe;
        is_news
    }

    /// What is known of one address.
    pub(super) fn of(&self, address: IpAddr) -> Option<&Conflict> {
        self.table.get(&address)
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = (IpAddr, &Conflict)> {
        self.table.iter().map(|(address, one)| (*address, one))
    }

    /// Whether nobody of ours shall speak for the address: never under the policy `defend`, which
    /// leaves no address dark.
    pub(super) fn is_withheld(&self, address: IpAddr, policy: Policy) -> bool {
        let conflict = self.table.get(&address);
        policy != Policy::Defend && conflict.is_some_and(Conflict::is_withheld)
    }

    /// Keeps only conflicts about these addresses.
    pub(super) fn retain(&mut self, is_kept: impl Fn(IpAddr) -> bool) {
        self.table.retain(|address, _| is_kept(*address));
    }

    /// Hosts that are to be asked now, and addresses that are free of conflict again.
    pub(super) fn look(&mut self, now: Moment) -> (Vec<IpAddr>, Vec<(IpAddr, Conflict)>) {
        if now < self.look_at {
            return (Vec::new(), Vec::new());
        }
        let over = self.table.iter().filter(|(_, one)| one.is_over(now));
        let over: Vec<(IpAddr, Conflict)> = over.map(|(address, one)| (*address, *one)).collect();
        for (address, _) in &over {
            self.table.remove(address);
        }
        let mut asked = Vec::new();
        for (address, conflict) in &mut self.table {
            if conflict.recheck_at.is_some_and(|at| now >= at) {
                conflict.recheck_at = Some(now + RECHECK);
                asked.push(*address);
            }
        }
        self.look_at = self.next_look().unwrap_or(now + FORGET);
        (asked, over)
    }

    fn next_look(&self) -> Option<Moment> {
        let due = self.table.values().map(|one| {
            let over = one.last + one.keeps();
            one.recheck_at.map_or(over, |at| at.min(over))
        });
        due.min()
    }
}

#[cfg(test)]
mod tests;
