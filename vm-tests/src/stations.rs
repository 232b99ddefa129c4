//! Simulated hosts that only speak ARP: a router, so that there is a gateway, and an asker.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use sovnet_tests::lan::arp::{Arp, BROADCAST, Mac};

use crate::switch::Station;

/// A router that answers for its own address and routes nothing.
#[derive(Debug)]
pub struct Router {
    /// Its hardware address.
    pub mac: Mac,
    /// Its address.
    pub address: Ipv4Addr,
}

impl Station for Router {
    fn take(&mut self, frame: &[u8], _at: Instant) -> Vec<Vec<u8>> {
        let request = Arp::parse(frame).filter(|arp| arp.operation == 1);
        let reply = request.filter(|arp| arp.target == self.address).map(|arp| {
            let reply = Arp {
                to: arp.from,
                from: self.mac,
                operation: 2,
                sender_mac: self.mac,
                sender: self.address,
                target_mac: arp.sender_mac,
                target: arp.sender,
            };
            reply.to_bytes()
        });
        reply.into_iter().collect()
    }

    fn tick(&mut self, _at: Instant) -> Vec<Vec<u8>> {
        Vec::new()
    }
}

/// Asks all hosts who has some addresses, again and again, and remembers nothing: the switch hears
/// who answers. A host that remembered answers would hide a missing announcement.
#[derive(Debug)]
pub struct Asker {
    /// Its hardware address.
    pub mac: Mac,
    /// Its address.
    pub address: Ipv4Addr,
    /// Asked for.
    pub targets: Vec<Ipv4Addr>,
    /// How often.
    pub every: Duration,
    /// When it asks next; none: at once.
    pub next_at: Option<Instant>,
}

impl Station for Asker {
    fn take(&mut self, _frame: &[u8], _at: Instant) -> Vec<Vec<u8>> {
        Vec::new()
    }

    fn tick(&mut self, at: Instant) -> Vec<Vec<u8>> {
        if self.next_at.is_some_and(|next_at| at < next_at) {
            return Vec::new();
        }
        self.next_at = Some(at + self.every);
        let ask = |target: &Ipv4Addr| question(self.mac, self.address, *target);
        self.targets.iter().map(ask).collect()
    }
}

/// A broadcast request.
pub(crate) fn question(mac: Mac, address: Ipv4Addr, target: Ipv4Addr) -> Vec<u8> {
    let request = Arp {
        to: BROADCAST,
        from: mac,
        operation: 1,
        sender_mac: mac,
        sender: address,
        target_mac: Mac([0; 6]),
        target,
    };
    request.to_bytes()
}
