//! `make bench-quiet`: does an address move although nobody failed? All processors are kept busy by
//! other processes, and every change of the holder is counted.
//!
//! The programs stand side by side, each on a LAN of its own, so that all meet the same load.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Map, Value, json};

use super::asker::{Asker, Verdict};
use super::conclusion::Conclusion;
use super::conditions::{self, show_conditions};
use super::peer::{Addresses, Cluster, Ground, Wanted, Who};
use super::report::Report;
use super::samples::{Metric, Sample, tenths};
use super::targets::{Figure, Target};
use crate::clock::{now, wait_for};
use crate::lab::show;
use crate::lan::{Lan, NODES, Plan};

/// What sovnet is to reach.
const TARGETS: &[Target] = &[Target::of_sovnet("busy", "moves", Figure::Max, 0.0)];

/// How it ends.
pub const CONCLUSION: Conclusion = Conclusion {
    targets: TARGETS,
    comparisons: &[],
    has_ratios: false,
};

/// Who is measured unless others are named.
const WHOS: [Who; 3] = [Who::Sovnet, Who::SovnetFast, Who::KeepalivedHundredth];

/// The address that must not move.
const ADDRESS: std::net::Ipv4Addr = std::net::Ipv4Addr::new(192, 168, 8, 240);

/// How often a client asks who has it.
const ASK_EVERY: Duration = Duration::from_millis(20);

/// How long a program may take until one node has the address.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// How long one node must have answered alone before the load begins.
const CALM: Duration = Duration::from_secs(2);

const MOVES: Metric = Metric::new("moves", "moves");
const NONE: Metric = Metric::new("no-answer", "ms");
const BOTH: Metric = Metric::new("both-answer", "ms");

/// What a run needs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The program that also holds namespaces: this one.
    pub holder: PathBuf,
    /// Where the files go.
    pub dir: PathBuf,
    /// How long.
    pub minutes: u32,
    /// Who is measured; the usual ones if empty.
    pub peers: Vec<Who>,
}

impl Settings {
    fn whos(&self) -> Vec<Who> {
        if self.peers.is_empty() {
            return WHOS.to_vec();
        }
        self.peers.clone()
    }
}

/// One program, and the client that watches it.
struct Scene {
    who: Who,
    asker: Asker,
    cluster: Box<dyn Cluster>,
    // Last: everything else runs on it.
    _lan: Arc<Lan>,
}

/// Measures, prints the table and writes the files.
///
/// # Errors
/// If something cannot be measured, or the files cannot be written.
pub fn run(settings: &Settings) -> anyhow::Result<bool> {
    let whos = settings.whos();
    ensure!(
        settings.minutes > 0,
        "a benchmark needs one minute at least"
    );
    ensure!(
        !whos.contains(&Who::Metallb),
        "MetalLB needs a control plane, which would be load of another kind; leave it out"
    );
    ensure!(
        nix::unistd::geteuid().is_root(),
        "this benchmark makes network namespaces and needs root: sudo make bench-quiet"
    );
    let plan = Plan::bare(settings.holder.clone())?;
    let conditions = conditions(&plan, settings)?;
    show_conditions(&conditions);
    let started_at = now();
    let scenes = whos.iter().map(|who| Scene::set(&plan, *who));
    let scenes = scenes.collect::<anyhow::Result<Vec<Scene>>>()?;
    let samples = watch(&scenes, settings.minutes)?;
    let report = Report {
        name: "quiet",
        whos: whos.into_iter().map(Who::name).collect(),
        conditions,
        samples,
    };
    CONCLUSION.conclude(&report, &settings.dir, started_at, &[])
}

/// Puts the processors under load for that time, and looks on.
fn watch(scenes: &[Scene], minutes: u32) -> anyhow::Result<Vec<Sample>> {
    let load = Load::start()?;
    let since = now();
    for minute in 1..=minutes {
        let until = since + Duration::from_secs(60) * minute;
        crate::clock::wait_until(until);
        let moves = scenes.iter().map(|one| {
            let moves = one.asker.changes(since);
            format!("{} {moves}", one.who.name())
        });
        let moves: Vec<String> = moves.collect();
        show::line(&format!("minute {minute}: moves: {}", moves.join(", ")));
    }
    let until = now();
    drop(load);
    let mut samples = Vec::new();
    for scene in scenes {
        let Verdict { nobody, several } = scene.asker.verdict(since, until);
        let moves = u32::try_from(scene.asker.changes(since))?;
        let pauses = scene.cluster.pauses();
        if pauses > 0 {
            let name = scene.who.name();
            show::line(&format!("{name} was not run for too long {pauses} times"));
        }
        let figures = [
            (MOVES, f64::from(moves)),
            (NONE, nobody.as_secs_f64() * 1000.0),
            (BOTH, several.as_secs_f64() * 1000.0),
        ];
        samples.extend(figures.map(|(metric, value)| Sample {
            round: 1,
            case: "busy",
            who: scene.who.name(),
            metric,
            value: tenths(value),
        }));
    }
    Ok(samples)
}

impl Scene {
    fn set(plan: &Plan, who: Who) -> anyhow::Result<Scene> {
        let lan = Arc::new(Lan::build(plan).context("failed to build the LAN")?);
        let ground = Ground {
            plan: plan.clone(),
            site: None,
            lan: Arc::clone(&lan),
            nodes: NODES.map(str::to_owned).to_vec(),
        };
        let wanted = Wanted {
            addresses: Addresses::Shipped,
            fails_back: false,
        };
        let cluster = who.start(&ground, &wanted)?;
        let asker = Asker::start(lan.node("router"), "lan0", ADDRESS, ASK_EVERY)?;
        let scene = Scene {
            who,
            asker,
            cluster,
            _lan: lan,
        };
        let since = now();
        let what = format!("{} to be ready on both nodes", who.name());
        wait_for(&what, READY_WITHIN, || {
            let is_time = now().duration_since(since) > CALM;
            let calm_since = now().checked_sub(CALM)?;
            let is_calm = || scene.asker.sole_answerer(calm_since).is_some();
            (is_time && scene.cluster.is_ready() && is_calm()).then_some(())
        })?;
        Ok(scene)
    }
}

/// A process for each processor that never waits; all end when dropped.
struct Load(Vec<Child>);

impl Load {
    fn start() -> anyhow::Result<Load> {
        let count = thread::available_parallelism()?.get();
        let mut load = Load(Vec::new());
        for _ in 0..count {
            let mut command = Command::new("sh");
            command.args(["-c", "while :; do :; done"]);
            let command = command.stdin(Stdio::null()).stdout(Stdio::null());
            load.0
                .push(command.spawn().context("failed to start a load")?);
        }
        Ok(load)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        for child in &mut self.0 {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

fn conditions(plan: &Plan, settings: &Settings) -> anyhow::Result<Map<String, Value>> {
    let whos = settings.whos();
    let own = json!({
        "minutes": settings.minutes,
        "order": "side by side, each on a LAN of its own",
        "load": "for each processor a process that never waits, at nice level 0, in the programs' session",
        "programs": "at nice level -19, as a unit with a high CPUWeight",
        "ask-every-ms": ASK_EVERY.as_millis(),
        "metrics": {
            "moves": "how often another node began to answer, whether or not the first one went on",
            "no-answer": "the longest time in which nobody answered",
            "both-answer": "the time in which two nodes answered, in total",
        },
    });
    conditions::whole(&plan.programs.join("sovnetd"), &whos, own)
}
