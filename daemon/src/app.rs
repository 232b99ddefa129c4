//! The wiring: every task, every channel and every thread, and nothing else.
//!
//! ```text
//!  main thread                                       latency thread
//!  brain ◄── links ───────────────────────────────── link ◄── wish ──┐
//!    └────── decision ─────────────────────────────► announce ───────┘
//!  dns ◄──── links                                    │  ▲ local (from link)
//!  store ◄── memories ────────────────────────────────┤  │
//!  control ◄ lan, dns, problems ──────────────────────┘  │
//!    └────── commands ◄── signals ───────────────────────┘
//!  keeper ◄─ progress of announce and dns (watchdog)
//! ```
//!
//! Everything between tasks is a `watch` of an immutable snapshot, but for commands, which are a
//! bounded queue. The latency thread ends when every segment has left; then the rest stops.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};
use sovnet_core::config::Config;
use sovnet_core::decide::Decision;
use sovnet_core::facts::{KernelWish, LinkFacts};
use sovnet_core::member::memory::Memories;
use sovnet_core::member::{Command, Settings};
use sovnet_core::report::{ConfiguredAddress, DnsReport, LanReport, NodeInfo, Problem, Severity};
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::announce::{Announce, Wires};
use crate::brain::Brain;
use crate::config_file::{self, LoadError};
use crate::control::{self, COMMAND_QUEUE, CommandRequest, Control, Sources};
use crate::dns::Dns;
use crate::link::{self, Link};
use crate::ready::{self, Keeper, Progress, Questions, Watchdog};
use crate::store::{self, Store};
use crate::tasks::{TaskSet, error_chain};
use crate::{Options, clock, identity, journal};

/// `EX_CONFIG`, `EX_NOPERM` of sysexits are told to systemd as "do not restart".
const EXIT_CONFIG: u8 = 78;
/// How long the latency thread may take to hand over when the rest has failed.
const HAND_OVER: Duration = Duration::from_secs(4);

type Shared<T> = watch::Sender<Arc<T>>;

/// Snapshots that cross from thread to thread.
struct Board {
    links: Shared<LinkFacts>,
    decision: Shared<Decision>,
    wish: Shared<KernelWish>,
    local: Shared<BTreeSet<Ipv4Addr>>,
    lan: Shared<LanReport>,
    dns: Shared<DnsReport>,
    memories: Shared<Memories>,
    kernel_problems: Shared<Vec<Problem>>,
    brain_problems: Shared<Vec<Problem>>,
    store_problems: Shared<Vec<Problem>>,
    announcing: Progress,
    answering: Progress,
}

impl Board {
    fn new(memories: Memories) -> Board {
        Board {
            links: Shared::default(),
            decision: Shared::default(),
            wish: Shared::default(),
            local: Shared::default(),
            lan: Shared::default(),
            dns: Shared::default(),
            memories: watch::Sender::new(Arc::new(memories)),
            kernel_problems: Shared::default(),
            brain_problems: Shared::default(),
            store_problems: Shared::default(),
            announcing: Progress::default(),
            answering: Progress::default(),
        }
    }
}

/// What is known before anything runs.
struct Start {
    config: Option<Arc<Config>>,
    info: NodeInfo,
    settings: Settings,
    obstacle: Option<Problem>,
}

