//! Tells by an Event on a Service which node announces its address, with the words that users know
//! from MetalLB. Each node tells of what it announces itself, so that no Lease is needed.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use sovnet_core::names::ServiceName;

use super::Kube;
use super::tell::Reason;

/// What was told: the Service, its uid and the address.
pub(super) type Told = BTreeSet<(ServiceName, String, IpAddr)>;

impl Kube {
    /// An Event for each address of a Service that this node announces and did not before.
    pub(super) fn tell_announced(&mut self) {
        let held = Arc::clone(&self.wires.held.borrow_and_update());
        let Some(session) = self.session.as_ref().filter(|_| self.health.is_live) else {
            return;
        };
        let mut announced = Told::new();
        for (name, service) in session.watches.services() {
            if !service.is_ours(&self.wires.config) {
                continue;
            }
            // A status that another controller changes is no news of what is announced.
            let taken = self.contests.taken(name);
            let assigned = taken.unwrap_or(&service.assigned);
            for address in assigned.iter().filter(|at| held.contains(at)) {
                let one = (name.clone(), service.uid.clone(), *address);
                if !self.announced.contains(&one) {
                    let node = &self.wires.node;
                    let message = format!(
                        "announcing {address} from node \"{node}\" with protocol \"layer2\""
                    );
                    let client = &session.access.client;
                    let reason = Reason::NodeAssigned;
                    self.teller.tell(client, (name, service), reason, message);
                }
                announced.insert(one);
            }
        }
        self.announced = announced;
    }
}
