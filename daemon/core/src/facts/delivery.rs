//! Which Services with the policy `Local` kube-proxy delivers to endpoints of this node.
//!
//! An endpoint is ready in the API before kube-proxy has a rule for it, and what comes in between is
//! lost. kube-proxy says at the Service's `healthCheckNodePort` when it is done. Owns which Services
//! are asked for and for how long; asks nobody. Fed by the shell that asks.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::cluster::ClusterFacts;
use crate::names::{NodeName, ServiceName};
use crate::time::Moment;

/// Longer than this no Service waits: perhaps nobody answers at its port.
pub const LIMIT: Duration = Duration::from_secs(5);
/// Between questions, in the first second and then.
const SOON: Duration = Duration::from_millis(20);
const LATER: Duration = Duration::from_millis(200);
const FIRST: Duration = Duration::from_secs(1);

/// A Service whose endpoint here is not delivered to yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Awaited {
    port: u16,
    since: Moment,
}

/// What is delivered here, and what is waited for.
#[derive(Debug, Default)]
pub struct Deliveries {
    delivered: BTreeSet<ServiceName>,
    awaited: BTreeMap<ServiceName, Awaited>,
}

impl Deliveries {
    /// At the start: what the disk knows of was delivered before, and nothing moves for asking anew.
    pub fn remembered(facts: &ClusterFacts, node: &NodeName) -> Deliveries {
        Deliveries {
            delivered: here(facts, node).map(|(name, _)| name.clone()).collect(),
            awaited: BTreeMap::new(),
        }
    }

    /// The cluster has changed.
    pub fn handle_facts(&mut self, facts: &ClusterFacts, node: &NodeName, now: Moment) {
        let here: BTreeMap<&ServiceName, u16> = here(facts, node).collect();
        self.delivered.retain(|name| here.contains_key(name));
        self.awaited
            .retain(|name, awaited| here.get(name) == Some(&awaited.port));
        for (name, port) in here {
            if !self.delivered.contains(name) && !self.awaited.contains_key(name) {
                let awaited = Awaited { port, since: now };
                self.awaited.insert(name.clone(), awaited);
            }
        }
    }

    /// What is to be asked now.
    pub fn questions(&self) -> impl Iterator<Item = (&ServiceName, u16)> {
        self.awaited
            .iter()
            .map(|(name, awaited)| (name, awaited.port))
    }

    /// kube-proxy says that it delivers.
    pub fn handle_delivered(&mut self, name: &ServiceName) {
        if self.awaited.remove(name).is_some() {
            self.delivered.insert(name.clone());
        }
    }

    /// What was waited for in vain, and counts as delivered from here on.
    pub fn give_up(&mut self, now: Moment) -> Vec<ServiceName> {
        let is_late = |awaited: &Awaited| now.since(awaited.since) >= LIMIT;
        let late = self.awaited.iter().filter(|(_, awaited)| is_late(awaited));
        let late: Vec<ServiceName> = late.map(|(name, _)| name.clone()).collect();
        for name in &late {
            self.handle_delivered(name);
        }
        late
    }

    /// How long to wait before the next questions; none if there are none.
    pub fn pause(&self, now: Moment) -> Option<Duration> {
        let youngest = self.awaited.values().map(|awaited| awaited.since).max()?;
        let is_first = now.since(youngest) < FIRST;
        Some(if is_first { SOON } else { LATER })
    }

    /// The Services that are delivered here.
    pub fn delivered(&self) -> &BTreeSet<ServiceName> {
        &self.delivered
    }
}

/// Services with a ready endpoint here that is to be asked for, each with its port.
fn here<'a>(
    facts: &'a ClusterFacts,
    node: &'a NodeName,
) -> impl Iterator<Item = (&'a ServiceName, u16)> {
    facts.services.iter().filter_map(|(name, service)| {
        let is_here = service.ready_on.contains(node);
        Some((name, service.asked_at().filter(|_| is_here)?))
    })
}

#[cfg(test)]
mod tests;
