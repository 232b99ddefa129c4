//! How the kernel treats ARP, NDP and packets on a link: the sysctls that announcing depends on.

/// The settings in force on one link: what holds for all links (`net.ipv4.conf.all`) is in it
/// already, as the kernel joins the two.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LinkSettings {
    /// `arp_ignore`: for which of its own addresses the kernel answers ARP.
    pub arp_ignore: u32,
    /// `arp_announce`: which of its own addresses the kernel asks with.
    pub arp_announce: u32,
    /// `rp_filter`: 1 = a packet is dropped unless its answer would leave over the same link.
    pub rp_filter: u32,
    /// `arp_filter`: ARP is answered only on the link that the answer would be routed over.
    pub is_arp_filter: bool,
    /// What the kernel answers ARP for besides its own addresses.
    pub proxy: Proxy,
    /// `proxy_ndp`: NDP is answered for addresses of `ip -6 neigh show proxy`.
    pub is_proxy_ndp: bool,
    /// `disable_ipv6`.
    pub is_ipv6_off: bool,
    /// Carrier is lost, and packets are routed over the link all the same
    /// (`ignore_routes_with_linkdown` is 0).
    pub is_dead_end: bool,
    /// Whether the settings for all links could be read; if not, only the link's own are in it.
    pub knows_all: bool,
}

/// What the kernel answers ARP for besides its own addresses, if it forwards packets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Proxy {
    /// Nothing.
    #[default]
    Off,
    /// `proxy_arp`: addresses that it routes over another link.
    Routed,
    /// `proxy_arp_pvlan`: addresses that it routes over this link, too, thus everybody's.
    Segment,
}
