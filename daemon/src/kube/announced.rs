//! Tells by an Event on a Service which node announces its address, with the words that users know
//! from MetalLB. Each node tells of what it announces itself, so that no Lease is needed.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use sovnet_core::names::ServiceName;

use super::Kube;
use super::tell::Reason;
use super::touched::Touched;

/// What was told, and of what.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Of each Service its uid and its addresses.
    services: BTreeMap<ServiceName, (String, Vec<IpAddr>)>,
    /// What is to be looked at, and with which addresses the others were.
    pub(super) touched: Touched,
    held: Option<Arc<BTreeSet<IpAddr>>>,
}

impl Told {
    /// Addresses that this Service has and that were not told; from now on they are.
    fn news(&mut self, name: &ServiceName, uid: &str, has: Vec<IpAddr>) -> Vec<IpAddr> {
        let known = self.services.get(name).filter(|(known, _)| known == uid);
        let old = known.map_or(&[][..], |(_, old)| old.as_slice());
        if old == has {
            return Vec::new();
        }
        let news = has.iter().filter(|at| !old.contains(at)).copied().collect();
        self.services.insert(name.clone(), (uid.to_owned(), has));
        news
    }
}

impl Kube {
    /// An Event for each address of a Service that this node announces and did not before.
    pub(super) fn tell_announced(&mut self) {
        let held = Arc::clone(&self.wires.held.borrow_and_update());
        let facts = Arc::clone(&self.wires.facts.borrow());
        let Some(session) = self.session.as_ref().filter(|_| self.health.is_live) else {
            return;
        };
        let known = self.announced.held.as_ref();
        if known.is_none_or(|known| !Arc::ptr_eq(known, &held)) {
            self.announced.touched.note_all();
        }
        let touched = std::mem::take(&mut self.announced.touched);
        for (name, service) in touched.of(&facts.services) {
            let assigned = service.assigned.iter();
            let has: Vec<IpAddr> = assigned.filter(|at| held.contains(at)).copied().collect();
            if has.is_empty() || !service.is_ours(&self.wires.config) {
                self.announced.services.remove(name);
                continue;
            }
            for address in self.announced.news(name, &service.uid, has) {
                let node = &self.wires.node;
                let message =
                    format!("announcing {address} from node \"{node}\" with protocol \"layer2\"");
                let client = &session.access.client;
                let reason = Reason::NodeAssigned;
                self.teller.tell(client, (name, service), reason, message);
            }
        }
        let told = &mut self.announced.services;
        touched.retain(told, |name, _| facts.services.contains_key(name));
        self.announced.held = Some(held);
    }
}

#[cfg(test)]
mod tests;
