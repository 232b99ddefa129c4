//! What messages make of the table, from message values.

mod kinds;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netlink_packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage};
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkLayerType, LinkMessage};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteNextHop, RouteProtocol, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use sovnet_core::facts::Link;
use sovnet_core::names::{LinkIndex, Mac};

use super::{Conf, Effects, LinkTable};

const LO: u32 = 1;
const LAN: u32 = 2;
const OWN: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 8, 222));
const VIP: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 8, 241));
const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];

fn running() -> LinkFlags {
    LinkFlags::Up | LinkFlags::Running | LinkFlags::LowerUp | LinkFlags::Broadcast
}

fn ethernet(index: u32, name: &str, flags: LinkFlags) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = index;
    message.header.link_layer_type = LinkLayerType::Ether;
    message.header.flags = flags;
    message.attributes = vec![
        LinkAttribute::IfName(name.to_owned()),
        LinkAttribute::Address(MAC.to_vec()),
    ];
    message
}

fn loopback() -> LinkMessage {
    let mut message = ethernet(LO, "lo", LinkFlags::Up | LinkFlags::Loopback);
    message.header.link_layer_type = LinkLayerType::Loopback;
    message
}

fn address(link: u32, own: IpAddr, prefix: u8, flags: AddressHeaderFlags) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family = AddressFamily::Inet;
    message.header.index = link;
    message.header.prefix_len = prefix;
    message.header.flags = flags;
    message.attributes = vec![AddressAttribute::Local(own)];
    message
}

fn route(attributes: Vec<RouteAttribute>) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = AddressFamily::Inet;
    message.header.table = RouteHeader::RT_TABLE_MAIN;
    message.header.kind = RouteType::Unicast;
    message.attributes = attributes;
    message
}

fn via(last: u8, link: u32, metric: u32) -> RouteMessage {
    route(vec![
        RouteAttribute::Gateway(RouteAddress::Inet([192, 168, 8, last].into())),
        RouteAttribute::Oif(link),
        RouteAttribute::Priority(metric),
    ])
}

fn home() -> LinkTable {
    let mut table = LinkTable::default();
    table.apply(&RouteNetlinkMessage::NewLink(loopback()));
    table.apply(&RouteNetlinkMessage::NewLink(ethernet(
        LAN,
        "lan",
        running(),
    )));
    let own = address(LAN, OWN, 24, AddressHeaderFlags::Permanent);
    table.apply(&RouteNetlinkMessage::NewAddress(own));
    table
}

fn lan(table: &LinkTable) -> Link {
    table.facts().links[&LinkIndex(LAN)].clone()
}

fn with(flags: LinkFlags, extra: Option<LinkAttribute>) -> Link {
    let mut table = LinkTable::default();
    let mut message = ethernet(LAN, "lan", flags);
    message.attributes.extend(extra);
    table.apply(&RouteNetlinkMessage::NewLink(message));
    lan(&table)
}

#[test]
fn an_ethernet_link_with_its_address_becomes_a_fact() {
    let link = lan(&home());
    assert_eq!((link.name.as_str(), link.mac), ("lan", Some(Mac(MAC))));
    assert!(link.is_up && link.is_announcing && !link.is_wireless);
    assert_eq!(link.addresses[0].address, OWN);
    assert_eq!(link.addresses[0].subnet, "192.168.8.0/24".parse().unwrap());
}

#[test]
fn only_links_that_speak_arp_for_themselves_announce() {
    assert!(with(running(), None).is_announcing);
    assert!(with(running(), Some(LinkAttribute::Controller(0))).is_announcing);
    assert!(!with(running(), Some(LinkAttribute::Controller(7))).is_announcing);
    assert!(!with(running() | LinkFlags::Noarp, None).is_announcing);
    assert!(!with(running() - LinkFlags::Broadcast, None).is_announcing);
    let group = LinkAttribute::Address(vec![1, 0, 0, 0, 0, 1]);
    assert!(!with(running(), Some(group)).is_announcing);
    assert!(!home().facts().links[&LinkIndex(LO)].is_announcing);
}

#[test]
fn a_link_is_up_only_with_carrier() {
    assert!(with(running(), None).is_up);
    for missing in [LinkFlags::Up, LinkFlags::Running, LinkFlags::LowerUp] {
        assert!(!with(running() - missing, None).is_up, "{missing:?}");
    }
}

#[test]
fn a_change_of_a_link_keeps_what_is_known_of_it() {
    let mut table = home();
    table.set_routes(&[via(1, LAN, 0)]);
    table.set_wireless(LinkIndex(LAN));
    let renamed = ethernet(LAN, "eth0", running());
    assert_eq!(
        table.apply(&RouteNetlinkMessage::NewLink(renamed)),
        Effects::default()
    );
    let link = lan(&table);
    assert_eq!(link.name.as_str(), "eth0");
    assert!(link.is_wireless);
    assert_eq!(link.addresses.len(), 1);
    assert_eq!(link.gateway, Some(IpAddr::from([192, 168, 8, 1])));
}

