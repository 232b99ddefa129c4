//! What a link is and how the kernel treats it, from one netlink message.
//!
//! Pure: the parts of a link's message that `table` does not keep as they are told.

use netlink_packet_route::link::{
    AfSpecInet, AfSpecInet6, AfSpecUnspec, InfoBond, InfoData, InfoKind, LinkAttribute, LinkEvent,
    LinkInfo, LinkMessage,
};
use sovnet_core::facts::settings::{LinkSettings, Proxy};
use sovnet_core::names::LinkIndex;

/// What a link is made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Details {
    /// The bridge, bond, team or VRF that it is a port of.
    pub(super) master: Option<LinkIndex>,
    /// Its place among links.
    pub(super) role: Role,
    /// The port that a bond in active-backup mode sends over.
    pub(super) active_port: Option<u32>,
}

/// What matters of a link's kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Role {
    /// Leads to a segment by itself: hardware, VLAN, macvlan, bond, team.
    #[default]
    Way,
    /// Joins its ports to one segment.
    Bridge,
    /// One end of a container or a virtual machine: what comes up there is no other way.
    Guest,
    /// Ethernet, but frames for announced addresses do not reach it: tunnels, and ipvlan, which
    /// shares its parent's hardware address and gets only what is for addresses that it has.
    Silent,
}

/// Settings as they are for one link, or for all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::link) struct Conf {
    pub(in crate::link) arp_ignore: u32,
    pub(in crate::link) arp_announce: u32,
    pub(in crate::link) rp_filter: u32,
    pub(in crate::link) arp_filter: u32,
    pub(in crate::link) proxy_arp: u32,
    pub(in crate::link) proxy_arp_pvlan: u32,
    pub(in crate::link) forwarding: u32,
    pub(in crate::link) ignore_routes_with_linkdown: u32,
    pub(in crate::link) proxy_ndp: u32,
    pub(in crate::link) disable_ipv6: u32,
}

impl Details {
    pub(super) fn of(message: &LinkMessage) -> Details {
        let mut details = Details::default();
        for attribute in &message.attributes {
            if let LinkAttribute::Controller(master) = attribute {
                details.master = Some(LinkIndex(*master)).filter(|master| master.0 != 0);
            } else if let LinkAttribute::LinkInfo(info) = attribute {
                for one in info {
                    details.add(one);
                }
            }
        }
        details
    }

    fn add(&mut self, info: &LinkInfo) {
        if let LinkInfo::Kind(kind) = info {
            self.role = Role::of(kind);
        } else if let LinkInfo::Data(InfoData::Bond(bond)) = info {
            self.active_port = bond.iter().find_map(|member| {
                if let InfoBond::ActivePort(port) = member {
                    Some(*port)
                } else {
                    None
                }
            });
        }
    }
}

impl Role {
    fn of(kind: &InfoKind) -> Role {
        if matches!(kind, InfoKind::Bridge) {
            Role::Bridge
        } else if matches!(kind, InfoKind::Veth | InfoKind::Tun | InfoKind::Netkit) {
            Role::Guest
        } else if matches!(
            kind,
            InfoKind::IpVlan
                | InfoKind::IpVtap
                | InfoKind::Vxlan
                | InfoKind::Geneve
                | InfoKind::GreTap
                | InfoKind::GreTap6
                | InfoKind::ErSpan
                | InfoKind::Ip6ErSpan
        ) {
            Role::Silent
        } else {
            Role::Way
        }
    }
}

/// Whether the kernel asks that everybody on the segment learns anew where this link is: a bond or
/// team sends over another port, or a virtual machine runs on another host now.
pub(super) fn is_to_be_noticed(message: &LinkMessage) -> bool {
    message.attributes.iter().any(|attribute| {
        matches!(
            attribute,
            LinkAttribute::Event(LinkEvent::BondingFailover | LinkEvent::NotifyPeers)
        )
    })
}

impl Conf {
    /// A link's own settings; none if the message does not tell them.
    pub(super) fn of(message: &LinkMessage) -> Option<Conf> {
        let families = message.attributes.iter().find_map(|attribute| {
            if let LinkAttribute::AfSpecUnspec(families) = attribute {
                Some(families)
            } else {
                None
            }
        })?;
        let mut conf = Conf::default();
        for family in families {
            if let AfSpecUnspec::Inet(members) = family {
                members.iter().for_each(|member| conf.add_v4(member));
            } else if let AfSpecUnspec::Inet6(members) = family {
                members.iter().for_each(|member| conf.add_v6(member));
            }
        }
        Some(conf)
    }

    fn add_v4(&mut self, member: &AfSpecInet) {
        let AfSpecInet::DevConf(told) = member else {
            return;
        };
        self.arp_ignore = value(told.arp_ignore);
        self.arp_announce = value(told.arp_announce);
        self.rp_filter = value(told.rp_filter);
        self.arp_filter = value(told.arpfilter);
        self.proxy_arp = value(told.proxy_arp);
        self.proxy_arp_pvlan = value(told.proxy_arp_pvlan);
        self.forwarding = value(told.forwarding);
        self.ignore_routes_with_linkdown = value(told.ignore_routes_with_linkdown);
    }

    fn add_v6(&mut self, member: &AfSpecInet6) {
        let AfSpecInet6::DevConf(told) = member else {
            return;
        };
        self.proxy_ndp = value(told.proxy_ndp);
        self.disable_ipv6 = value(told.disable_ipv6);
    }

    /// What is in force on a link with these settings, as the kernel joins them with those for all
    /// links: of numbers the larger one, of switches either. Forwarding and `disable_ipv6` are the
    /// link's own: setting them for all sets them on each.
    pub(super) fn in_force(&self, all: Option<&Conf>, is_without_carrier: bool) -> LinkSettings {
        let none = Conf::default();
        let knows_all = all.is_some();
        let all = all.unwrap_or(&none);
        let either = |own: u32, all: u32| own != 0 || all != 0;
        let proxy = if self.forwarding == 0 {
            Proxy::Off
        } else if either(self.proxy_arp_pvlan, all.proxy_arp_pvlan) {
            Proxy::Segment
        } else if either(self.proxy_arp, all.proxy_arp) {
            Proxy::Routed
        } else {
            Proxy::Off
        };
        let are_dead_routes_ignored = either(
            self.ignore_routes_with_linkdown,
            all.ignore_routes_with_linkdown,
        );
        LinkSettings {
            arp_ignore: self.arp_ignore.max(all.arp_ignore),
            arp_announce: self.arp_announce.max(all.arp_announce),
            rp_filter: self.rp_filter.max(all.rp_filter),
            is_arp_filter: either(self.arp_filter, all.arp_filter),
            proxy,
            is_proxy_ndp: either(self.proxy_ndp, all.proxy_ndp),
            is_ipv6_off: self.disable_ipv6 != 0,
            is_dead_end: is_without_carrier && !are_dead_routes_ignored,
            knows_all,
        }
    }
}

fn value(told: i32) -> u32 {
    u32::try_from(told).unwrap_or(0)
}
