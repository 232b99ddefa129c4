//! `make bench-failover`: how long the LAN does without an address when a node fails or is drained,
//! sovnet beside keepalived on the LAN of network namespaces.
//!
//! Owns the rounds and the files. What happens in a case is `cases`, what a client notices is
//! `stage`, how a program is run is `sovnet` and `keepalived`.

mod asker;
mod cases;
mod cluster;
mod keepalived;
mod sovnet;
mod stage;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, ensure};
use serde_json::{Map, Value, json};

use super::conditions::{first_line, machine, package_version};
use super::report::Report;
use super::samples::{Sample, turns};
use super::targets::{Figure, Target, verdicts};
use crate::clock::now;
use crate::lab::show;
use crate::lan::{Plan, programs};
use crate::tidy::workspace::root;
use cases::{BOOTS, Boot, CASES};
use cluster::Who;
use stage::Stage;

/// What sovnet is to reach.
const TARGETS: [Target; 3] = [
    target("cable-cut", "longest-gap", Figure::P50, 150.0),
    target("cable-cut", "longest-gap", Figure::P99, 300.0),
    target("drain", "lost", Figure::Max, 0.0),
];

const fn target(case: &'static str, metric: &'static str, figure: Figure, at_most: f64) -> Target {
    Target {
        case,
        who: "sovnet",
        metric,
        figure,
        at_most,
    }
}

/// What a run needs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The program that also holds namespaces: this one.
    pub holder: PathBuf,
    /// Where the files go.
    pub dir: PathBuf,
    /// How often each case is measured for each program.
    pub rounds: usize,
}

/// Measures, prints the table and writes the files. False if something could not be measured; a
/// target that is not met is only said.
///
/// # Errors
/// If nothing can be measured at all, or the files cannot be written.
pub fn run(settings: &Settings) -> anyhow::Result<bool> {
    ensure!(settings.rounds > 0, "a benchmark needs one round at least");
    ensure!(
        nix::unistd::geteuid().is_root(),
        "this benchmark makes network namespaces and needs root: sudo make bench-failover"
    );
    let plan = Plan {
        lab: settings.holder.clone(),
        programs: programs(&settings.holder)?,
        with_services: false,
        clock_ahead: None,
        kubernetes: None,
    };
    let conditions = conditions(&plan, settings.rounds)?;
    show_conditions(&conditions);
    let started_at = now();
    let samples = measure(&plan, settings.rounds);
    let report = Report {
        name: "failover",
        whos: Who::ALL.map(Who::name).to_vec(),
        conditions,
        samples,
    };
    report.write(&settings.dir)?;
    show(&report);
    let missing = missing(&report.samples, settings.rounds);
    for what in &missing {
        show::line(&format!("not measured: {what}"));
    }
    let took = now().duration_since(started_at).as_secs();
    let dir = settings.dir.display();
    show::line(&format!(
        "\n{} rounds in {} min {} s; {dir}/failover.json, .raw.json and .md",
        settings.rounds,
        took / 60,
        took % 60
    ));
    Ok(missing.is_empty())
}

/// Prints the table, and what became of the targets.
pub fn show(report: &Report) {
    show::line(&format!("\n{}", report.table()));
    for verdict in verdicts(&TARGETS, &report.rows()) {
        show::line(&format!("target: {verdict}"));
    }
}

/// All rounds. A boot that fails is said and leaves a gap; the others go on.
fn measure(plan: &Plan, rounds: usize) -> Vec<Sample> {
    let mut samples = Vec::new();
    for round in 0..rounds {
        for (title, boot) in BOOTS {
            for who in turns(&Who::ALL, round) {
                let place = format!("round {}/{rounds} {:15} {title:21}", round + 1, who.name());
                match one_boot(plan, who, (round, boot)) {
                    Ok(measured) => {
                        show::line(&format!("{place} {}", in_short(&measured)));
                        samples.extend(measured.into_iter().map(|one| Sample {
                            round: round + 1,
                            ..one
                        }));
                    }
                    Err(error) => show::line(&format!("{place} FAILED: {error:#}")),
                }
            }
        }
    }
    samples
}

/// A LAN of its own, with empty state directories, for one program and the cases of one boot.
fn one_boot(plan: &Plan, who: Who, (round, boot): (usize, Boot)) -> anyhow::Result<Vec<Sample>> {
    let mut stage = Stage::set(plan, who)?;
    let measured = stage.wait_settled(round).and_then(|()| boot(&mut stage));
    let pauses = stage.cluster.pauses();
    if pauses > 0 {
        show::line(&format!(
            "this machine stood still under {} {pauses} times: what follows is not its own figure",
            who.name()
        ));
    }
    if measured.is_err() {
        for line in stage.log() {
            show::line(&format!("    {line}"));
        }
    }
    measured
}

fn in_short(measured: &[Sample]) -> String {
    let mut text = String::new();
    let mut case = "";
    for sample in measured {
        if sample.case != case {
            case = sample.case;
            text.push_str(&format!(" [{case}]"));
        }
        let metric = sample.metric;
        text.push_str(&format!(
            " {} {} {}",
            metric.metric, sample.value, metric.unit
        ));
    }
    text.trim_start().to_owned()
}

/// The cases and programs that have fewer samples than rounds.
fn missing(samples: &[Sample], rounds: usize) -> Vec<String> {
    let mut missing = Vec::new();
    for case in CASES {
        for who in Who::ALL.map(Who::name) {
            for metric in stage::METRICS {
                let of_row = |one: &&Sample| (one.case, one.who, one.metric) == (case, who, metric);
                let count = samples.iter().filter(of_row).count();
                if count < rounds {
                    missing.push(format!(
                        "{who} {case} {}: {count} of {rounds}",
                        metric.metric
                    ));
                }
            }
        }
    }
    missing
}

fn conditions(plan: &Plan, rounds: usize) -> anyhow::Result<Map<String, Value>> {
    let mut conditions = machine();
    let mut configs = Map::new();
    for who in Who::ALL {
        let config = json!({ "file": who.config_file(), "text": in_force(&who.config()?) });
        configs.insert(who.name().to_owned(), config);
    }
    let sovnetd = plan.programs.join("sovnetd");
    let own = json!({
        "rounds": rounds,
        "order": "interleaved: each round has every program once per boot, beginning with another one",
        "versions": {
            "sovnet": first_line(Command::new(sovnetd).arg("--version")),
            "sovnet-commit": first_line(
                Command::new("git").args(["describe", "--always", "--dirty"]).current_dir(root()),
            ),
            "sovnet-build": plan.programs.file_name().map(|name| name.to_string_lossy()),
            "keepalived": first_line(Command::new("keepalived").arg("--version")),
            "keepalived-package": package_version("keepalived"),
        },
        "sovnet-detection": "default",
        "probe-every-ms": stage::PROBE_EVERY.as_millis(),
        "ask-every-ms": stage::ASK_EVERY.as_millis(),
        "cases": cases::explained(),
        "metrics": stage::explained(),
        "configs": configs,
    });
    conditions.extend(
        own.as_object()
            .cloned()
            .context("conditions are an object")?,
    );
    Ok(conditions)
}

/// A config without its comments and empty lines.
fn in_force(config: &str) -> String {
    let is_in_force = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with('#');
    let lines: Vec<&str> = config.lines().filter(is_in_force).collect();
    lines.join("\n")
}

/// All of them, with the configs laid out as they are.
fn show_conditions(conditions: &Map<String, Value>) {
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
