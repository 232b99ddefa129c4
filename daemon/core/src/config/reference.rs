//! What can be written in the config file, in words: the source of sovnet.toml(5).
//!
//! Sections, keys and their texts come from the types that the file is read with (`spec`), so that
//! the manual page cannot know other keys than the program. How the page looks is not said here.

use super::spec::Spec;
use super::tree::FromToml;

#[cfg(test)]
mod tests;

/// A section of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Section {
    /// As it is written: `[cluster]`, `[[pool]]`; empty for the top of the file.
    pub header: &'static str,
    /// What it is for, in Markdown, line by line as in the source; an empty line ends a paragraph.
    pub text: &'static [&'static str],
    /// Its keys.
    pub keys: &'static [Key],
}

/// A key of a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// As it is written.
    pub name: &'static str,
    /// What it does, and what holds without it; as the text of a section.
    pub text: &'static [&'static str],
}

/// All sections, in the order in which the page has them: the top of the file first.
pub fn sections() -> Vec<Section> {
    let mut found = Vec::new();
    Spec::sections(&mut found);
    found
}

/// The paragraphs of a text, each as one line.
pub fn paragraphs(text: &[&str]) -> Vec<String> {
    text.split(|line| line.trim().is_empty())
        .filter(|lines| !lines.is_empty())
        .map(|lines| {
            let trimmed: Vec<&str> = lines.iter().map(|line| line.trim()).collect();
            trimmed.join(" ")
        })
        .collect()
}
