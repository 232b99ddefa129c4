//! A thousand addresses on two nodes: what a person sees of them, and how soon.

use std::time::Duration;

use sovnet_tests::clock::{now, wait_for};
use sovnet_tests::lan::daemon::{CONFIG, Start};
use sovnet_tests::lan::{NODES, control};

use crate::support::{Bench, SOON, example, plan};

const ADDRESSES: usize = 1_000;

/// A screen, and a few lines: what is alike is told once.
const LINES: usize = 40;

/// From the key to the screen, with a build that is not made to be fast, on a busy machine.
const QUICK: Duration = Duration::from_millis(1_500);

#[test]
fn a_thousand_addresses_are_one_readable_screen_and_quick() {
    let mut bench = Bench::prepare(&plan());
    let mut config = example();
    for number in 0..ADDRESSES {
        let (high, low) = (number / 250, number % 250 + 1);
        config.push_str(&format!(
            "\n[[address]]\naddress = \"192.168.{}.{low}\"\npurpose = \"host\"\n",
            high + 9
        ));
    }
    for name in NODES {
        let node = bench.lan.node(name);
        // All of them are in the subnet of the nodes.
        let own = if name == "civil" { "222" } else { "218" };
        let batch = format!(
            "addr del 192.168.8.{own}/24 dev eth0\n\
             addr add 192.168.8.{own}/20 brd + dev eth0\n\
             route replace default via 192.168.8.1\n"
        );
        node.feed("ip -batch -", &batch).unwrap();
        node.write(CONFIG, &config).unwrap();
        bench.start(name, &Start::default());
    }
    wait_for("every address to have a holder", SOON * 4, || {
        let status = control::status(bench.lan.node("civil")).ok()?;
        let addresses = &control::segment(&status)?.addresses;
        let held = addresses.iter().filter(|one| one.holder.is_some());
        (held.count() == ADDRESSES + 2).then_some(())
    })
    .unwrap();
    let civil = bench.lan.node("civil");
    let asked_at = now();
    let shown = civil.run("sovnetctl status").unwrap();
    let took = now().duration_since(asked_at);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    println!("after {took:?}:\n{shown}");
    assert!(took < QUICK, "{took:?}");
    assert!(shown.lines().count() <= LINES, "{shown}");
    assert!(shown.contains(" addresses  host "), "{shown}");
    let wide = civil.run("sovnetctl status --wide").unwrap();
    let wide = String::from_utf8_lossy(&wide.stdout).into_owned();
    assert!(wide.contains("192.168.9.17 ") && wide.contains("192.168.12.250 "));
}
