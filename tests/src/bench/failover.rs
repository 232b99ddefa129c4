//! `make bench-failover`: how long the LAN does without an address when a node fails or is drained,
//! sovnet beside keepalived and MetalLB on the LAN of network namespaces.
//!
//! Owns the rounds and the files. What happens in a case is `cases`, what a client notices is
//! `stage`, where a program runs is `grounds`.

mod cases;
mod grounds;
mod leftover;
mod stage;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::ensure;
use serde_json::{Map, Value, json};

use super::conclusion::Conclusion;
use super::conditions::{self, show_conditions};
use super::peer::Who;
use super::report::Report;
use super::samples::{Sample, turns};
use super::targets::{Comparison, Figure, Target};
use crate::clock::{now, wait_for};
use crate::lab::show;
use crate::lan::Plan;
use cases::{BOOTS, Boot, metrics};
use grounds::Grounds;
use stage::Stage;

#[cfg(test)]
mod tests;

/// What sovnet is to reach.
const TARGETS: &[Target] = &[
    Target::of_sovnet("cable-cut", "longest-gap", Figure::P50, 100.0),
    Target::of_sovnet("cable-cut", "longest-gap", Figure::P99, 200.0),
    Target::of_sovnet("daemon-kill", "no-answer", Figure::P50, 100.0),
    Target::of_sovnet("daemon-kill", "address-left", Figure::Max, 7000.0),
    Target::of_sovnet("cable-back", "both-answer", Figure::P99, 50.0),
    Target::of_sovnet("cable-back", "both-answer", Figure::Max, 100.0),
    Target::of_sovnet("partition-end", "both-answer", Figure::P99, 50.0),
    Target::of_sovnet("partition-end", "both-answer", Figure::Max, 100.0),
    Target::of_sovnet("restart", "lost", Figure::Max, 0.0),
    Target::of_sovnet("move", "lost", Figure::Max, 0.0),
    Target::of_sovnet("drain", "lost", Figure::Max, 0.0),
    Target::of_sovnet("fail-back", "lost", Figure::Max, 0.0),
    Target::of_sovnet("drain", "both-answer", Figure::Max, 50.0),
    Target::of_sovnet("move", "both-answer", Figure::Max, 50.0),
    Target::of_sovnet("foreign-take", "defended", Figure::Max, 10.0),
    Target::of_sovnet("node-return", "moved", Figure::Max, 0.0),
];

/// What sovnet is to reach beside others.
const COMPARISONS: &[Comparison] = &[Comparison {
    case: "cable-cut",
    metric: "longest-gap",
    who: "sovnet-fast",
    beside: "keepalived-0.01s",
    at_most: 1.0,
}];

/// How it ends.
pub const CONCLUSION: Conclusion = Conclusion {
    targets: TARGETS,
    comparisons: COMPARISONS,
    has_ratios: false,
};

/// How long a prepared run waits for the others.
const BEGIN_LIMIT: Duration = Duration::from_secs(3600);

/// What a run needs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The program that also holds namespaces: this one.
    pub holder: PathBuf,
    /// Where the files go.
    pub dir: PathBuf,
    /// How often each case is measured for each program.
    pub rounds: usize,
    /// Who is measured; everybody if empty.
    pub peers: Vec<Who>,
    /// What is measured; everything if empty.
    pub cases: Vec<String>,
    /// What takes long is measured in the first of this many rounds, and so on: everything of
    /// MetalLB, and the cases that last for all.
    pub slow_every: usize,
    /// The first round waits until this file is there.
    pub begin: Option<PathBuf>,
}

/// All cases, in the order of the table.
pub fn all_cases() -> impl Iterator<Item = &'static str> {
    BOOTS.iter().flat_map(|boot| boot.cases).copied()
}

impl Settings {
    fn whos(&self) -> Vec<Who> {
        let is_wanted = |who: &Who| self.peers.is_empty() || self.peers.contains(who);
        Who::ALL.into_iter().filter(is_wanted).collect()
    }

    fn wants(&self, case: &str) -> bool {
        self.cases.is_empty() || self.cases.iter().any(|one| one == case)
    }

    /// Whether `who` is measured in that boot of that round, counted from 0.
    fn is_turn(&self, who: Who, boot: &Boot, round: usize) -> bool {
        let is_slow = who == Who::Metallb || boot.is_slow;
        !is_slow || round.is_multiple_of(self.slow_every)
    }
}

/// Measures, prints the table and writes the files. False if something could not be measured; a
/// target that is not met is only said.
///
/// # Errors
/// If nothing can be measured at all, or the files cannot be written.
pub fn run(settings: &Settings) -> anyhow::Result<bool> {
    check(settings)?;
    let plan = Plan::bare(settings.holder.clone())?;
    let conditions = conditions(&plan, settings)?;
    show_conditions(&conditions);
    let started_at = now();
    let mut run = Run::new(settings, &plan);
    run.grounds.prepare(&settings.whos())?;
    if let Some(file) = &settings.begin {
        wait_to_begin(file)?;
    }
    run.measure();
    let report = Report {
        name: "failover",
        whos: settings.whos().into_iter().map(Who::name).collect(),
        conditions,
        samples: std::mem::take(&mut run.samples),
    };
    let missing = missing(settings, &report.samples, &run.skipped);
    CONCLUSION.conclude(&report, &settings.dir, started_at, &missing)
}

