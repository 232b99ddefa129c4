//! Kinds of links and what happens to them, from messages as they travel: this kernel may have no
//! VLANs, bonds and macvlans of its own, and a message is what a real one is known by.

use netlink_packet_core::{Emitable, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::link::{
    AfSpecInet, AfSpecUnspec, InetDevConf, InfoBond, InfoData, InfoKind, InfoVlan, LinkEvent,
    LinkInfo,
};
use sovnet_core::facts::settings::Proxy;

use super::*;

const BOND: u32 = 5;
const BRIDGE: u32 = 6;
const PORT: u32 = 7;

/// The message after a way through bytes.
fn told(table: &mut LinkTable, message: LinkMessage) -> Effects {
    let message = NetlinkPayload::from(RouteNetlinkMessage::NewLink(message));
    let mut message = NetlinkMessage::new(Default::default(), message);
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.emit(&mut bytes);
    let message = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&bytes).unwrap();
    let NetlinkPayload::InnerMessage(inner) = message.payload else {
        panic!("it was an inner message: {message:?}");
    };
    table.apply(&inner)
}

fn kind(kind: InfoKind) -> LinkAttribute {
    LinkAttribute::LinkInfo(vec![LinkInfo::Kind(kind)])
}

fn link_of(index: u32, extra: Vec<LinkAttribute>) -> LinkMessage {
    let mut message = ethernet(index, &format!("link{index}"), running());
    message.attributes.extend(extra);
    message
}

fn announces(extra: Vec<LinkAttribute>) -> bool {
    let mut table = LinkTable::default();
    told(&mut table, link_of(LAN, extra));
    lan(&table).is_announcing
}

fn generation(table: &LinkTable, index: u32) -> u32 {
    table.facts().links[&LinkIndex(index)].generation
}

/// A bond in active-backup mode that sends over this port.
fn bond(active: u32) -> LinkMessage {
    let data = InfoData::Bond(vec![InfoBond::ActivePort(active)]);
    let info = vec![LinkInfo::Kind(InfoKind::Bond), LinkInfo::Data(data)];
    link_of(BOND, vec![LinkAttribute::LinkInfo(info)])
}

fn port_of(master: u32, is_up: bool) -> LinkMessage {
    let mut message = link_of(PORT, vec![LinkAttribute::Controller(master)]);
    if !is_up {
        message.header.flags -= LinkFlags::LowerUp | LinkFlags::Running;
    }
    message
}

#[test]
fn links_that_lead_to_a_segment_announce() {
    let vlan = InfoData::Vlan(vec![InfoVlan::Id(10)]);
    let vlan = vec![LinkInfo::Kind(InfoKind::Vlan), LinkInfo::Data(vlan)];
    assert!(announces(vec![
        LinkAttribute::Link(9),
        LinkAttribute::LinkInfo(vlan)
    ]));
    for one in [
        InfoKind::Bridge,
        InfoKind::Bond,
        InfoKind::Team,
        InfoKind::MacVlan,
        InfoKind::Veth,
        InfoKind::Tun,
        InfoKind::MacSec,
        InfoKind::Other("new".to_owned()),
    ] {
        assert!(announces(vec![kind(one.clone())]), "{one:?}");
    }
}

#[test]
fn ports_tunnels_and_what_shares_its_parents_address_do_not_announce() {
    for one in [InfoKind::Bond, InfoKind::Veth, InfoKind::Vlan] {
        let port = vec![kind(one.clone()), LinkAttribute::Controller(BRIDGE)];
        assert!(!announces(port), "a port that is a {one:?}");
    }
    for one in [
        InfoKind::IpVlan,
        InfoKind::Vxlan,
        InfoKind::Geneve,
        InfoKind::GreTap,
        InfoKind::GreTap6,
    ] {
        assert!(!announces(vec![kind(one.clone())]), "{one:?}");
    }
}

