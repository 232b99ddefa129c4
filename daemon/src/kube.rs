//! The Kubernetes API: what Services, EndpointSlices and Nodes say becomes facts, and what is
//! allocated becomes their status.
//!
//! One task owns everything: the credentials, the watches, the Lease and the writes. It publishes
//! [`ClusterFacts`] only when every watch is complete, and keeps the last ones when the API goes
//! away, so that announcing and answering never wait for it. Every node watches; the one that holds
//! the Lease writes. `app` runs [`Kube::run`]; nothing here announces or decides.

mod access;
mod announced;
mod attempts;
mod certificate;
mod conflict;
mod contest;
pub(crate) mod delivery;
mod lease;
mod notice;
mod places;
mod pools;
pub(crate) mod proxy;
mod session;
mod show;
mod status;
mod tell;
mod touched;
mod translate;
mod trouble;
mod wanted;
mod watches;

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use sovnet_core::allocate::history::History;
use sovnet_core::allocate::{self, Elsewhere, Verdict};
use sovnet_core::config::Config;
use sovnet_core::facts::LinkFacts;
use sovnet_core::facts::cluster::{ClusterFacts, Service};
use sovnet_core::facts::occupants::{self, Occupants};
use sovnet_core::lease::{LOOK_EVERY, Lease};
use sovnet_core::metallb::InForce;
use sovnet_core::names::{NodeName, ServiceName};
use sovnet_core::report::{ApiState, KubernetesView, Vendors};
use sovnet_core::time::{Moment, Pace};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use self::attempts::Attempts;
use self::contest::Contests;
use self::lease::LeaseTrouble;
use self::session::{Found, Session, Surroundings};
use self::tell::Teller;
use self::touched::Touched;
use self::watches::Change;
use crate::clock;

/// Changes that arrive together are taken together, up to so many.
const BATCH: usize = 4_096;
/// While many arrive, they are gathered for so long at most.
const GATHER_MAX: Duration = Duration::from_millis(500);
/// After the API was away for this long, the watches are begun anew.
const LONG_AWAY: Duration = Duration::from_secs(10);
/// How long giving the Lease back may take when the daemon ends.
const HAND_BACK: Duration = Duration::from_secs(1);

/// What the shell is told at start, and where it says what it knows.
pub(crate) struct Wires {
    /// The config in force.
    pub(crate) config: Arc<Config>,
    /// This node.
    pub(crate) node: NodeName,
    /// Where the credentials are.
    pub(crate) kubeconfig: PathBuf,
    /// Whether they are this node's own, and not named by the config: then the API may be where
    /// they do not say.
    pub(crate) is_joined: bool,
    /// Unique to this life of this node.
    pub(crate) identity: String,
    /// The kernel's facts: what no Service can have.
    pub(crate) links: watch::Receiver<Arc<LinkFacts>>,
    /// Hosts that are no nodes and use addresses of ours.
    pub(crate) occupants: watch::Receiver<Arc<Occupants>>,
    /// Addresses that this node announces.
    pub(crate) held: watch::Receiver<Arc<BTreeSet<IpAddr>>>,
    /// Nodes that the others know to be gone.
    pub(crate) gone: watch::Receiver<Arc<BTreeSet<NodeName>>>,
    /// Whose products their hardware addresses are.
    pub(crate) vendors: watch::Receiver<Arc<Vendors>>,
    /// What the cluster says; at start what the disk remembers of it.
    pub(crate) facts: watch::Sender<Arc<ClusterFacts>>,
    /// For the status.
    pub(crate) view: watch::Sender<Arc<KubernetesView>>,
}

