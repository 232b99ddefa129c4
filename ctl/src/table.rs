//! Tables for terminals: columns as wide as their content, and a last column for sentences.
//!
//! Where the terminal is too narrow, the sentence moves below its row; where that is not enough,
//! the least important columns are left out. Nothing is ever cut off silently.

use crate::words::{one_line, wrap};

/// Between two columns.
const GAP: &str = "  ";

/// Where sentences below a row begin.
const SENTENCE_INDENT: usize = 4;

/// One column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    /// Its title.
    pub(crate) title: &'static str,
    /// Columns with a higher number are left out first; 0 always stays.
    pub(crate) spare: u8,
}

/// One row: a mark, the cells in the order of the columns, and a sentence.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// One character; the same thing is always said in words too.
    pub(crate) mark: char,
    /// As many as there are columns.
    pub(crate) cells: Vec<String>,
    /// The last column.
    pub(crate) sentence: String,
}

/// A table with `sentence` as the title of the last column; empty without rows.
pub(crate) fn render(
    columns: &[Column],
    sentence: &str,
    rows: &[Row],
    width: Option<usize>,
) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let rows: Vec<Row> = rows.iter().map(cleaned).collect();
    let widths = widths(columns, &rows);
    let sentences = rows.iter().map(|row| row.sentence.chars().count());
    let longest = sentences.max().unwrap_or(0).max(sentence.len());
    let kept = kept(columns, &widths, width);
    let is_beside = width.is_none_or(|width| total(&kept, &widths) + GAP.len() + longest <= width);

    let titles: Vec<String> = columns.iter().map(|c| c.title.to_owned()).collect();
    let mut text = line(' ', &titles, &kept, &widths);
    if is_beside {
        text.push_str(GAP);
        text.push_str(sentence);
    }
    text.truncate(text.trim_end().len());
    for row in &rows {
        text.push('\n');
        text.push_str(&with_sentence(row, &kept, &widths, is_beside, width));
    }
    text.push('\n');
    text
}

fn cleaned(row: &Row) -> Row {
    Row {
        mark: row.mark,
        cells: row.cells.iter().map(|cell| one_line(cell)).collect(),
        sentence: one_line(&row.sentence),
    }
}

fn widths(columns: &[Column], rows: &[Row]) -> Vec<usize> {
    let width = |(index, column): (usize, &Column)| {
        let cells = rows.iter().filter_map(|row| row.cells.get(index));
        let cells = cells.map(|cell| cell.chars().count());
        cells.max().unwrap_or(0).max(column.title.len())
    };
    columns.iter().enumerate().map(width).collect()
}

/// The mark, a space, and the columns with gaps between them.
fn total(kept: &[usize], widths: &[usize]) -> usize {
    let cells = kept.iter().filter_map(|index| widths.get(*index));
    2 + cells.sum::<usize>() + GAP.len() * kept.len().saturating_sub(1)
}

/// The columns that fit, without the sentence.
fn kept(columns: &[Column], widths: &[usize], width: Option<usize>) -> Vec<usize> {
    let mut kept: Vec<usize> = (0..columns.len()).collect();
    let spare = |index: &usize| columns.get(*index).map_or(0, |column| column.spare);
    while width.is_some_and(|width| total(&kept, widths) > width) {
        match kept.iter().copied().max_by_key(spare) {
            Some(least) if spare(&least) > 0 => kept.retain(|index| *index != least),
            Some(_) | None => break,
        }
    }
    kept
}

fn line(mark: char, cells: &[String], kept: &[usize], widths: &[usize]) -> String {
    let cells = kept.iter().map(|index| {
        let cell = cells.get(*index).map_or("", String::as_str);
        let width = widths.get(*index).copied().unwrap_or(0);
        format!("{cell:<width$}")
    });
    let cells: Vec<String> = cells.collect();
    format!("{mark} {}", cells.join(GAP))
}

fn with_sentence(
    row: &Row,
    kept: &[usize],
    widths: &[usize],
    is_beside: bool,
    width: Option<usize>,
) -> String {
    let mut text = line(row.mark, &row.cells, kept, widths);
    if is_beside {
        text.push_str(GAP);
        text.push_str(&row.sentence);
    }
    text.truncate(text.trim_end().len());
    if !is_beside && !row.sentence.is_empty() {
        let indent = " ".repeat(SENTENCE_INDENT);
        let sentence = wrap(&format!("{indent}{}", row.sentence), width, SENTENCE_INDENT);
        text.push('\n');
        text.push_str(&sentence);
    }
    text
}
