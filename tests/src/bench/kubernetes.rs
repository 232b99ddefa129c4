//! `make bench-kube`: sovnet beside MetalLB as the load balancer of a real Kubernetes: how soon a
//! Service has its address and is announced, what a client loses while pods move, and what a large
//! cluster costs.
//!
//! Owns the rounds and the files. Each case builds a LAN with a control plane of its own for each
//! program (`ground`).

mod ground;
mod large;
mod moves;
mod services;

use std::path::PathBuf;

use anyhow::ensure;
use clap::ValueEnum;
use serde_json::{Map, Value, json};

use self::large::Size;
use super::conclusion::Conclusion;
use super::conditions::{self, show_conditions};
use super::peer::Who;
use super::report::Report;
use super::samples::{Metric, Sample, in_short, of_case, turns};
use super::targets::{Comparison, Figure, Target};
use crate::clock::now;
use crate::lab::show;
use crate::lan::Plan;

#[cfg(test)]
mod tests;

/// What sovnet is to reach.
const TARGETS: &[Target] = &[
    Target::of_sovnet("service", "first-announced", Figure::P50, 100.0),
    Target::of_sovnet(
        "local-endpoint-moves",
        "announced-there",
        Figure::P50,
        100.0,
    ),
    Target::of_sovnet("local-endpoint-moves", "lost", Figure::Max, 0.0),
    Target::of_sovnet("ten-thousand-services", "initial-sync", Figure::Max, 5000.0),
    Target::of_sovnet("ten-thousand-services", "resident", Figure::Max, 35.0),
    Target::of_sovnet("ten-thousand-services", "process-cpu", Figure::P50, 10.0),
    Target::of_sovnet(
        "ten-thousand-services",
        "process-cpu-per-change",
        Figure::P50,
        5.0,
    ),
];

/// What sovnet is to reach beside MetalLB.
const COMPARISONS: &[Comparison] = &[
    beside_metallb("service", "status-written"),
    beside_metallb("service", "first-announced"),
];

/// How it ends.
pub const CONCLUSION: Conclusion = Conclusion {
    targets: TARGETS,
    comparisons: COMPARISONS,
    has_ratios: true,
};

const fn beside_metallb(case: &'static str, metric: &'static str) -> Comparison {
    Comparison {
        case,
        metric,
        who: "sovnet",
        beside: "metallb",
        at_most: 0.7,
    }
}

/// Who can be measured: those that follow Kubernetes.
const WHOS: [Who; 2] = [Who::Sovnet, Who::Metallb];

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Case {
    /// Services are created one after the other.
    Service,
    /// The only endpoint of a Service with `externalTrafficPolicy: Local` moves.
    LocalEndpointMoves,
    /// Thousands of Services, and one change more.
    TenThousandServices,
}

impl Case {
    fn name(self) -> &'static str {
        match self {
            Case::Service => services::NAME,
            Case::LocalEndpointMoves => moves::NAME,
            Case::TenThousandServices => large::NAME,
        }
    }

    fn metrics(self) -> Vec<Metric> {
        match self {
            Case::Service => services::METRICS.to_vec(),
            Case::LocalEndpointMoves => moves::METRICS.to_vec(),
            Case::TenThousandServices => large::METRICS.to_vec(),
        }
    }
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
    /// Who is measured; both if empty.
    pub peers: Vec<Who>,
    /// What is measured; everything if empty.
    pub cases: Vec<Case>,
    /// How many Services are created, one after the other.
    pub services: usize,
    /// How often an endpoint moves.
    pub moves: usize,
    /// How many Services the large cluster has, each with an EndpointSlice.
    pub large_services: usize,
    /// How many of them are of type LoadBalancer.
    pub large_addresses: usize,
}

impl Settings {
    fn whos(&self) -> Vec<Who> {
        let is_wanted = |who: &Who| self.peers.is_empty() || self.peers.contains(who);
        WHOS.into_iter().filter(is_wanted).collect()
    }