fn wait_to_begin(file: &Path) -> anyhow::Result<()> {
    show::line(&format!("prepared; waiting for {}", file.display()));
    let is_there = || file.exists().then_some(());
    Ok(wait_for("the file to begin with", BEGIN_LIMIT, is_there)?)
}

fn check(settings: &Settings) -> anyhow::Result<()> {
    ensure!(
        settings.rounds > 0 && settings.slow_every > 0,
        "a benchmark needs one round at least"
    );
    for case in &settings.cases {
        let known: Vec<&str> = all_cases().collect();
        let known_text = known.join(", ");
        ensure!(
            known.contains(&case.as_str()),
            "there is no case {case}; there are {known_text}"
        );
    }
    ensure!(
        nix::unistd::geteuid().is_root(),
        "this benchmark makes network namespaces and needs root: sudo make bench-failover"
    );
    Ok(())
}

/// A run, as far as it has got.
struct Run<'a> {
    settings: &'a Settings,
    grounds: Grounds,
    samples: Vec<Sample>,
    /// What a program cannot do.
    skipped: Vec<(Who, &'static str)>,
}

impl Run<'_> {
    fn new<'a>(settings: &'a Settings, plan: &Plan) -> Run<'a> {
        Run {
            settings,
            grounds: Grounds::new(plan),
            samples: Vec::new(),
            skipped: Vec::new(),
        }
    }

    /// All rounds. A boot that fails is said and leaves a gap; the others go on.
    fn measure(&mut self) {
        let settings = self.settings;
        let whos = settings.whos();
        for round in 0..settings.rounds {
            let boots = BOOTS.iter();
            for boot in boots.filter(|boot| boot.cases.iter().any(|case| settings.wants(case))) {
                for who in turns(&whos, round) {
                    if settings.is_turn(who, boot, round) {
                        self.one(who, round, boot);
                    }
                }
            }
        }
    }

    fn one(&mut self, who: Who, round: usize, boot: &Boot) {
        let title = boot.cases.join(", ");
        let rounds = self.settings.rounds;
        let place = format!("round {}/{rounds} {:16} {title}:", round + 1, who.name());
        match self.one_boot(who, round, boot) {
            Ok(mut measured) => {
                measured.retain(|one| self.settings.wants(one.case));
                show::line(&format!("{place} {}", in_short(&measured)));
                self.samples.extend(measured.into_iter().map(|one| Sample {
                    round: round + 1,
                    ..one
                }));
            }
            Err(error) => {
                show::line(&format!("{place} FAILED: {error:#}"));
                self.grounds.forget(who);
            }
        }
    }

    /// A LAN with empty state directories, for one program and the cases of one boot.
    fn one_boot(&mut self, who: Who, round: usize, boot: &Boot) -> anyhow::Result<Vec<Sample>> {
        let mut stage = Stage::set(&mut self.grounds, who, boot)?;
        let measured = stage
            .wait_settled(round)
            .and_then(|()| (boot.run)(&mut stage));
        let pauses = stage.cluster.pauses();
        if pauses > 0 {
            show::line(&format!(
                "this machine stood still under {} {pauses} times: what follows is not its own figure",
                who.name()
            ));
        }
        for case in &stage.skipped {
            if !self.skipped.contains(&(who, *case)) {
                show::line(&format!(
                    "skipped: {} has no command for {case}",
                    who.name()
                ));
                self.skipped.push((who, *case));
            }
        }
        if measured.is_err() {
            for line in stage.log() {
                show::line(&format!("    {line}"));
            }
        }
        measured
    }
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

/// The cases and programs that have fewer samples than turns, without what was skipped.
fn missing(
    settings: &Settings,
    samples: &[Sample],
    skipped: &[(Who, &'static str)],
) -> Vec<String> {
    let mut missing = Vec::new();
    let cases = BOOTS
        .iter()
        .flat_map(|boot| boot.cases.iter().map(move |case| (boot, *case)));
    for (boot, case) in cases.filter(|(_, case)| settings.wants(case)) {
        for who in settings.whos() {
            if skipped.contains(&(who, case)) {
                continue;
            }
            let rounds = (0..settings.rounds).filter(|round| settings.is_turn(who, boot, *round));
            let rounds = rounds.count();
            for metric in metrics(case) {
                let row = (case, who.name(), metric);
                let of_row = |one: &&Sample| (one.case, one.who, one.metric) == row;
                let count = samples.iter().filter(of_row).count();
                if count < rounds {
                    let name = who.name();
                    missing.push(format!(
                        "{name} {case} {}: {count} of {rounds}",
                        metric.metric
                    ));
                }
            }
        }
    }
    missing
}

fn conditions(plan: &Plan, settings: &Settings) -> anyhow::Result<Map<String, Value>> {
    let whos = settings.whos();
    let cases: Vec<&str> = all_cases().filter(|case| settings.wants(case)).collect();
    let own = json!({
        "rounds": settings.rounds,
        "measured": {
            "peers": whos.iter().map(|who| who.name()).collect::<Vec<_>>(),
            "cases": cases,
        },
        "order": "interleaved: each round has every program once per boot, beginning with another one",
        "slow-in-every": settings.slow_every,
        "kubernetes": if whos.contains(&Who::Metallb) { "runs beside everything" } else { "none" },
        "probe-every-ms": stage::PROBE_EVERY.as_millis(),
        "ask-every-ms": stage::ASK_EVERY.as_millis(),
        "cases": cases::explained(),
        "metrics": stage::explained(),
    });
    conditions::whole(&plan.programs.join("sovnetd"), &whos, own)
}
