//! What is sent, and how much of it.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Arp, due, frames};

#[test]
fn every_source_asks_and_every_target_is_asked_for() {
    let targets = ["192.168.32.1", "192.168.32.2", "192.168.32.3"].map(|one| one.parse().unwrap());
    let all: Vec<Arp> = frames(&targets)
        .iter()
        .map(|frame| Arp::parse(frame).unwrap())
        .collect();
    assert_eq!(all.len(), 750);
    let sources: BTreeSet<_> = all.iter().map(|arp| arp.sender).collect();
    let asked: BTreeSet<_> = all.iter().map(|arp| arp.target).collect();
    assert_eq!(sources.len(), 250);
    assert_eq!(asked, BTreeSet::from(targets));
    assert!(all.iter().all(|arp| arp.operation == 1));
}

#[test]
fn as_many_are_due_as_the_rate_says() {
    assert_eq!(due(Duration::from_millis(1), 100_000), 100);
    assert_eq!(due(Duration::from_micros(9), 100_000), 0);
    assert_eq!(due(Duration::from_secs(2), 3), 6);
}
