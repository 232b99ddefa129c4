//! What is said of the machine and of the programs, so that a figure can be read later.
//!
//! Facts without a date only; what cannot be read is said to be unknown, since a benchmark is worth
//! having without it.

use std::fs;
use std::process::Command;
use std::thread;

use serde_json::{Map, Value, json};

const UNKNOWN: &str = "unknown";

/// The machine: system, kernel, processors, memory, and how busy it was when asked.
pub fn machine() -> Map<String, Value> {
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
