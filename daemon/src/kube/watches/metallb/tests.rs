//! When it counts as known which pools there are.

use serde_json::json;
use sovnet_core::names::ServiceName;

use super::*;
use crate::kube::trouble::Trouble;

const NOW: Moment = Moment::from_millis(1_000_000);

/// Watches of a cluster with one Service, which has an address that sovnet gave it from this pool.
fn watches(pool: &str, has_memory: bool) -> Watches {
    let service = sovnet_core::facts::cluster::Service {
        status_by: StatusBy::Sovnet,
        noted_pool: Some(pool.to_owned()),
        ..Default::default()
    };
    let name = ServiceName::new("home", "web").unwrap();
    let mut watches = Watches::showing([(name, (service, "7".to_owned()))]);
    let ours = "[[pool]]\nname = 'ours'\naddresses = ['192.0.2.0/30']\n";
    let config = config::parse(ours).unwrap();
    watches.foreign = Some(Foreign::new(&config.pools, has_memory));
    watches
}

fn absent() -> Trouble {
    Trouble {
        is_refusal: false,
        is_absent: true,
        text: "the server could not find the requested resource".to_owned(),
    }
}

fn forbidden() -> Trouble {
    Trouble {
        is_refusal: true,
        is_absent: false,
        text: "forbidden".to_owned(),
    }
}

fn say(watches: &mut Watches, step: Step<String, Pool>) {
    watches.handle(vec![Change::Pools(Box::new(step))], NOW);
}

#[test]
fn pools_are_known_when_both_kinds_were_listed() {
    let mut watches = watches("theirs", true);
    assert!(!watches.is_complete());
    let object =
        json!({ "metadata": { "name": "lan" }, "spec": { "addresses": ["192.0.2.8/30"] } });
    say(&mut watches, Step::Begin);
    say(
        &mut watches,
        Step::Listed(Some(("lan".to_owned(), Draft::read(&object)))),
    );
    say(&mut watches, Step::Complete);
    assert!(!watches.is_complete());
    let all = ("all".to_owned(), Advertisement::read(&json!({})));
    for step in [Step::Begin, Step::Listed(Some(all)), Step::Complete] {
        watches.handle(vec![Change::Advertisements(Box::new(step))], NOW);
    }
    assert!(watches.is_complete());
    assert_eq!(watches.found().unwrap().pools.len(), 1);
    say(&mut watches, Step::Gone("lan".to_owned()));
    assert_eq!(watches.found().unwrap().pools.len(), 0);
}

#[test]
fn a_cluster_without_metallb_is_complete_unless_addresses_of_forgotten_pools_are_in_use() {
    let cases = [
        ("theirs", false, false),
        ("theirs", true, true),
        ("ours", false, true),
    ];
    for (pool, has_memory, is_complete) in cases {
        let mut watches = watches(pool, has_memory);
        say(&mut watches, Step::Failed(absent()));
        assert_eq!(watches.is_complete(), is_complete, "{pool} {has_memory}");
        assert!(watches.found().is_none());
        // It is a trouble only where something is missing, and once it lasts.
        let later = NOW + super::super::STUCK;
        watches.handle(vec![Change::Pools(Box::new(Step::Failed(absent())))], later);
        assert_eq!(
            watches.trouble(later).is_none(),
            is_complete,
            "{pool} {has_memory}"
        );
    }
}

#[test]
fn a_refusal_is_never_taken_for_a_cluster_without_metallb() {
    let mut watches = watches("ours", true);
    say(&mut watches, Step::Failed(forbidden()));
    assert!(!watches.is_complete());
    assert_eq!(
        watches.trouble(NOW).unwrap().text,
        "watching ipaddresspools: forbidden"
    );
}
