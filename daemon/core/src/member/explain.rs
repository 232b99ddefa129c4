//! What a segment looks like from here, every decision with its reason (for status).

use std::net::IpAddr;
use std::time::Duration;

mod detection;

pub(super) use detection::Suspicion;

use super::Member;
use super::own::{Claim, Own};
use super::peer::Peer;
use crate::report::{
    AddressReport, Holder, Liveness, NodeState, PeerReport, Problem, SegmentReport, Severity,
};
use crate::time::Moment;

/// For how long something that was seen once stays a problem.
pub(super) const LATELY: Duration = Duration::from_secs(60);

impl Member {
    /// What this segment looks like. The speaker's counters are added by the driver.
    pub fn report(&self, now: Moment) -> SegmentReport {
        SegmentReport {
            link: self.plan.link.clone(),
            mac: self.plan.mac,
            own_address: Some(self.plan.own),
            state: self.state,
            state_reason: self.state_reason.clone(),
            state_since: self.state_since,
            addresses: self
                .addresses
                .values()
                .map(|own| self.report_address(own, now))
                .collect(),
            lateness: self.punctuality.report(self.zombie_limit(), now),
            keys: self.keys.ids(),
            conflicts: self.report_conflicts(),
            dhcp_servers: Vec::new(),
            free: (self.plan.watched.free.len(), self.prober.found_free()),
            peers: self.report_peers(now),
            counters: self.counters.clone(),
            problems: self.find_problems(now),
        }
    }

    fn report_address(&self, own: &Own, now: Moment) -> AddressReport {
        let best = own.view.best;
        let (holder, name, mac, term) = match (own.claim, best) {
            (Claim::Active(term), _) => {
                let name = self.settings.identity.name.clone();
                (Holder::This, Some(name), Some(self.plan.mac), term)
            }
            (Claim::None | Claim::Wish(_), Some(best)) => {
                let peer = self.peers.get(&best.node);
                let name = peer.and_then(|peer| peer.name.clone());
                let mac = peer.and_then(|peer| peer.mac);
                (Holder::Peer(best.node), name, mac, best.term)
            }
            (Claim::None | Claim::Wish(_), None) => (Holder::Nobody, None, None, 0),
        };
        let reason = if holder == Holder::Nobody {
            self.vacancy_state(own, now)
        } else {
            own.reason.clone()
        };
        let (seen_by, unseen_by) = self.seen_by(own, now);
        AddressReport {
            address: own.address,
            holder,
            holder_name: name,
            holder_mac: mac,
            term,
            ability: self.level(own, now),
            is_local: self.local.contains(&own.address),
            is_forwarded: own.is_forwarded,
            since: own.since,
            reason,
            planned: self.planned(own, now),
            seen_by,
            unseen_by,
        }
    }

    /// Why nobody speaks for an address.
    fn vacancy_state(&self, own: &Own, now: Moment) -> String {
        let policy = self.plan.watched.policy;
        let conflict = self.conflicts.of(own.address);
        if let Some(conflict) = conflict.filter(|_| self.conflicts.is_withheld(own.address, policy))
        {
            return format!("left to {}, which is no node and uses it", conflict.mac);
        }
        if self.level(own, now) == 0 {
            return match self.state {
                NodeState::Isolated | NodeState::Mute | NodeState::Gone => {
                    format!("this node is {}: {}", self.state, self.state_reason)
                }
                NodeState::Joining
                | NodeState::Active
                | NodeState::Draining
                | NodeState::Stopping
                | NodeState::Restarting => {
                    if let Some(company) = self.lacks_quorum() {
                        return company.to_string();
                    }
                    "this node can not serve it, and nobody else does".into()
                }
            };
        }
        if self.state == NodeState::Joining {
            return "this node listens before it claims anything".to_owned();
        }
        if own.ask.is_some() || own.pursuit.is_some() {
            return "the wire is being asked who answers for it".to_owned();
        }
        if own.ask_again_at.is_some() {
            return "a peer that is not heard answers for it".to_owned();
        }
        if self.watch.grace_until.is_some_and(|until| now < until) {
            return "waits for peers that are not heard yet".to_owned();
        }
        "another node's turn to claim it".to_owned()
    }