#[test]
fn another_active_port_of_a_bond_changes_its_generation() {
    let mut table = LinkTable::default();
    told(&mut table, bond(2));
    let first = generation(&table, BOND);
    told(&mut table, bond(2));
    assert_eq!(generation(&table, BOND), first, "nothing happened");
    told(&mut table, bond(3));
    assert_ne!(generation(&table, BOND), first);
}

#[test]
fn what_the_kernel_wants_to_be_noticed_changes_the_generation() {
    let mut table = home();
    let mut last = generation(&table, LAN);
    for event in [LinkEvent::BondingFailover, LinkEvent::NotifyPeers] {
        told(&mut table, link_of(LAN, vec![LinkAttribute::Event(event)]));
        assert_ne!(generation(&table, LAN), last, "{event:?}");
        last = generation(&table, LAN);
    }
    for event in [LinkEvent::Features, LinkEvent::IgmpResend, LinkEvent::None] {
        told(&mut table, link_of(LAN, vec![LinkAttribute::Event(event)]));
        assert_eq!(generation(&table, LAN), last, "{event:?}");
    }
}

#[test]
fn carrier_and_mac_change_the_generation_and_loss_of_carrier_does_not() {
    let mut table = home();
    let first = generation(&table, LAN);
    told(
        &mut table,
        ethernet(LAN, "lan", running() - LinkFlags::LowerUp),
    );
    assert_eq!(generation(&table, LAN), first);
    told(&mut table, ethernet(LAN, "lan", running()));
    let up = generation(&table, LAN);
    assert_ne!(up, first);
    let mut moved = ethernet(LAN, "lan", running());
    moved.attributes = vec![
        LinkAttribute::IfName("lan".to_owned()),
        LinkAttribute::Address(vec![2, 0, 0, 0, 0, 9]),
    ];
    told(&mut table, moved);
    assert_ne!(generation(&table, LAN), up);
}

#[test]
fn a_flap_that_the_kernel_tells_in_one_message_changes_the_generation() {
    let mut table = LinkTable::default();
    let mut after = |ups: Option<u32>| {
        let extra = ups.map(LinkAttribute::CarrierUpCount);
        told(&mut table, link_of(LAN, extra.into_iter().collect()));
        generation(&table, LAN)
    };
    let first = after(Some(1));
    // A message without the count tells nothing of it.
    assert_eq!([after(Some(1)), after(None), after(Some(1))], [first; 3]);
    assert_eq!(after(Some(2)), first + 1);
}

#[test]
fn a_bridge_is_reached_another_way_when_its_way_out_comes_up() {
    let mut table = LinkTable::default();
    told(&mut table, link_of(BRIDGE, vec![kind(InfoKind::Bridge)]));
    told(&mut table, port_of(BRIDGE, true));
    let first = generation(&table, BRIDGE);
    told(&mut table, port_of(BRIDGE, false));
    assert_eq!(generation(&table, BRIDGE), first, "loss is no way");
    told(&mut table, port_of(BRIDGE, true));
    let second = generation(&table, BRIDGE);
    assert_ne!(second, first);
    let event = LinkAttribute::Event(LinkEvent::BondingFailover);
    let mut failed_over = port_of(BRIDGE, true);
    failed_over.attributes.push(event);
    told(&mut table, failed_over);
    assert_ne!(generation(&table, BRIDGE), second, "a bond in the bridge");
}

#[test]
fn a_guest_that_comes_up_in_a_bridge_is_no_way_out() {
    let mut table = LinkTable::default();
    told(&mut table, link_of(BRIDGE, vec![kind(InfoKind::Bridge)]));
    let first = generation(&table, BRIDGE);
    for is_up in [false, true, false, true] {
        let mut guest = port_of(BRIDGE, is_up);
        guest.attributes.push(kind(InfoKind::Veth));
        told(&mut table, guest);
    }
    assert_eq!(generation(&table, BRIDGE), first);
}

