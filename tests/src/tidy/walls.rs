//! Outside crates, and the only places where each may be named.

use std::collections::BTreeSet;

use super::architecture::{self, Row, table};
use super::tree::File;
use super::{House, Rule, Violation};

#[cfg(test)]
mod tests;

/// The rule.
pub const CRATES: Rule = Rule {
    name: "crates",
    sentence: "An outside crate is named only where the table \"Outside crates\" allows it.",
    instead: "use the type of ours that stands in front of the crate, or move the code behind its wall",
    check: crates,
};

fn crates(house: &House) -> Vec<Violation> {
    let rows = table(&house.tree, "Outside crates");
    let outside = outside(house);
    let mut found = Vec::new();
    for name in &outside {
        match rows.iter().find(|row| row.quoted(0).contains(name)) {
            Some(row) => found.extend(breaches(house, name, row)),
            None => found.push(Violation::new(
                "Cargo.toml",
                0,
                format!("{name} has no row"),
            )),
        }
    }
    for row in &rows {
        for name in row.quoted(0) {
            if !outside.contains(&name) {
                let text = format!("{name} is a dependency of no package");
                found.push(Violation::new(architecture::FILE, row.line, text));
            }
        }
    }
    found
}

/// The crates that a manifest of ours names and that are not ours.
fn outside(house: &House) -> BTreeSet<String> {
    let packages = &house.workspace.packages;
    let is_ours = |name: &&String| packages.iter().any(|package| package.name == **name);
    packages
        .iter()
        .flat_map(|package| &package.dependencies)
        .filter(|name| !is_ours(name))
        .cloned()
        .collect()
}

fn breaches(house: &House, name: &str, row: &Row) -> Vec<Violation> {
    let word = name.replace('-', "_");
    let files = house.tree.rust().filter(|file| !is_allowed(file, row));
    files
        .flat_map(|file| {
            let paths = file.paths.iter();
            paths
                .filter(|path| path.first() == word && (path.segments.len() > 1 || path.is_import))
                .map(|path| Violation::new(&file.path, path.line, path.text()))
                .collect::<Vec<_>>()
        })
        .collect()
}

fn is_allowed(file: &File, row: &Row) -> bool {
    match row.cell(1) {
        "everywhere" => true,
        "test code" => file.is_test,
        _ => row.quoted(1).iter().any(|place| file.is_in(place)),
    }
}
