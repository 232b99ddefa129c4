//! How long what was let go of is kept.

use std::time::Duration;

use super::*;
use crate::config;
use crate::facts::cluster::Service;

const CONFIG: &str = "
[kubernetes]
[[pool]]
name = 'lan'
addresses = ['192.0.2.10-192.0.2.11']
cool-down = '5m'
[[pool]]
name = 'quick'
addresses = ['192.0.2.20']
";

/// Services with the addresses that they have.
fn cluster(services: &[(&str, &str)]) -> ClusterFacts {
    let services = services.iter().map(|(name, address)| {
        let service = Service {
            assigned: vec![address.parse().unwrap()],
            ..Service::default()
        };
        (name.parse().unwrap(), service.into())
    });
    ClusterFacts {
        services: services.collect(),
        ..ClusterFacts::default()
    }
}

fn shown(history: &History) -> Vec<String> {
    let cooling = history.cooling().into_iter();
    let line = |(address, owners): (IpAddr, BTreeSet<ServiceName>)| {
        let owners: Vec<String> = owners.iter().map(ToString::to_string).collect();
        format!("{address} {}", owners.join(" "))
    };
    cooling.map(line).collect()
}

#[test]
fn an_address_cools_down_from_when_nobody_has_it_until_the_time_of_its_pool_is_over() {
    let config = config::parse(CONFIG).unwrap();
    let at = |secs: u64| Moment::default() + Duration::from_secs(secs);
    let all = cluster(&[
        ("web/a", "192.0.2.10"),
        ("web/b", "192.0.2.10"),
        ("web/c", "192.0.2.20"),
    ]);
    let history = History::default().with(&config, &all, at(0));
    assert!(shown(&history).is_empty());
    let one = cluster(&[("web/b", "192.0.2.10")]);
    let history = history.with(&config, &one, at(100));
    assert!(shown(&history).is_empty());
    let none = ClusterFacts::default();
    let history = history.with(&config, &none, at(200));
    assert_eq!(shown(&history), ["192.0.2.10 web/b"]);
    let history = history.with(&config, &none, at(499));
    assert_eq!(shown(&history), ["192.0.2.10 web/b"]);
    let again = history.clone().with(&config, &one, at(499));
    assert!(shown(&again).is_empty());
    let again = again.with(&config, &none, at(500));
    assert_eq!(shown(&again), ["192.0.2.10 web/b"]);
    let over = history.with(&config, &none, at(500));
    assert_eq!(over, History::default());
}

#[test]
fn without_a_cool_down_nothing_is_remembered() {
    let config = config::parse(&CONFIG.replace("cool-down = '5m'", "")).unwrap();
    let all = cluster(&[("web/a", "192.0.2.10")]);
    let history = History::default().with(&config, &all, Moment::default());
    assert_eq!(history, History::default());
}
