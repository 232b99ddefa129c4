//! `docs/kubernetes.md` lists what is read and written, and nothing else.

use std::collections::BTreeSet;

use sovnet_core::facts::cluster::Bar;
use sovnet_core::facts::request::{
    ADDRESS_ANNOTATIONS, FROM_POOL_ANNOTATION, POOL_ANNOTATIONS, SHARING_ANNOTATIONS,
};

use super::tell::Reason;
use super::translate::SERVICE_LABEL;

const PAGE: &str = include_str!("../../../docs/kubernetes.md");

/// The rows of the table below a heading, cell by cell.
fn rows(heading: &str) -> Vec<Vec<&'static str>> {
    let (_, below) = PAGE.split_once(heading).expect("the page has the heading");
    let section = below.split("\n#").next().unwrap();
    let lines = section.lines().filter(|line| line.starts_with('|'));
    let cells = lines.map(|line| {
        let cells = line.trim_matches('|').split('|');
        cells.map(str::trim).collect()
    });
    // The head of the table, and the line below it.
    cells.skip(2).collect()
}

/// What stands in backticks.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// Every reason. A new one does not compile here until it is in its place.
fn reasons() -> Vec<Reason> {
    let all = [
        Reason::IpAllocated,
        Reason::NodeAssigned,
        Reason::ClearAssignment,
        Reason::AllocationFailed,
        Reason::DeprecatedAnnotation,
        Reason::AddressConflict,
        Reason::StatusConflict,
    ];
    let place = |reason: &Reason| match reason {
        Reason::IpAllocated => 0,
        Reason::NodeAssigned => 1,
        Reason::ClearAssignment => 2,
        Reason::AllocationFailed => 3,
        Reason::DeprecatedAnnotation => 4,
        Reason::AddressConflict => 5,
        Reason::StatusConflict => 6,
    };
    let places: Vec<usize> = all.iter().map(place).collect();
    assert_eq!(places, (0..all.len()).collect::<Vec<_>>());
    all.to_vec()
}

#[test]
fn every_event_and_no_other_is_in_the_table_with_its_type() {
    let listed: BTreeSet<(String, String)> = rows("\n### Events\n")
        .iter()
        .map(|row| {
            let reason: Vec<&str> = quoted(row[0]).collect();
            assert_eq!(reason.len(), 1, "{row:?}");
            (reason[0].to_owned(), row[1].to_owned())
        })
        .collect();
    let known = reasons().into_iter();
    let known: BTreeSet<(String, String)> = known
        .map(|reason| (reason.text().to_owned(), reason.kind().to_owned()))
        .collect();
    assert_eq!(listed, known);
}

#[test]
fn every_annotation_label_taint_and_condition_and_no_other_is_in_the_table() {
    let listed = rows("\n### Annotations, labels, taints and conditions\n");
    let listed: BTreeSet<&str> = listed.iter().flat_map(|row| quoted(row[0])).collect();
    let of_services = [ADDRESS_ANNOTATIONS, POOL_ANNOTATIONS, SHARING_ANNOTATIONS];
    let others = [
        FROM_POOL_ANNOTATION,
        SERVICE_LABEL,
        Bar::EXCLUDED,
        Bar::DRAIN,
        Bar::OUT_OF_SERVICE,
        Bar::NETWORK_UNAVAILABLE,
    ];
    let known: BTreeSet<&str> = of_services.into_iter().flatten().chain(others).collect();
    assert_eq!(listed, known);
}

#[test]
fn what_is_deprecated_is_said_to_be() {
    for row in rows("\n### Annotations, labels, taints and conditions\n") {
        let is_old = row[0].contains("metallb.universe.tf/");
        assert_eq!(row[2].contains("deprecated"), is_old, "{row:?}");
    }
}
