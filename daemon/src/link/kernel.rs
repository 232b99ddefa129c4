//! Requests to the kernel by rtnetlink: read everything, and carry out one step.
//!
//! Each request has a time limit. Decides nothing; called by `link` alone.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use futures_util::{Stream, TryStreamExt};
use netlink_packet_core::{DefaultNla, NLA_F_NESTED};
use netlink_packet_route::AddressFamily;
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::{
    AddressAttribute, AddressFlags, AddressMessage, AddressScope, CacheInfo,
};
use netlink_packet_route::link::{AfSpecInet, AfSpecUnspec, LinkAttribute, LinkMessage};
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState,
};
use netlink_packet_route::route::{RouteMessage, RouteProtocol};
use nix::errno::Errno;
use rtnetlink::{AddressMessageBuilder, Handle, RouteMessageBuilder};
use sovnet_core::facts::former::ArpModes;
use sovnet_core::names::{LinkIndex, Mac};

use super::held::{QUIET, Step};

/// The kernel answers at once; a second means that something is badly wrong.
const PATIENCE: Duration = Duration::from_secs(1);

/// Reading all of something.
const DUMP_PATIENCE: Duration = Duration::from_secs(5);

/// How long an address stays without renewal: three renewals may fail.
pub(super) const LIFETIME_SECS: u32 = 6;

/// Who put a neighbour there, as `ip -details neigh` shows it (`proto 83`). Permanent neighbours
/// outlive a daemon that is killed; by this its next life knows them.
const OUR_MARK: RouteProtocol = RouteProtocol::Other(83);

/// `IFLA_INET_CONF`, and two of its members (`linux/if_link.h`, `linux/ip.h`).
const INET_CONF: u16 = 1;
const ARP_ANNOUNCE: u16 = 18;
const ARP_IGNORE: u16 = 19;

/// Why the kernel did not do it.
#[derive(Debug, thiserror::Error)]
pub(super) enum KernelError {
    /// It said no.
    #[error("the kernel refused it: {}", .0.desc())]
    Refused(Errno),
    /// It said nothing.
    #[error("the kernel did not answer within {PATIENCE:?}")]
    Silent,
    /// The answer made no sense, or the connection is closed.
    #[error("the request failed")]
    Failed(#[source] rtnetlink::Error),
}

impl From<rtnetlink::Error> for KernelError {
    fn from(error: rtnetlink::Error) -> KernelError {
        if let rtnetlink::Error::NetlinkError(message) = &error {
            let raw = message.raw_code().saturating_neg();
            return KernelError::Refused(Errno::from_raw(raw));
        }
        KernelError::Failed(error)
    }
}

impl KernelError {
    /// Whether the capability is missing.
    pub(super) fn is_forbidden(&self) -> bool {
        matches!(self, KernelError::Refused(Errno::EPERM | Errno::EACCES))
    }

    /// Whether the kernel takes no address of this family there: it refuses IPv6 addresses on a link
    /// where IPv6 is off in the words in which it refuses what is not allowed.
    pub(super) fn is_family_off(&self, address: IpAddr) -> bool {
        address.is_ipv6()
            && matches!(
                self,
                KernelError::Refused(Errno::EACCES | Errno::EAFNOSUPPORT | Errno::EOPNOTSUPP)
            )
    }

    /// Whether what should be changed is not there (any more).
    pub(super) fn is_gone(&self) -> bool {
        matches!(
            self,
            KernelError::Refused(
                Errno::ENODEV
                    | Errno::ENOENT
                    | Errno::EADDRNOTAVAIL
                    | Errno::ESRCH
                    | Errno::EAFNOSUPPORT
            )
        )
    }
}

/// The connection for requests.
#[derive(Debug, Clone)]
pub(super) struct Kernel {
    handle: Handle,
}

impl Kernel {
    /// Asks through this handle, whose connection somebody else drives.
    pub(super) fn new(handle: Handle) -> Kernel {
        Kernel { handle }
    }

    /// All links and addresses, as messages to apply in this order.
    pub(super) async fn links_and_addresses(
        &self,
    ) -> Result<Vec<RouteNetlinkMessage>, KernelError> {
        let links = self.links().await?;
        let addresses = all(self.handle.address().get().execute()).await?;
        let links = links.into_iter().map(RouteNetlinkMessage::NewLink);
        let addresses = addresses.into_iter().map(RouteNetlinkMessage::NewAddress);
        Ok(links.chain(addresses).collect())
    }

