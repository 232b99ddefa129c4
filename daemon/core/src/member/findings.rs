//! What is found on the wire that is wrong there and not with a node: hosts that use addresses of
//! ours or answer for everything, and a cable that brings our own frames back. Texts for status.

use std::net::IpAddr;
use std::time::Duration;

use super::Member;
use super::conflict::Conflict;
use super::explain::LATELY;
use crate::facts::occupants::{Occupant, Occupants};
use crate::report::{ConflictReport, Handling, Problem, Severity};
use crate::time::Moment;

/// Own frames within [`LOOP_WINDOW`] that make a loop; an access point may send back a few.
const LOOP_FRAMES: u32 = 20;
/// The time in which they are counted.
const LOOP_WINDOW: Duration = Duration::from_secs(10);

/// Own frames that came back.
#[derive(Debug, Default)]
pub(super) struct Echoes {
    begun: Moment,
    count: u32,
    /// When there were too many last.
    looped_at: Option<Moment>,
}

impl Echoes {
    fn note(&mut self, now: Moment) {
        if now.since(self.begun) >= LOOP_WINDOW {
            self.begun = now;
            self.count = 0;
        }
        self.count = self.count.saturating_add(1);
        if self.count >= LOOP_FRAMES {
            self.looped_at = Some(now);
        }
    }
}

impl Member {
    /// A frame that this node sent was heard: the speaker drops it, and it is no evidence.
    pub fn handle_own_frame(&mut self, now: Moment) {
        self.count("own-frames-heard");
        self.echoes.note(now);
    }

    /// Hosts that are no nodes and use addresses of ours, by episode.
    pub fn occupants(&self) -> Occupants {
        let conflicts = self.conflicts.iter();
        let occupants = conflicts.map(|(address, conflict)| {
            let occupant = Occupant {
                mac: conflict.mac,
                since: conflict.first,
                is_left: self.is_left(address, conflict),
                is_announced: self.addresses.contains_key(&address),
            };
            (address, occupant)
        });
        occupants.collect()
    }

    /// Whether nobody of ours speaks for the address or is given it. Under `defend` an address that
    /// is announced is never left to anybody.
    fn is_left(&self, address: IpAddr, conflict: &Conflict) -> bool {
        if self.addresses.contains_key(&address) {
            let policy = self.plan.watched.policy;
            self.conflicts.is_withheld(address, policy)
        } else {
            conflict.is_withheld()
        }
    }

    pub(super) fn report_conflicts(&self) -> Vec<ConflictReport> {
        let conflicts = self.conflicts.iter();
        let reports = conflicts.map(|(address, conflict)| ConflictReport {
            address,
            mac: conflict.mac,
            first: conflict.first,
            last: conflict.last,
            count: conflict.count,
            sighting: conflict.sighting,
            handling: conflict.handling,
            policy: self.plan.watched.policy,
            is_announced: self.addresses.contains_key(&address),
        });
        reports.collect()
    }

    pub(super) fn find_foreign_problems(&self, problems: &mut Vec<Problem>, now: Moment) {
        for (address, conflict) in self.conflicts.iter() {
            let is_recent = now.since(conflict.last) < LATELY;
            if self.addresses.contains_key(&address) {
                let is_left = self.is_left(address, conflict);
                if is_recent || is_left {
                    problems.push(in_use(address, conflict, is_left, now));
                }
            } else if conflict.is_withheld() {
                problems.push(quarantined(address, conflict, now));
            }
        }
        for (mac, at) in self.proxies.found() {
            problems.push(Problem {
                severity: Severity::Degraded,
                code: "proxy-arp-on-segment",
                what: format!(
                    "{mac} answers for addresses that nobody has, the announced ones among them \
                     (last {} s ago): its answers are ignored here, and clients may believe them",
                    now.since(at).as_secs()
                ),
                remedy: "switch proxy ARP (proxy NDP) off on the router with this MAC, or correct \
                         the prefix length of its address"
                    .to_owned(),
            });
        }
        let looped_at = self.echoes.looped_at;
        if let Some(at) = looped_at.filter(|at| now.since(*at) < LATELY) {
            problems.push(Problem {
                severity: Severity::Degraded,
                code: "looped-cable",
                what: format!(
                    "frames that this node sent on {} come back to it (last {} s ago)",
                    self.plan.link,
                    now.since(at).as_secs()
                ),
                remedy: "look for a cable that connects a switch with itself, or for a second \
                         machine with this MAC"
                    .to_owned(),
            });
        }
    }
}

fn in_use(address: IpAddr, conflict: &Conflict, is_left: bool, now: Moment) -> Problem {
    let done = match conflict.handling {
        _ if is_left => "it is left to that host",
        Handling::Defended => "it was announced again",
        Handling::Noticed | Handling::Yielded | Handling::Quarantined => "its holder defends it",
    };
    Problem {
        severity: Severity::Unhealthy,
        code: "address-conflict",
        what: format!(
            "{address} is also used by {}, which is no node ({} frames, last {} s ago): {done}",
            conflict.mac,
            conflict.count,
            now.since(conflict.last).as_secs()
        ),
        remedy: "find the host with this MAC and give it another address; keep the address out of \
                 the router's DHCP range"
            .to_owned(),
    }
}

fn quarantined(address: IpAddr, conflict: &Conflict, now: Moment) -> Problem {
    Problem {
        severity: Severity::Degraded,
        code: "address-quarantined",
        what: format!(
            "{address} of a pool is used by {}, which is no node (last {} s ago): no Service gets \
             it unless it asks for it",
            conflict.mac,
            now.since(conflict.last).as_secs()
        ),
        remedy: "find the host with this MAC and give it another address, or take the address out \
                 of the [[pool]]"
            .to_owned(),
    }
}
