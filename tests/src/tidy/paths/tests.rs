//! Which paths are seen in which source.

use super::super::tokens::code;
use super::*;

fn named(source: &str) -> Vec<String> {
    let all = paths(&code(source));
    all.iter().map(NamedPath::text).collect()
}

#[test]
fn a_grouped_import_names_every_leaf() {
    assert_eq!(
        named("use std::{fs, net::{IpAddr, UdpSocket as Socket}, io::{self, *}};"),
        [
            "std::fs",
            "std::net::IpAddr",
            "std::net::UdpSocket",
            "std::io",
            "std::io::*"
        ]
    );
}

#[test]
fn a_group_without_prefix_names_its_crates() {
    assert_eq!(named("use {tokio::net, nix as n};"), ["tokio::net", "nix"]);
}

#[test]
fn code_names_paths_and_methods_are_none() {
    assert_eq!(
        named("x.spawn(tokio::spawn(y)); ::std::thread::sleep(z)"),
        ["x", "tokio::spawn", "y", "std::thread::sleep", "z"]
    );
}

#[test]
fn comments_and_strings_name_nothing() {
    assert_eq!(named("// std::fs\nlet \"std::env\";"), ["let"]);
}

#[test]
fn endings_and_beginnings_are_whole_segments() {
    let path = &paths(&code("std::thread::sleep"))[0];
    assert!(path.ends_with("thread::sleep"));
    assert!(!path.ends_with("read::sleep"));
    assert!(path.starts_with("std::thread"));
    assert!(!path.starts_with("std::thr"));
}
