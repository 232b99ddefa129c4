//! What an Event is made of.

use super::*;

fn service() -> (ServiceName, cluster::Service) {
    let service = cluster::Service {
        uid: "0b9c1a52-6f0e-4d0c-9a1e-0242ac110002".to_owned(),
        ..cluster::Service::default()
    };
    ("shop/web".parse().unwrap(), service)
}

fn event(reason: Reason) -> Event {
    let (name, service) = service();
    let teller = Teller::new("civil".parse().unwrap());
    teller.event(&name, &service, reason, "text".to_owned())
}

#[test]
fn an_event_is_about_the_service_and_says_who_tells_it() {
    let event = event(Reason::AllocationFailed);
    assert_eq!(event.reason.as_deref(), Some("AllocationFailed"));
    assert_eq!(event.type_.as_deref(), Some("Warning"));
    assert_eq!(event.metadata.namespace.as_deref(), Some("shop"));
    assert_eq!(event.metadata.generate_name.as_deref(), Some("web."));
    assert_eq!(event.metadata.name, None);
    let (_, service) = service();
    assert_eq!(event.involved_object.uid, Some(service.uid));
    let source = event.source.unwrap();
    assert_eq!(source.host.as_deref(), Some("civil"));
}

#[test]
fn a_deprecated_annotation_has_one_event_by_its_name_whoever_tells_it() {
    let event = event(Reason::DeprecatedAnnotation);
    let name = "web.0b9c1a52-6f0e-4d0c-9a1e-0242ac110002.deprecatedannotation";
    assert_eq!(event.metadata.name.as_deref(), Some(name));
    assert_eq!(event.metadata.generate_name, None);
}
