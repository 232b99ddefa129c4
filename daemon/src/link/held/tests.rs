//! Steps from what is held to what is wished, and their order.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkLayerType, LinkMessage};
use sovnet_core::facts::KernelWish;
use sovnet_core::names::{LinkIndex, Mac};

use super::{ArpModes, Held, Step};
use crate::link::table::LinkTable;

const LAN: LinkIndex = LinkIndex(2);
const GONE: LinkIndex = LinkIndex(9);
const VIP: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 8, 241));
const WEB: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 8, 240));
const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 8, 218));
const MAC: Mac = Mac([2, 0, 0, 0, 0, 2]);
const BEFORE: ArpModes = ArpModes {
    ignore: 0,
    announce: 0,
};

fn table(flags: LinkFlags) -> LinkTable {
    let mut message = LinkMessage::default();
    message.header.index = LAN.0;
    message.header.link_layer_type = LinkLayerType::Ether;
    message.header.flags = flags;
    message.attributes = vec![LinkAttribute::IfName("lan".to_owned())];
    let mut table = LinkTable::default();
    table.apply(&RouteNetlinkMessage::NewLink(message));
    table
}

fn wish() -> KernelWish {
    KernelWish {
        number: 1,
        local: BTreeSet::from([VIP]),
        announcing: vec![LAN],
        neighbours: BTreeMap::from([((LAN, PEER), MAC)]),
        is_kept_on_exit: false,
    }
}

fn held() -> Held {
    Held {
        local: BTreeSet::from([VIP]),
        quiet: BTreeMap::from([(LAN, BEFORE)]),
        neighbours: BTreeMap::from([((LAN, PEER), MAC)]),
    }
}

#[test]
fn a_link_is_quiet_before_an_address_is_local() {
    let steps = Held::default().steps(&wish(), &table(LinkFlags::Up), false);
    assert_eq!(
        steps,
        [
            Step::Quiet(LAN),
            Step::AddLocal(VIP),
            Step::PutNeighbour(LAN, PEER, MAC)
        ]
    );
}

#[test]
fn an_address_is_gone_before_a_link_may_speak_again() {
    let steps = held().steps(&KernelWish::default(), &table(LinkFlags::Up), true);
    assert_eq!(
        steps,
        [
            Step::RemoveLocal(VIP),
            Step::Restore(LAN, BEFORE),
            Step::RemoveNeighbour(LAN, PEER)
        ]
    );
}

#[test]
fn only_addresses_are_put_again_and_only_in_a_renewal() {
    let table = table(LinkFlags::Up);
    assert_eq!(held().steps(&wish(), &table, false), []);
    assert_eq!(held().steps(&wish(), &table, true), [Step::AddLocal(VIP)]);
}

#[test]
fn one_address_for_another_is_one_step_each() {
    let mut wish = wish();
    wish.local = BTreeSet::from([WEB]);
    let steps = held().steps(&wish, &table(LinkFlags::Up), false);
    assert_eq!(steps, [Step::RemoveLocal(VIP), Step::AddLocal(WEB)]);
}

#[test]
fn a_link_that_is_down_gets_no_neighbours_and_one_that_is_gone_nothing() {
    let mut wish = wish();
    wish.announcing.push(GONE);
    wish.neighbours.insert((GONE, PEER), MAC);
    let steps = Held::default().steps(&wish, &table(LinkFlags::empty()), true);
    assert_eq!(steps, [Step::Quiet(LAN), Step::AddLocal(VIP)]);
}

#[test]
fn neighbours_that_the_kernel_dropped_are_put_again() {
    let mut held = held();
    held.forget_neighbours(GONE);
    assert_eq!(held.steps(&wish(), &table(LinkFlags::Up), false), []);
    held.forget_neighbours(LAN);
    let steps = held.steps(&wish(), &table(LinkFlags::Up), false);
    assert_eq!(steps, [Step::PutNeighbour(LAN, PEER, MAC)]);
}

#[test]
fn what_is_alike_goes_together_and_links_become_quiet_one_by_one() {
    let steps = [
        Step::RemoveLocal(VIP),
        Step::Quiet(LAN),
        Step::Quiet(GONE),
        Step::AddLocal(VIP),
        Step::AddLocal(WEB),
        Step::PutNeighbour(LAN, PEER, MAC),
    ];
    let together = steps.chunk_by(Step::is_like).map(<[Step]>::len);
    assert_eq!(together.collect::<Vec<_>>(), [1, 1, 1, 2, 1]);
}
