//! The package after a boot: the service under systemd, and what the LAN gets from it.

use sovnet_vm_tests::lab::{DNS, NODES, PAGE, is_well};

use crate::support::{LASTING, boot};
use sovnet_tests::clock::now;

/// The worst exposure that `systemd-analyze security` may give the service; 10 is no protection.
const WORST_EXPOSURE: f64 = 3.0;

#[test]
fn after_a_boot_both_addresses_are_announced_and_answered_to_a_simulated_laptop() {
    let mut lab = boot("boot");
    let since = lab.started_at();
    let holders = lab.wait_agreement().unwrap();
    println!("the nodes agree: {holders:?}");
    for address in [PAGE, DNS] {
        let name = &holders[&address];
        let first = lab.wait_announced(name, address, since).unwrap();
        let after = first.at.duration_since(since);
        println!("{name} announced {address} {after:.1?} after power-on");
        lab.wait_arp(name, address, first.at).unwrap();
    }
    lab.wait_answers(&holders, since, LASTING).unwrap();
    for node in NODES {
        let (_code, status) = lab.status(node.name).unwrap();
        assert!(is_well(&status), "{status:#?}");
        assert_eq!(status.node, node.name);
        let state = lab.must(node.name, "systemctl is-active sovnetd").unwrap();
        assert_eq!(state.trim(), "active");
        let failed = lab
            .must(
                node.name,
                "systemctl list-units --failed --plain --no-legend",
            )
            .unwrap();
        assert_eq!(failed, "", "on {}", node.name);
        let user = lab.must(node.name, "ps -o user= -C sovnetd").unwrap();
        assert_eq!(user.trim(), "sovnet");
        assert_started_once(&mut lab, node.name);
    }
    let exposure = exposure(
        &lab.must("civil", "systemd-analyze security --no-pager sovnetd")
            .unwrap(),
    );
    assert!(exposure <= WORST_EXPOSURE, "exposure {exposure}");
    // Everybody's questions since the agreement, so that nothing above was luck.
    lab.wait_answers(&holders, now(), LASTING).unwrap();
    lab.finish().unwrap();
}

/// Nothing was refused to the daemon that made it start again.
fn assert_started_once(lab: &mut sovnet_vm_tests::lab::Lab, name: &str) {
    let shown = lab
        .must(name, "systemctl show -P NRestarts sovnetd")
        .unwrap();
    assert_eq!(shown.trim(), "0", "on {name}");
}

/// The figure of the last line, which is printed: `→ Overall exposure level for ...: 2.0 OK`.
fn exposure(text: &str) -> f64 {
    let last = text
        .lines()
        .rfind(|line| line.contains("exposure level"))
        .unwrap();
    println!("systemd-analyze security: {last}");
    let figure = last
        .rsplit(": ")
        .next()
        .and_then(|rest| rest.split(' ').next());
    figure.unwrap().parse().unwrap()
}
