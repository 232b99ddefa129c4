//! What is built for what is asked.

use super::cases::{explained, metrics, name};
use super::*;

fn settings() -> Settings {
    Settings {
        holder: PathBuf::new(),
        dir: PathBuf::new(),
        rounds: 1,
        peers: Vec::new(),
        works: Vec::new(),
        addresses: vec![11, 1000],
        take_over: 500,
        nodes: vec![2, 10],
        rest_addresses: 1000,
        seconds: 10,
    }
}

#[test]
fn each_size_is_built_once_and_measured_in_order() {
    let scenes = settings().scenes();
    let shown: Vec<String> = scenes
        .iter()
        .map(|(size, works)| {
            let works: Vec<String> = works.iter().map(|work| name(*work, *size)).collect();
            works.join(" ")
        })
        .collect();
    assert_eq!(
        shown,
        [
            "rest-2x11 memory-11 answer storm",
            "rest-2x1000 memory-1000",
            "rest-10x1000",
            "take-over-500"
        ]
    );
}

#[test]
fn only_what_is_asked_for_is_built() {
    let scenes = Settings {
        works: vec![Work::Storm],
        ..settings()
    }
    .scenes();
    assert_eq!(scenes.len(), 1);
    assert_eq!(scenes[0].1, [Work::Storm]);
}

#[test]
fn every_target_is_of_a_case_and_a_metric_that_are_measured() {
    let scenes = settings().scenes();
    for target in TARGETS {
        let mut works = scenes
            .iter()
            .flat_map(|(size, works)| works.iter().map(|work| (name(*work, *size), *work)));
        let (_, work) = works.find(|(case, _)| case == target.case).unwrap();
        let mut known = metrics(work).into_iter();
        assert!(known.any(|one| one.metric == target.metric), "{target:?}");
    }
}

#[test]
fn every_metric_of_a_work_is_explained_or_says_it_by_its_name() {
    for work in Work::value_variants() {
        for metric in metrics(*work) {
            let is_plain =
                ["answered", "sent", "taken-over", "unanswered"].contains(&metric.metric);
            assert!(
                is_plain || explained().get(metric.metric).is_some(),
                "{metric:?}"
            );
        }
    }
}

#[test]
fn addresses_are_in_a_row_and_in_their_part_of_the_network() {
    let all = field::addresses(1000).unwrap();
    assert_eq!(all.first().unwrap().to_string(), "192.168.32.1");
    assert_eq!(all.last().unwrap().to_string(), "192.168.35.232");
    assert!(field::addresses(0).is_err());
    assert!(field::addresses(9000).is_err());
}
