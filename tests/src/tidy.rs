//! The rules of the house, checked on the text of the workspace and on cargo's metadata.
//!
//! A rule is a pure function from a [`House`] to violations; `tests/tests/tidy.rs` holds each to
//! the real tree, and the rule's own tests hold it to a small bad sample, so that a rule that
//! cannot fail is noticed. What may be named where is written in `ARCHITECTURE.md` and read from
//! there: the document and the check cannot differ.

pub mod architecture;
pub mod documents;
pub mod files;
pub mod paths;
pub mod purity;
pub mod shells;
pub mod tokens;
pub mod tree;
pub mod values;
pub mod walls;
pub mod warnings;
pub mod workspace;

#[cfg(test)]
mod tests;

use std::path::Path;

use architecture::Exception;
use tree::Tree;
use workspace::Workspace;

/// What the rules look at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct House {
    /// The files.
    pub tree: Tree,
    /// The packages.
    pub workspace: Workspace,
}

impl House {
    /// The workspace at `root`.
    pub fn load(root: &Path) -> anyhow::Result<House> {
        Ok(House {
            tree: Tree::load(root)?,
            workspace: Workspace::load(root)?,
        })
    }
}

/// One place where a rule is broken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// The file, from the root.
    pub path: String,
    /// The line, from 1; 0 where the whole file is meant.
    pub line: usize,
    /// What stands there.
    pub found: String,
}

impl Violation {
    /// A violation at a line of a file.
    pub fn new(path: &str, line: usize, found: impl Into<String>) -> Violation {
        Violation {
            path: path.to_owned(),
            line,
            found: found.into(),
        }
    }
}

/// A rule.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// A short name, as the table of exceptions uses it.
    pub name: &'static str,
    /// What holds.
    pub sentence: &'static str,
    /// What to do where it does not.
    pub instead: &'static str,
    /// Every place that breaks it, exceptions included.
    pub check: fn(&House) -> Vec<Violation>,
}

/// All rules.
pub const RULES: [Rule; 21] = [
    workspace::EDGES,
    walls::CRATES,
    purity::CLOSURE,
    purity::SOURCE,
    purity::LINTS,
    shells::SIBLINGS,
    shells::SPAWNS,
    files::LENGTH,
    files::MODULES,
    files::HEADERS,
    files::ALLOWS,
    files::LEFTOVERS,
    files::WHITE_SPACE,
    files::IGNORED,
    files::SLEEPS,
    files::INLINE_TESTS,
    warnings::DOCUMENTED,
    values::HOME,
    documents::LINKS,
    documents::INVARIANTS,
    documents::MUTANTS,
];

/// The places that break a rule and stand in no exception.
pub fn violations(rule: &Rule, house: &House) -> Vec<Violation> {
    let exceptions = architecture::exceptions(&house.tree);
    let is_excepted = |violation: &Violation| {
        exceptions
            .iter()
            .any(|exception| exception.rule == rule.name && exception.covers(&violation.path))
    };
    let mut found = (rule.check)(house);
    found.retain(|violation| !is_excepted(violation));
    found.sort();
    found
}

/// Exceptions that no rule needs, or that name no rule, or give no reason.
pub fn needless_exceptions(house: &House) -> Vec<Violation> {
    architecture::exceptions(&house.tree)
        .into_iter()
        .filter(|exception| exception.reason.is_empty() || !is_needed(exception, house))
        .map(|exception| {
            let found = format!("{} {}", exception.rule, exception.place);
            Violation::new(architecture::FILE, exception.line, found)
        })
        .collect()
}

fn is_needed(exception: &Exception, house: &House) -> bool {
    RULES
        .iter()
        .filter(|rule| rule.name == exception.rule)
        .flat_map(|rule| (rule.check)(house))
        .any(|violation| exception.covers(&violation.path))
}

/// A rule's violations as a person reads them; empty if there are none.
pub fn report(rule: &Rule, violations: &[Violation]) -> String {
    if violations.is_empty() {
        return String::new();
    }
    let mut text = format!("{}\n", rule.sentence);
    for violation in violations {
        let Violation { path, line, found } = violation;
        text.push_str(&format!("  {path}:{line}: {found}\n"));
    }
    text.push_str(&format!("Instead: {}\n", rule.instead));
    text
}
