//! How a benchmark ends: what is printed, and what is written.

use std::path::Path;
use std::time::Instant;

use super::peer::Who;
use super::ratios::ratios;
use super::report::Report;
use super::targets::{Comparison, Target, compared, verdicts};
use crate::clock::now;
use crate::lab::show;

/// What is said of the figures of a benchmark.
#[derive(Debug, Clone, Copy)]
pub struct Conclusion {
    /// What is to be reached.
    pub targets: &'static [Target],
    /// What is to be reached beside another program.
    pub comparisons: &'static [Comparison],
    /// Whether the factors between the programs are said.
    pub has_ratios: bool,
}

impl Conclusion {
    /// Prints the table, the factors between the programs, and what became of the targets.
    pub fn show(&self, report: &Report) {
        show::line(&format!("\n{}", report.table()));
        let rows = report.rows();
        if self.has_ratios {
            for line in ratios(&rows, Who::Sovnet.name()) {
                show::line(&format!("beside sovnet: {line}"));
            }
        }
        let told = verdicts(self.targets, &rows).into_iter();
        for verdict in told.chain(compared(self.comparisons, &rows)) {
            show::line(&format!("target: {verdict}"));
        }
    }

    /// The same, and writes the files and says what is missing; false if anything is.
    ///
    /// # Errors
    /// If the files cannot be written.
    pub fn conclude(
        &self,
        report: &Report,
        dir: &Path,
        started_at: Instant,
        missing: &[String],
    ) -> anyhow::Result<bool> {
        report.write(dir)?;
        self.show(report);
        for what in missing {
            show::line(&format!("not measured: {what}"));
        }
        let took = now().duration_since(started_at).as_secs();
        show::line(&format!(
            "\nin {} min {} s; {}/{}.json, .raw.json and .md",
            took / 60,
            took % 60,
            dir.display(),
            report.name,
        ));
        Ok(missing.is_empty())
    }
}
