//! Membership in the multicast groups where questions for IPv6 addresses arrive.
//!
//! Who asks for an address by neighbour discovery asks the group of that address. The kernel tells
//! switches and network cards of each membership (MLD), also after the link was down; it ends with
//! the socket. Sends and receives nothing. Used by the loop of `announce` alone.

use std::collections::BTreeMap;
use std::io;
use std::net::Ipv6Addr;

use socket2::{Domain, Protocol, Socket, Type};
use sovnet_core::names::LinkIndex;

/// The kernel counts memberships against a limit for each socket (`net.core.optmem_max`), which
/// some hundred of them reach.
const PER_SOCKET: usize = 128;

/// The memberships on one link.
#[derive(Debug)]
pub(super) struct Groups {
    link: LinkIndex,
    /// Each with the number of its memberships.
    sockets: Vec<(Socket, usize)>,
    /// Group -> the socket that is a member.
    joined: BTreeMap<Ipv6Addr, usize>,
}

impl Groups {
    /// No membership yet.
    pub(super) fn new(link: LinkIndex) -> Groups {
        Groups {
            link,
            sockets: Vec::new(),
            joined: BTreeMap::new(),
        }
    }

    /// Be a member of exactly these; what could not be joined is tried again by the next call.
    ///
    /// # Errors
    /// The first failure: no memory, or IPv6 is switched off on the link. All others are joined.
    pub(super) fn set(&mut self, wanted: impl Iterator<Item = Ipv6Addr>) -> io::Result<()> {
        let wanted: std::collections::BTreeSet<Ipv6Addr> = wanted.collect();
        let gone: Vec<Ipv6Addr> = self
            .joined
            .keys()
            .filter(|group| !wanted.contains(group))
            .copied()
            .collect();
        for group in gone {
            self.leave(group);
        }
        let mut result = Ok(());
        for group in wanted {
            if !self.joined.contains_key(&group) {
                result = result.and(self.join(group));
            }
        }
        result
    }

    fn join(&mut self, group: Ipv6Addr) -> io::Result<()> {
        let room = self.sockets.iter().position(|(_, has)| *has < PER_SOCKET);
        let at = if let Some(at) = room {
            at
        } else {
            let socket = Socket::new(Domain::IPV6, Type::DGRAM, Some(Protocol::UDP))?;
            self.sockets.push((socket, 0));
            self.sockets.len() - 1
        };
        let (socket, has) = &mut self.sockets[at];
        socket.join_multicast_v6(&group, self.link.0)?;
        *has += 1;
        self.joined.insert(group, at);
        Ok(())
    }

    fn leave(&mut self, group: Ipv6Addr) {
        let Some(at) = self.joined.remove(&group) else {
            return;
        };
        let (socket, has) = &mut self.sockets[at];
        *has -= 1;
        if let Err(error) = socket.leave_multicast_v6(&group, self.link.0) {
            // The link is gone, and its memberships with it.
            log::debug!(group:% = group, error:% = error; "group was left already");
        }
    }
}

#[cfg(test)]
mod tests;
