//! What counts as a change, for whom.

use super::*;

fn service(policy: TrafficPolicy, ready: &str) -> Service {
    Service {
        policy,
        ready_on: ready
            .split_whitespace()
            .map(|name| name.parse().unwrap())
            .collect(),
        ..Service::default()
    }
}

fn cluster(services: &[(&str, Service)]) -> ClusterFacts {
    let services = services.iter();
    let services = services.map(|(name, one)| (name.parse().unwrap(), Arc::new(one.clone())));
    ClusterFacts {
        services: services.collect(),
        ..ClusterFacts::default()
    }
}

#[test]
fn endpoints_are_nothing_to_the_allocation_and_all_else_is_something() {
    let one = service(TrafficPolicy::Local, "a");
    let elsewhere = service(TrafficPolicy::Local, "b");
    assert!(one.is_same_but_for_endpoints(&elsewhere));
    let changed = Service {
        assigned: vec!["192.0.2.1".parse().unwrap()],
        ..elsewhere
    };
    assert!(!one.is_same_but_for_endpoints(&changed));
}

#[test]
fn endpoints_count_for_who_announces_only_with_the_policy_local() {
    use TrafficPolicy::{Cluster, Local};
    let is_same = |one, other| service(one, "a").is_same_to_announce(&service(other, "b"));
    assert!(is_same(Cluster, Cluster));
    assert!(!is_same(Local, Local));
    assert!(!is_same(Cluster, Local));
    assert!(service(Local, "a").is_same_to_announce(&service(Local, "a")));
    // Whether there is any counts for both.
    assert!(!service(Cluster, "a").is_same_to_announce(&service(Cluster, "")));
    let outside = Service {
        is_ready_outside: true,
        ..service(Cluster, "")
    };
    assert!(outside.is_same_to_announce(&service(Cluster, "b")));
}

#[test]
fn services_that_come_or_go_are_a_change_whatever_is_compared() {
    let one = service(TrafficPolicy::Cluster, "a");
    let known = cluster(&[("web/a", one.clone()), ("web/b", one.clone())]);
    let always = |_: &Service, _: &Service| true;
    assert!(known.has_same_services(&known.clone(), always));
    assert!(!known.has_same_services(&cluster(&[("web/a", one.clone())]), always));
    let renamed = cluster(&[("web/a", one.clone()), ("web/c", one)]);
    assert!(!known.has_same_services(&renamed, always));
    // What is one object in both is not looked at.
    let never = |_: &Service, _: &Service| false;
    assert!(known.has_same_services(&known.clone(), never));
}
