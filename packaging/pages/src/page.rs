//! How a manual page is set: titles, paragraphs and lists in the language of roff.

use anyhow::{Context, Result};
use clap_mangen::roff::{Inline, Roff, bold, roman};

/// What the pages belong to, at the middle of their first line.
pub(crate) const MANUAL: &str = "sovnet";

/// What stands at the left of the last line.
pub(crate) const SOURCE: &str = concat!("sovnet ", env!("CARGO_PKG_VERSION"));

/// A page being written, from the first section on.
#[derive(Debug, Default)]
pub(crate) struct Page {
    roff: Roff,
}

impl Page {
    /// The first lines of a page that no command line gives: `name` with its `section`, and the
    /// few words that `apropos` shows.
    pub(crate) fn new(name: &str, section: &str, words: &str) -> Page {
        let mut page = Page::default();
        let title = [name, section, "", SOURCE, MANUAL];
        page.roff.control("TH", title);
        page.heading("NAME");
        page.roff.text([roman(format!("{name} - {words}"))]);
        page
    }

    /// A section of the page.
    pub(crate) fn heading(&mut self, title: &str) -> &mut Page {
        self.roff.control("SH", [title]);
        self
    }

    /// A part of a section.
    pub(crate) fn part(&mut self, title: &str) -> &mut Page {
        self.roff.control("SS", [title]);
        self
    }

    /// A paragraph; what stands between backticks is bold.
    pub(crate) fn paragraph(&mut self, text: &str) -> &mut Page {
        self.roff.control("PP", []);
        self.roff.text(inlines(text));
        self
    }

    /// A term in bold, and what it means.
    pub(crate) fn item(&mut self, term: &str, meaning: &[String]) -> &mut Page {
        self.roff.control("TP", []);
        self.roff.text([bold(term)]);
        for (at, paragraph) in meaning.iter().enumerate() {
            if at > 0 {
                self.roff.control("IP", []);
            }
            self.roff.text(inlines(paragraph));
        }
        self
    }

    /// Lines as they stand.
    pub(crate) fn example(&mut self, lines: &str) -> &mut Page {
        self.roff.control("PP", []);
        self.roff.control("nf", []);
        for line in lines.lines() {
            self.roff.text([roman(line)]);
        }
        self.roff.control("fi", []);
        self
    }

    /// Where to read on.
    pub(crate) fn see_also(&mut self, pages: &[String]) -> &mut Page {
        self.heading("SEE ALSO");
        let mut line = Vec::new();
        for (at, page) in pages.iter().enumerate() {
            let (name, section) = page.split_once('(').unwrap_or((page, ""));
            line.push(bold(name));
            let comma = if at + 1 < pages.len() { ", " } else { "" };
            line.push(roman(format!("({section}{comma}")));
        }
        self.roff.text(line);
        self
    }

    /// The page's text, to stand after what was written before.
    pub(crate) fn text(&self) -> Result<Vec<u8>> {
        let mut text = Vec::new();
        self.roff
            .to_writer(&mut text)
            .context("failed to set a manual page")?;
        Ok(text)
    }
}

fn inlines(text: &str) -> Vec<Inline> {
    let parts = text.split('`').enumerate();
    parts
        .map(|(at, part)| if at % 2 == 1 { bold(part) } else { roman(part) })
        .collect()
}
