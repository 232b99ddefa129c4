//! A host on the LAN that is no node has an address of the pool.

use std::net::Ipv4Addr;

use sovnet_tests::clock::{now, wait_for};
use sovnet_tests::cluster::objects::Service;
use sovnet_tests::lan::{NODES, Node, control};

use crate::scene::{SOON, Scene};
use crate::stage::HOUSE;

/// A machine with an address of the pool, until the end of the test.
struct Squatter<'a> {
    machine: &'a Node,
    address: Ipv4Addr,
}

impl Squatter<'_> {
    fn new(machine: &Node, address: Ipv4Addr) -> Squatter<'_> {
        let line = format!("ip addr add {address}/32 dev eth0");
        machine.must(&line).unwrap();
        Squatter { machine, address }
    }

    fn announce(&self) {
        let line = format!("arping -U -c 1 -I eth0 {}", self.address);
        self.machine.run(&line).unwrap();
    }
}

impl Drop for Squatter<'_> {
    fn drop(&mut self) {
        // Whatever comes of it, the next test begins with a check of its own.
        let line = format!("ip addr del {}/32 dev eth0", self.address);
        drop(self.machine.run(&line));
    }
}

#[test]
fn an_address_that_a_host_has_is_found_by_the_probes_and_given_to_nobody() {
    let scene = Scene::up();
    let taken = Ipv4Addr::new(192, 168, 8, 242);
    let mac = scene.mac("laptop").to_string();
    let _squatter = Squatter::new(scene.house.lan.node("laptop"), taken);
    for name in NODES {
        wait_for(&format!("{name} to know who has it"), SOON, || {
            let status = control::status(scene.house.lan.node(name)).ok()?;
            let problem = control::problem(&status, "address-quarantined")?;
            problem.what.contains(&mac).then_some(())
        })
        .unwrap();
    }
    let service = Service::new(HOUSE, "shop");
    scene.apply(&service, &NODES);
    scene.wait_gets(&service, "192.168.8.243");
}

#[test]
fn a_host_that_takes_a_services_address_is_told_by_an_event_on_the_service() {
    let scene = Scene::up();
    let service = Service::new(HOUSE, "shop");
    let made_at = now();
    scene.apply(&service, &NODES);
    let address = scene.wait_given(&service);
    let holder = scene.wait_holder(address);
    let frames = scene.house.ear.from_machine(&holder, address, made_at);
    let first = frames.first().map(|frame| frame.at.duration_since(made_at));
    println!("first announced {first:?} after the Service was made");
    let squatter = Squatter::new(scene.house.lan.node("laptop"), address);
    squatter.announce();
    let note = scene.wait_event(&service, "AddressConflict", "Warning");
    let mac = scene.mac("laptop").to_string();
    assert!(
        note.contains(&mac) && note.contains(&address.to_string()),
        "{note}"
    );
    assert_eq!(scene.given(&service), [address.to_string()]);
}
