//! The packet sockets of one segment, and what they let through.
//!
//! Opens them, keeps filters and memberships in step with the addresses of the segment, and carries
//! frames. Which addresses matter is decided elsewhere. Used by the segment alone.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};

use socket2::SockFilter;
use sovnet_core::config::range::AddressRange;
use sovnet_core::decide::SegmentPlan;
use sovnet_core::frame::{ethernet, ndp};
use sovnet_core::names::LinkIndex;
use sovnet_core::speaker::Surroundings;
use sovnet_core::time::Moment;

use super::bell::Bell;
use super::filter::{self, Sampler, Sampling, Watched};
use super::groups::Groups;
use super::packet::{Carries, PacketError, PacketSocket};

/// One socket with the part of unrelated frames that it lets through.
struct Ear {
    socket: PacketSocket,
    sampler: Sampler,
}

/// The sockets.
pub(super) struct Wire {
    link: LinkIndex,
    bell: Bell,
    watched: Watched,
    arp: Ear,
    /// Only on a segment that has to do with IPv6: its filter sees every IPv6 packet of the link.
    ndp: Option<Ear>,
    /// What DHCP servers say, where IPv4 is announced or may be: its filter sees every IPv4 packet
    /// of the link. A kernel that gives no such socket costs evidence and nothing else.
    dhcp: Option<PacketSocket>,
    groups: Groups,
}

impl Wire {
    /// Opens what this plan needs; further addresses come by [`Wire::follow`].
    pub(super) fn open(
        link: LinkIndex,
        plan: &SegmentPlan,
        around: &Surroundings,
        bell: &Bell,
        now: Moment,
    ) -> Result<Wire, PacketError> {
        let watched = watched(plan, around);
        let arp = Ear::open((link, bell), Carries::Arp, &watched, now)?;
        let mut wire = Wire {
            link,
            bell: bell.clone(),
            watched,
            arp,
            ndp: None,
            dhcp: None,
            groups: Groups::new(link),
        };
        wire.follow_dhcp(plan);
        wire.follow_ipv6(plan, now)?;
        Ok(wire)
    }

    /// Other addresses matter from now on.
    ///
    /// # Errors
    /// The kernel took a filter not, or gave no socket: call it again later.
    pub(super) fn follow(
        &mut self,
        plan: &SegmentPlan,
        around: &Surroundings,
        now: Moment,
    ) -> Result<(), PacketError> {
        let watched = watched(plan, around);
        if watched != self.watched {
            self.arp.renew(self.link, Carries::Arp, &watched)?;
            if let Some(ndp) = &self.ndp {
                ndp.renew(self.link, Carries::Ndp, &watched)?;
            }
            self.watched = watched;
        }
        self.follow_dhcp(plan);
        self.follow_ipv6(plan, now)
    }

    fn follow_dhcp(&mut self, plan: &SegmentPlan) {
        let mut firsts = plan.watched.ranges.iter().map(AddressRange::first);
        let is_wanted =
            plan.addresses.iter().any(IpAddr::is_ipv4) || firsts.any(|first| first.is_ipv4());
        if !is_wanted {
            self.dhcp = None;
        } else if self.dhcp.is_none() {
            let program = filter::dhcp(self.link);
            match PacketSocket::open(self.link, Carries::Dhcp, &program, &self.bell) {
                Ok(socket) => self.dhcp = Some(socket),
                Err(error) => log::debug!(error:% = error; "DHCP servers are not watched"),
            }
        }
    }

    fn follow_ipv6(&mut self, plan: &SegmentPlan, now: Moment) -> Result<(), PacketError> {
        let is_wanted = plan.own.is_ipv6() || plan.addresses.iter().any(IpAddr::is_ipv6);
        if !is_wanted {
            self.ndp = None;
        } else if self.ndp.is_none() {
            let place = (self.link, &self.bell);
            self.ndp = Some(Ear::open(place, Carries::Ndp, &self.watched, now)?);
        }
        // Of all addresses, not only of those that are held: then no switch has to learn about a
        // new member at a take-over, and who asks for an address is known to every node.
        let addresses = plan.addresses.iter().filter_map(v6);
        let groups: BTreeSet<Ipv6Addr> = addresses.map(ndp::solicited_node).collect();
        if let Err(error) = self.groups.set(groups.into_iter()) {
            // IPv6 is switched off on the link: its addresses are then told as problems.
            log::debug!(error:% = error; "multicast groups could not be joined");
        }
        Ok(())
    }