/// The Kubernetes side of this node.
pub(crate) struct Kube {
    wires: Wires,
    /// The config, with pools of MetalLB's if it asks for them.
    in_force: InForce,
    session: Option<Session>,
    surroundings: Surroundings,
    lease: Lease,
    attempts: Attempts,
    teller: Teller,
    /// Whose changes are not taken in yet, since the cluster is not known whole.
    unread: Touched,
    verdicts: Arc<BTreeMap<ServiceName, Verdict>>,
    /// What they are of.
    allocated: Option<Allocated>,
    /// Whose status is to be looked at.
    unwritten: Touched,
    /// What was told of the addresses that this node announces.
    announced: announced::Told,
    /// Statuses that other controllers change.
    contests: Contests,
    /// What the statuses do not remember.
    history: History,
    health: Health,
    look_at: Moment,
    /// A look at the Lease that is under way, with what will be known of it then. Nothing waits for
    /// it: what this node may write follows from the looks before.
    look: Option<BoxFuture<'static, Found>>,
    write_at: Option<Moment>,
    pace: Pace,
}

/// What addresses were given by.
struct Allocated {
    config: Arc<Config>,
    links: Arc<LinkFacts>,
    occupants: Arc<Occupants>,
    facts: Arc<ClusterFacts>,
}

/// How it stands with the API.
#[derive(Debug, Default)]
struct Health {
    state: ApiState,
    reason: String,
    since: Option<Moment>,
    last_contact: Option<Moment>,
    /// Looks in a row that had no answer.
    failures: u32,
    /// Whether the facts are of this life.
    is_live: bool,
    /// Why this node could not be the writer.
    write_trouble: Option<LeaseTrouble>,
}

/// What the loop wakes up for.
enum Event {
    Changes(Vec<Change>),
    Links,
    Told,
    Gone,
    Looked(Box<Found>),
    Deadline,
    Stop,
}

impl Kube {
    /// A shell that has not looked at anything yet.
    pub(crate) fn new(wires: Wires) -> Kube {
        let now = clock::now();
        let contests = Contests::remembering(&wires.facts.borrow());
        let mut in_force = InForce::new(Arc::clone(&wires.config));
        in_force.take(&wires.facts.borrow().pools);
        Kube {
            in_force,
            lease: Lease::new(wires.identity.clone()),
            teller: Teller::new(wires.node.clone()),
            contests,
            wires,
            session: None,
            surroundings: Surroundings::default(),
            attempts: Attempts::default(),
            verdicts: Arc::default(),
            unread: Touched::default(),
            unwritten: Touched::everything(),
            allocated: None,
            announced: announced::Told::default(),
            history: History::default(),
            health: Health {
                reason: "no answer yet since the start".to_owned(),
                since: Some(now),
                ..Health::default()
            },
            look_at: now,
            look: None,
            write_at: None,
            pace: Pace::of_changes(),
        }
    }

    /// Follows the cluster until `stop`, and gives the Lease back then.
    ///
    /// # Errors
    /// Never: an API that is away or refuses is a state, shown and tried again.
    pub(crate) async fn run(mut self, stop: CancellationToken) -> Result<(), Infallible> {
        // Whoever asks now learns at least where the API is.
        self.renew_session().await;
        self.publish();
        loop {
            match self.wait_for_event(&stop).await {
                Event::Changes(changes) => self.handle_changes(changes),
                Event::Links => {}
                Event::Told => continue,
                Event::Gone => self.handle_gone(),
                Event::Looked(found) => self.handle_found(*found),
                Event::Deadline => {
                    // A request that is dropped counts as lost, as any other one may be.
                    let _stopped = stop.run_until_cancelled(self.handle_deadline()).await;
                }
                Event::Stop => {
                    let _late = tokio::time::timeout(HAND_BACK, self.hand_back()).await;
                    return Ok(());
                }
            }
            self.take_turn(&stop).await;
        }
    }

    /// What follows from what is known. How long that takes, without what it waits for, sets the pace.
    async fn take_turn(&mut self, stop: &CancellationToken) {
        let begun = clock::now();
        self.allocate();
        let mut took = clock::now().since(begun);
        let _stopped = stop.run_until_cancelled(self.write()).await;
        let begun = clock::now();
        self.tell_announced();
        self.publish();
        let now = clock::now();
        took += now.since(begun);
        self.pace.note(took, now);
    }

