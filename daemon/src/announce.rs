//! The latency loop: one loop that owns the member and the speaker of every segment, with their
//! sockets.
//!
//! One loop, because after a pause of the process no ARP frame may be answered before the member
//! has noticed the pause (R2). It decides nothing itself: it reads what has arrived, hands it to
//! the machines, and carries out what they say. `app` runs it on the latency thread.

mod bell;
mod filter;
mod groups;
mod heartbeat;
mod local;
mod packet;
mod segment;
mod wire;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sovnet_core::decide::Decision;
use sovnet_core::facts::occupants::{self, Occupants};
use sovnet_core::facts::{KernelWish, LocalAddresses};
use sovnet_core::member::keys::KeyRing;
use sovnet_core::member::memory::Memories;
use sovnet_core::member::{Command, MoveOrder, MoveRefusal, Order, PinOrder, PinRefusal, Settings};
use sovnet_core::names::{LinkIndex, Mac, NodeName};
use sovnet_core::report::LanReport;
use sovnet_core::time::Moment;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};

use crate::clock;
use bell::Bell;
use local::Local;
use segment::Segment;

/// What changes between two reports and is nothing new (when a peer was heard last, counters) is
/// reported this often; whoever asks gets it at once.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// What is new is reported at once, but no more often than this.
const REPORT_GAP: Duration = Duration::from_millis(25);
/// And with many addresses less often, so much for each: making a report of 1,000 takes some
/// 0.5 ms. What is claimed or given up is told at once all the same.
const REPORT_EACH: Duration = Duration::from_micros(250);
/// With no segment to care for, the loop still shows that it lives.
const IDLE: Duration = Duration::from_millis(250);

/// One sentence: what was done, or why it can not be done.
type Answer = Result<String, String>;

