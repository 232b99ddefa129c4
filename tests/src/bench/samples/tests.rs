//! Grouping of samples, and the order of the rounds.

use std::time::Duration;

use super::{Metric, Sample, phase, rows, tenths, turns};

const GAP: Metric = Metric {
    metric: "longest-gap",
    unit: "ms",
};
const LOST: Metric = Metric {
    metric: "lost",
    unit: "probes",
};

fn sample(case: &'static str, who: &'static str, metric: Metric, value: f64) -> Sample {
    Sample {
        round: 1,
        case,
        who,
        metric,
        value,
    }
}

#[test]
fn rows_stand_by_case_then_metric_then_program() {
    let samples = [
        sample("cut", "b", GAP, 3.0),
        sample("cut", "b", LOST, 1.0),
        sample("drain", "b", GAP, 0.0),
        sample("cut", "a", GAP, 5.0),
        sample("cut", "a", GAP, 7.0),
    ];
    let found: Vec<_> = rows(&samples, &["a", "b"])
        .iter()
        .map(|row| (row.case, row.metric.metric, row.who, row.n, row.max))
        .collect();
    assert_eq!(
        found,
        [
            ("cut", "longest-gap", "a", 2, 7.0),
            ("cut", "longest-gap", "b", 1, 3.0),
            ("cut", "lost", "b", 1, 1.0),
            ("drain", "longest-gap", "b", 1, 0.0),
        ]
    );
}

#[test]
fn every_round_has_everybody_once_and_begins_with_another_one() {
    let rounds: Vec<_> = (0..4).map(|round| turns(&["a", "b", "c"], round)).collect();
    assert_eq!(
        rounds,
        [
            ["a", "b", "c"],
            ["b", "c", "a"],
            ["c", "a", "b"],
            ["a", "b", "c"]
        ]
    );
    assert!(turns::<u8>(&[], 1).is_empty());
}

#[test]
fn figures_have_one_digit_after_the_point() {
    assert_eq!(tenths(86.149), 86.1);
    assert_eq!(tenths(0.05), 0.1);
}

#[test]
fn the_moments_of_twenty_rounds_lie_in_every_tenth_of_the_period() {
    let period = Duration::from_secs(1);
    let mut tenths: Vec<_> = (0..20)
        .map(|round| phase(period, round).as_millis() / 100)
        .collect();
    tenths.sort_unstable();
    tenths.dedup();
    assert_eq!(tenths, (0..10).collect::<Vec<_>>());
    assert!((0..5000).all(|round| phase(period, round) < period));
}