    /// All links, with their settings.
    pub(super) async fn links(&self) -> Result<Vec<LinkMessage>, KernelError> {
        all(self.handle.link().get().execute()).await
    }

    /// All routes, of IPv4 and IPv6.
    pub(super) async fn routes(&self) -> Result<Vec<RouteMessage>, KernelError> {
        let v4 = RouteMessageBuilder::<Ipv4Addr>::new().build();
        let v6 = RouteMessageBuilder::<Ipv6Addr>::new().build();
        let mut routes = all(self.handle.route().get(v4).execute()).await?;
        routes.extend(all(self.handle.route().get(v6).execute()).await?);
        Ok(routes)
    }

    /// The permanent neighbours that carry our mark, also from an earlier life of this daemon.
    pub(super) async fn our_neighbours(
        &self,
    ) -> Result<BTreeMap<(LinkIndex, IpAddr), Mac>, KernelError> {
        let request = self.handle.neighbours().get();
        let request = request.set_address_family(AddressFamily::Unspec);
        let found: Vec<NeighbourMessage> = all(request.execute()).await?;
        Ok(found.iter().filter_map(our_neighbour).collect())
    }

    /// How a link speaks ARP now.
    pub(super) async fn arp_modes(&self, link: LinkIndex) -> Result<ArpModes, KernelError> {
        let found = all(self.handle.link().get().match_index(link.0).execute()).await?;
        let modes = found.iter().flat_map(|message| &message.attributes);
        modes
            .filter_map(arp_modes_of)
            .next()
            .ok_or(KernelError::Refused(Errno::EAFNOSUPPORT))
    }

    /// Makes this link speak ARP so.
    pub(super) async fn set_arp_modes(
        &self,
        link: LinkIndex,
        modes: ArpModes,
    ) -> Result<(), KernelError> {
        let mut message = LinkMessage::default();
        message.header.index = link.0;
        message.attributes.push(set_arp_modes(modes));
        in_time(self.handle.link().set(message).execute()).await
    }

    /// Carries out a step that needs no other knowledge; `loopback` is where local addresses go.
    pub(super) async fn carry_out(
        &self,
        step: Step,
        loopback: LinkIndex,
    ) -> Result<(), KernelError> {
        match step {
            Step::AddLocal(address) => self.add_local(address, loopback).await,
            Step::RemoveLocal(address) => {
                let message = local_address(address, loopback);
                in_time(self.handle.address().del(message).execute()).await
            }
            Step::Quiet(link) => self.set_arp_modes(link, QUIET).await,
            Step::Restore(link, modes) => self.set_arp_modes(link, modes).await,
            Step::PutNeighbour(link, address, mac) => self.put_neighbour(link, address, mac).await,
            Step::RemoveNeighbour(link, address) => {
                let message = neighbour(link, address);
                in_time(self.handle.neighbours().del(message).execute()).await
            }
        }
    }

    async fn add_local(&self, address: IpAddr, loopback: LinkIndex) -> Result<(), KernelError> {
        let mut request = self
            .handle
            .address()
            .add(loopback.0, address, whole(address))
            .replace();
        let mut lifetime = CacheInfo::default();
        lifetime.ifa_valid = LIFETIME_SECS;
        // Deprecated from the start. IPv4 takes no notice of it; its scope keeps it from being the
        // source of other traffic, this says so to people and programs.
        lifetime.ifa_preferred = 0;
        let message = request.message_mut();
        if address.is_ipv4() {
            message.header.scope = AddressScope::Host;
        } else {
            // Nobody on the loopback link could have it: it is used at once.
            let flags = AddressFlags::Nodad;
            message.attributes.push(AddressAttribute::Flags(flags));
        }
        message
            .attributes
            .push(AddressAttribute::CacheInfo(lifetime));
        in_time(request.execute()).await
    }

