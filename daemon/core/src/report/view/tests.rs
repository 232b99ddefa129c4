//! What is said of each Service.

use super::*;

fn node() -> NodeName {
    "box-01".parse().unwrap()
}

fn reported(object: Service, verdict: Verdict) -> Option<ServiceReport> {
    let name: ServiceName = "web/page".parse().unwrap();
    let view = KubernetesView {
        facts: Arc::new(ClusterFacts {
            services: BTreeMap::from([(name.clone(), Arc::new(object))]),
            ..ClusterFacts::default()
        }),
        verdicts: Arc::new(BTreeMap::from([(name, verdict)])),
        ..KubernetesView::default()
    };
    view.report(&node()).services.into_iter().next()
}

fn assigned(addresses: &[&str]) -> Verdict {
    Verdict::Assigned {
        addresses: addresses.iter().map(|at| at.parse().unwrap()).collect(),
        pool: Some("lan".to_owned()),
        reason: "first free address of the pool lan".to_owned(),
        complaint: None,
    }
}

#[test]
fn an_address_counts_as_assigned_when_it_stands_in_the_status() {
    let has = Service {
        assigned: vec!["192.0.2.1".parse().unwrap()],
        ready_on: [node()].into(),
        ..Service::default()
    };
    let report = reported(has.clone(), assigned(&["192.0.2.1"])).unwrap();
    assert_eq!(report.state, ServiceState::Assigned);
    assert_eq!(report.reason, "first free address of the pool lan");
    assert_eq!((report.is_ready_here, report.ready_nodes), (true, 1));
    let report = reported(has, assigned(&["192.0.2.1", "2001:db8::1"])).unwrap();
    assert_eq!(report.state, ServiceState::Pending);
    assert_eq!(
        report.reason,
        "192.0.2.1 and 2001:db8::1 is to be written to its status: first free address of the pool \
         lan"
    );
}

#[test]
fn who_gets_none_is_told_why_and_who_wants_none_is_not_shown() {
    let of = |verdict| reported(Service::default(), verdict);
    let report = of(Verdict::Waiting).unwrap();
    assert_eq!(report.state, ServiceState::Pending);
    let reason = "the pool lan is full".to_owned();
    let report = of(Verdict::Refused { reason }).unwrap();
    assert_eq!(report.state, ServiceState::Refused);
    assert_eq!(report.reason, "the pool lan is full");
    let report = of(Verdict::Foreign { class: None }).unwrap();
    assert_eq!(report.state, ServiceState::Foreign);
    assert_eq!(of(Verdict::Former), None);
}