    /// Hands over what DHCP servers said, at most so many frames.
    pub(super) fn read_dhcp(&self, at_most: usize, mut handle: impl FnMut(&[u8])) {
        let Some(socket) = &self.dhcp else { return };
        let mut buffer = [0; super::segment::BUFFER];
        for _ in 0..at_most {
            let Some(length) = socket.recv(&mut buffer) else {
                break;
            };
            handle(&buffer[..length]);
        }
    }

    /// Hands over what waits, at most so many frames of each protocol; the handler says whether a
    /// frame concerned us.
    pub(super) fn read(
        &mut self,
        at_most: usize,
        now: Moment,
        mut handle: impl FnMut(&[u8]) -> bool,
    ) {
        let mut buffer = [0; super::segment::BUFFER];
        let ears = std::iter::once((&mut self.arp, Carries::Arp))
            .chain(self.ndp.as_mut().map(|ear| (ear, Carries::Ndp)));
        for (ear, carries) in ears {
            let mut unrelated = 0;
            for _ in 0..at_most {
                let Some(length) = ear.socket.recv(&mut buffer) else {
                    break;
                };
                unrelated += u32::from(!handle(&buffer[..length]));
            }
            if ear.sampler.handle_passed(unrelated, now)
                && let Err(error) = ear.renew(self.link, carries, &self.watched)
            {
                log::debug!(error:% = error; "the filter stays as it is");
            }
        }
    }

    /// Sends a frame now or never.
    ///
    /// # Errors
    /// The name of the counter of what stood in the way.
    pub(super) fn send(&self, frame: &[u8]) -> Result<(), &'static str> {
        let is_ipv6 =
            ethernet::split(frame).is_some_and(|(header, _)| header.ethertype == ethernet::IPV6);
        match &self.ndp {
            Some(ndp) if is_ipv6 => ndp.socket.send(frame),
            None if is_ipv6 => Err("frame-send-no-socket"),
            Some(_) | None => self.arp.socket.send(frame),
        }
    }

    /// Throws away what waits to be received (R2); how many frames.
    pub(super) fn drain(&self) -> usize {
        let ears = std::iter::once(&self.arp).chain(&self.ndp);
        let sockets = ears.map(|ear| &ear.socket).chain(&self.dhcp);
        sockets.map(PacketSocket::drain).sum()
    }
}

impl Ear {
    fn open(
        (link, bell): (LinkIndex, &Bell),
        carries: Carries,
        watched: &Watched,
        now: Moment,
    ) -> Result<Ear, PacketError> {
        let sampler = Sampler::new(now);
        let program = program(link, carries, watched, sampler.sampling());
        let socket = PacketSocket::open(link, carries, &program, bell)?;
        Ok(Ear { socket, sampler })
    }

    fn renew(
        &self,
        link: LinkIndex,
        carries: Carries,
        watched: &Watched,
    ) -> Result<(), PacketError> {
        let program = program(link, carries, watched, self.sampler.sampling());
        self.socket.replace_filter(&program)
    }
}

fn program(
    link: LinkIndex,
    carries: Carries,
    watched: &Watched,
    sampling: Sampling,
) -> Vec<SockFilter> {
    match carries {
        Carries::Arp => filter::arp(link, watched, sampling),
        Carries::Ndp => filter::ndp(link, watched, sampling),
        Carries::Dhcp => filter::dhcp(link),
    }
}

fn watched(plan: &SegmentPlan, around: &Surroundings) -> Watched {
    let own = [Some(plan.own), plan.sources.v4.map(IpAddr::V4)];
    let own = own.into_iter().chain([plan.sources.v6.map(IpAddr::V6)]);
    let single = |address: IpAddr| (address, address);
    let targets: Vec<_> = plan
        .addresses
        .iter()
        .copied()
        .chain(own.flatten())
        .map(single)
        // Who has a free address is to be known before a Service gets it.
        .chain(
            plan.watched
                .ranges
                .iter()
                .map(|range| (range.first(), range.last())),
        )
        .collect();
    let senders = around.peers.iter().chain(&around.gateway).copied();
    let senders: Vec<_> = senders.map(single).collect();
    Watched::new(plan.subnet, &targets, &senders)
}

fn v6(address: &IpAddr) -> Option<Ipv6Addr> {
    match address {
        IpAddr::V6(v6) => Some(*v6),
        IpAddr::V4(_) => None,
    }
}
