//! An operator moves an address, and it goes home again: nothing is lost on the way.

use sovnet_tests::clock::now;
use sovnet_tests::lan::NODES;
use sovnet_tests::lan::control;
use sovnet_tests::lan::daemon::{CONFIG, Start};

use crate::support::{Bench, PAGE, example, holder_in, other, plan};

/// Until `name` sees the page's address at `holder`.
fn wait_page(bench: &Bench, name: &str, holder: &str) {
    bench.wait_status(&format!("the page at {holder}"), name, |status| {
        holder_in(status, PAGE).as_deref() == Some(holder)
    });
}

#[test]
fn a_move_for_a_time_goes_there_and_back_and_loses_nothing() {
    let bench = Bench::up();
    let holder = bench.holder("civil", PAGE).unwrap();
    let target = other(&holder);
    let moved_at = now();
    let order = format!("sovnetctl move {PAGE} --to {target} --for 5s");
    let said = bench.lan.node(&holder).must(&order).unwrap();
    assert!(said.contains("comes back here in 5 s"), "{said}");
    wait_page(&bench, &holder, target);
    wait_page(&bench, target, target);
    let status = bench.status(target);
    let address = control::address(&status, &PAGE.to_string()).unwrap();
    assert!(address.is_moved, "{address:?}");
    assert_eq!(address.returns_to.as_deref(), Some(holder.as_str()));
    bench.wait_status("the address at home", &holder, |status| {
        control::address(status, &PAGE.to_string())
            .is_some_and(|address| address.is_held_here && !address.is_moved)
    });
    wait_page(&bench, target, &holder);
    bench.assert_nothing_lost(moved_at);
}

#[test]
fn only_the_holder_moves_an_address_and_the_refusal_names_it() {
    let bench = Bench::up();
    let holder = bench.holder("civil", PAGE).unwrap();
    let claims = bench.claims(&holder);
    let refused = |node: &str, order: &str| {
        let output = bench.lan.node(node).run(order).unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let elsewhere = other(&holder);
    let said = refused(elsewhere, &format!("sovnetctl move {PAGE} --to {holder}"));
    assert!(
        said.contains(&format!("held by {holder} already")),
        "{said}"
    );
    let said = refused(&holder, &format!("sovnetctl move {PAGE} --to nobody"));
    assert!(said.contains("no node is called nobody"), "{said}");
    bench.lan.node(elsewhere).must("sovnetctl drain").unwrap();
    bench.wait_status("the drain of the other", &holder, |status| {
        let mut peers = status.segments.iter().flat_map(|segment| &segment.peers);
        peers.any(|peer| peer.state.as_deref() == Some("draining"))
    });
    let said = refused(&holder, &format!("sovnetctl move {PAGE} --to {elsewhere}"));
    assert!(said.contains("is draining"), "{said}");
    let page = |claims: &[(Option<String>, i64)]| claims.first().cloned();
    assert_eq!(page(&bench.claims(&holder)), page(&claims));
}

#[test]
fn fail_back_brings_an_address_home_after_its_time_and_loses_nothing() {
    let back =
        |text: &str| text.replace("#fail-back = \"never\"", "fail-back = { after = \"4s\" }");
    let mut bench = Bench::prepare(&plan());
    for name in NODES {
        let config = back(&example());
        bench.lan.node(name).write(CONFIG, &config).unwrap();
        bench.start(name, &Start::default());
    }
    bench.wait_agreement();
    bench.wait_probes();
    let holder = bench.holder("civil", PAGE).unwrap();
    let drained_at = now();
    bench.lan.node(&holder).must("sovnetctl drain").unwrap();
    bench.wait_holder(other(&holder), other(&holder));
    bench.lan.node(&holder).must("sovnetctl undrain").unwrap();
    bench.wait_status("the two addresses on two nodes", &holder, |status| {
        let here = status
            .segments
            .iter()
            .flat_map(|segment| &segment.addresses);
        here.filter(|address| address.is_held_here).count() == 1
    });
    bench.assert_nothing_lost(drained_at);
}

#[test]
fn a_pinned_address_goes_to_its_node_when_that_comes_and_loses_nothing() {
    let mut bench = Bench::prepare(&plan());
    for name in NODES {
        let pin = format!("\n[[pin]]\naddress = \"{PAGE}\"\nnode = \"box-01\"\n");
        let config = example() + &pin;
        bench.lan.node(name).write(CONFIG, &config).unwrap();
    }
    bench.start("civil", &Start::default());
    bench.wait_holder("civil", "civil");
    bench.wait_probes();
    let started_at = now();
    bench.start("box-01", &Start::default());
    wait_page(&bench, "box-01", "box-01");
    wait_page(&bench, "civil", "box-01");
    bench.assert_nothing_lost(started_at);
    let status = bench.status("civil");
    let address = control::address(&status, &PAGE.to_string()).unwrap();
    assert_eq!(address.pinned_to.as_deref(), Some("box-01"));
}
