//! Reads the tables of `ARCHITECTURE.md`, which say what may be named where.

use super::tree::{Tree, is_in};

#[cfg(test)]
mod tests;

/// The document.
pub const FILE: &str = "ARCHITECTURE.md";

/// A row of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its cells, without the white space around them.
    pub cells: Vec<String>,
    /// Its line in the document.
    pub line: usize,
}

impl Row {
    /// A cell; empty if the row is too short.
    pub fn cell(&self, index: usize) -> &str {
        self.cells.get(index).map_or("", String::as_str)
    }

    /// What stands between backticks in a cell.
    pub fn quoted(&self, index: usize) -> Vec<String> {
        quoted(self.cell(index))
    }
}

/// What stands between backticks.
pub fn quoted(text: &str) -> Vec<String> {
    let parts = text.split('`').skip(1).step_by(2);
    parts.map(str::to_owned).collect()
}

/// The rows of the first table below a heading of any level; none if there is no such heading.
pub fn table(tree: &Tree, heading: &str) -> Vec<Row> {
    let text = tree.file(FILE).map_or("", |file| file.text.as_str());
    let mut lines = text.lines().enumerate();
    let is_heading =
        |line: &str| line.starts_with('#') && line.trim_start_matches('#').trim() == heading;
    if !lines.by_ref().any(|(_at, line)| is_heading(line)) {
        return Vec::new();
    }
    lines
        .take_while(|(_at, line)| !line.starts_with('#'))
        .skip_while(|(_at, line)| !line.starts_with('|'))
        .take_while(|(_at, line)| line.starts_with('|'))
        .skip(2)
        .map(|(at, line)| Row {
            cells: cells(line),
            line: at + 1,
        })
        .collect()
}

fn cells(line: &str) -> Vec<String> {
    let inner = line.trim().trim_start_matches('|').trim_end_matches('|');
    inner
        .split('|')
        .map(|cell| cell.trim().to_owned())
        .collect()
}

/// A place where a rule does not hold, for a reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    /// The rule's name.
    pub rule: String,
    /// File or folder.
    pub place: String,
    /// Why.
    pub reason: String,
    /// Where the exception is written.
    pub line: usize,
}

impl Exception {
    /// Whether a path lies in the exception's place.
    pub fn covers(&self, path: &str) -> bool {
        is_in(path, &self.place)
    }
}

/// The table "Exceptions".
pub fn exceptions(tree: &Tree) -> Vec<Exception> {
    table(tree, "Exceptions")
        .into_iter()
        .map(|row| Exception {
            rule: row.quoted(0).concat(),
            place: row.quoted(1).concat(),
            reason: row.cell(2).to_owned(),
            line: row.line,
        })
        .collect()
}