#[test]
fn neighbours_are_lost_when_a_link_goes_down_or_away_or_gets_another_mac() {
    let lost = |message: RouteNetlinkMessage| home().apply(&message).lost_neighbours;
    let index = Some(LinkIndex(LAN));
    let down = ethernet(LAN, "lan", running() - LinkFlags::Up);
    assert_eq!(lost(RouteNetlinkMessage::NewLink(down)), index);
    let no_carrier = ethernet(LAN, "lan", running() - LinkFlags::LowerUp);
    assert_eq!(lost(RouteNetlinkMessage::NewLink(no_carrier)), None);
    let mut other_mac = ethernet(LAN, "lan", running());
    other_mac.attributes[1] = LinkAttribute::Address(vec![2, 0, 0, 0, 0, 9]);
    assert_eq!(lost(RouteNetlinkMessage::NewLink(other_mac)), index);
    let gone = ethernet(LAN, "lan", running());
    assert_eq!(lost(RouteNetlinkMessage::DelLink(gone)), index);
}

#[test]
fn a_bridge_that_tells_of_its_port_does_not_remove_the_link() {
    let mut table = home();
    let mut port = ethernet(LAN, "lan", running());
    port.header.interface_family = AddressFamily::Bridge;
    assert_eq!(
        table.apply(&RouteNetlinkMessage::DelLink(port)),
        Effects::default()
    );
    assert!(table.has_link(LinkIndex(LAN)));
}

#[test]
fn an_address_of_ours_on_the_loopback_link_is_no_fact_but_a_lasting_one_is() {
    let mut table = home();
    let ours = address(LO, VIP, 32, AddressHeaderFlags::empty());
    table.apply(&RouteNetlinkMessage::NewAddress(ours.clone()));
    assert!(table.has_local(VIP) && !table.has_lasting_local(VIP));
    assert_eq!(table.facts().links[&LinkIndex(LO)].addresses, []);
    let lasting = address(LO, VIP, 32, AddressHeaderFlags::Permanent);
    table.apply(&RouteNetlinkMessage::NewAddress(lasting));
    assert!(table.has_lasting_local(VIP));
    assert_eq!(table.facts().links[&LinkIndex(LO)].addresses.len(), 1);
    let effects = table.apply(&RouteNetlinkMessage::DelAddress(ours));
    assert_eq!(effects.gone_local, Some(VIP));
    assert!(!table.has_local(VIP));
}

#[test]
fn an_address_that_leaves_the_lan_is_not_gone_from_loopback() {
    let mut table = home();
    let own = address(LAN, OWN, 24, AddressHeaderFlags::Permanent);
    let effects = table.apply(&RouteNetlinkMessage::DelAddress(own));
    assert_eq!(effects.gone_local, None);
    assert!(effects.are_routes_stale);
    assert_eq!(lan(&table).addresses, []);
}

#[test]
fn the_gateway_is_that_of_the_default_route_with_the_lowest_metric() {
    let mut table = home();
    let gateway = |table: &LinkTable| match lan(table).gateway {
        Some(IpAddr::V4(gateway)) => Some(gateway.octets()[3]),
        Some(IpAddr::V6(_)) | None => None,
    };
    table.set_routes(&[via(9, LAN, 600), via(1, LAN, 100), via(5, LO, 0)]);
    assert_eq!(gateway(&table), Some(1));
    let mut subnet = via(7, LAN, 0);
    subnet.header.destination_prefix_length = 24;
    let mut other_table = via(7, LAN, 0);
    other_table.attributes.push(RouteAttribute::Table(100));
    let mut blackhole = via(7, LAN, 0);
    blackhole.header.kind = RouteType::BlackHole;
    table.set_routes(&[subnet, other_table, blackhole]);
    assert_eq!(gateway(&table), None);
}

/// A default route as a router advertisement makes it.
fn advertised(last: u16, link: u32, metric: u32) -> RouteMessage {
    let gateway = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, last);
    let mut route = route(vec![
        RouteAttribute::Gateway(RouteAddress::Inet6(gateway)),
        RouteAttribute::Oif(link),
        RouteAttribute::Priority(metric),
    ]);
    route.header.address_family = AddressFamily::Inet6;
    route.header.protocol = RouteProtocol::Ra;
    route
}

#[test]
fn without_an_ipv4_gateway_it_is_the_one_of_ipv6_also_a_link_local_one() {
    let mut table = home();
    let gateway = |table: &LinkTable| lan(table).gateway.unwrap().to_string();
    let advertised = [advertised(9, LAN, 2048), advertised(1, LAN, 1024)];
    table.set_routes(&advertised);
    assert_eq!(gateway(&table), "fe80::1");
    // IPv4's is kept where there is one, whatever the metrics say.
    let [far, near] = advertised;
    table.set_routes(&[near, via(1, LAN, 4096), far]);
    assert_eq!(gateway(&table), "192.168.8.1");
}

#[test]
fn a_route_over_several_links_gives_each_its_gateway() {
    let mut table = home();
    let mut hop = RouteNextHop::default();
    hop.interface_index = LAN;
    let address = RouteAddress::Inet([192, 168, 8, 1].into());
    hop.attributes = vec![RouteAttribute::Gateway(address)];
    table.set_routes(&[route(vec![RouteAttribute::MultiPath(vec![hop])])]);
    assert_eq!(lan(&table).gateway, Some(IpAddr::from([192, 168, 8, 1])));
}

#[test]
fn only_a_default_route_makes_routes_stale() {
    let mut table = home();
    assert!(
        table
            .apply(&RouteNetlinkMessage::DelRoute(via(1, LAN, 0)))
            .are_routes_stale
    );
    let mut pod = via(1, LAN, 0);
    pod.header.destination_prefix_length = 24;
    assert!(
        !table
            .apply(&RouteNetlinkMessage::NewRoute(pod))
            .are_routes_stale
    );
}
