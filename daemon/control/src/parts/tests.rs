//! Parts, and the whole again.

use super::*;
use crate::status::{Address, Problem, Service};

fn status(addresses: usize, services: usize, problems: usize) -> Status {
    let segment = |link: &str| Segment {
        link: link.to_owned(),
        mac: "02:00:00:00:00:01".to_owned(),
        addresses: (0..addresses)
            .map(|number| Address {
                address: format!("{link} {number}"),
                ..Address::default()
            })
            .collect(),
        ..Segment::default()
    };
    let service = |number| Service {
        name: format!("home/s{number}"),
        ..Service::default()
    };
    let problem = |number| Problem {
        what: format!("{number}"),
        ..Problem::default()
    };
    Status {
        schema: "s".to_owned(),
        node: "civil".to_owned(),
        segments: vec![segment("br0"), segment("br1")],
        kubernetes: Some(Kubernetes {
            state: "connected".to_owned(),
            services: (0..services).map(service).collect(),
            ..Kubernetes::default()
        }),
        problems: (0..problems).map(problem).collect(),
        ..Status::default()
    }
}

#[test]
fn the_parts_are_the_whole_and_none_is_long() {
    for (count, number) in [(0, 1), (1, 1), (3, 1), (4, 5), (6, 5), (7, 9), (100, 133)] {
        let whole = status(count, count, count);
        let parts = whole.clone().into_parts(3);
        assert_eq!(parts.len(), number, "of {count}");
        for part in &parts {
            let mut lists = part.segments.iter().map(|one| one.addresses.len());
            assert!(lists.all(|length| length <= 3) && part.problems.len() <= 3);
            let services = part.kubernetes.as_ref().map_or(0, |one| one.services.len());
            assert!(services <= 3);
            assert_eq!(part.schema, "s");
        }
        let joined = parts.into_iter().reduce(|mut first, part| {
            first.append(part);
            first
        });
        assert_eq!(joined, Some(whole));
    }
}

#[test]
fn a_part_about_something_unknown_changes_nothing() {
    let mut alone = Status {
        node: "civil".to_owned(),
        ..Status::default()
    };
    let before = alone.clone();
    for mut part in status(7, 7, 0).into_parts(3) {
        part.problems.clear();
        alone.append(part);
    }
    assert_eq!(alone, before);
}
