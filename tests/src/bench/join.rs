//! `bench join`: the samples of several runs of one benchmark as one, so that runs can go side by
//! side, or be added to.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::report::Report;
use super::samples::{Metric, Sample, distinct};

#[cfg(test)]
mod tests;

/// What runs may differ in.
const OWN: [&str; 4] = ["rounds", "joined", "measured", LOAD];

/// How busy the machine was before each of them.
const LOAD: &str = "load-at-start";

/// `NAME.raw.json` of one run.
#[derive(Debug, Deserialize)]
struct Run {
    conditions: Map<String, Value>,
    samples: Vec<Figure>,
}

#[derive(Debug, Deserialize)]
struct Figure {
    round: usize,
    case: String,
    who: String,
    metric: String,
    unit: String,
    value: f64,
}

/// Joins what `files` hold. Rounds are counted on; the conditions are those of the runs, with the
/// rounds of each.
///
/// # Errors
/// A file cannot be read, is none of a benchmark, or was measured under other conditions.
pub fn join(name: &'static str, files: &[impl AsRef<Path>]) -> anyhow::Result<Report> {
    let mut conditions: Option<Map<String, Value>> = None;
    let mut samples = Vec::new();
    let mut rounds = Vec::new();
    let mut loads = Vec::new();
    for file in files {
        let file = file.as_ref();
        let mut run = read(file)?;
        let before: usize = rounds.iter().sum();
        rounds.push(
            run.samples
                .iter()
                .map(|one| one.round)
                .max()
                .unwrap_or_default(),
        );
        loads.extend(run.conditions.get(LOAD).cloned());
        for own in OWN {
            run.conditions.remove(own);
        }
        let known = conditions.get_or_insert_with(|| run.conditions.clone());
        let is_same = *known == run.conditions;
        ensure!(
            is_same,
            "{} was measured under other conditions",
            file.display()
        );
        samples.extend(run.samples.into_iter().map(|one| one.sample(before)));
    }
    let mut conditions = conditions.context("there is nothing to join")?;
    conditions.insert("rounds".to_owned(), json!(rounds.iter().sum::<usize>()));
    conditions.insert("joined".to_owned(), json!(rounds));
    conditions.insert(LOAD.to_owned(), json!(loads));
    Ok(Report {
        name,
        whos: distinct(&samples, |sample| sample.who),
        conditions,
        samples,
    })
}

fn read(file: &Path) -> anyhow::Result<Run> {
    let place = || format!("failed to read {}", file.display());
    let text = fs::read_to_string(file).with_context(place)?;
    serde_json::from_str(&text).with_context(place)
}

impl Figure {
    fn sample(self, rounds_before: usize) -> Sample {
        Sample {
            round: rounds_before + self.round,
            // A few dozen names, in a program that ends when it has shown them.
            case: self.case.leak(),
            who: self.who.leak(),
            metric: Metric {
                metric: self.metric.leak(),
                unit: self.unit.leak(),
            },
            value: self.value,
        }
    }
}
