//! What is said of the machine and of the programs, so that a figure can be read later.
//!
//! Facts without a date only; what cannot be read is said to be unknown, since a benchmark is worth
//! having without it.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

use anyhow::bail;
use serde_json::{Map, Value, json};

use super::peer::{Who, metallb};
use crate::lab::show;
use crate::tidy::workspace::root;

const UNKNOWN: &str = "unknown";

/// The machine: system, kernel, processors, memory, and how busy it was when asked.
fn machine() -> Map<String, Value> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, key: &str, sign: char| {
        let value = text.lines().find_map(|line| {
            let (name, value) = line.split_once(sign)?;
            (name.trim() == key).then(|| value.trim().trim_matches('"').to_owned())
        });
        value.unwrap_or_else(|| UNKNOWN.to_owned())
    };
    let facts = json!({
        "system": field(&read("/etc/os-release"), "PRETTY_NAME", '='),
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
        "cpus": thread::available_parallelism().map_or(0, usize::from),
        "cpu": field(&read("/proc/cpuinfo"), "model name", ':'),
        "memory": field(&read("/proc/meminfo"), "MemTotal", ':'),
        "load-at-start": read("/proc/loadavg").split(' ').next().unwrap_or(UNKNOWN),
    });
    facts.as_object().cloned().unwrap_or_default()
}

/// The first line that a command says, on standard output or on standard error.
pub fn first_line(command: &mut Command) -> String {
    let Ok(output) = command.output() else {
        return UNKNOWN.to_owned();
    };
    let texts =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    let mut lines = texts.iter().flat_map(|text| text.lines());
    let line = lines.find(|line| !line.trim().is_empty());
    line.unwrap_or(UNKNOWN).trim().to_owned()
}

/// The version of an installed Debian package.
pub fn package_version(package: &str) -> String {
    let asked = Command::new("dpkg-query")
        .args(["-W", "-f", "${Version}", package])
        .output();
    let version = asked.ok().filter(|output| output.status.success());
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    version.unwrap_or_else(|| UNKNOWN.to_owned())
}

/// The programs that are measured: versions, and configs as they are in force.
///
/// # Errors
/// If a config cannot be read.
fn programs(sovnetd: &Path, whos: &[Who]) -> anyhow::Result<Map<String, Value>> {
    let mut configs = Map::new();
    for who in whos {
        let config = json!({ "file": who.config_file(), "text": in_force(&who.config()?) });
        configs.insert(who.name().to_owned(), config);
    }
    let facts = json!({
        "versions": {
            "sovnet": first_line(Command::new(sovnetd).arg("--version")),
            "sovnet-commit": first_line(
                Command::new("git").args(["describe", "--always", "--dirty"]).current_dir(root()),
            ),
            "sovnet-build": sovnetd.parent().and_then(Path::file_name).map(|name| name.to_string_lossy()),
            "keepalived": first_line(Command::new("keepalived").arg("--version")),
            "keepalived-package": package_version("keepalived"),
            "metallb": metallb::VERSION,
        },
        "configs": configs,
    });
    Ok(facts.as_object().cloned().unwrap_or_default())
}

/// All of them: the machine's, the programs', and the benchmark's own.
///
/// # Errors
/// If a config cannot be read.
pub fn whole(sovnetd: &Path, whos: &[Who], own: Value) -> anyhow::Result<Map<String, Value>> {
    let mut conditions = machine();
    conditions.extend(programs(sovnetd, whos)?);
    let Value::Object(own) = own else {
        bail!("conditions are an object");
    };
    conditions.extend(own);
    Ok(conditions)
}

/// A config without its comments and empty lines.
fn in_force(config: &str) -> String {
    let is_in_force = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with('#');
    let lines: Vec<&str> = config.lines().filter(is_in_force).collect();
    lines.join("\n")
}

/// Prints all of them, with the configs laid out as they are.
pub fn show_conditions(conditions: &Map<String, Value>) {
    show::line("== Conditions");
    show_map(conditions, "");
}

fn show_map(map: &Map<String, Value>, indent: &str) {
    for (key, value) in map {
        if let Value::Object(inner) = value {
            show::line(&format!("{indent}{key}:"));
            show_map(inner, &format!("{indent}    "));
        } else if let Some(text) = value.as_str().filter(|text| text.contains('\n')) {
            show::line(&format!("{indent}{key}:"));
            for line in text.lines() {
                show::line(&format!("{indent}    {line}"));
            }
        } else {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            show::line(&format!("{indent}{key}: {text}"));
        }
    }
}
