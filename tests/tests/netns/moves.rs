//! An operator moves an address, and it goes home again: nothing is lost on the way.

use std::time::Duration;

use nix::sys::signal::Signal;
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
    assert_eq!(address.pinned_by.as_deref(), Some("config"));
    let refused = bench.lan.node("civil");
    let refused = refused.run(&format!("sovnetctl unpin {PAGE}")).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("by the config: take its section"), "{said}");
}

/// Until both nodes say that an operator pinned the page's address to this node.
fn wait_pinned(bench: &Bench, to: Option<&str>) {
    for name in NODES {
        bench.wait_status(&format!("the pin to {to:?}"), name, |status| {
            control::address(status, &PAGE.to_string()).is_some_and(|address| {
                address.pinned_to.as_deref() == to
                    && address.pinned_by.as_deref() == to.map(|_| "operator")
            })
        });
    }
}

#[test]
fn an_address_pinned_at_run_time_goes_to_its_node_and_returns_after_it_was_killed() {
    let mut bench = Bench::up();
    let from = bench.holder("civil", PAGE).unwrap();
    let to = other(&from);
    let pinned_at = now();
    let said = bench.lan.node(&from);
    let said = said.must(&format!("sovnetctl pin {PAGE} --to {to}"));
    assert!(said.unwrap().contains("it goes there now"));
    wait_page(&bench, &from, to);
    wait_pinned(&bench, Some(to));
    bench.assert_nothing_lost(pinned_at);

    bench.daemon(to).signal(Signal::SIGKILL).unwrap();
    bench.daemon(to).wait_end(Duration::from_secs(5)).unwrap();
    wait_page(&bench, &from, &from);
    let returned_at = now();
    bench.daemon(to).start_again(&Start::default()).unwrap();
    wait_page(&bench, &from, to);
    wait_page(&bench, to, to);
    wait_pinned(&bench, Some(to));
    bench.assert_nothing_lost(returned_at);

    let unpinned_at = now();
    let said = bench.lan.node(&from);
    let said = said.must(&format!("sovnetctl unpin {PAGE}"));
    assert!(said.unwrap().contains("stays where it is"));
    wait_pinned(&bench, None);
    let claims = bench.claims(to);
    let time = Duration::from_secs(2);
    bench.hold_for("the address stays", time, |bench| {
        bench.holder(&from, PAGE).as_deref() == Some(to)
    });
    assert_eq!(bench.claims(to), claims);
    bench.assert_nothing_lost(unpinned_at);
}

#[test]
fn a_pin_that_can_not_be_says_why() {
    let bench = Bench::up();
    for (order, why) in [
        (
            format!("pin {PAGE} --to nobody"),
            "no node is called nobody",
        ),
        (
            "pin 192.168.8.99 --to civil".to_owned(),
            "is none of the addresses",
        ),
        (format!("unpin {PAGE}"), "is not pinned"),
    ] {
        let output = bench.lan.node("civil").run(&format!("sovnetctl {order}"));
        let output = output.unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(why), "{said}");
    }
}
