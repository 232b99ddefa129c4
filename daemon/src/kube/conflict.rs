//! Tells of a host that uses a Service's address by an Event on the Service, once for each episode.
//! Only the writer does, behind the fence of the Lease.

use std::net::IpAddr;
use std::time::Duration;

use sovnet_core::facts::occupants::{Occupant, Occupants};
use sovnet_core::report::Vendors;
use sovnet_core::time::Moment;

use super::attempts::Attempts;
use super::status::Writer;
use super::tell::Reason;
use crate::clock;

/// An Event waits so long for the vendor's name.
const NAMED_WITHIN: Duration = Duration::from_secs(5);

/// What was told of a Service: its uid, the address, and since when the host has it.
pub(super) type Told = (String, IpAddr, Moment);

impl Writer<'_> {
    /// An Event for each Service whose address is used by a host that is no node.
    pub(super) fn tell_conflicts(
        &mut self,
        occupants: &Occupants,
        vendors: &Vendors,
        attempts: &mut Attempts,
    ) {
        for (address, occupant) in occupants.iter().filter(|(_, one)| one.is_announced) {
            for name in self.watches.names_with(self.config, *address) {
                let Some((service, _)) = self.watches.seen(&name) else {
                    continue;
                };
                let told = (service.uid.clone(), *address, occupant.since);
                if attempts.conflicts.get(&name) == Some(&told) {
                    continue;
                }
                let now = clock::now();
                let is_named = vendors.contains_key(&occupant.mac);
                if !is_named && now.since(occupant.since) < NAMED_WITHIN {
                    // The name wakes this shell again.
                    continue;
                }
                if !self.lease.may_write(now) {
                    return;
                }
                let message = message(*address, occupant, vendors);
                let reason = Reason::AddressConflict;
                self.teller
                    .tell(self.client, (&name, service), reason, message);
                attempts.conflicts.insert(name, told);
            }
        }
    }
}

/// What happened, who it is, and what is done about it.
fn message(address: IpAddr, occupant: &Occupant, vendors: &Vendors) -> String {
    let mac = occupant.mac;
    let vendor = vendors.get(&mac);
    let vendor = vendor.map_or_else(String::new, |vendor| format!(" ({vendor})"));
    let done = if occupant.is_left {
        "the address is left to it"
    } else {
        "the address is defended"
    };
    format!("{address} is also used by {mac}{vendor}, which is no node of the cluster: {done}")
}

#[cfg(test)]
mod tests;
