//! An IPv6 address on a LAN with both families: the caches of a Linux client, its questions, its
//! probes, and the groups of the nodes.

use nix::sys::signal::Signal;
use sovnet_control::status::Problem;
use sovnet_tests::clock::wait_for;
use sovnet_tests::lan::daemon::{CONFIG, Start};
use sovnet_tests::lan::{NODES, Node, control};

use crate::support::{Bench, SOON, example, other, plan};

/// The address, and the group in which it is asked for.
pub(crate) const VIP: &str = "2001:db8:8::240";
const GROUP: &str = "ff02::1:ff00:240";

/// The machines' own addresses are the IPv4 ones with this in front.
const PREFIX: &str = "2001:db8:8::";

/// The machines with an IPv6 address, and its last part.
const DUAL: [(&str, &str); 3] = [("civil", "222"), ("box-01", "218"), ("laptop", "100")];

/// Gives a machine IPv6, and that address.
pub(crate) fn give(node: &Node, link: &str, address: &str) {
    for scope in ["all", "default", "lo", link] {
        node.set_sysctl(&format!("ipv6/conf/{scope}/disable_ipv6"), "0")
            .unwrap();
    }
    node.must(&format!("ip addr add {address}/64 dev {link} nodad"))
        .unwrap();
}

/// Both nodes run, one of them holds the address, and the laptop reaches it.
fn up() -> Bench {
    up_with(&example(), &[])
}

/// The same with this config and the address, and with more hosts: names and last parts.
pub(crate) fn up_with(config: &str, more: &[(&str, u8)]) -> Bench {
    let mut bench = Bench::prepare(&plan());
    for (name, last) in more {
        let network = format!("192.168.8.{last}/24");
        bench.lan.add_host(&plan(), name, &network).unwrap();
        give(bench.lan.node(name), "eth0", &format!("{PREFIX}{last}"));
    }
    let config = format!("{config}\n[[address]]\naddress = \"{VIP}\"\npurpose = \"host\"\n");
    for (name, last) in DUAL {
        give(bench.lan.node(name), "eth0", &format!("{PREFIX}{last}"));
    }
    start(&mut bench, &config);
    bench.wait_agreement();
    wait_held(&bench);
    bench
}

fn start(bench: &mut Bench, config: &str) {
    for name in NODES {
        bench.lan.node(name).write(CONFIG, config).unwrap();
        bench.start(name, &Start::default());
    }
}

fn wait_held(bench: &Bench) {
    wait_for("both nodes to name one holder", SOON, || {
        let [one, two] = NODES.map(|name| holder(bench, name));
        (one.is_some() && one == two).then_some(())
    })
    .unwrap();
    wait_for("the laptop to reach the address", SOON, || {
        laptop(bench).must(&format!("ping -6 -c 1 -W 1 {VIP}")).ok()
    })
    .unwrap();
}

fn laptop(bench: &Bench) -> &Node {
    bench.lan.node("laptop")
}

pub(crate) fn holder(bench: &Bench, name: &str) -> Option<String> {
    let status = bench.status(name);
    control::address(&status, VIP)?.holder.clone()
}

/// Waits until the laptop's entry for the address says all of this.
pub(crate) fn wait_entry(bench: &Bench, what: &str, words: &[&str]) {
    let mut seen = String::new();
    let result = wait_for(what, SOON, || {
        seen = laptop(bench)
            .must(&format!("ip -6 neigh show {VIP}"))
            .unwrap();
        words.iter().all(|word| seen.contains(word)).then_some(())
    });
    assert!(result.is_ok(), "{what}: the entry is {seen:?}");
}

fn make_entry(bench: &Bench, mac: &str, state: &str) {
    let line = format!("ip -6 neigh replace {VIP} lladdr {mac} dev eth0 nud {state}");
    laptop(bench).must(&line).unwrap();
}

/// Moves the address away from whoever holds it, and back again.
fn move_once(bench: &Bench) -> (String, String) {
    let from = holder(bench, "civil").unwrap();
    let to = other(&from).to_owned();
    bench.lan.node(&from).must("sovnetctl drain").unwrap();
    wait_for("the other node to hold it", SOON, || {
        (holder(bench, &to).as_deref() == Some(&to)).then_some(())
    })
    .unwrap();
    bench.lan.node(&from).must("sovnetctl undrain").unwrap();
    bench.wait_status("active again", &from, |status| {
        status
            .segments
            .iter()
            .all(|segment| segment.state == "active")
    });
    (from, to)
}

#[test]
fn the_entry_of_a_linux_client_follows_a_move_whatever_state_it_is_in() {
    let bench = up();
    for state in ["reachable", "stale", "fresh"] {
        let from = holder(&bench, "civil").unwrap();
        let mac = bench.mac(&from).to_string();
        if state == "fresh" {
            // Made by the kernel a moment before the move.
            let laptop = laptop(&bench);
            laptop.must("ip -6 neigh flush dev eth0").unwrap();
            laptop.must(&format!("ping -6 -c 1 -W 1 {VIP}")).unwrap();
        } else {
            make_entry(&bench, &mac, state);
        }
        wait_entry(&bench, "the entry to name the first node", &[&mac]);
        let (_, to) = move_once(&bench);
        let mac = bench.mac(&to).to_string();
        wait_entry(&bench, &format!("the {state} entry to follow"), &[&mac]);
        laptop(&bench)
            .must(&format!("ping -6 -c 1 -W 1 {VIP}"))
            .unwrap();
    }
}

