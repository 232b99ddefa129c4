//! What others cost beside sovnet: a factor for each row, which depends less on the machine than
//! the figures.

use super::samples::{Row, distinct};

#[cfg(test)]
mod tests;

/// A line for each case and metric in which `base` has a figure: every other program's median
/// divided by that of `base`.
pub(super) fn ratios(rows: &[Row], base: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for (case, metric) in distinct(rows, |row| (row.case, row.metric)) {
        let of_metric = || {
            rows.iter()
                .filter(|row| (row.case, row.metric) == (case, metric))
        };
        let Some(own) = of_metric().find(|row| row.who == base) else {
            continue;
        };
        let is_told = |row: &&Row| row.who != base && (own.p50, row.p50) != (0.0, 0.0);
        let others = of_metric().filter(is_told);
        let others: Vec<String> = others.map(|row| one(row, own.p50)).collect();
        if !others.is_empty() {
            lines.push(format!("{case} {}: {}", metric.metric, others.join(", ")));
        }
    }
    lines
}

fn one(row: &Row, own: f64) -> String {
    if own == 0.0 {
        return format!("{} {} to 0", row.who, row.p50);
    }
    format!("{} x {:.2}", row.who, row.p50 / own)
}
