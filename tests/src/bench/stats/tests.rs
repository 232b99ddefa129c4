//! Statistics against figures counted by hand.

use super::{Summary, summarise};

#[test]
fn nothing_has_no_summary() {
    assert_eq!(summarise(&[]), None);
}

#[test]
fn one_sample_is_every_figure() {
    let expected = Summary {
        n: 1,
        p50: 7.5,
        p99: 7.5,
        max: 7.5,
    };
    assert_eq!(summarise(&[7.5]), Some(expected));
}

#[test]
fn of_two_in_the_middle_the_lower_one_is_the_median() {
    let summary = summarise(&[4.0, 1.0, 3.0, 2.0]).unwrap();
    assert_eq!((summary.p50, summary.p99, summary.max), (2.0, 4.0, 4.0));
}

#[test]
fn of_twenty_samples_the_greatest_is_the_99th_percentile() {
    let values: Vec<f64> = (1..=20).rev().map(f64::from).collect();
    let summary = summarise(&values).unwrap();
    assert_eq!((summary.n, summary.p50, summary.p99), (20, 10.0, 20.0));
}

#[test]
fn of_two_hundred_samples_two_may_be_greater_than_the_99th_percentile() {
    let values: Vec<f64> = (1..=200).map(f64::from).collect();
    let summary = summarise(&values).unwrap();
    assert_eq!(
        (summary.p50, summary.p99, summary.max),
        (100.0, 198.0, 200.0)
    );
}
