//! Figures that a benchmark is to reach. Whether it did is said, and changes nothing else.

use super::samples::Row;

#[cfg(test)]
mod tests;

/// Which figure of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// The median.
    P50,
    /// The 99th percentile.
    P99,
    /// The greatest.
    Max,
}

/// One target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Target {
    /// Case of the row.
    pub case: &'static str,
    /// Program of the row.
    pub who: &'static str,
    /// Metric of the row.
    pub metric: &'static str,
    /// Which figure.
    pub figure: Figure,
    /// What it may be, in the row's unit.
    pub at_most: f64,
}

impl Target {
    /// A target of sovnet with its default detection.
    pub const fn of_sovnet(
        case: &'static str,
        metric: &'static str,
        figure: Figure,
        at_most: f64,
    ) -> Target {
        Target {
            case,
            who: "sovnet",
            metric,
            figure,
            at_most,
        }
    }
}

/// A sentence for each target: what was wanted, what was measured, and whether that is enough.
pub fn verdicts(targets: &[Target], rows: &[Row]) -> Vec<String> {
    targets.iter().map(|target| verdict(target, rows)).collect()
}

fn verdict(target: &Target, rows: &[Row]) -> String {
    let Target {
        case,
        who,
        metric,
        figure,
        at_most,
    } = *target;
    let row = rows
        .iter()
        .find(|row| (row.case, row.who, row.metric.metric) == (case, who, metric));
    let name = match figure {
        Figure::P50 => "p50",
        Figure::P99 => "p99",
        Figure::Max => "max",
    };
    let wanted = format!("{who} {case} {metric} {name} <= {at_most}");
    let Some(row) = row else {
        return format!("{wanted}: not measured");
    };
    let value = match figure {
        Figure::P50 => row.p50,
        Figure::P99 => row.p99,
        Figure::Max => row.max,
    };
    let verdict = if value <= at_most { "met" } else { "NOT MET" };
    format!("{wanted} {}: {value}, {verdict}", row.metric.unit)
}

/// A target that depends on another program in the same run: medians.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// Case of both rows.
    pub case: &'static str,
    /// Metric of both rows.
    pub metric: &'static str,
    /// Program of the row that is judged.
    pub who: &'static str,
    /// Program of the row that it is compared with.
    pub beside: &'static str,
    /// What it may be, as a multiple of that.
    pub at_most: f64,
}

/// A sentence for each comparison, as [`verdicts`].
pub fn compared(comparisons: &[Comparison], rows: &[Row]) -> Vec<String> {
    comparisons.iter().map(|one| compare(one, rows)).collect()
}

fn compare(comparison: &Comparison, rows: &[Row]) -> String {
    let Comparison {
        case,
        metric,
        who,
        beside,
        at_most,
    } = *comparison;
    let median = |who: &str| {
        let row = rows
            .iter()
            .find(|row| (row.case, row.who, row.metric.metric) == (case, who, metric));
        row.map(|row| row.p50)
    };
    let wanted = format!("{who} {case} {metric} p50 <= {at_most} x {beside}");
    let (Some(own), Some(other)) = (median(who), median(beside)) else {
        return format!("{wanted}: not measured");
    };
    let is_met = own <= other * at_most;
    let verdict = if is_met { "met" } else { "NOT MET" };
    format!("{wanted}: {own} beside {other}, {verdict}")
}
