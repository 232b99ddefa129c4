//! Which of MetalLB's pools are in force, and how long.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::config::{self, Config};
use crate::facts::cluster::{ClusterFacts, ForeignPool, Service};
use crate::names::ServiceName;
use crate::report::Problem;

const ON: &str = "[kubernetes]\nmetallb-pools = 'metallb-system'\n";

fn config(text: &str) -> Arc<Config> {
    Arc::new(config::parse(text).unwrap_or_else(|wrong| panic!("{wrong:?}")))
}

fn object(name: &str, spec: Value) -> Value {
    json!({ "metadata": { "name": name, "labels": { "pool": name } }, "spec": spec })
}

/// A pool of these addresses.
fn pool(name: &str, addresses: &str) -> (String, Result<Draft, String>) {
    let object = object(name, json!({ "addresses": [addresses] }));
    (name.to_owned(), Draft::read(&object))
}

fn advertisement(name: &str, spec: Value) -> (String, Advertisement) {
    (name.to_owned(), Advertisement::read(&object(name, spec)))
}

fn for_all() -> BTreeMap<String, Advertisement> {
    [advertisement("all", json!({}))].into()
}

/// The sections of these pools.
fn texts(
    pools: impl IntoIterator<Item = (String, Result<Draft, String>)>,
) -> BTreeMap<String, String> {
    find(&pools.into_iter().collect(), &for_all()).pools
}

fn live(texts: BTreeMap<String, String>) -> BTreeMap<String, ForeignPool> {
    let pools = texts.into_iter().map(|(name, text)| {
        let is_gone = false;
        (name, ForeignPool { text, is_gone })
    });
    pools.collect()
}

/// A cluster with a Service that has this address, and these pools.
fn cluster(address: Option<&str>, pools: BTreeMap<String, ForeignPool>) -> ClusterFacts {
    let service = Service {
        assigned: address.map(|at| at.parse().unwrap()).into_iter().collect(),
        ..Service::default()
    };
    let name = ServiceName::new("home", "web").unwrap();
    ClusterFacts {
        services: [(name, Arc::new(service))].into(),
        pools,
        ..ClusterFacts::default()
    }
}

fn names(config: &Config) -> Vec<(&str, bool)> {
    let pools = config.pools.iter();
    pools
        .map(|pool| (pool.name.as_str(), pool.is_automatic))
        .collect()
}

fn told(problems: &[Problem]) -> Vec<String> {
    let told = problems.iter();
    told.map(|one| format!("{}: {}", one.code, one.what))
        .collect()
}

#[test]
fn a_pool_that_an_advertisement_is_for_is_one_here_and_every_other_one_has_its_reason() {
    let objects = [
        pool("by-label", "192.0.2.8/30"),
        pool("by-name", "192.0.2.0/30"),
        pool("routed", "198.51.100.0/24"),
        pool("spoilt", "192.0.2.300"),
    ];
    let advertisements = [
        advertisement("one", json!({ "ipAddressPools": ["by-name"] })),
        advertisement(
            "other",
            json!({
                "ipAddressPoolSelectors": [{ "matchLabels": { "pool": "by-label" } }],
                "nodeSelectors": [{ "matchLabels": { "lan": "yes" } }],
                "interfaces": ["eth0"],
            }),
        ),
    ];
    let found = find(&objects.into(), &advertisements.into());
    let names: Vec<&String> = found.pools.keys().collect();
    assert_eq!(names, ["by-label", "by-name"]);
    assert_eq!(
        found.pools["by-name"],
        "[[pool]]\nname = \"by-name\"\naddresses = [\"192.0.2.0/30\"]\n"
    );
    assert_eq!(
        told(&found.problems),
        [
            "metallb-pool-left-out: the IPAddressPool routed is no pool here: no L2Advertisement is \
             for it",
            "metallb-pool-left-out: the IPAddressPool spoilt is no pool here: \"192.0.2.300\" is no \
             address range",
            "metallb-not-followed: the L2Advertisement other has nodeSelectors and interfaces, and \
             sovnet does not follow that",
        ]
    );
}