    fn report_peers(&self, now: Moment) -> Vec<PeerReport> {
        let known = self.peers.values().filter(|peer| peer.is_known);
        let mut peers: Vec<PeerReport> = known.map(|peer| self.report_peer(peer, now)).collect();
        for address in &self.expected {
            peers.push(PeerReport {
                id: None,
                name: None,
                address: (*address),
                mac: None,
                liveness: Liveness::Unknown,
                reason: "was never heard".to_owned(),
                since: self.state_since,
                state: None,
                claims: 0,
                last_heard: None,
                threshold: self.timers.floor,
                detection: None,
                suspicion: None,
                key: None,
                version: None,
            });
        }
        peers.sort_by(|a, b| (&a.name, a.address).cmp(&(&b.name, b.address)));
        peers
    }

    fn report_peer(&self, peer: &Peer, now: Moment) -> PeerReport {
        let claims = if peer.stands() {
            peer.stated.claims()
        } else {
            0
        };
        PeerReport {
            id: Some(peer.id),
            name: peer.name.clone(),
            address: peer.address,
            mac: peer.mac,
            liveness: peer.liveness,
            reason: peer.reason.clone(),
            since: peer.since,
            state: peer.stands().then_some(peer.stated.state),
            claims,
            last_heard: peer.heard_at,
            threshold: self.threshold(peer),
            detection: peer.heard_at.map(|_| self.explain_detection(peer)),
            suspicion: peer.suspicion.as_ref().map(|one| one.report(now)),
            key: peer.key,
            version: peer.version.clone(),
        }
    }

    fn find_problems(&self, now: Moment) -> Vec<Problem> {
        let mut problems = Vec::new();
        let is_recent = |at: Moment| now.since(at) < LATELY;
        let wrong_keys = self.strangers.wrong_keys.iter();
        for (source, at) in wrong_keys.filter(|(_, at)| is_recent(**at)) {
            problems.push(Problem {
                severity: Severity::Degraded,
                code: "wrong-key",
                what: format!(
                    "{source} sends heartbeats with another key, or with none ({} s ago), so its \
                     statements are not believed",
                    now.since(*at).as_secs()
                ),
                remedy: "copy the same cluster key file to every node and restart sovnetd there"
                    .to_owned(),
            });
        }
        self.find_foreign_problems(&mut problems, now);
        self.find_unheard(&mut problems, now);
        self.find_peer_problems(&mut problems, now);
        self.find_narrow(&mut problems);
        problems.extend(self.quorum_problem());
        problems.extend(self.punctuality.problem(self.zombie_limit(), now));
        problems
    }

    fn find_peer_problems(&self, problems: &mut Vec<Problem>, now: Moment) {
        for peer in self.peers.values().filter(|peer| peer.is_known) {
            let speaks = peer.speaks_at.is_some_and(|at| now.since(at) < LATELY);
            let is_silent = matches!(peer.liveness, Liveness::Hung | Liveness::Dead);
            if is_silent && speaks && peer.heard_at.is_none_or(|at| now.since(at) > LATELY) {
                problems.push(self.filtered(&peer.label()));
            }
            if peer.is_foreign_version {
                problems.push(Problem {
                    severity: Severity::Degraded,
                    code: "peer-version",
                    what: format!("{} speaks another version of the protocol", peer.label()),
                    remedy: "upgrade sovnet on all nodes to the same version".to_owned(),
                });
            }
        }
        for (host, at) in &self.strangers.speaks {
            if now.since(*at) < LATELY && self.expected.contains(host) {
                problems.push(self.filtered(&host.to_string()));
            }
        }
        if !self.gateway_seen(now) {
            let gateway = self
                .plan
                .gateway
                .map(|ip| ip.to_string())
                .unwrap_or_default();
            let asked = match self.plan.gateway {
                Some(IpAddr::V6(_)) => "neighbour discovery",
                Some(IpAddr::V4(_)) | None => "ARP",
            };
            problems.push(Problem {
                severity: Severity::Degraded,
                code: "gateway-lost",
                what: format!("the gateway {gateway} does not answer {asked}"),
                remedy: "look at the router; the addresses stay served on the LAN meanwhile"
                    .to_owned(),
            });
        }
    }

    /// A peer whose ARP arrives and whose heartbeats do not.
    fn filtered(&self, label: &str) -> Problem {
        Problem {
            severity: Severity::Degraded,
            code: "heartbeats-filtered",
            what: format!(
                "{label} answers ARP for announced addresses, but its heartbeats do not arrive"
            ),
            remedy: format!(
                "allow UDP port {} between the nodes in their firewalls",
                self.settings.port
            ),
        }
    }
}
