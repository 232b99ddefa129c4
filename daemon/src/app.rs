//! The wiring: every task, every channel and every thread, and nothing else.
//!
//! ```text
//!  main thread                                       latency thread
//!  kube ◄─── links ───────────────────────────────── link ◄── wish ──┐
//!    │ cluster, proxy                                   │            │
//!    ▼                                                  │            │
//!  brain ◄── links ─────────────────────────────────────┘            │
//!    ├────── decision ─────────────────────────────► announce ───────┘
//!    ▼ services                                       │  ▲ local (from link)
//!  dns ◄──── links                                    │  │
//!  store ◄── memories, cluster ───────────────────────┤  │
//!  control ◄ lan, dns, problems ──────────────────────┘  │
//!    └────── commands ◄── signals ───────────────────────┘
//!  keeper ◄─ progress of announce and dns (watchdog)
//! ```
//!
//! Everything between tasks is a `watch` of an immutable snapshot, but for commands, which are a
//! bounded queue. The latency thread ends when every segment has left; then the rest stops.

mod board;
mod keep;
mod kubernetes;
mod latency;
mod memory;
mod reload;
mod signals;
mod start;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};
use sovnet_core::config::FailBack;
use sovnet_core::facts::LinkFacts;
use sovnet_core::member::{Command, Order};
use sovnet_core::report::{Problem, Severity};
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};
use tokio::sync::{mpsc, oneshot, watch};

use crate::brain::Brain;
use crate::config_file::{self, LoadError};
use crate::control::{self, AskRequest, COMMAND_QUEUE, CommandRequest, Control, Sources};
use crate::dns::{Dns, Facts};
use crate::link;
use crate::ready::{Keeper, Questions, Watchdog};
use crate::store::{self, Store};
use crate::tasks::{TaskSet, error_chain};
use crate::{Options, clock, journal, vendor};
use board::Board;
use reload::Reload;
use signals::Signals;
use start::{Start, prepare};

/// `EX_CONFIG` of sysexits: the unit says that a restart does not heal it.
const EXIT_CONFIG: u8 = 78;
/// How long the latency thread may take to hand over when the rest has failed.
const HAND_OVER: Duration = Duration::from_secs(4);

