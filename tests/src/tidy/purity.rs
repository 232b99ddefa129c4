//! The core is pure: no I/O, no clock, no randomness, no order that changes between two runs.

use super::paths::NamedPath;
use super::{House, Rule, Violation};

#[cfg(test)]
mod tests;

/// The package that is pure, and its sources.
const CORE: &str = "sovnet-core";
const CORE_SOURCE: &str = "daemon/core/src";

/// Crates that are I/O, a clock, a runtime or randomness; a trailing `*` is any ending.
const FORBIDDEN_CRATES: [&str; 24] = [
    "tokio*",
    "mio",
    "async-*",
    "smol",
    "futures*",
    "socket2",
    "nix",
    "rustix",
    "rtnetlink",
    "netlink-*",
    "hickory-*",
    "zlink*",
    "kube*",
    "hyper*",
    "log",
    "tracing*",
    "time",
    "chrono",
    "jiff",
    "rand*",
    "getrandom",
    "fastrand",
    "tempfile",
    "systemd-*",
];

/// The core links nothing impure, however far away.
pub const CLOSURE: Rule = Rule {
    name: "core-links",
    sentence: "sovnet-core links no runtime, socket, clock, logger or source of randomness.",
    instead: "let a shell do it and hand the core a value",
    check: closure,
};

fn closure(house: &House) -> Vec<Violation> {
    let ways = house.workspace.closure(CORE);
    ways.iter()
        .filter(|(name, _way)| FORBIDDEN_CRATES.iter().any(|pattern| fits(pattern, name)))
        .map(|(_name, way)| Violation::new("daemon/core/Cargo.toml", 0, way.join(" -> ")))
        .collect()
}

fn fits(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    }
}

/// Paths that read a clock, touch the outside, or iterate in an order that differs between runs.
const FORBIDDEN_PATHS: [&str; 18] = [
    "std::fs",
    "std::env",
    "std::thread",
    "std::process",
    "std::os",
    "std::sync::atomic",
    "std::io::stdin",
    "std::io::stdout",
    "std::io::stderr",
    "std::net::ToSocketAddrs",
    "std::sync::mpsc",
    "tokio",
    "rand",
    "getrandom",
    "libc",
    "pnet::datalink",
    "pnet::transport",
    "pnet::ipnetwork",
];

/// The same by their last words, however they were imported.
const FORBIDDEN_WORDS: [&str; 18] = [
    "Instant",
    "SystemTime",
    "UdpSocket",
    "TcpStream",
    "TcpListener",
    "UnixStream",
    "UnixListener",
    "UnixDatagram",
    "HashMap",
    "HashSet",
    "RandomState",
    "thread_local",
    "println",
    "eprintln",
    "OnceLock",
    "LazyLock",
    "Mutex",
    "RwLock",
];

/// The core's own text.
pub const SOURCE: Rule = Rule {
    name: "core-source",
    sentence: "The core reads no clock, opens nothing, starts nothing, draws nothing and shares nothing (I1).",
    instead: "take time as a `Moment`, randomness as a seed, facts as values; BTreeMap for HashMap",
    check: source,
};

fn source(house: &House) -> Vec<Violation> {
    let files = house.tree.shipped(CORE_SOURCE);
    files
        .flat_map(|file| {
            let paths = file.paths.iter();
            paths
                .filter(|path| is_impure(path))
                .map(|path| Violation::new(&file.path, path.line, path.text()))
                .collect::<Vec<_>>()
        })
        .collect()
}

fn is_impure(path: &NamedPath) -> bool {
    FORBIDDEN_PATHS.iter().any(|start| path.starts_with(start))
        || path
            .segments
            .iter()
            .any(|word| FORBIDDEN_WORDS.contains(&word.as_str()))
}

/// Clippy reads one file only, the nearest.
pub const LINTS: Rule = Rule {
    name: "core-lints",
    sentence: "The core's clippy.toml repeats every line of the root's: clippy reads only the nearest.",
    instead: "copy the line to daemon/core/clippy.toml",
    check: lints,
};

fn lints(house: &House) -> Vec<Violation> {
    let lines = |path: &str| {
        let file = house.tree.file(path);
        file.map_or("", |file| file.text.as_str()).lines()
    };
    let repeated: Vec<&str> = lines("daemon/core/clippy.toml").collect();
    lines("clippy.toml")
        .enumerate()
        .filter(|(_at, line)| !line.starts_with('#') && !repeated.contains(line))
        .map(|(at, line)| Violation::new("clippy.toml", at + 1, line))
        .collect()
}
