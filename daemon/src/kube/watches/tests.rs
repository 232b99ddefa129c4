//! What is shown while lists come and go.

use std::collections::BTreeSet;

use super::*;

const NOW: Moment = Moment::from_millis(1_000_000);

fn numbers(kind: &Kind<u8, u8>) -> Vec<u8> {
    kind.objects.keys().copied().collect()
}

fn listed(kind: &mut Kind<u8, u8>, keys: &[u8]) {
    kind.handle(Step::Begin, NOW);
    for &key in keys {
        kind.handle(Step::Listed(Some((key, 0))), NOW);
    }
}

#[test]
fn a_list_is_shown_when_it_is_complete_and_not_before() {
    let mut kind = Kind::new("numbers");
    listed(&mut kind, &[1, 2]);
    assert!(!kind.is_complete);
    assert_eq!(numbers(&kind), [] as [u8; 0]);
    kind.handle(Step::Complete, NOW);
    assert!(kind.is_complete);
    assert_eq!(numbers(&kind), [1, 2]);
    // A new list swaps the old one as a whole: 2 has gone meanwhile.
    listed(&mut kind, &[1, 3]);
    assert_eq!(numbers(&kind), [1, 2]);
    kind.handle(Step::Complete, NOW);
    assert_eq!(numbers(&kind), [1, 3]);
}

#[test]
fn changes_between_lists_are_shown_at_once() {
    let mut kind = Kind::new("numbers");
    listed(&mut kind, &[1]);
    kind.handle(Step::Complete, NOW);
    kind.handle(Step::Set(2, Some(0)), NOW);
    kind.handle(Step::Gone(1), NOW);
    assert_eq!(numbers(&kind), [2]);
    // It is none of ours any more.
    kind.handle(Step::Set(2, None), NOW);
    assert_eq!(numbers(&kind), [] as [u8; 0]);
    kind.handle(Step::Nothing, NOW);
    assert!(kind.is_complete);
}

#[test]
fn a_failing_watch_keeps_what_it_has_shown_and_says_why_until_it_goes_on() {
    let mut kind = Kind::new("numbers");
    listed(&mut kind, &[1]);
    kind.handle(Step::Complete, NOW);
    let trouble = Trouble {
        is_refusal: true,
        is_absent: false,
        text: "forbidden".to_owned(),
    };
    kind.handle(Step::Failed(trouble.clone()), NOW);
    let later = NOW + Duration::from_secs(9);
    kind.handle(Step::Failed(trouble.clone()), later);
    let failing = Failing {
        trouble,
        first: NOW,
        last: later,
    };
    // A list that begins has not succeeded.
    kind.handle(Step::Begin, later);
    assert_eq!(
        (numbers(&kind), kind.trouble.clone()),
        (vec![1], Some(failing))
    );
    kind.handle(Step::Complete, later);
    assert_eq!(kind.trouble, None);
}

#[test]
fn the_pauses_of_a_watch_grow_to_their_limit() {
    let pauses: Vec<u128> = Pauses::default()
        .take(7)
        .map(|pause| pause.as_millis())
        .collect();
    assert_eq!(pauses, [800, 1_600, 3_200, 6_400, 12_800, 15_000, 15_000]);
}

#[test]
fn no_more_objects_are_kept_than_the_limit() {
    let mut kind: Kind<usize, ()> = Kind::new("numbers");
    kind.handle(Step::Begin, NOW);
    for key in 0..OBJECTS_MAX + 5 {
        kind.handle(Step::Listed(Some((key, ()))), NOW);
    }
    kind.handle(Step::Complete, NOW);
    kind.handle(Step::Set(usize::MAX, Some(())), NOW);
    assert_eq!(kind.objects.len(), OBJECTS_MAX);
}

fn slice_of(ready: &[&str], terminating: &[&str]) -> Slice {
    let names = |nodes: &[&str]| nodes.iter().map(|name| name.parse().unwrap()).collect();
    let endpoints = Endpoints {
        ready: names(ready),
        terminating: names(terminating),
        is_outside: false,
    };
    ("web/page".parse().unwrap(), endpoints)
}

#[test]
fn endpoints_that_end_count_where_nothing_is_ready_and_are_known_elsewhere() {
    let of = |slices: Vec<Slice>| {
        let page = (
            "web/page".parse().unwrap(),
            (cluster::Service::default(), String::new()),
        );
        let mut watches = Watches::showing([page]);
        let slices = slices.into_iter().zip(0..);
        let slices = slices.map(|(slice, number)| (format!("slice-{number}"), slice));
        watches.slices.objects = slices.collect();
        watches.put_together(&Touched::everything());
        let facts = watches.facts().unwrap();
        let service = facts.services.values().next().unwrap();
        let text = |nodes: &BTreeSet<NodeName>| {
            let names: Vec<&str> = nodes.iter().map(|name| name.as_str()).collect();
            names.join(" ")
        };
        (text(&service.ready_on), text(&service.ending_on))
    };
    let pair = |ready: &str, ending: &str| (ready.to_owned(), ending.to_owned());
    assert_eq!(of(vec![slice_of(&["a"], &["b"])]), pair("a", "b"));
    assert_eq!(of(vec![slice_of(&[], &["b"])]), pair("b", ""));
    assert_eq!(of(vec![slice_of(&["a"], &["a"])]), pair("a", ""));
    let two = vec![slice_of(&[], &["a", "b"]), slice_of(&["b"], &[])];
    assert_eq!(of(two), pair("b", "a"));
}

