//! Samples as they are measured, the rows that they become, and the order of the rounds.

use std::time::Duration;

use serde::Serialize;

use super::stats::{Summary, summarise};

#[cfg(test)]
mod tests;

/// What a figure is of: the case, and what was looked at in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Metric {
    /// Name, such as `longest-gap`.
    pub metric: &'static str,
    /// Unit, such as `ms`.
    pub unit: &'static str,
}

impl Metric {
    /// With that name and unit.
    pub const fn new(metric: &'static str, unit: &'static str) -> Metric {
        Metric { metric, unit }
    }
}

/// One measured figure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Sample {
    /// Counted from 1.
    pub round: usize,
    /// What happened.
    pub case: &'static str,
    /// The program that was measured.
    pub who: &'static str,
    /// What the figure is of.
    #[serde(flatten)]
    pub metric: Metric,
    /// The figure, to a tenth of its unit.
    pub value: f64,
}

/// All samples of one case, program and metric.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// What happened.
    pub case: &'static str,
    /// The program that was measured.
    pub who: &'static str,
    /// What the figures are of.
    #[serde(flatten)]
    pub metric: Metric,
    /// How many samples.
    pub n: usize,
    /// See [`Summary`].
    pub p50: f64,
    /// See [`Summary`].
    pub p99: f64,
    /// See [`Summary`].
    pub max: f64,
}

/// The rows: cases, then metrics, then programs, each in the order of `whos` or of its first sample.
pub fn rows(samples: &[Sample], whos: &[&'static str]) -> Vec<Row> {
    let mut rows = Vec::new();
    for case in distinct(samples, |sample| sample.case) {
        for metric in distinct(samples, |sample| sample.metric) {
            for &who in whos {
                let of_row = samples
                    .iter()
                    .filter(|one| (one.case, one.metric, one.who) == (case, metric, who));
                let values: Vec<f64> = of_row.map(|sample| sample.value).collect();
                let summary = summarise(&values);
                rows.extend(summary.map(|summary| row(case, who, metric, summary)));
            }
        }
    }
    rows
}

fn row(case: &'static str, who: &'static str, metric: Metric, summary: Summary) -> Row {
    let Summary { n, p50, p99, max } = summary;
    Row {
        case,
        who,
        metric,
        n,
        p50,
        p99,
        max,
    }
}

/// The different values, in the order of their first appearance.
pub(super) fn distinct<T, V: PartialEq>(of: &[T], value: impl Fn(&T) -> V) -> Vec<V> {
    let mut found = Vec::new();
    for one in of.iter().map(value) {
        if !found.contains(&one) {
            found.push(one);
        }
    }
    found
}

/// A program's samples of one case; the round is filled in by who counts rounds.
pub(super) fn of_case(who: &'static str, case: &str, figures: Vec<(Metric, f64)>) -> Vec<Sample> {
    // A few dozen names, in a program that ends when it has shown them.
    let case: &'static str = case.to_owned().leak();
    let sample = |(metric, value)| Sample {
        round: 0,
        case,
        who,
        metric,
        value: tenths(value),
    };
    figures.into_iter().map(sample).collect()
}

/// A figure to a tenth: more digits would be noise.
pub fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// The order of one round (counted from 0): everybody once, and each round begins with another one,
/// so that what changes slowly on the machine meets all alike.
pub fn turns<T: Copy>(all: &[T], round: usize) -> Vec<T> {
    let mut order = all.to_vec();
    if !order.is_empty() {
        order.rotate_left(round % all.len());
    }
    order
}

/// A moment of a period for one round (counted from 0), spread evenly over it however many rounds
/// there are. What works by a clock would otherwise be met at the same point of its beat each time.
pub fn phase(period: Duration, round: usize) -> Duration {
    // Thousandths of the golden section: the multiples of no other number keep further apart.
    let thousandths = (round % 1000) * 618 % 1000;
    period * u32::try_from(thousandths).unwrap_or_default() / 1000
}

/// Figures of one case, of one program, in one line.
pub(super) fn in_short(measured: &[Sample]) -> String {
    const SHOWN: usize = 8;
    let case = measured.first().map_or("", |one| one.case);
    let figures = measured.iter().take(SHOWN).map(|one| {
        let metric = one.metric;
        format!("{} {} {}", metric.metric, one.value, metric.unit)
    });
    let more = if measured.len() > SHOWN { " ..." } else { "" };
    format!("[{case}] {}{more}", figures.collect::<Vec<_>>().join(" "))
}
