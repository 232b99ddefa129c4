//! The documents say what is there: links lead somewhere, named tests exist, mutants are complete.

use std::collections::BTreeSet;

use super::architecture::{self, table};
use super::tokens::code;
use super::tree::{File, Tree};
use super::{House, Rule, Violation};
use crate::mutants::Mutant;

#[cfg(test)]
mod tests;

/// Links.
pub const LINKS: Rule = Rule {
    name: "links",
    sentence: "A link in a document leads to a file of this repository, or to the web.",
    instead: "write the path from the document's own folder",
    check: links,
};

fn links(house: &House) -> Vec<Violation> {
    let documents = house
        .tree
        .files
        .iter()
        .filter(|file| file.path.ends_with(".md"));
    documents
        .flat_map(|file| {
            let lines = file.text.lines().enumerate();
            lines
                .flat_map(|(at, line)| targets(line).map(move |target| (at + 1, target)))
                .filter(|(_line, target)| !leads_somewhere(&house.tree, file, target))
                .map(|(line, target)| Violation::new(&file.path, line, target))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// The targets of the links in a line: what stands between `](` and `)`.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
}

fn leads_somewhere(tree: &Tree, document: &File, target: &str) -> bool {
    let path = target.split('#').next().unwrap_or("");
    if path.is_empty() || target.starts_with("https://") {
        return true;
    }
    let dir = document
        .path
        .rsplit_once('/')
        .map_or("", |(dir, _name)| dir);
    let mut parts: Vec<&str> = dir.split('/').filter(|part| !part.is_empty()).collect();
    for part in path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
    {
        if part == ".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    let place = parts.join("/");
    tree.files
        .iter()
        .any(|file| file.path == place || file.path.starts_with(&format!("{place}/")))
}

/// Invariants.
pub const INVARIANTS: Rule = Rule {
    name: "invariants",
    sentence: "Every invariant in ARCHITECTURE.md names a test that exists.",
    instead: "name the function of the test that shows it, or write \"not in this version\" and why",
    check: invariants,
};

/// How the cell of an invariant begins that nothing can show yet.
const NOT_YET: &str = "not in this version";

fn invariants(house: &House) -> Vec<Violation> {
    let functions = test_functions(&house.tree);
    let rows = table(&house.tree, "Invariants");
    let mut found = Vec::new();
    if rows.is_empty() {
        found.push(Violation::new(
            architecture::FILE,
            0,
            "there is no table of invariants",
        ));
    }
    for row in rows {
        let named = row.quoted(2);
        if named.is_empty() && !row.cell(2).starts_with(NOT_YET) {
            let text = format!("{} names no test", row.cell(0));
            found.push(Violation::new(architecture::FILE, row.line, text));
        }
        for name in named {
            if !functions.contains(&name) {
                let text = format!("{}: there is no test {name}", row.cell(0));
                found.push(Violation::new(architecture::FILE, row.line, text));
            }
        }
    }
    found
}

/// The names of all functions in test code.
fn test_functions(tree: &Tree) -> BTreeSet<String> {
    let files = tree.rust().filter(|file| file.is_test);
    files
        .flat_map(|file| {
            let tokens = code(&file.text);
            let pairs = tokens.windows(2).filter(|pair| pair[0].is_word("fn"));
            pairs
                .map(|pair| pair[1].text.to_owned())
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Mutants.
pub const MUTANTS: Rule = Rule {
    name: "mutants",
    sentence: "Every mutant says which rule it breaks and which one test notices.",
    instead: "begin the patch with `Rule: ...` and `Test: cargo test -p ... exact::name`",
    check: mutants,
};

fn mutants(house: &House) -> Vec<Violation> {
    let patches = house.tree.files.iter();
    patches
        .filter(|file| file.path.starts_with("tests/mutants/") && file.path.ends_with(".patch"))
        .filter_map(|file| {
            let problem = Mutant::parse(&file.path, &file.text).err()?;
            Some(Violation::new(&file.path, 1, problem.to_string()))
        })
        .collect()
}
