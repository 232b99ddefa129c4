//! `make bench-announce`: what announcing costs, sovnet beside keepalived and MetalLB: answers per
//! second of processor time, storms, memory, rest, and how long many addresses take to be taken
//! over.
//!
//! Owns the rounds and the files. What is measured is `cases`, on what is `field`.

mod cases;
mod field;
mod flood;
mod sweep;

use std::path::PathBuf;

use anyhow::ensure;
use clap::ValueEnum;
use serde_json::{Map, Value, json};

use super::conclusion::Conclusion;
use super::conditions::{self, show_conditions};
use super::peer::Who;
use super::report::Report;
use super::samples::{Sample, in_short, of_case, turns};
use super::targets::{Comparison, Figure, Target};
use crate::clock::now;
use crate::lab::show;
use crate::lan::Plan;
use field::{Field, Size};

#[cfg(test)]
mod tests;

/// What sovnet is to reach, with the default sizes.
const TARGETS: &[Target] = &[
    Target::of_sovnet("storm", "process-cpu-per-100k", Figure::Max, 20.0),
    Target::of_sovnet("memory-11", "resident", Figure::Max, 12.0),
    Target::of_sovnet("memory-1000", "resident", Figure::Max, 20.0),
    Target::of_sovnet("rest-10x1000", "process-cpu", Figure::P50, 10.0),
    Target::of_sovnet("take-over-500", "all-answered", Figure::Max, 1000.0),
];

/// What sovnet is to reach beside others, with the default sizes.
const COMPARISONS: &[Comparison] = &[Comparison {
    case: "rest-2x11",
    metric: "process-cpu",
    who: "sovnet-fast",
    beside: "keepalived-0.01s",
    at_most: 0.5,
}];

/// How it ends.
pub const CONCLUSION: Conclusion = Conclusion {
    targets: TARGETS,
    comparisons: COMPARISONS,
    has_ratios: true,
};

/// Who is measured unless others are named.
const WHOS: [Who; 5] = [
    Who::Sovnet,
    Who::SovnetFast,
    Who::Keepalived,
    Who::KeepalivedHundredth,
    Who::Metallb,
];

/// MetalLB runs on the two nodes of the control plane.
const METALLB_NODES: usize = 2;

/// What can be measured, in the order in which it is done on one field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Work {
    /// Processor time and traffic when nothing happens.
    Rest,
    /// Resident memory.
    Memory,
    /// Requests for the addresses.
    Answer,
    /// Requests for other addresses.
    Storm,
    /// The cable of the node with the most addresses is taken out.
    TakeOver,
}

/// What a run needs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The program that also holds namespaces: this one.
    pub holder: PathBuf,
    /// Where the files go.
    pub dir: PathBuf,
    /// How often everything is measured.
    pub rounds: usize,
    /// Who is measured; the usual ones if empty.
    pub peers: Vec<Who>,
    /// What is measured; everything if empty.
    pub works: Vec<Work>,
    /// How many addresses memory is measured with; answers, storms and rest with the first.
    pub addresses: Vec<usize>,
    /// How many addresses are taken over.
    pub take_over: usize,
    /// How many nodes rest is measured with.
    pub nodes: Vec<usize>,
    /// How many addresses they have in all.
    pub rest_addresses: usize,
    /// How long floods, storms and rest are measured, in seconds.
    pub seconds: u64,
}

impl Settings {
    fn whos(&self) -> Vec<Who> {
        if self.peers.is_empty() {
            return WHOS.to_vec();
        }
        let is_wanted = |who: &Who| self.peers.contains(who);
        Who::ALL.into_iter().filter(is_wanted).collect()
    }

    /// What is built, and what is measured there: each size once.
    fn scenes(&self) -> Vec<(Size, Vec<Work>)> {
        let two = |addresses| Size {
            nodes: 2,
            addresses,
        };
        let mut all = Vec::new();
        for (at, addresses) in self.addresses.iter().enumerate() {
            all.push((two(*addresses), Work::Memory));
            if at == 0 {
                let more = [Work::Rest, Work::Answer, Work::Storm];
                all.extend(more.map(|work| (two(*addresses), work)));
            }
        }
        for nodes in &self.nodes {
            let size = Size {
                nodes: *nodes,
                addresses: self.rest_addresses,
            };
            all.push((size, Work::Rest));
        }
        all.push((two(self.take_over), Work::TakeOver));
        all.retain(|(_, work)| self.works.is_empty() || self.works.contains(work));
        let mut scenes: Vec<(Size, Vec<Work>)> = Vec::new();
        for (size, work) in all {
            match scenes.iter_mut().find(|scene| scene.0 == size) {
                Some((_, works)) => works.push(work),
                None => scenes.push((size, vec![work])),
            }
        }
        for (_, works) in &mut scenes {
            works.sort();
            works.dedup();
        }
        scenes
    }
}