/// Runs the daemon until a signal or a failure.
pub(crate) fn run(options: &Options) -> ExitCode {
    if let Err(error) = journal::init("sovnetd", options.log_level) {
        say(&error_chain(&error));
        return ExitCode::FAILURE;
    }
    memory::give_back_large_blocks();
    let config = match config_file::load(&options.config) {
        Ok(config) => Some(config),
        Err(LoadError::Missing { .. }) => None,
        Err(error) => {
            log::error!("{}", error.render().trim_end());
            return ExitCode::from(EXIT_CONFIG);
        }
    };
    match prepare(options, config).and_then(|start| serve(options, start)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// `sovnetd check-config`: the text for stdout, and the exit code.
pub(crate) fn check_config(file: &Path, here: bool) -> (String, ExitCode) {
    let facts = if here { Some(read_links()) } else { None };
    let (text, code) = match facts.transpose() {
        Ok(facts) => config_file::check_config(file, facts.as_ref()),
        Err(error) => (format!("{error:#}\n"), 1),
    };
    (text, ExitCode::from(u8::try_from(code).unwrap_or(1)))
}

fn read_links() -> Result<LinkFacts> {
    let facts = runtime()?.block_on(link::read_facts_once());
    facts.context("failed to look at this machine's links")
}

fn say(text: &str) {
    // Without stderr there is nobody to tell.
    let _nobody = writeln!(std::io::stderr(), "{text}");
}

fn runtime() -> Result<LocalRuntime> {
    let mut builder = Builder::new_current_thread();
    builder
        .enable_all()
        .build_local(LocalOptions::default())
        .context("failed to start a runtime")
}

fn serve(options: &Options, start: Start) -> Result<()> {
    let listener = control::bind(&options.socket).context("no control socket")?;
    let (memories, troubles) = store::load(&options.state_dir, &store::LAN);
    let board = Board::new(memories);
    let (commands_tx, commands_rx) = mpsc::channel(COMMAND_QUEUE);
    let (asked_tx, asked_rx) = mpsc::channel(1);
    runtime()?.block_on(async {
        let mut tasks = TaskSet::new();
        let sources = sources(&start, &board, asked_tx);
        let control = Control::new(listener, sources.clone(), commands_tx.clone())?;
        tasks.spawn("control", control.run(tasks.stop()));
        spawn_answering(&mut tasks, &start, &board);
        kubernetes::spawn(&mut tasks, options, &start, &board);
        spawn_keeper(&mut tasks, &start, &board, sources);
        let reload = Reload::new(&start, &board);
        let latency = start.config.is_some().then(|| {
            let problems = board.store_problems.clone();
            let store = Store::new(
                &options.state_dir,
                &store::LAN,
                board.memories.subscribe(),
                problems,
                troubles,
            );
            tasks.spawn("store", store.run(tasks.stop()));
            latency::remember_links(&mut tasks, &options.state_dir, &board);
            let requests = (commands_rx, asked_rx);
            latency::start(start.settings.clone(), requests, &board, tasks.stop())
        });
        let latency = latency.transpose()?;
        let fail_back = start.settings.policy.fail_back;
        if matches!(fail_back, FailBack::Between { .. }) {
            let day = clock::follow_day(board.day_minute.clone(), tasks.stop());
            tasks.spawn("day", day);
        }
        let signals = Signals::listen(reload).context("failed to listen to signals")?;
        let is_idle = latency.is_none();
        tasks.spawn(
            "signals",
            signals.run(commands_tx.clone(), is_idle, tasks.stop()),
        );
        let info = &start.info;
        log::info!(node:% = info.name, version:% = info.version, id:% = info.id; "started");
        if let Some(idle) = &info.idle {
            log::info!("{idle}");
        }
        let ended = tasks.run().await;
        let left = match latency {
            Some(latency) => leave(latency, &commands_tx).await,
            None => Ok(()),
        };
        ended.context("a part of the daemon failed").and(left)
    })
}

/// Joins the latency thread; if it still runs, something else has failed: it hands over first.
async fn leave(
    latency: JoinHandle<Result<()>>,
    commands: &mpsc::Sender<CommandRequest>,
) -> Result<()> {
    let (answer, _said) = oneshot::channel();
    let _ended_already = commands.try_send((Order::Command(Command::Stop), answer));
    let joined = tokio::task::spawn_blocking(move || latency.join());
    match tokio::time::timeout(HAND_OVER, joined).await {
        Ok(Ok(Ok(result))) => result.context("the latency thread failed"),
        Ok(_panicked) => anyhow::bail!("the latency thread broke off"),
        Err(_late) => anyhow::bail!("the latency thread does not end"),
    }
}

fn sources(start: &Start, board: &Board, asked: mpsc::Sender<AskRequest>) -> Sources {
    let has_dns = start
        .config
        .as_ref()
        .is_some_and(|config| config.dns.is_some());
    let notes = start
        .config
        .iter()
        .flat_map(|config| &config.inactive)
        .map(|note| Problem {
            severity: Severity::Note,
            code: "not-acted-on",
            what: note.clone(),
            remedy: "nothing to do: the rest of the config is in force".to_owned(),
        });
    let notes = watch::Sender::new(Arc::new(notes.collect::<Vec<_>>()));
    Sources {
        node: Arc::new(start.info.clone()),
        lan: board.lan.subscribe(),
        asked,
        dns: has_dns.then(|| board.dns.subscribe()),
        kubernetes: kubernetes::is_on(start).then(|| board.kubernetes.subscribe()),
        vendors: board.vendors.subscribe(),
        others: vec![
            board.key_problems.subscribe(),
            board.brain_problems.subscribe(),
            board.kernel_problems.subscribe(),
            board.store_problems.subscribe(),
            board.former_problems.subscribe(),
            board.cluster_store_problems.subscribe(),
            board.proxy_store_problems.subscribe(),
            notes.subscribe(),
        ],
    }
}

fn spawn_answering(tasks: &mut TaskSet, start: &Start, board: &Board) {
    let Some(config) = &start.config else { return };
    let brain = Brain {
        config: Arc::clone(config),
        node: start.info.name.clone(),
        links: board.links.subscribe(),
        cluster: board.cluster.subscribe(),
        proxy: board.proxy.subscribe(),
        delivered: board.delivered.subscribe(),
        held: board.held.subscribe(),
        services: board.services.clone(),
        decision: board.decision.clone(),
        problems: board.brain_problems.clone(),
        obstacle: start.obstacle.clone(),
    };
    tasks.spawn("brain", brain.run(tasks.stop()));
    let vendors = vendor::follow(board.macs.subscribe(), board.vendors.clone(), tasks.stop());
    tasks.spawn("vendors", vendors);
    if let Some(dns) = &config.dns {
        let facts = Facts {
            links: board.links.subscribe(),
            services: board.services.subscribe(),
        };
        let dns = Dns::new(dns, facts, board.dns.clone(), Arc::clone(&board.answering));
        tasks.spawn("dns", dns.run(tasks.stop()));
    }
}

fn spawn_keeper(tasks: &mut TaskSet, start: &Start, board: &Board, sources: Sources) {
    let mut loops = Vec::new();
    if let Some(config) = &start.config {
        loops.push(("announce", Arc::clone(&board.announcing)));
        loops.extend(
            config
                .dns
                .is_some()
                .then(|| ("dns", Arc::clone(&board.answering))),
        );
    }
    let is_idle = start.config.is_none();
    let links = board.links.subscribe();
    let questions = Questions {
        is_ready: Box::new(move || is_idle || !links.borrow().links.is_empty()),
        summary: Box::new(move || sources.report(clock::now()).summary()),
    };
    let keeper = Keeper::new(questions, Watchdog::new(loops), clock::now());
    tasks.spawn("keeper", keeper.run(tasks.stop()));
}