    /// The only wait. Every branch is cancel-safe: streams, watches and timers lose nothing when
    /// another branch wins.
    async fn wait_for_event(&mut self, stop: &CancellationToken) -> Event {
        let now = clock::now();
        // One look at a time.
        let look_at = self.look.is_none().then_some(self.look_at);
        let next = [look_at, self.write_at].into_iter().flatten().min();
        let deadline = async {
            match next {
                Some(at) => tokio::time::sleep(at.since(now)).await,
                None => std::future::pending().await,
            }
        };
        let gather_until = self.pace.next_at(GATHER_MAX, now);
        let changes = async {
            match &mut self.session {
                Some(session) => session.watches.next_batch(BATCH, gather_until).await,
                None => std::future::pending().await,
            }
        };
        let looked = async {
            match &mut self.look {
                Some(look) => look.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop.cancelled() => Event::Stop,
            found = looked => Event::Looked(Box::new(found)),
            changes = changes => Event::Changes(changes),
            Ok(()) = self.wires.links.changed() => Event::Links,
            Ok(()) = self.wires.occupants.changed() => Event::Links,
            Ok(()) = self.wires.held.changed() => Event::Links,
            Ok(()) = self.wires.vendors.changed() => Event::Links,
            Ok(()) = self.wires.gone.changed() => Event::Gone,
            () = self.teller.run(), if !self.teller.is_done() => Event::Told,
            () = deadline => Event::Deadline,
        }
    }

    fn handle_changes(&mut self, changes: Vec<Change>) {
        let Some(session) = &mut self.session else {
            return;
        };
        let now = clock::now();
        self.unread.merge(&session.watches.handle(changes, now));
        let Some(mut facts) = session.watches.facts() else {
            return;
        };
        let mut touched = std::mem::take(&mut self.unread);
        let known_uid = self.wires.facts.borrow().uid.clone();
        self.take_pools(&mut facts, &mut touched);
        let Some(session) = &self.session else { return };
        let seen = (&session.watches, &touched);
        self.contests
            .handle(self.in_force.config(), seen, &mut facts, now);
        self.unwritten.merge(&touched);
        self.announced.touched.merge(&touched);
        if !self.health.is_live {
            log::info!(services = facts.services.len(), nodes = facts.nodes.len(); "the cluster is known");
            // From now on this node could be the writer.
            self.look_at = now;
        }
        self.health.is_live = true;
        if facts.uid.is_some() && known_uid.is_some() && facts.uid != known_uid {
            log::warn!(
                "another cluster answers than before: what was known of that one is forgotten"
            );
        }
        // Namespaces may be listed last, or not at all.
        facts.uid = facts.uid.or(known_uid);
        self.wires.facts.send_if_modified(|current| {
            let is_news = **current != facts;
            if is_news {
                *current = Arc::new(facts);
            }
            is_news
        });
    }

    /// Looks at the credentials, and begins a look at the Lease, when that is due.
    async fn handle_deadline(&mut self) {
        let now = clock::now();
        if self.write_at.is_some_and(|at| now >= at) {
            self.write_at = None;
            self.attempts.retry();
        }
        if now < self.look_at || self.look.is_some() {
            return;
        }
        self.look_at = now + LOOK_EVERY;
        self.renew_session().await;
        let is_able = self.is_able(now);
        if !is_able {
            self.lease.let_go();
        }
        self.begin_look(is_able);
    }

    /// The writer's work does not wait for a Lease that nobody renews any more.
    fn handle_gone(&mut self) {
        let gone = Arc::clone(&self.wires.gone.borrow_and_update());
        if self
            .lease
            .holder()
            .is_some_and(|holder| lease::is_of(holder, &gone))
        {
            self.look_at = clock::now();
        }
    }

    /// Whether this node could do a writer's work: it sees the cluster whole, and may write.
    fn is_able(&self, now: Moment) -> bool {
        let session = self.session.as_ref();
        self.health.is_live
            && !self.attempts.is_forbidden(now)
            && session.is_some_and(|session| {
                session.watches.is_complete() && session.watches.trouble(now).is_none()
            })
    }

    /// Notes the state of the API, and says a change once.
    fn turn(&mut self, state: ApiState, reason: String) {
        let health = &mut self.health;
        if health.state != state {
            health.since = Some(clock::now());
            match state {
                ApiState::Connected => log::info!("the Kubernetes API answers"),
                ApiState::Connecting => log::debug!(reason:% = reason; "asks the Kubernetes API"),
                ApiState::Unreachable => {
                    log::warn!(reason:% = reason; "the Kubernetes API does not answer");
                }
                ApiState::Refused => {
                    log::warn!(reason:% = reason; "the Kubernetes API refuses this node");
                }
                ApiState::Expired => {
                    log::warn!(reason:% = reason; "the client certificate for Kubernetes has expired");
                }
                ApiState::NoCredentials => {
                    log::warn!(reason:% = reason; "no usable credentials for Kubernetes");
                }
            }
        }
        health.state = state;
        health.reason = reason;
    }

    /// Every node works out who has which address; one of them writes it.
    fn allocate(&mut self) {
        let mut facts = Arc::clone(&self.wires.facts.borrow());
        if let Some(session) = &self.session {
            facts = self.attempts.with_written(&facts, &session.watches);
        }
        let config = Arc::clone(self.in_force.config());
        let links = Arc::clone(&self.wires.links.borrow_and_update());
        let occupants = Arc::clone(&self.wires.occupants.borrow_and_update());
        if let Some(known) = &self.allocated
            && Arc::ptr_eq(&known.config, &config)
            && Arc::ptr_eq(&known.links, &links)
            && Arc::ptr_eq(&known.occupants, &occupants)
            && known.facts.nodes == facts.nodes
            && known
                .facts
                .has_same_services(&facts, Service::is_same_but_for_endpoints)
            && self.history.cooling().is_empty()
        {
            return;
        }
        let history = std::mem::take(&mut self.history);
        self.history = history.with(&config, &facts, clock::now());
        let elsewhere = Elsewhere {
            withheld: allocate::withheld(&links, &facts),
            occupied: occupants::not_given(&occupants),
            cooling: self.history.cooling(),
            settled: self.history.settled(&facts),
        };
        let verdicts = allocate::allocate(&config, &facts, &elsewhere);
        if *self.verdicts != verdicts {
            self.unwritten.note_changes(&self.verdicts, &verdicts);
            self.verdicts = Arc::new(verdicts);
        }
        let history = std::mem::take(&mut self.history);
        self.history = history.after(&facts, &self.verdicts);
        self.allocated = Some(Allocated {
            config,
            links,
            occupants,
            facts,
        });
    }

    /// Writes what differs, as long as this node may.
    async fn write(&mut self) {
        let Some(session) = &self.session else { return };
        // What is from the disk is no ground to write on.
        if !self.health.is_live || !session.watches.is_complete() {
            return;
        }
        let mut writer = status::Writer {
            client: &session.access.client,
            config: self.in_force.config(),
            lease: &self.lease,
            watches: &session.watches,
            teller: &mut self.teller,
            contests: &mut self.contests,
        };
        let again_at = writer
            .write(
                &mut self.unwritten,
                &self.verdicts,
                &mut self.attempts,
                self.look_at,
            )
            .await;
        let occupants = Arc::clone(&self.wires.occupants.borrow());
        let vendors = Arc::clone(&self.wires.vendors.borrow_and_update());
        writer.tell_conflicts(&occupants, &vendors, &mut self.attempts);
        self.write_at = [self.write_at, again_at].into_iter().flatten().min();
    }

    /// Lets another node write at once.
    async fn hand_back(&mut self) {
        if let Some(session) = &self.session
            && self.lease.may_write(clock::now())
        {
            lease::release(&session.access.client, &self.lease).await;
        }
    }

    fn publish(&mut self) {
        let mut view = show::view(self);
        view.rest.problems.extend(self.session_problems());
        self.wires.view.send_if_modified(|current| {
            let is_news = **current != view;
            if is_news {
                *current = Arc::new(view);
            }
            is_news
        });
    }
}

#[cfg(test)]
mod tests;
