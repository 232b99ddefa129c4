//! Cargo's answer, and edges that are not in the table.

use super::super::tests::{found, house};
use super::*;

const METADATA: &str = r#"{
  "packages": [
    {"name": "core", "id": "core#1", "manifest_path": "/w/daemon/core/Cargo.toml",
     "dependencies": [{"name": "pnet"}], "targets": [{"name": "lan", "kind": ["test"]}]},
    {"name": "pnet", "id": "pnet#1", "manifest_path": "/r/pnet/Cargo.toml",
     "dependencies": [], "targets": [{"name": "pnet", "kind": ["lib"]}]},
    {"name": "glob", "id": "glob#1", "manifest_path": "/r/glob/Cargo.toml",
     "dependencies": [], "targets": []}
  ],
  "workspace_members": ["core#1"],
  "workspace_root": "/w",
  "target_directory": "/t",
  "resolve": {"nodes": [
    {"id": "core#1", "deps": [{"pkg": "pnet#1", "dep_kinds": [{"kind": null}]}]},
    {"id": "pnet#1", "deps": [{"pkg": "glob#1", "dep_kinds": [{"kind": "build"}]}]}
  ]}
}"#;

#[test]
fn packages_links_and_tests_are_read() {
    let workspace = Workspace::parse(METADATA).expect("it is cargo's form");
    assert_eq!(workspace.packages.len(), 1);
    assert_eq!(workspace.packages[0].dir, "daemon/core");
    assert_eq!(workspace.packages[0].tests, ["lan"]);
    assert_eq!(workspace.target_dir, "/t");
}

#[test]
fn what_is_only_built_with_is_not_linked() {
    let workspace = Workspace::parse(METADATA).expect("it is cargo's form");
    let closure: Vec<String> = workspace.closure("core").into_keys().collect();
    assert_eq!(closure, ["core", "pnet"]);
}

fn package(name: &str, dependencies: &[&str]) -> Package {
    Package {
        name: name.to_owned(),
        dir: name.to_owned(),
        dependencies: dependencies.iter().map(|dep| (*dep).to_owned()).collect(),
        tests: Vec::new(),
    }
}

#[test]
fn edges_and_rows_have_to_be_the_same() {
    let table = "## Packages\n\n| package | uses |\n| --- | --- |\n| `core` | `control` |\n\
                 | `ctl` | `control` |\n| `gone` | |\n";
    let mut house = house(&[("ARCHITECTURE.md", table)]);
    house.workspace.packages = vec![
        package("core", &["serde"]),
        package("ctl", &["control", "core"]),
        package("control", &[]),
    ];
    assert_eq!(
        found(&EDGES, &house),
        [
            "ARCHITECTURE.md:5: core does not depend on control",
            "ARCHITECTURE.md:7: `gone`: no such package",
            "control/Cargo.toml:0: the package has no row in the table",
            "ctl/Cargo.toml:0: depends on core",
        ]
    );
}
