//! What the tour says: one writer for all of it, so that a closed pipe is no panic.

use std::io::{self, Write as _};
use std::process::Output;

/// Writes one line.
pub fn line(text: &str) {
    // Whoever reads may have gone; the tour's exit code still tells.
    drop(writeln!(io::stdout().lock(), "{text}"));
}

/// Writes a step's title.
pub fn title(number: usize, text: &str) {
    line(&format!("\n== {number}. {text}"));
}

/// Writes a command line as it was given on a machine, and what it said.
pub fn command(machine: &str, command_line: &str, output: &Output) {
    line(&format!("\n{machine}# {command_line}"));
    for text in [&output.stdout, &output.stderr] {
        for one in String::from_utf8_lossy(text)
            .lines()
            .filter(|one| !one.trim().is_empty())
        {
            line(&format!("    {one}"));
        }
    }
    if !output.status.success() {
        line(&format!("    ({})", output.status));
    }
}

/// Writes without ending the line.
pub fn prompt(text: &str) {
    let mut out = io::stdout().lock();
    drop(write!(out, "{text}").and_then(|()| out.flush()));
}

/// Says on standard error why the program ends.
pub fn complain(error: &anyhow::Error) {
    drop(writeln!(io::stderr().lock(), "lab: {error:#}"));
}
