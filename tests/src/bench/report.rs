//! What a benchmark leaves: a table for people, the same figures for programs, and the raw samples.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::samples::{Row, Sample, distinct, rows};

#[cfg(test)]
mod tests;

/// A benchmark that has been run.
#[derive(Debug, Clone)]
pub struct Report {
    /// Name: the files are called by it.
    pub name: &'static str,
    /// The programs, in the order of the table's columns.
    pub whos: Vec<&'static str>,
    /// What one has to know to read the figures.
    pub conditions: Map<String, Value>,
    /// Every figure.
    pub samples: Vec<Sample>,
}

impl Report {
    /// A row for each case, metric and program.
    pub fn rows(&self) -> Vec<Row> {
        rows(&self.samples, &self.whos)
    }

    /// Writes `NAME.json` (conditions and rows), `NAME.raw.json` (conditions and samples) and
    /// `NAME.md` (the table) into `dir`.
    ///
    /// # Errors
    /// What writing gave, with the path.
    pub fn write(&self, dir: &Path) -> anyhow::Result<()> {
        fs::create_dir_all(dir).with_context(|| format!("failed to make {}", dir.display()))?;
        let Report {
            name,
            conditions,
            samples,
            ..
        } = self;
        let rows = self.rows();
        let texts = [
            (
                "json",
                pretty(&json!({ "conditions": conditions, "rows": rows }))?,
            ),
            (
                "raw.json",
                pretty(&json!({ "conditions": conditions, "samples": samples }))?,
            ),
            ("md", self.table()),
        ];
        for (ending, text) in texts {
            let path = dir.join(format!("{name}.{ending}"));
            fs::write(&path, text)
                .with_context(|| format!("failed to write {}", path.display()))?;
        }
        Ok(())
    }

    /// The table in Markdown: a line for each case and metric, a column for each program, with
    /// median, 99th percentile and greatest.
    pub fn table(&self) -> String {
        let rows = self.rows();
        let mut lines = vec![vec!["case".to_owned(), "p50 / p99 / max of".to_owned()]];
        lines[0].extend(self.whos.iter().map(|who| (*who).to_owned()));
        for (case, metric) in distinct(&rows, |row| (row.case, row.metric)) {
            let mut line = vec![
                case.to_owned(),
                format!("{}, {}", metric.metric, metric.unit),
            ];
            line.extend(self.whos.iter().map(|who| {
                let found = rows
                    .iter()
                    .find(|row| (row.case, row.metric, row.who) == (case, metric, *who));
                found.map_or("-".to_owned(), cell)
            }));
            lines.push(line);
        }
        markdown(&lines)
    }
}

fn cell(row: &Row) -> String {
    let [p50, p99, max] = [row.p50, row.p99, row.max].map(figure);
    format!("{p50} / {p99} / {max}")
}

/// Small figures with their tenths.
fn figure(value: f64) -> String {
    if value < 10.0 && value.fract() != 0.0 {
        return format!("{value:.1}");
    }
    format!("{value:.0}")
}

fn pretty(value: &impl Serialize) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

/// Lays cells out; the first line is the head.
fn markdown(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or_default();
    let widths: Vec<usize> = (0..columns)
        .map(|at| {
            lines
                .iter()
                .filter_map(|line| line.get(at))
                .map(String::len)
                .max()
        })
        .map(Option::unwrap_or_default)
        .collect();
    let mut text = String::new();
    for (number, line) in lines.iter().enumerate() {
        let padded = line
            .iter()
            .zip(&widths)
            .map(|(cell, &width)| format!("{cell:width$}"));
        text.push_str(&format!("| {} |\n", padded.collect::<Vec<_>>().join(" | ")));
        if number == 0 {
            let rule = widths.iter().map(|&width| "-".repeat(width));
            text.push_str(&format!("| {} |\n", rule.collect::<Vec<_>>().join(" | ")));
        }
    }
    text
}
