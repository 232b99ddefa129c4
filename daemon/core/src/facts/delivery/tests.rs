//! Services come, are asked for, and go.

use super::*;
use crate::facts::cluster::{Service, TrafficPolicy};

const PORT: u16 = 30_000;

fn ada() -> NodeName {
    "ada".parse().unwrap()
}

fn name(name: &str) -> ServiceName {
    ServiceName::new("home", name).unwrap()
}

/// A cluster with these Services of the policy `Local`, each with a ready endpoint on ada.
fn local(names: &[&str]) -> ClusterFacts {
    let services = names.iter().map(|one| {
        let service = Service {
            policy: TrafficPolicy::Local,
            health_port: Some(PORT),
            ready_on: BTreeSet::from([ada()]),
            ..Service::default()
        };
        (name(one), service.into())
    });
    ClusterFacts {
        services: services.collect(),
        ..ClusterFacts::default()
    }
}

fn at(millis: u64) -> Moment {
    Moment::from_millis(millis)
}

fn asked(deliveries: &Deliveries) -> Vec<String> {
    let questions = deliveries.questions();
    questions
        .map(|(name, port)| format!("{name} {port}"))
        .collect()
}

#[test]
fn what_becomes_ready_here_is_asked_for_until_it_is_delivered() {
    let mut deliveries = Deliveries::default();
    assert_eq!(deliveries.pause(at(0)), None);
    deliveries.handle_facts(&local(&["web"]), &ada(), at(0));
    assert_eq!(asked(&deliveries), ["home/web 30000"]);
    assert_eq!(deliveries.pause(at(999)), Some(SOON));
    assert_eq!(deliveries.pause(at(1_000)), Some(LATER));
    assert!(deliveries.delivered().is_empty());
    deliveries.handle_delivered(&name("web"));
    assert_eq!(*deliveries.delivered(), BTreeSet::from([name("web")]));
    // Whatever else changes, it is not asked for again.
    deliveries.handle_facts(&local(&["shop", "web"]), &ada(), at(5));
    assert_eq!(asked(&deliveries), ["home/shop 30000"]);
    // Gone and back, it is.
    deliveries.handle_facts(&local(&[]), &ada(), at(6));
    deliveries.handle_delivered(&name("shop"));
    assert!(
        deliveries.delivered().is_empty(),
        "an answer that is too late"
    );
    deliveries.handle_facts(&local(&["web"]), &ada(), at(7));
    assert_eq!(asked(&deliveries), ["home/web 30000"]);
}

#[test]
fn nothing_waits_for_ever() {
    let mut deliveries = Deliveries::default();
    deliveries.handle_facts(&local(&["web"]), &ada(), at(0));
    deliveries.handle_facts(&local(&["shop", "web"]), &ada(), at(100));
    assert_eq!(deliveries.give_up(at(4_999)), []);
    assert_eq!(deliveries.give_up(at(5_000)), [name("web")]);
    assert_eq!(asked(&deliveries), ["home/shop 30000"]);
    assert_eq!(*deliveries.delivered(), BTreeSet::from([name("web")]));
}

#[test]
fn what_the_disk_remembers_is_not_asked_for_so_that_a_restart_moves_nothing() {
    let facts = local(&["web"]);
    let mut deliveries = Deliveries::remembered(&facts, &ada());
    assert_eq!(*deliveries.delivered(), BTreeSet::from([name("web")]));
    deliveries.handle_facts(&facts, &ada(), at(0));
    assert!(asked(&deliveries).is_empty());
}

#[test]
fn only_what_is_local_and_ready_here_and_has_a_port_is_asked_for() {
    let bob: NodeName = "bob".parse().unwrap();
    let mut deliveries = Deliveries::default();
    deliveries.handle_facts(&local(&["web"]), &bob, at(0));
    assert!(asked(&deliveries).is_empty());
    for change in [
        |service: &mut Service| service.policy = TrafficPolicy::Cluster,
        |service: &mut Service| service.health_port = None,
    ] {
        let mut facts = local(&["web"]);
        let service = facts.services.get_mut(&name("web")).unwrap();
        change(std::sync::Arc::make_mut(service));
        deliveries.handle_facts(&facts, &ada(), at(0));
        assert!(asked(&deliveries).is_empty());
    }
}