#[test]
fn the_entry_of_a_linux_client_follows_when_the_holder_is_killed() {
    let mut bench = up();
    let from = holder(&bench, "civil").unwrap();
    let to = other(&from).to_owned();
    bench.daemon(&from).signal(Signal::SIGKILL).unwrap();
    let mac = bench.mac(&to).to_string();
    wait_entry(&bench, "the entry to name the survivor", &[&mac]);
    wait_for("the survivor to answer", SOON, || {
        laptop(&bench)
            .must(&format!("ping -6 -c 1 -W 1 {VIP}"))
            .ok()
    })
    .unwrap();
}

#[test]
fn a_client_that_confirms_its_entry_is_answered() {
    let bench = up();
    let holder = holder(&bench, "civil").unwrap();
    let mac = bench.mac(&holder).to_string();
    make_entry(&bench, &mac, "probe");
    wait_entry(&bench, "the entry to be confirmed", &[&mac, "REACHABLE"]);
    let status = bench.status(&holder);
    assert!(control::counted(&status, "ndp-answered") > 0);
}

#[test]
fn a_host_that_wants_the_address_finds_it_taken() {
    let bench = up();
    let holder = holder(&bench, "civil").unwrap();
    let laptop = laptop(&bench);
    // An announcement that comes before the laptop's probe makes it give up without having asked.
    wait_for("a probe to be answered", SOON, || {
        laptop
            .must(&format!("ip addr replace {VIP}/64 dev eth0"))
            .unwrap();
        wait_for("the laptop's probe to fail", SOON, || {
            let shown = laptop.must("ip -6 addr show dev eth0").unwrap();
            shown.contains("dadfailed").then_some(())
        })
        .unwrap();
        laptop
            .must(&format!("ip addr del {VIP}/64 dev eth0"))
            .unwrap();
        let status = bench.status(&holder);
        (control::counted(&status, "ndp-defended") > 0).then_some(())
    })
    .unwrap();
}

#[test]
fn both_nodes_are_members_of_the_group_also_after_the_link_was_down() {
    let bench = up();
    let is_member = |name: &str| {
        let shown = bench.lan.node(name).must("ip -6 maddr show dev eth0");
        shown.unwrap().contains(GROUP)
    };
    assert!(NODES.iter().all(|name| is_member(name)));
    let first = NODES[0];
    // Else the kernel forgets the node's own address, and with it the subnet.
    let keeps = "ipv6/conf/eth0/keep_addr_on_down";
    bench.lan.node(first).set_sysctl(keeps, "1").unwrap();
    bench.lan.node(first).must("ip link set eth0 down").unwrap();
    bench.lan.node(first).must("ip link set eth0 up").unwrap();
    wait_for("the membership to be there again", SOON, || {
        is_member(first).then_some(())
    })
    .unwrap();
}

/// The gateway as a router advertisement gives it.
const GATEWAY: &str = "fe80::1";

#[test]
fn without_ipv4_the_link_local_gateway_is_asked_and_its_loss_is_told() {
    let mut bench = Bench::prepare(&plan());
    for (name, last) in DUAL {
        let node = bench.lan.node(name);
        node.must("ip -4 addr flush dev eth0").unwrap();
        give(node, "eth0", &format!("{PREFIX}{last}"));
    }
    let router = bench.lan.node("router").clone();
    give(&router, "lan0", GATEWAY);
    for name in NODES {
        let line = format!("ip -6 route add default via {GATEWAY} dev eth0 proto ra metric 1024");
        bench.lan.node(name).must(&line).unwrap();
    }
    let config = format!(
        "[cluster]\nkey-file = \"/etc/sovnet/cluster.key\"\n\
         peers = [\"{PREFIX}222\", \"{PREFIX}218\"]\n\
         [[address]]\naddress = \"{VIP}\"\npurpose = \"host\"\n"
    );
    start(&mut bench, &config);
    wait_held(&bench);
    let is_lost = |one: &Problem| one.code == "gateway-lost" && one.what.contains(GATEWAY);
    router
        .must(&format!("ip addr del {GATEWAY}/64 dev lan0"))
        .unwrap();
    for name in NODES {
        let problem = bench.wait_problem("the gateway to be missed", name, is_lost);
        assert!(problem.what.contains("neighbour discovery"), "{problem:?}");
    }
    give(&router, "lan0", GATEWAY);
    for name in NODES {
        bench.wait_status("the gateway to be seen again", name, |status| {
            !status.problems.iter().any(is_lost)
        });
    }
}
