//! The modules of sovnetd: who may know whom, and who may start a task.

use std::collections::BTreeSet;

use super::architecture::{self, table};
use super::paths::NamedPath;
use super::tokens::{Kind, code};
use super::tree::File;
use super::{House, Rule, Violation};

#[cfg(test)]
mod tests;

const DAEMON: &str = "daemon/src";

/// Siblings.
pub const SIBLINGS: Rule = Rule {
    name: "siblings",
    sentence: "A module of sovnetd uses only the modules that the table \"Modules of sovnetd\" lists (I4).",
    instead: "hand the value over in app.rs, as a type of the core or of the module that receives it",
    check: siblings,
};

fn siblings(house: &House) -> Vec<Violation> {
    let rows = table(&house.tree, "Modules of sovnetd");
    let files: Vec<&File> = house
        .tree
        .rust()
        .filter(|file| file.is_in(DAEMON))
        .collect();
    // Helpers of tests are free: nothing of them ships.
    let shipped = files.iter().filter(|file| !file.is_test);
    let modules: BTreeSet<&str> = shipped.filter_map(|file| module(&file.path)).collect();
    let mut found = Vec::new();
    for name in &modules {
        let Some(row) = rows
            .iter()
            .find(|row| row.quoted(0) == [(*name).to_owned()])
        else {
            let path = format!("{DAEMON}/{name}.rs");
            found.push(Violation::new(
                &path,
                0,
                format!("{name} has no row in the table"),
            ));
            continue;
        };
        if row.cell(1) == "everything" {
            continue;
        }
        let allowed = row.quoted(1);
        let own = files
            .iter()
            .filter(|file| module(&file.path) == Some(*name));
        for file in own {
            for path in &file.paths {
                if let Some(other) = sibling(&file.path, path)
                    && other != *name
                    && modules.contains(other.as_str())
                    && !allowed.contains(&other)
                {
                    found.push(Violation::new(&file.path, path.line, path.text()));
                }
            }
        }
    }
    for row in rows {
        if !row
            .quoted(0)
            .iter()
            .all(|name| modules.contains(name.as_str()))
        {
            let text = format!("{}: no such module", row.cell(0));
            found.push(Violation::new(architecture::FILE, row.line, text));
        }
    }
    found
}

/// The top-level module that a file of sovnetd belongs to.
fn module(path: &str) -> Option<&str> {
    let below = path.strip_prefix(DAEMON)?.trim_start_matches('/');
    let first = below.split('/').next()?;
    Some(first.strip_suffix(".rs").unwrap_or(first))
}

/// The top-level module that a path leads to, as seen from a file.
fn sibling(file: &str, path: &NamedPath) -> Option<String> {
    let below = file.strip_prefix(DAEMON)?.trim_start_matches('/');
    let here: Vec<&str> = below.trim_end_matches(".rs").split('/').collect();
    let mut absolute: Vec<String> = match path.first() {
        "crate" => Vec::new(),
        "self" | "super" => here.iter().map(|part| (*part).to_owned()).collect(),
        _ => return None,
    };
    for segment in &path.segments {
        match segment.as_str() {
            "crate" | "self" => {}
            "super" => {
                absolute.pop();
            }
            other => absolute.push(other.to_owned()),
        }
    }
    absolute.into_iter().next()
}

/// Spawns.
pub const SPAWNS: Rule = Rule {
    name: "spawn",
    sentence: "Only app starts tasks and threads, through tasks (I3).",
    instead: "return a future and let app spawn it; short-lived work of a request: an inner JoinSet, \
              with a row in the table of exceptions",
    check: spawns,
};

/// Where tasks may be started.
const SPAWNERS: [&str; 2] = ["daemon/src/app", "daemon/src/tasks"];

/// Functions and methods that start a task or a thread.
const SPAWNING: [&str; 6] = [
    "spawn",
    "spawn_local",
    "spawn_on",
    "spawn_blocking",
    "spawn_local_on",
    "spawn_unchecked",
];

fn spawns(house: &House) -> Vec<Violation> {
    let places = ["daemon", "ctl"];
    let files = places.iter().flat_map(|place| house.tree.shipped(place));
    files
        .filter(|file| !SPAWNERS.iter().any(|place| file.is_in(place)))
        .flat_map(spawns_in)
        .collect()
}

/// Calls of these names, and imports of them.
fn spawns_in(file: &File) -> Vec<Violation> {
    let tokens = code(&file.text);
    let calls = tokens.windows(3).filter_map(|three| {
        let [before, name, after] = three else {
            return None;
        };
        let is_call = (before.is_sign(".") || before.is_sign("::"))
            && name.kind == Kind::Word
            && SPAWNING.contains(&name.text)
            && (after.is_sign("(") || after.is_sign("::"));
        is_call.then(|| Violation::new(&file.path, name.line, name.text))
    });
    let imports = file
        .paths
        .iter()
        .filter(|path| path.is_import && SPAWNING.iter().any(|name| path.ends_with(name)));
    let imports = imports.map(|path| Violation::new(&file.path, path.line, path.text()));
    calls.chain(imports).collect()
}
