//! Weights, pins, quorum and fail-back: what is read, and what is refused.

use std::time::Duration;

use super::parse_well;
use crate::config::{FailBack, parse};

/// The whole refusal of a text, without the lines that show it.
fn refusal(text: &str) -> Vec<String> {
    let problems = parse(text).expect_err("it is wrong");
    problems
        .iter()
        .map(|problem| problem.what.clone())
        .collect()
}

#[test]
fn without_a_word_nothing_moves_by_itself_and_no_majority_is_needed() {
    let config = parse_well("");
    assert_eq!(config.announce.fail_back, FailBack::Never);
    assert_eq!(config.node_weight, 1);
    assert!(!config.cluster.has_quorum);
    assert!(config.pins.is_empty());
}

#[test]
fn fail_back_after_a_while_or_within_a_window_is_acted_on() {
    let after = parse_well("[announce]\nfail-back = { after = \"10m\" }\n");
    assert_eq!(
        after.announce.fail_back,
        FailBack::After(Duration::from_secs(600))
    );
    assert!(after.inactive.is_empty());
    let window = parse_well("[announce]\nfail-back = { between = [\"23:30\", \"05:00\"] }\n");
    let (from, to) = (23 * 60 + 30, 5 * 60);
    assert_eq!(window.announce.fail_back, FailBack::Between { from, to });
}

#[test]
fn a_weight_is_a_small_number() {
    assert_eq!(parse_well("[node]\nweight = 16\n").node_weight, 16);
    assert_eq!(parse_well("[node]\nweight = 0\n").node_weight, 0);
    for weight in ["17", "-1"] {
        let found = refusal(&format!("[node]\nweight = {weight}\n"));
        assert_eq!(found, ["[node] weight: a number from 0 to 16 is wanted"]);
    }
}

#[test]
fn quorum_needs_three_nodes_in_the_file() {
    let with = |peers: &str| format!("[cluster]\npeers = [{peers}]\nquorum = true\n");
    let config = parse_well(&with("\"192.0.2.1\", \"192.0.2.2\", \"192.0.2.3\""));
    assert!(config.cluster.has_quorum);
    let found = refusal(&with("\"192.0.2.1\", \"192.0.2.2\""));
    assert_eq!(
        found,
        ["[cluster] quorum: needs at least 3 peers, and there are 2"]
    );
}

#[test]
fn a_pin_has_one_address_and_one_node() {
    let pin = "[[pin]]\naddress = \"192.0.2.240\"\nnode = \"ada\"\n";
    let config = parse_well(pin);
    let pins: Vec<String> = config
        .pins
        .iter()
        .map(|(address, node)| format!("{address} {node}"))
        .collect();
    assert_eq!(pins, ["192.0.2.240 ada"]);
    assert_eq!(
        refusal(&format!("{pin}{pin}")),
        ["[[pin]] 192.0.2.240 is already in the file"]
    );
    assert_eq!(
        refusal("[[pin]]\naddress = \"192.0.2.240\"\n"),
        ["the key \"node\" of this [[pin]] is missing"]
    );
}
