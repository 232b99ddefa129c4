//! What is measured for what is asked.

use super::*;

fn settings() -> Settings {
    Settings {
        holder: PathBuf::new(),
        dir: PathBuf::new(),
        rounds: 1,
        peers: Vec::new(),
        cases: Vec::new(),
        services: 20,
        moves: 4,
        large_services: 10_000,
        large_addresses: 5_000,
    }
}

#[test]
fn every_case_is_measured_for_both_programs_unless_less_is_asked_for() {
    assert_eq!(settings().whos(), [Who::Sovnet, Who::Metallb]);
    assert_eq!(settings().cases(), Case::value_variants());
    let less = Settings {
        peers: vec![Who::Sovnet, Who::Keepalived],
        cases: vec![Case::LocalEndpointMoves],
        ..settings()
    };
    assert_eq!(less.whos(), [Who::Sovnet], "keepalived knows no Services");
    assert_eq!(less.cases(), [Case::LocalEndpointMoves]);
}

#[test]
fn every_target_is_of_a_case_and_a_metric_that_are_measured() {
    let compared = COMPARISONS.iter().map(|one| (one.case, one.metric));
    let targets = TARGETS.iter().map(|one| (one.case, one.metric));
    for (case, metric) in targets.chain(compared) {
        let mut cases = Case::value_variants().iter();
        let known = cases.find(|known| known.name() == case).unwrap();
        let metrics = known.metrics();
        assert!(metrics.iter().any(|one| one.metric == metric), "{metric}");
    }
}