/// Why the loop ended.
#[derive(Debug, Error)]
pub(crate) enum AnnounceError {
    /// No randomness: sessions and challenges would be guessable.
    #[error("the kernel gives no randomness")]
    Randomness(#[source] getrandom::Error),
    /// Nothing would wake the loop.
    #[error("the kernel lets this process wait for nothing")]
    Wait(#[source] io::Error),
}

/// Snapshots in and out of the loop.
pub(crate) struct Wires {
    /// What this node could serve; changes with the kernel's facts.
    pub(crate) decision: watch::Receiver<Arc<Decision>>,
    /// What protects heartbeats; changes when the key file was read again.
    pub(crate) keys: watch::Receiver<Arc<KeyRing>>,
    /// Addresses that the kernel holds for us.
    pub(crate) local: watch::Receiver<Arc<LocalAddresses>>,
    /// Orders of an operator or the service manager, each with the place for its answer.
    pub(crate) commands: mpsc::Receiver<(Order, oneshot::Sender<Answer>)>,
    /// What the kernel shall hold.
    pub(crate) wish: watch::Sender<Arc<KernelWish>>,
    /// The LAN side of the status.
    pub(crate) report: watch::Sender<Arc<LanReport>>,
    /// Somebody wants it as of now; answered by publishing it.
    pub(crate) asked: mpsc::Receiver<()>,
    /// Hosts that are no nodes and use addresses of ours.
    pub(crate) occupants: watch::Sender<Arc<Occupants>>,
    /// Addresses that this node announces.
    pub(crate) held: watch::Sender<Arc<BTreeSet<IpAddr>>>,
    /// Nodes that are gone.
    pub(crate) gone: watch::Sender<Arc<BTreeSet<NodeName>>>,
    /// Hardware addresses whose vendor people want to know.
    pub(crate) macs: watch::Sender<Arc<BTreeSet<Mac>>>,
    /// What to keep on disk.
    pub(crate) memories: watch::Sender<Arc<Memories>>,
    /// Grows with every turn.
    pub(crate) progress: Arc<AtomicU64>,
    /// The local time of day in minutes; none while nothing depends on it.
    pub(crate) day_minute: watch::Receiver<Option<u16>>,
}

/// The loop.
pub(crate) struct Announce {
    settings: Settings,
    bell: Bell,
    wires: Wires,
    segments: BTreeMap<LinkIndex, Segment>,
    local: Local,
    /// The order to leave, once it was given.
    leaving: Option<Command>,
    /// A link that appears later is drained, too.
    is_drained: bool,
    /// None: the next report is due whatever was told before.
    reported_at: Option<Moment>,
    /// Something has changed since.
    has_news: bool,
}

enum Event {
    /// Input waits, or a deadline has passed: the turn finds out.
    Due,
    Decision,
    Keys,
    Order(Order, oneshot::Sender<Answer>),
    /// Somebody wants the report as of now.
    Asked,
    /// Nobody can command any more: the process is ending.
    Closed,
    /// The kernel does not let this process wait.
    Failed(io::Error),
}

impl Announce {
    /// A loop that knows nothing yet. Memories are in `wires.memories` beforehand. Needs a tokio
    /// runtime with I/O.
    ///
    /// # Errors
    /// The kernel gives no descriptors.
    pub(crate) fn new(settings: Settings, wires: Wires) -> Result<Announce, AnnounceError> {
        Ok(Announce {
            settings,
            bell: Bell::new().map_err(AnnounceError::Wait)?,
            wires,
            segments: BTreeMap::new(),
            local: Local::default(),
            leaving: None,
            is_drained: false,
            reported_at: None,
            has_news: true,
        })
    }

    /// Runs until every segment has left after a stop or restart.
    ///
    /// # Errors
    /// The kernel gives no randomness, or nothing to wait for.
    pub(crate) async fn run(mut self) -> Result<(), AnnounceError> {
        self.follow_decision()?;
        loop {
            let event = self.wait_for_event().await;
            self.wires.progress.fetch_add(1, Ordering::Relaxed);
            // R1: what has arrived comes before every deadline and every order.
            self.take_turn()?;
            match event {
                Event::Due => {}
                Event::Asked => self.answer_asked(),
                Event::Decision => self.follow_decision()?,
                Event::Keys => self.follow_keys()?,
                Event::Order(order, answer) => {
                    let said = match order {
                        Order::Command(command) => Ok(self.obey(command)),
                        Order::Move(order) => self.try_move(&order),
                        Order::Pin(order) => self.try_pin(&order),
                    };
                    // Whoever asked may be gone; the order stands.
                    let _asker_is_gone = answer.send(said);
                    self.take_turn()?;
                }
                Event::Closed => return Ok(()),
                Event::Failed(error) => return Err(AnnounceError::Wait(error)),
            }
            self.publish();
            if self.leaving.is_some() && self.segments.values().all(Segment::is_finished) {
                return Ok(());
            }
        }
    }

    /// The only wait. Every branch is cancel-safe: the bell, watches and channels lose nothing
    /// when another branch wins.
    async fn wait_for_event(&mut self) -> Event {
        let now = clock::now();
        let next = self
            .segments
            .values()
            .filter_map(Segment::next_timeout)
            .min();
        let pause = next.map_or(IDLE, |at| at.since(now).min(IDLE));
        tokio::select! {
            biased;
            command = self.wires.commands.recv() => match command {
                Some((order, answer)) => Event::Order(order, answer),
                None => Event::Closed,
            },
            changed = self.wires.decision.changed() => match changed {
                Ok(()) => Event::Decision,
                Err(_closed) => Event::Closed,
            },
            changed = self.wires.keys.changed() => match changed {
                Ok(()) => Event::Keys,
                Err(_closed) => Event::Closed,
            },
            changed = self.wires.local.changed() => match changed {
                Ok(()) => Event::Due,
                Err(_closed) => Event::Closed,
            },
            Some(()) = self.wires.asked.recv() => Event::Asked,
            rung = self.bell.rung(pause) => match rung {
                Ok(()) => Event::Due,
                Err(error) => Event::Failed(error),
            },
        }
    }

    /// One turn of every segment: wake, read, decide, carry out.
    fn take_turn(&mut self) -> Result<(), AnnounceError> {
        let told = Arc::clone(&self.wires.local.borrow_and_update());
        self.local.handle_told(&told);
        let local = self.local.trusted();
        let day_minute = *self.wires.day_minute.borrow();
        let mut is_claims_changed = false;
        let mut is_to_remember = false;
        for segment in self.segments.values_mut() {
            if let Some(minute) = day_minute {
                segment.handle_wall_clock(minute);
            }
            let did = segment.take_turn(&self.settings, &local, clock::now())?;
            is_claims_changed |= did.kernel_changed;
            is_to_remember |= did.remember;
            self.has_news |= did.is_news;
        }
        if is_claims_changed {
            self.wish();
        }
        if is_to_remember {
            self.remember();
        }
        if is_claims_changed || is_to_remember {
            self.reported_at = None;
        }
        Ok(())
    }

    /// Segments appear, change and vanish with the kernel's links.
    fn follow_decision(&mut self) -> Result<(), AnnounceError> {
        let decision = Arc::clone(&self.wires.decision.borrow_and_update());
        let now = clock::now();
        let is_gone = |index: &LinkIndex| !decision.segments.contains_key(index);
        if self.segments.keys().any(is_gone) {
            self.remember();
            self.segments
                .retain(|index, _| decision.segments.contains_key(index));
        }
        for (index, plan) in &decision.segments {
            if let Some(segment) = self.segments.get_mut(index) {
                segment.handle_plan(plan, now);
            } else if self.leaving.is_none() {
                let remembered = self.wires.memories.borrow().get(&plan.link).cloned();
                let remembered = remembered.unwrap_or_default();
                let bell = self.bell.clone();
                let mut segment = Segment::new(*index, plan.clone(), remembered, bell);
                if self.is_drained {
                    segment.handle_command(Command::Drain, now);
                }
                self.segments.insert(*index, segment);
            }
        }
        self.take_turn()?;
        self.wish();
        self.reported_at = None;
        Ok(())
    }

    /// Other keys from now on, also for segments that open later.
    fn follow_keys(&mut self) -> Result<(), AnnounceError> {
        self.settings.keys = KeyRing::clone(&self.wires.keys.borrow_and_update());
        for segment in self.segments.values_mut() {
            segment.handle_keys(&self.settings.keys, clock::now());
        }
        self.reported_at = None;
        self.take_turn()
    }

    fn obey(&mut self, command: Command) -> String {
        let now = clock::now();
        let spoken: usize = self.segments.values().map(Segment::spoken_for).sum();
        if matches!(command, Command::Stop | Command::Restart) {
            self.leaving = Some(command);
            self.wish();
        }
        match command {
            Command::Drain => self.is_drained = true,
            Command::Undrain => self.is_drained = false,
            Command::Stop | Command::Restart => {}
        }
        for segment in self.segments.values_mut() {
            segment.handle_command(command, now);
        }
        self.reported_at = None;
        let addresses = if spoken == 1 { "address" } else { "addresses" };
        match command {
            Command::Drain => {
                format!("draining: {spoken} {addresses} held here go to nodes that can serve them")
            }
            Command::Undrain => {
                format!("takes part again, and keeps the {spoken} {addresses} that it holds")
            }
            Command::Stop => format!("stopping: {spoken} {addresses} held here are handed over"),
            Command::Restart => format!("restarting: peers hold the {spoken} {addresses} for it"),
        }
    }

    /// An address is on one segment at most: the others do not know it.
    fn try_move(&mut self, order: &MoveOrder) -> Answer {
        let now = clock::now();
        let mut said = Err(MoveRefusal::Unknown(order.address));
        for segment in self.segments.values_mut() {
            match segment.handle_move(order, now) {
                Err(MoveRefusal::Unknown(_)) => {}
                other => said = other,
            }
        }
        self.reported_at = None;
        said.map_err(|refusal| refusal.to_string())
    }

    /// As [`Announce::try_move`].
    fn try_pin(&mut self, order: &PinOrder) -> Answer {
        let now = clock::now();
        let mut said = Err(PinRefusal::Unknown(order.address));
        for segment in self.segments.values_mut() {
            match segment.handle_pin(order, now) {
                Err(PinRefusal::Unknown(_)) => {}
                other => said = other,
            }
        }
        self.reported_at = None;
        said.map_err(|refusal| refusal.to_string())
    }

    fn wish(&mut self) {
        let mut wish = KernelWish {
            number: self.wires.wish.borrow().number,
            is_kept_on_exit: self.leaving == Some(Command::Restart),
            ..KernelWish::default()
        };
        for (index, segment) in &self.segments {
            wish.announcing.push(*index);
            segment.wish(&mut wish);
        }
        let is_news = **self.wires.wish.borrow() != wish;
        if is_news {
            wish.number += 1;
            self.local.handle_wish(&wish);
            self.wires.wish.send_replace(Arc::new(wish));
        }
    }

    /// Memories of links that are gone for now stay.
    fn remember(&self) {
        self.wires.memories.send_if_modified(|current| {
            let mut memories = Memories::clone(current);
            for segment in self.segments.values() {
                if let Some(remembered) = segment.remembered() {
                    memories.insert(segment.link().clone(), remembered);
                }
            }
            let is_news = memories != **current;
            *current = Arc::new(memories);
            is_news
        });
    }

    /// What others do about hosts that are no nodes, and about nodes that are gone: Services,
    /// vendors, the Lease.
    fn publish_others(&self, report: &LanReport) {
        let mut occupants = Occupants::new();
        for segment in self.segments.values() {
            occupants.extend(segment.occupants());
        }
        self.wires.occupants.send_if_modified(|current| {
            let is_news = !occupants::are_same(current, &occupants);
            if is_news {
                *current = Arc::new(occupants);
            }
            is_news
        });
        publish_set(&self.wires.held, report.held());
        publish_set(&self.wires.gone, report.gone());
        let segments = report.segments.iter();
        let macs: BTreeSet<Mac> = segments
            .flat_map(|segment| {
                let conflicts = segment.conflicts.iter().map(|conflict| conflict.mac);
                conflicts.chain(segment.dhcp_servers.iter().map(|server| server.mac))
            })
            .collect();
        publish_set(&self.wires.macs, macs);
    }

    /// The next report is due, or this one is new enough: then it is only published again.
    fn answer_asked(&mut self) {
        let age = self.reported_at.map(|at| clock::now().since(at));
        if age.is_some_and(|age| age < self.report_gap()) {
            self.wires.report.send_modify(|_as_it_is| {});
        } else {
            self.reported_at = None;
        }
    }

    fn report_gap(&self) -> Duration {
        let addresses: usize = self.segments.values().map(Segment::addresses).sum();
        let addresses = u32::try_from(addresses).unwrap_or(u32::MAX);
        REPORT_GAP.max(REPORT_EACH.saturating_mul(addresses))
    }

    fn publish(&mut self) {
        let now = clock::now();
        let gap = self.report_gap();
        let every = if self.has_news {
            gap
        } else {
            REPORT_EVERY.max(gap * 10)
        };
        if self.reported_at.is_some_and(|at| now.since(at) < every) {
            return;
        }
        self.reported_at = Some(now);
        self.has_news = false;
        let mut report = LanReport::default();
        for segment in self.segments.values() {
            segment.report(&mut report, now);
        }
        self.publish_others(&report);
        self.wires.report.send_replace(Arc::new(report));
    }
}

/// Publishes a set if it is another one.
fn publish_set<T: PartialEq>(wire: &watch::Sender<Arc<BTreeSet<T>>>, set: BTreeSet<T>) {
    wire.send_if_modified(|current| {
        let is_news = **current != set;
        if is_news {
            *current = Arc::new(set);
        }
        is_news
    });
}