/// Runs the daemon until a signal or a failure.
pub(crate) fn run(options: &Options) -> ExitCode {
    if let Err(error) = journal::init("sovnetd", options.log_level) {
        say(&error_chain(&error));
        return ExitCode::FAILURE;
    }
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

fn prepare(options: &Options, config: Option<Config>) -> Result<Start> {
    let name = config.as_ref().and_then(|config| config.node_name.clone());
    let hash = config_file::hash(&options.config);
    let identity = identity::read(name, hash).context("this node has no identity")?;
    let (key, obstacle) = match config.as_ref().and_then(|c| c.cluster.key_file.as_deref()) {
        None => (None, None),
        Some(path) => match config_file::read_key(path) {
            Ok(key) => (Some(key), None),
            Err(error) => (None, Some(key_problem(&error_chain(&error)))),
        },
    };
    let peers = config.iter().flat_map(|config| &config.cluster.peers);
    let peers = peers.filter_map(|peer| match peer {
        IpAddr::V4(v4) => Some(*v4),
        IpAddr::V6(_) => None,
    });
    let settings = Settings {
        identity: identity.clone(),
        key,
        port: config.as_ref().map_or(0, |config| config.cluster.port),
        peers: peers.collect(),
    };
    let file = options.config.display();
    let configured = config.iter().flat_map(|config| &config.addresses);
    let configured = configured.map(|entry| ConfiguredAddress {
        address: entry.address,
        purpose: entry.purpose,
    });
    let info = NodeInfo {
        name: identity.name,
        id: identity.id,
        version: identity.version,
        config_file: if config.is_some() {
            file.to_string()
        } else {
            String::new()
        },
        started_at: clock::now(),
        idle: config.is_none().then(|| {
            format!("no configuration: nothing is announced or answered until there is a {file}")
        }),
        configured: configured.collect(),
    };
    Ok(Start {
        config: config.map(Arc::new),
        info,
        settings,
        obstacle,
    })
}

fn key_problem(why: &str) -> Problem {
    Problem {
        severity: Severity::Unhealthy,
        code: "key-unusable",
        what: format!("nothing is announced: {why}"),
        remedy: "make the key with `sovnetctl key new` on one node, copy it to the same place on \
                 the others, and restart sovnetd"
            .to_owned(),
    }
}

fn serve(options: &Options, start: Start) -> Result<()> {
    let listener = control::bind(&options.socket).context("no control socket")?;
    let (memories, troubles) = store::load(&options.state_dir);
    let board = Board::new(memories);
    let (commands_tx, commands_rx) = mpsc::channel(COMMAND_QUEUE);
    runtime()?.block_on(async {
        let mut tasks = TaskSet::new();
        let sources = sources(&start, &board);
        let control = Control::new(listener, sources.clone(), commands_tx.clone())?;
        tasks.spawn("control", control.run(tasks.stop()));
        spawn_answering(&mut tasks, &start, &board);
        spawn_keeper(&mut tasks, &start, &board, sources);
        let latency = start.config.is_some().then(|| {
            let problems = board.store_problems.clone();
            let store = Store::new(
                &options.state_dir,
                board.memories.subscribe(),
                problems,
                troubles,
            );
            tasks.spawn("store", store.run(tasks.stop()));
            start_latency(start.settings.clone(), commands_rx, &board, tasks.stop())
        });
        let latency = latency.transpose()?;
        let signals = Signals::listen().context("failed to listen to signals")?;
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
    let _ended_already = commands.try_send((Command::Stop, answer));
    let joined = tokio::task::spawn_blocking(move || latency.join());
    match tokio::time::timeout(HAND_OVER, joined).await {
        Ok(Ok(Ok(result))) => result.context("the latency thread failed"),
        Ok(_panicked) => anyhow::bail!("the latency thread broke off"),
        Err(_late) => anyhow::bail!("the latency thread does not end"),
    }
}

fn sources(start: &Start, board: &Board) -> Sources {
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
        dns: has_dns.then(|| board.dns.subscribe()),
        others: vec![
            board.brain_problems.subscribe(),
            board.kernel_problems.subscribe(),
            board.store_problems.subscribe(),
            notes.subscribe(),
        ],
    }
}

fn spawn_answering(tasks: &mut TaskSet, start: &Start, board: &Board) {
    let Some(config) = &start.config else { return };
    let brain = Brain {
        config: Arc::clone(config),
        links: board.links.subscribe(),
        decision: board.decision.clone(),
        problems: board.brain_problems.clone(),
        obstacle: start.obstacle.clone(),
    };
    tasks.spawn("brain", brain.run(tasks.stop()));
    if let Some(dns) = &config.dns {
        let links = board.links.subscribe();
        let dns = Dns::new(dns, links, board.dns.clone(), Arc::clone(&board.answering));
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

/// The latency thread: nothing on it waits for a disk, a query or the Kubernetes API.
fn start_latency(
    settings: Settings,
    commands: mpsc::Receiver<CommandRequest>,
    board: &Board,
    stop_rest: CancellationToken,
) -> Result<JoinHandle<Result<()>>> {
    let wires = Wires {
        decision: board.decision.subscribe(),
        local: board.local.subscribe(),
        commands,
        wish: board.wish.clone(),
        report: board.lan.clone(),
        memories: board.memories.clone(),
        progress: Arc::clone(&board.announcing),
    };
    let link = Link::new(
        board.wish.subscribe(),
        board.links.clone(),
        board.local.clone(),
        board.kernel_problems.clone(),
    );
    let thread = std::thread::Builder::new().name("latency".to_owned());
    let thread = thread.spawn(move || {
        let _stop_rest = stop_rest.drop_guard();
        runtime()?.block_on(async {
            let mut tasks = TaskSet::new();
            tasks.spawn("link", link.run(tasks.stop()));
            tasks.spawn("announce", Announce::new(settings, wires).run());
            tasks.run().await.context("announcing failed")
        })
    });
    thread.context("failed to start the latency thread")
}

/// SIGTERM and SIGINT stop, SIGUSR2 restarts; SIGHUP does nothing, the config is read at start.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    restart: Signal,
    hang_up: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            restart: signal(SignalKind::user_defined2())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn run(
        mut self,
        commands: mpsc::Sender<CommandRequest>,
        is_idle: bool,
        stop: CancellationToken,
    ) -> Result<(), Infallible> {
        loop {
            // Cancel-safe: a signal stays pending.
            let command = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                _ = self.terminate.recv() => Command::Stop,
                _ = self.interrupt.recv() => Command::Stop,
                _ = self.restart.recv() => Command::Restart,
                _ = self.hang_up.recv() => {
                    log::info!("SIGHUP: the config is read at start; restart to change it");
                    continue;
                }
            };
            ready::tell_stopping();
            if is_idle {
                return Ok(());
            }
            let (answer, said) = oneshot::channel();
            if commands.send((command, answer)).await.is_err() {
                return Ok(());
            }
            if let Ok(said) = said.await {
                log::info!("{said}");
            }
        }
    }
}