#[test]
fn nothing_of_metallb_is_in_force_unless_the_config_asks() {
    let pools = live(texts([pool("theirs", "192.0.2.0/30")]));
    let given = config("[kubernetes]\n");
    let mut in_force = InForce::new(Arc::clone(&given));
    assert!(!in_force.take(&pools));
    assert_eq!(**in_force.config(), *given);
    let mut in_force = InForce::new(config(ON));
    assert!(in_force.take(&pools));
    assert_eq!(names(in_force.config()), [("theirs", true)]);
    // What is no news changes nothing.
    assert!(!in_force.take(&pools));
    assert!(in_force.take(&BTreeMap::new()));
    assert_eq!(names(in_force.config()), []);
}

#[test]
fn of_pools_that_overlap_the_configs_counts_then_the_first_and_one_that_is_gone_comes_last() {
    let ours = "[[pool]]\nname = 'ours'\naddresses = ['192.0.2.0/30']\n";
    let mut pools = live(texts([
        pool("a-former", "192.0.2.16/30"),
        pool("first", "192.0.2.8/30"),
        pool("ours", "192.0.2.0/30"),
        pool("second", "192.0.2.10/31"),
        pool("third", "192.0.2.2-192.0.2.3"),
        pool("z-new", "192.0.2.18/31"),
    ]));
    pools.get_mut("a-former").unwrap().is_gone = true;
    let mut in_force = InForce::new(config(&format!("{ours}{ON}")));
    in_force.take(&pools);
    assert_eq!(
        names(in_force.config()),
        [("ours", true), ("first", true), ("z-new", true)]
    );
    // What says the same as the config is no word worth.
    assert_eq!(
        told(in_force.problems()),
        [
            "metallb-pool-left-out: the IPAddressPool second is no pool here: it overlaps the pool \
             first, which counts",
            "metallb-pool-left-out: the IPAddressPool third is no pool here: it overlaps the pool \
             ours, which counts",
        ]
    );
}

#[test]
fn a_pool_whose_object_is_gone_stays_as_long_as_a_service_has_an_address_of_it() {
    let config = config(ON);
    let pools = live(texts([
        pool("lan", "192.0.2.0/30"),
        pool("spare", "192.0.2.8/30"),
    ]));
    let former = cluster(Some("192.0.2.1"), pools.clone());
    let nothing = BTreeMap::new();
    let nothing_at_all = BTreeMap::new();
    let off = self::config("[kubernetes]\n");
    assert_eq!(retained(&off, &former, None, &former), nothing_at_all);
    // As long as the API shows no pools, they are as they were.
    assert_eq!(retained(&config, &former, None, &former), pools);
    let kept = retained(&config, &former, Some(&nothing), &former);
    assert_eq!(kept.keys().collect::<Vec<_>>(), ["lan"]);
    assert!(kept["lan"].is_gone);
    // Nobody gets a new address of it, and that is told.
    let mut in_force = InForce::new(Arc::clone(&config));
    in_force.take(&kept);
    assert_eq!(names(in_force.config()), [("lan", false)]);
    assert!(
        told(in_force.problems())[0]
            .starts_with("metallb-pool-gone: the IPAddressPool lan is gone")
    );
    // What another controller takes out of the status in the same moment is still given.
    let emptied = cluster(None, BTreeMap::new());
    let former = ClusterFacts {
        pools: kept.clone(),
        ..former
    };
    assert_eq!(retained(&config, &former, Some(&nothing), &emptied), kept);
    let former = cluster(None, kept);
    assert_eq!(
        retained(&config, &former, Some(&nothing), &emptied),
        BTreeMap::new()
    );
}

#[test]
fn a_pool_from_the_disk_that_means_nothing_is_left_out() {
    let text = "[[pool]]\nname = 'half".to_owned();
    let is_gone = false;
    let pools = [("half".to_owned(), ForeignPool { text, is_gone })].into();
    let mut in_force = InForce::new(config(ON));
    assert!(!in_force.take(&pools));
    assert_eq!(names(in_force.config()), []);
    let used = cluster(Some("192.0.2.1"), pools);
    assert_eq!(
        retained(&config(ON), &used, Some(&BTreeMap::new()), &used),
        BTreeMap::new()
    );
}