#[test]
fn the_port_of_a_bond_leaves_its_bond_alone() {
    let mut table = LinkTable::default();
    told(&mut table, bond(PORT));
    let first = generation(&table, BOND);
    for is_up in [true, false, true] {
        told(&mut table, port_of(BOND, is_up));
    }
    assert_eq!(generation(&table, BOND), first);
}

#[test]
fn links_are_in_the_order_in_which_they_came_up() {
    let mut table = LinkTable::default();
    let read = [LAN, PORT].map(|index| RouteNetlinkMessage::NewLink(link_of(index, vec![])));
    table.reread(&read);
    let came_up = |table: &LinkTable, index| table.facts().links[&LinkIndex(index)].came_up;
    assert_eq!((came_up(&table, LAN), came_up(&table, PORT)), (0, 0));
    told(
        &mut table,
        ethernet(LAN, "lan", running() - LinkFlags::LowerUp),
    );
    told(&mut table, ethernet(LAN, "lan", running()));
    assert!(came_up(&table, LAN) > came_up(&table, PORT));
    let before = (generation(&table, LAN), came_up(&table, LAN));
    table.reread(&read);
    assert_eq!(came_up(&table, LAN), before.1, "it was up all the time");
    assert_ne!(
        generation(&table, LAN),
        before.0,
        "it may have changed its way"
    );
}

fn conf(fill: impl FnOnce(&mut InetDevConf)) -> LinkAttribute {
    let mut conf = InetDevConf::default();
    fill(&mut conf);
    LinkAttribute::AfSpecUnspec(vec![AfSpecUnspec::Inet(vec![AfSpecInet::DevConf(conf)])])
}

#[test]
fn settings_of_a_link_are_joined_with_those_of_all() {
    let mut table = LinkTable::default();
    let own = conf(|conf| {
        conf.rp_filter = 1;
        conf.arp_ignore = 1;
        conf.proxy_arp = 1;
    });
    told(&mut table, link_of(LAN, vec![own]));
    let settings = |table: &LinkTable| lan(table).settings;
    let alone = settings(&table);
    assert_eq!((alone.rp_filter, alone.arp_ignore), (1, 1));
    assert_eq!(alone.proxy, Proxy::Off, "it forwards nothing");
    assert!(!alone.knows_all && !alone.is_dead_end);
    table.set_conf_for_all(Some(Conf {
        rp_filter: 2,
        arp_announce: 2,
        arp_filter: 1,
        ..Conf::default()
    }));
    let joined = settings(&table);
    assert_eq!(
        (joined.rp_filter, joined.arp_ignore, joined.arp_announce),
        (2, 1, 2)
    );
    assert!(joined.is_arp_filter && joined.knows_all);
    let forwarding = conf(|conf| {
        conf.proxy_arp = 1;
        conf.forwarding = 1;
    });
    table.apply_conf(&link_of(LAN, vec![forwarding]));
    assert_eq!(settings(&table).proxy, Proxy::Routed);
    assert_eq!(settings(&table).rp_filter, 2);
    // A message without settings says nothing of them.
    told(&mut table, link_of(LAN, vec![]));
    assert_eq!(settings(&table).proxy, Proxy::Routed);
}

#[test]
fn a_link_without_carrier_is_a_dead_end_unless_its_routes_are_ignored() {
    let dead = |flags: LinkFlags, ignored: i32| {
        let mut table = LinkTable::default();
        let mut message = ethernet(LAN, "lan", flags);
        message
            .attributes
            .push(conf(|conf| conf.ignore_routes_with_linkdown = ignored));
        told(&mut table, message);
        lan(&table).settings.is_dead_end
    };
    assert!(dead(running() - LinkFlags::LowerUp, 0));
    assert!(!dead(running() - LinkFlags::LowerUp, 1));
    assert!(!dead(running(), 0));
    assert!(!dead(LinkFlags::empty(), 0), "its routes are gone");
}
