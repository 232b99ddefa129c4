//! What is measured when, and what is missed.

use super::cases::explained;
use super::*;

fn settings() -> Settings {
    Settings {
        holder: PathBuf::new(),
        dir: PathBuf::new(),
        rounds: 7,
        peers: vec![Who::Metallb, Who::Sovnet],
        cases: vec!["drain".to_owned(), "move".to_owned()],
        slow_every: 3,
        begin: None,
    }
}

fn measured(who: Who, case: &'static str, rounds: usize) -> Vec<Sample> {
    let of_round = |round| {
        let sample = move |metric| Sample {
            round,
            case,
            who: who.name(),
            metric,
            value: 0.0,
        };
        metrics(case).into_iter().map(sample)
    };
    (1..=rounds).flat_map(of_round).collect()
}

#[test]
fn the_slow_one_has_fewer_turns_and_is_missed_only_in_those() {
    let mut samples = measured(Who::Sovnet, "drain", 7);
    samples.extend(measured(Who::Metallb, "drain", 3));
    samples.extend(measured(Who::Sovnet, "move", 7));
    let skipped = [(Who::Metallb, "move")];
    assert!(missing(&settings(), &samples, &skipped).is_empty());
    samples.pop();
    let found = missing(&settings(), &samples, &skipped);
    assert_eq!(found, ["sovnet move both-answer: 6 of 7"]);
    assert_eq!(missing(&settings(), &samples, &[]).len(), 5);
}

#[test]
fn the_programs_keep_the_order_of_the_table() {
    assert_eq!(settings().whos(), [Who::Sovnet, Who::Metallb]);
}

#[test]
fn every_case_and_metric_is_explained() {
    for case in all_cases() {
        assert!(explained().get(case).is_some(), "{case}");
        for metric in metrics(case) {
            assert!(
                stage::explained().get(metric.metric).is_some(),
                "{metric:?}"
            );
        }
    }
}

#[test]
fn every_target_is_of_a_case_and_a_metric_that_are_measured() {
    for target in TARGETS {
        let mut known = metrics(target.case).into_iter();
        assert!(all_cases().any(|case| case == target.case), "{target:?}");
        assert!(known.any(|one| one.metric == target.metric), "{target:?}");
    }
}

#[test]
fn a_case_that_does_not_exist_is_refused_with_those_that_do() {
    let mut settings = settings();
    settings.cases.push("cable-cutt".to_owned());
    let error = check(&settings).unwrap_err().to_string();
    assert!(
        error.contains("cable-cutt") && error.contains("cable-cut,"),
        "{error}"
    );
}