/// Measures, prints the table and writes the files. False if something could not be measured; a
/// target that is not met is only said.
///
/// # Errors
/// If nothing can be measured at all, or the files cannot be written.
pub fn run(settings: &Settings) -> anyhow::Result<bool> {
    ensure!(
        settings.rounds > 0 && settings.seconds > 0,
        "a benchmark needs one round and one second at least"
    );
    for (size, _) in settings.scenes() {
        field::addresses(size.addresses)?;
    }
    ensure!(
        nix::unistd::geteuid().is_root(),
        "this benchmark makes network namespaces and needs root: sudo make bench-announce"
    );
    let plan = Plan::bare(settings.holder.clone())?;
    let conditions = conditions(&plan, settings)?;
    show_conditions(&conditions);
    let started_at = now();
    let (samples, failed) = measure(&plan, settings);
    let report = Report {
        name: "announce",
        whos: settings.whos().into_iter().map(Who::name).collect(),
        conditions,
        samples,
    };
    CONCLUSION.conclude(&report, &settings.dir, started_at, &failed)
}

/// All rounds, and what failed. A field that fails leaves a gap; the others go on.
fn measure(plan: &Plan, settings: &Settings) -> (Vec<Sample>, Vec<String>) {
    let mut samples = Vec::new();
    let mut failed = Vec::new();
    let whos = settings.whos();
    for round in 0..settings.rounds {
        for (size, works) in settings.scenes() {
            let is_possible = |who: &Who| *who != Who::Metallb || size.nodes == METALLB_NODES;
            for who in turns(&whos, round).into_iter().filter(is_possible) {
                let Size { nodes, addresses } = size;
                let rounds = settings.rounds;
                show::line(&format!(
                    "round {}/{rounds} {}, {nodes} nodes, {addresses} addresses",
                    round + 1,
                    who.name()
                ));
                let measured = one_scene(plan, settings, who, (size, &works));
                samples.extend(measured.0.into_iter().map(|one| Sample {
                    round: round + 1,
                    ..one
                }));
                failed.extend(measured.1);
            }
        }
    }
    (samples, failed)
}

/// One field, and all that is measured on it.
fn one_scene(
    plan: &Plan,
    settings: &Settings,
    who: Who,
    (size, works): (Size, &[Work]),
) -> (Vec<Sample>, Vec<String>) {
    let mut samples = Vec::new();
    let mut failed = Vec::new();
    let mut fail = |what: &str, error: &anyhow::Error| {
        show::line(&format!("    {what} FAILED: {error:#}"));
        failed.push(format!("{} {what}", who.name()));
    };
    match Field::build(plan, who, size) {
        Ok(field) => {
            for work in works {
                let name = cases::name(*work, size);
                match cases::measure(*work, &field, settings) {
                    Ok(figures) => {
                        let measured = of_case(who.name(), &name, figures);
                        show::line(&format!("    {}", in_short(&measured)));
                        samples.extend(measured);
                    }
                    Err(error) => fail(&name, &error),
                }
            }
        }
        Err(error) => {
            let names = works.iter().map(|work| cases::name(*work, size));
            fail(&names.collect::<Vec<_>>().join(", "), &error);
        }
    }
    (samples, failed)
}

fn conditions(plan: &Plan, settings: &Settings) -> anyhow::Result<Map<String, Value>> {
    let whos = settings.whos();
    let scenes = settings.scenes();
    let mut works = Map::new();
    for (size, works_of_size) in &scenes {
        for work in works_of_size {
            let metrics = cases::metrics(*work).into_iter();
            let metrics: Vec<&str> = metrics.map(|one| one.metric).collect();
            works.insert(cases::name(*work, *size), json!(metrics));
        }
    }
    let own = json!({
        "rounds": settings.rounds,
        "measured": {
            "peers": whos.iter().map(|who| who.name()).collect::<Vec<_>>(),
            "cases": works,
        },
        "order": "interleaved: each round has every program once per size, beginning with another one",
        "addresses": "instead of those in the configs: 192.168.32.1/16 and on",
        "metallb": "on two nodes only, beside a control plane that no other program has beside it",
        "seconds": settings.seconds,
        "cases": cases::explained(),
    });
    conditions::whole(&plan.programs.join("sovnetd"), &whos, own)
}
