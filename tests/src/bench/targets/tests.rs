//! Verdicts on targets.

use super::{Comparison, Figure, Target, compared, verdicts};
use crate::bench::samples::{Metric, Row};

const ROW: Row = Row {
    case: "cut",
    who: "a",
    metric: Metric {
        metric: "gap",
        unit: "ms",
    },
    n: 3,
    p50: 150.0,
    p99: 300.1,
    max: 400.0,
};

fn said(figure: Figure, at_most: f64, rows: &[Row]) -> String {
    let target = Target {
        case: "cut",
        who: "a",
        metric: "gap",
        figure,
        at_most,
    };
    verdicts(&[target], rows).concat()
}

#[test]
fn a_figure_that_equals_its_target_meets_it() {
    assert_eq!(
        said(Figure::P50, 150.0, &[ROW]),
        "a cut gap p50 <= 150 ms: 150, met"
    );
}

#[test]
fn a_greater_figure_does_not_meet_its_target() {
    assert_eq!(
        said(Figure::P99, 300.0, &[ROW]),
        "a cut gap p99 <= 300 ms: 300.1, NOT MET"
    );
    assert_eq!(
        said(Figure::Max, 0.0, &[ROW]),
        "a cut gap max <= 0 ms: 400, NOT MET"
    );
}

#[test]
fn a_target_without_samples_is_not_met_by_silence() {
    assert_eq!(
        said(Figure::P50, 150.0, &[]),
        "a cut gap p50 <= 150: not measured"
    );
}

#[test]
fn a_comparison_is_with_the_median_of_the_same_run() {
    let other = Row {
        who: "b",
        p50: 300.0,
        ..ROW
    };
    let said = |at_most: f64, rows: &[Row]| {
        let comparison = Comparison {
            case: "cut",
            metric: "gap",
            who: "a",
            beside: "b",
            at_most,
        };
        compared(&[comparison], rows).concat()
    };
    assert_eq!(
        said(0.5, &[ROW, other.clone()]),
        "a cut gap p50 <= 0.5 x b: 150 beside 300, met"
    );
    assert_eq!(
        said(0.4, &[ROW, other]),
        "a cut gap p50 <= 0.4 x b: 150 beside 300, NOT MET"
    );
    assert_eq!(said(1.0, &[ROW]), "a cut gap p50 <= 1 x b: not measured");
}