    fn cases(&self) -> Vec<Case> {
        let is_wanted = |case: &Case| self.cases.is_empty() || self.cases.contains(case);
        let all = Case::value_variants().iter().copied();
        all.filter(is_wanted).collect()
    }

    fn measure(&self, plan: &Plan, who: Who, case: Case) -> anyhow::Result<Vec<(Metric, f64)>> {
        match case {
            Case::Service => services::measure(plan, who, self.services),
            Case::LocalEndpointMoves => moves::measure(plan, who, self.moves),
            Case::TenThousandServices => {
                let size = Size {
                    services: self.large_services,
                    addresses: self.large_addresses,
                };
                large::measure(plan, who, size)
            }
        }
    }
}

/// Measures, prints the table and writes the files. False if something could not be measured; a
/// target that is not met is only said.
///
/// # Errors
/// If nothing can be measured at all, or the files cannot be written.
pub fn run(settings: &Settings) -> anyhow::Result<bool> {
    ensure!(
        settings.rounds > 0 && !settings.whos().is_empty(),
        "a benchmark of Kubernetes needs one round at least, and sovnet or metallb"
    );
    ensure!(
        settings.large_addresses > large::CHANGES
            && settings.large_addresses <= settings.large_services,
        "the large cluster has more than {} Services of type LoadBalancer, and no more than Services",
        large::CHANGES
    );
    ensure!(
        nix::unistd::geteuid().is_root(),
        "this benchmark makes network namespaces and needs root: sudo make bench-kube"
    );
    let plan = Plan::bare(settings.holder.clone())?;
    let conditions = conditions(&plan, settings)?;
    show_conditions(&conditions);
    let started_at = now();
    let (samples, failed) = measure(&plan, settings);
    let report = Report {
        name: "kube",
        whos: settings.whos().into_iter().map(Who::name).collect(),
        conditions,
        samples,
    };
    CONCLUSION.conclude(&report, &settings.dir, started_at, &failed)
}

/// All rounds, and what failed. What fails leaves a gap; the others go on.
fn measure(plan: &Plan, settings: &Settings) -> (Vec<Sample>, Vec<String>) {
    let mut samples = Vec::new();
    let mut failed = Vec::new();
    for round in 0..settings.rounds {
        for case in settings.cases() {
            for who in turns(&settings.whos(), round) {
                let (name, rounds) = (who.name(), settings.rounds);
                let case_name = case.name();
                show::line(&format!("round {}/{rounds} {name}, {case_name}", round + 1));
                match settings.measure(plan, who, case) {
                    Ok(figures) => {
                        let measured = of_case(name, case_name, figures);
                        show::line(&format!("    {}", in_short(&measured)));
                        samples.extend(measured.into_iter().map(|one| Sample {
                            round: round + 1,
                            ..one
                        }));
                    }
                    Err(error) => {
                        show::line(&format!("    {case_name} FAILED: {error:#}"));
                        failed.push(format!("{name} {case_name}"));
                    }
                }
            }
        }
    }
    (samples, failed)
}

fn conditions(plan: &Plan, settings: &Settings) -> anyhow::Result<Map<String, Value>> {
    let whos = settings.whos();
    let cases = settings.cases().into_iter().map(|case| {
        let metrics = case.metrics().into_iter().map(|one| one.metric);
        (case.name().to_owned(), json!(metrics.collect::<Vec<_>>()))
    });
    let cases: Map<String, Value> = cases.collect();
    let own = json!({
        "rounds": settings.rounds,
        "measured": {
            "peers": whos.iter().map(|who| who.name()).collect::<Vec<_>>(),
            "cases": cases,
        },
        "order": "interleaved: each round has every program once per case, beginning with another one",
        "services": settings.services,
        "moves": settings.moves,
        "large": { "services": settings.large_services, "addresses": settings.large_addresses },
    });
    conditions::whole(&plan.programs.join("sovnetd"), &whos, own)
}
