//! Factors.

use super::ratios;
use crate::bench::samples::{Metric, Row};

fn row(case: &'static str, who: &'static str, p50: f64) -> Row {
    Row {
        case,
        who,
        metric: Metric {
            metric: "cpu",
            unit: "ms/s",
        },
        n: 1,
        p50,
        p99: p50,
        max: p50,
    }
}

#[test]
fn every_other_program_is_divided_by_the_base() {
    let rows = [
        row("rest", "sovnet", 2.0),
        row("rest", "keepalived", 1.0),
        row("rest", "metallb", 5.0),
        row("storm", "keepalived", 3.0),
    ];
    assert_eq!(
        ratios(&rows, "sovnet"),
        ["rest cpu: keepalived x 0.50, metallb x 2.50"]
    );
}

#[test]
fn nothing_is_divided_by_zero() {
    let rows = [row("rest", "sovnet", 0.0), row("rest", "metallb", 5.0)];
    assert_eq!(ratios(&rows, "sovnet"), ["rest cpu: metallb 5 to 0"]);
    let none = [row("rest", "sovnet", 0.0), row("rest", "metallb", 0.0)];
    assert!(ratios(&none, "sovnet").is_empty());
}