    async fn put_neighbour(
        &self,
        link: LinkIndex,
        address: IpAddr,
        mac: Mac,
    ) -> Result<(), KernelError> {
        let request = self.handle.neighbours().add(link.0, address);
        let mut request = request.link_layer_address(&mac.0).replace();
        let message = request.message_mut();
        message
            .attributes
            .push(NeighbourAttribute::Protocol(OUR_MARK));
        in_time(request.execute()).await
    }
}

async fn in_time(
    request: impl Future<Output = Result<(), rtnetlink::Error>>,
) -> Result<(), KernelError> {
    match tokio::time::timeout(PATIENCE, request).await {
        Ok(result) => Ok(result?),
        Err(_elapsed) => Err(KernelError::Silent),
    }
}

async fn all<T>(
    answers: impl Stream<Item = Result<T, rtnetlink::Error>>,
) -> Result<Vec<T>, KernelError> {
    match tokio::time::timeout(DUMP_PATIENCE, answers.try_collect()).await {
        Ok(result) => Ok(result?),
        Err(_elapsed) => Err(KernelError::Silent),
    }
}

/// The length of a prefix that is one address.
pub(super) fn whole(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn local_address(address: IpAddr, loopback: LinkIndex) -> AddressMessage {
    match address {
        IpAddr::V4(v4) => AddressMessageBuilder::<Ipv4Addr>::new()
            .index(loopback.0)
            .address(v4, whole(address))
            .build(),
        IpAddr::V6(v6) => AddressMessageBuilder::<Ipv6Addr>::new()
            .index(loopback.0)
            .address(v6, whole(address))
            .build(),
    }
}

fn neighbour(link: LinkIndex, address: IpAddr) -> NeighbourMessage {
    let mut message = NeighbourMessage::default();
    message.header.ifindex = link.0;
    let (family, destination) = match address {
        IpAddr::V4(v4) => (AddressFamily::Inet, NeighbourAddress::Inet(v4)),
        IpAddr::V6(v6) => (AddressFamily::Inet6, NeighbourAddress::Inet6(v6)),
    };
    message.header.family = family;
    message
        .attributes
        .push(NeighbourAttribute::Destination(destination));
    message
}

fn our_neighbour(message: &NeighbourMessage) -> Option<((LinkIndex, IpAddr), Mac)> {
    let (mut address, mut mac, mut is_ours) = (None, None, false);
    for attribute in &message.attributes {
        if let NeighbourAttribute::Destination(NeighbourAddress::Inet(found)) = attribute {
            address = Some(IpAddr::V4(*found));
        } else if let NeighbourAttribute::Destination(NeighbourAddress::Inet6(found)) = attribute {
            address = Some(IpAddr::V6(*found));
        } else if let NeighbourAttribute::LinkLayerAddress(found) = attribute {
            mac = <[u8; 6]>::try_from(found.as_slice()).ok().map(Mac);
        } else if let NeighbourAttribute::Protocol(found) = attribute {
            is_ours = *found == OUR_MARK;
        }
    }
    let link = LinkIndex(message.header.ifindex);
    let key = address.map(|address| (link, address));
    let is_permanent = message.header.state == NeighbourState::Permanent;
    key.zip(mac).filter(|_| is_ours && is_permanent)
}

fn arp_modes_of(attribute: &LinkAttribute) -> Option<ArpModes> {
    let LinkAttribute::AfSpecUnspec(families) = attribute else {
        return None;
    };
    families.iter().find_map(|family| {
        let AfSpecUnspec::Inet(members) = family else {
            return None;
        };
        members.iter().find_map(|member| {
            let AfSpecInet::DevConf(conf) = member else {
                return None;
            };
            Some(ArpModes {
                ignore: u32::try_from(conf.arp_ignore).unwrap_or(0),
                announce: u32::try_from(conf.arp_announce).unwrap_or(0),
            })
        })
    })
}

/// The kernel reads a list of attributes where it writes an array. The library's own form for
/// requests leaves zeroes out, and zero is what is restored most often.
fn set_arp_modes(modes: ArpModes) -> LinkAttribute {
    let mut members = Vec::new();
    for (kind, value) in [(ARP_ANNOUNCE, modes.announce), (ARP_IGNORE, modes.ignore)] {
        members.extend_from_slice(&8_u16.to_ne_bytes());
        members.extend_from_slice(&kind.to_ne_bytes());
        members.extend_from_slice(&value.to_ne_bytes());
    }
    let conf = DefaultNla::new(INET_CONF | NLA_F_NESTED, members);
    LinkAttribute::AfSpecUnspec(vec![AfSpecUnspec::Inet(vec![AfSpecInet::Other(conf)])])
}