#[test]
fn what_speaks_against_a_node_is_told_beside_its_addresses() {
    let mut watches = Watches::showing([]);
    let node = |bar| translate::Node {
        addresses: vec!["192.0.2.1".parse().unwrap()],
        bar,
    };
    let bar = cluster::Bar::Excluded;
    watches.nodes.objects = BTreeMap::from([
        ("a".parse().unwrap(), node(None)),
        ("b".parse().unwrap(), node(Some(bar))),
    ]);
    let facts = watches.facts().unwrap();
    assert_eq!(facts.nodes.len(), 2);
    assert_eq!(facts.barred, BTreeMap::from([("b".parse().unwrap(), bar)]));
}

#[test]
fn namespaces_count_only_where_the_config_asks_for_their_labels() {
    let namespace = |uid: &str| translate::Namespace {
        uid: uid.to_owned(),
        labels: BTreeMap::from([("team".to_owned(), "a".to_owned())]),
    };
    let page = (
        "web/page".parse().unwrap(),
        (cluster::Service::default(), String::new()),
    );
    let mut watches = Watches::showing([page]);
    assert_eq!(watches.facts().unwrap().uid, None);
    watches.namespaces.objects = BTreeMap::from([
        ("kube-system".to_owned(), namespace("u-1")),
        ("web".to_owned(), namespace("u-2")),
    ]);
    let labels_of = |facts: ClusterFacts| {
        let service = facts.services.into_values().next().unwrap();
        service.namespace_labels.len()
    };
    let facts = watches.facts().unwrap();
    assert_eq!(facts.uid.as_deref(), Some("u-1"));
    assert_eq!(labels_of(facts), 0, "nobody asks for them");
    let trouble = Trouble {
        is_refusal: true,
        is_absent: false,
        text: "forbidden".to_owned(),
    };
    watches.namespaces.handle(Step::Failed(trouble), NOW);
    assert_eq!(watches.trouble(NOW), None, "nobody needs them");
    watches.needs_namespaces = true;
    assert!(!watches.is_complete() && watches.trouble(NOW).is_some());
    watches.namespaces.is_complete = true;
    watches.put_together(&Touched::everything());
    assert_eq!(labels_of(watches.facts().unwrap()), 1);
}

fn page() -> ServiceName {
    "web/page".parse().unwrap()
}

#[test]
fn what_a_slice_says_reaches_its_service_and_no_other() {
    let other: ServiceName = "web/other".parse().unwrap();
    let plain = || (cluster::Service::default(), String::new());
    let mut watches = Watches::showing([(page(), plain()), (other.clone(), plain())]);
    let before = watches.facts().unwrap();
    let set = |uid: &str, slice| Change::Slices(Step::Set(uid.to_owned(), Some(slice)));
    watches.handle(vec![set("s-1", slice_of(&["a"], &[]))], NOW);
    let facts = watches.facts().unwrap();
    assert_eq!(facts.services[&page()].ready_on.len(), 1);
    assert!(Arc::ptr_eq(
        &facts.services[&other],
        &before.services[&other]
    ));
    // A new version of the Service has its endpoints, too.
    let service = (Arc::new(cluster::Service::default()), "2".to_owned());
    let change = Step::Set(page(), Some(service));
    watches.handle(vec![Change::Services(Box::new(change))], NOW);
    assert_eq!(watches.facts().unwrap().services[&page()].ready_on.len(), 1);
    // A slice that goes to another Service leaves the first one.
    let (_, endpoints) = slice_of(&["a"], &[]);
    watches.handle(vec![set("s-1", (other.clone(), endpoints))], NOW);
    let facts = watches.facts().unwrap();
    let ready = |name| facts.services[name].ready_on.len();
    assert_eq!((ready(&page()), ready(&other)), (0, 1));
    watches.handle(vec![Change::Slices(Step::Gone("s-1".to_owned()))], NOW);
    assert!(
        watches.facts().unwrap().services[&other]
            .ready_on
            .is_empty()
    );
}

#[test]
fn labels_of_a_namespace_reach_services_when_they_change() {
    let mut watches = Watches::showing([(page(), (cluster::Service::default(), String::new()))]);
    watches.needs_namespaces = true;
    watches.namespaces.is_complete = true;
    let namespace = translate::Namespace {
        uid: "u-2".to_owned(),
        labels: BTreeMap::from([("team".to_owned(), "a".to_owned())]),
    };
    let set = Change::Namespaces(Step::Set("web".to_owned(), Some(namespace)));
    watches.handle(vec![set], NOW);
    let facts = watches.facts().unwrap();
    assert_eq!(facts.services[&page()].namespace_labels.len(), 1);
}
