//! The packages and what they depend on, from `cargo metadata`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use serde::Deserialize;

use super::architecture::{self, table};
use super::{House, Rule, Violation};

#[cfg(test)]
mod tests;

/// A package of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its folder, from the root.
    pub dir: String,
    /// The packages that its manifest names, for whatever purpose.
    pub dependencies: BTreeSet<String>,
    /// Its integration tests.
    pub tests: Vec<String>,
}

/// All packages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Workspace {
    /// Ours.
    pub packages: Vec<Package>,
    /// What every package in the lock file links on Linux, by name.
    pub links: BTreeMap<String, BTreeSet<String>>,
    /// Where cargo builds.
    pub target_dir: String,
}

/// The root of the workspace. Cargo says at run time where the package lies; a program that was
/// built for another copy of the tree must not look at that one.
pub fn root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR");
    let mut root = package.map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    root.pop();
    root
}

impl Workspace {
    /// Asks cargo.
    pub fn load(root: &Path) -> anyhow::Result<Workspace> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(["metadata", "--format-version", "1", "--locked"])
            .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
            .current_dir(root)
            .output()
            .context("failed to run cargo metadata")?;
        if !output.status.success() {
            bail!(
                "cargo metadata: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        let text = String::from_utf8(output.stdout).context("cargo metadata is not UTF-8")?;
        Workspace::parse(&text)
    }

    /// Understands cargo's answer.
    pub fn parse(text: &str) -> anyhow::Result<Workspace> {
        let metadata: Metadata =
            serde_json::from_str(text).context("failed to understand cargo metadata")?;
        let names: BTreeMap<&str, &str> = metadata
            .packages
            .iter()
            .map(|package| (package.id.as_str(), package.name.as_str()))
            .collect();
        let root = format!("{}/", metadata.workspace_root);
        let packages = metadata
            .packages
            .iter()
            .filter(|package| metadata.workspace_members.contains(&package.id))
            .map(|package| package.ours(&root))
            .collect();
        let mut links: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for node in metadata.resolve.iter().flat_map(|resolve| &resolve.nodes) {
            let Some(name) = names.get(node.id.as_str()) else {
                continue;
            };
            let linked = node.deps.iter().filter(|dep| dep.is_linked());
            links.entry((*name).to_owned()).or_default().extend(
                linked.filter_map(|dep| names.get(dep.pkg.as_str()).map(|n| (*n).to_owned())),
            );
        }
        Ok(Workspace {
            packages,
            links,
            target_dir: metadata.target_directory,
        })
    }

    /// Everything that a package links, with one way to it.
    pub fn closure(&self, name: &str) -> BTreeMap<String, Vec<String>> {
        let mut ways = BTreeMap::from([(name.to_owned(), vec![name.to_owned()])]);
        let mut open = vec![name.to_owned()];
        while let Some(next) = open.pop() {
            for linked in self.links.get(&next).into_iter().flatten() {
                if !ways.contains_key(linked) {
                    let mut way = ways[&next].clone();
                    way.push(linked.clone());
                    ways.insert(linked.clone(), way);
                    open.push(linked.clone());
                }
            }
        }
        ways
    }
}

/// Workspace edges.
pub const EDGES: Rule = Rule {
    name: "edges",
    sentence: "The packages depend on each other exactly as the table \"Packages\" says.",
    instead: "move the code to where the dependency is allowed; a new edge is a decision (docs/adr)",
    check: edges,
};

fn edges(house: &House) -> Vec<Violation> {
    let packages = &house.workspace.packages;
    let ours: BTreeSet<&str> = packages
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    let rows = table(&house.tree, "Packages");
    let mut found = Vec::new();
    for package in packages {
        let manifest = format!("{}/Cargo.toml", package.dir);
        let Some(row) = rows
            .iter()
            .find(|row| row.quoted(0) == [package.name.clone()])
        else {
            found.push(Violation::new(
                &manifest,
                0,
                "the package has no row in the table",
            ));
            continue;
        };
        let allowed: BTreeSet<String> = row.quoted(1).into_iter().collect();
        for other in &package.dependencies {
            if ours.contains(other.as_str()) && !allowed.contains(other) {
                found.push(Violation::new(&manifest, 0, format!("depends on {other}")));
            }
        }
        for other in allowed.difference(&package.dependencies) {
            let text = format!("{} does not depend on {other}", package.name);
            found.push(Violation::new(architecture::FILE, row.line, text));
        }
    }
    for row in rows {
        if !row
            .quoted(0)
            .iter()
            .all(|name| ours.contains(name.as_str()))
        {
            let text = format!("{}: no such package", row.cell(0));
            found.push(Violation::new(architecture::FILE, row.line, text));
        }
    }
    found
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<RawPackage>,
    workspace_members: Vec<String>,
    workspace_root: String,
    target_directory: String,
    resolve: Option<Resolve>,
}

#[derive(Deserialize)]
struct RawPackage {
    name: String,
    id: String,
    manifest_path: String,
    dependencies: Vec<RawDependency>,
    targets: Vec<RawTarget>,
}

impl RawPackage {
    fn ours(&self, root: &str) -> Package {
        let manifest = self
            .manifest_path
            .strip_prefix(root)
            .unwrap_or(&self.manifest_path);
        let is_test = |target: &&RawTarget| target.kind.iter().any(|kind| kind == "test");
        Package {
            name: self.name.clone(),
            dir: manifest.trim_end_matches("/Cargo.toml").to_owned(),
            dependencies: self
                .dependencies
                .iter()
                .map(|dep| dep.name.clone())
                .collect(),
            tests: self
                .targets
                .iter()
                .filter(is_test)
                .map(|target| target.name.clone())
                .collect(),
        }
    }
}

#[derive(Deserialize)]
struct RawDependency {
    name: String,
}

#[derive(Deserialize)]
struct RawTarget {
    name: String,
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<NodeDep>,
}

#[derive(Deserialize)]
struct NodeDep {
    pkg: String,
    dep_kinds: Vec<DepKind>,
}

impl NodeDep {
    /// Linked into the program, not only used to build or to test it.
    fn is_linked(&self) -> bool {
        self.dep_kinds.iter().any(|kind| kind.kind.is_none())
    }
}

#[derive(Deserialize)]
struct DepKind {
    kind: Option<String>,
}
