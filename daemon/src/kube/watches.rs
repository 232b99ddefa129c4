//! The watches, and what they have shown so far: Services, EndpointSlices, Nodes and Namespaces.
//!
//! Each kind is swapped as a whole when its list is complete; a relist in between shows the old one.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{BoxStream, SelectAll};
use futures_util::{FutureExt, StreamExt};
use k8s_openapi::api::core::v1::{Namespace, Node, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::runtime::utils::Backoff;
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch};
use kube::{Api, Client};
use sovnet_core::config::Config;
use sovnet_core::facts::cluster::{self, ClusterFacts, SERVICES_MAX};
use sovnet_core::metallb::Advertisement;
use sovnet_core::names::{NodeName, ServiceName};
use sovnet_core::time::Moment;

use self::metallb::Foreign;
use self::whole::note;
use super::touched::Touched;
use super::translate::{self, Endpoints};
use super::trouble::{Trouble, describe};
use crate::clock;

mod metallb;
mod whole;

/// The most objects of one kind that are kept; what comes after them is left out.
const OBJECTS_MAX: usize = 50_000;

/// The namespace that every cluster has had since its first moment: it gives the cluster its uid.
const SYSTEM: &str = "kube-system";

/// A watch is asked for anew after this.
const WATCH_SECS: u32 = 30;
/// Lists that are not complete after this hang, and a failure that lasts this long counts.
const STUCK: Duration = Duration::from_secs(30);
/// A failure that was not repeated for this long is over; longer than the longest pause.
const TROUBLE_LASTS: Duration = Duration::from_secs(40);
/// The pause after a first failure, and the longest one.
const PAUSES: (Duration, Duration) = (Duration::from_millis(800), Duration::from_secs(15));

/// The pauses of a watch that fails: each twice as long. kube resets them with every list that
/// begins, and a list that fails has begun; so here only time resets them.
#[derive(Debug, Default)]
struct Pauses {
    count: u32,
    last: Option<Moment>,
}

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let now = clock::now();
        let (first, longest) = PAUSES;
        if self.last.is_none_or(|last| now.since(last) >= longest * 2) {
            self.count = 0;
        }
        let pause = first.saturating_mul(1 << self.count.min(10)).min(longest);
        self.count += 1;
        self.last = Some(now);
        Some(pause)
    }
}

impl Backoff for Pauses {
    fn reset(&mut self) {}
}

/// A Service with its endpoints, and the version that it was seen in.
type Seen = (Arc<cluster::Service>, String);
/// A slice of endpoints: whose it is, and where ready ones are.
type Slice = (ServiceName, Endpoints);

/// One event of one watch, trimmed.
pub(super) enum Change {
    /// In a box: much larger than the others.
    Services(Box<Step<ServiceName, Seen>>),
    Slices(Step<String, Slice>),
    Nodes(Step<NodeName, translate::Node>),
    Namespaces(Step<String, translate::Namespace>),
    /// In boxes, as there are few.
    Pools(Box<Step<String, metallb::Pool>>),
    Advertisements(Box<Step<String, Advertisement>>),
}

/// What a watch says.
pub(super) enum Step<K, V> {
    /// A new list begins.
    Begin,
    /// An object of the new list.
    Listed(Option<(K, V)>),
    /// The new list is complete.
    Complete,
    /// An object is new or has changed; without a value it is none of ours.
    Set(K, Option<V>),
    /// An object is gone.
    Gone(K),
    /// An object that cannot be read.
    Nothing,
    /// The watch failed, and is tried again.
    Failed(Trouble),
}

/// What one watch has shown.
struct Kind<K, V> {
    name: &'static str,
    objects: BTreeMap<K, V>,
    listing: BTreeMap<K, V>,
    is_complete: bool,
    trouble: Option<Failing>,
}

/// A watch that fails, with when it did so first and last.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Failing {
    trouble: Trouble,
    first: Moment,
    last: Moment,
}

impl<K: Ord, V> Kind<K, V> {
    fn new(name: &'static str) -> Kind<K, V> {
        Kind {
            name,
            objects: BTreeMap::new(),
            listing: BTreeMap::new(),
            is_complete: false,
            trouble: None,
        }
    }

    fn handle(&mut self, step: Step<K, V>, now: Moment) {
        match step {
            Step::Failed(trouble) => {
                let known = self.trouble.as_ref();
                if known.is_none_or(|known| known.trouble != trouble) {
                    log::debug!(kind = self.name, reason:% = trouble.text; "watch failed");
                }
                self.trouble = Some(Failing {
                    first: known.map_or(now, |known| known.first),
                    last: now,
                    trouble,
                });
                return;
            }
            // A list that begins has not succeeded yet.
            Step::Begin => {
                self.listing.clear();
                return;
            }
            Step::Listed(Some((key, value))) => {
                if self.listing.len() < OBJECTS_MAX {
                    self.listing.insert(key, value);
                }
            }
            Step::Complete => {
                self.objects = std::mem::take(&mut self.listing);
                self.is_complete = true;
            }
            Step::Set(key, Some(value)) => {
                if self.objects.len() < OBJECTS_MAX || self.objects.contains_key(&key) {
                    self.objects.insert(key, value);
                }
            }
            Step::Set(key, None) | Step::Gone(key) => {
                self.objects.remove(&key);
            }
            Step::Listed(None) | Step::Nothing => {}
        }
        self.trouble = None;
    }
}

/// The watches with what they have shown.
pub(super) struct Watches {
    streams: SelectAll<BoxStream<'static, Change>>,
    /// What they said and nobody has taken yet.
    arrived: Vec<Change>,
    services: Kind<ServiceName, Seen>,
    slices: Kind<String, Slice>,
    nodes: Kind<NodeName, translate::Node>,
    namespaces: Kind<String, translate::Namespace>,
    /// Whether nothing can be said without the namespaces.
    needs_namespaces: bool,
    /// MetalLB's pools, if the config asks for them.
    foreign: Option<Foreign>,
    /// When they began.
    began: Moment,
}

impl Watches {
    /// Watches that have shown nothing yet. Namespaces are waited for only if the config asks for
    /// their labels, or for pools that may. `has_memory`: whether such pools are remembered.
    pub(super) fn new(client: &Client, config: &Config, has_memory: bool, now: Moment) -> Watches {
        let metallb = config.kubernetes.as_ref();
        let metallb = metallb.and_then(|kubernetes| kubernetes.metallb.as_deref());
        let mut pools = config.pools.iter();
        let needs_namespaces =
            metallb.is_some() || pools.any(|pool| !pool.namespace_selectors.is_empty());
        let services = watch(Api::<Service>::all(client.clone()), watch_config());
        let services = services.backoff(Pauses::default()).map(|event| {
            let key = |object: &Service| translate::name(&object.metadata);
            let value = |object: &Service| {
                let (service, version) = translate::service(object)?;
                Some((Arc::new(service), version))
            };
            Change::Services(Box::new(step(event, key, value)))
        });
        let slices = watch(Api::<EndpointSlice>::all(client.clone()), watch_config());
        let slices = slices.backoff(Pauses::default()).map(|event| {
            let key = |object: &EndpointSlice| object.metadata.uid.clone();
            Change::Slices(step(event, key, translate::slice))
        });
        let nodes = watch(Api::<Node>::all(client.clone()), watch_config());
        let nodes = nodes.backoff(Pauses::default()).map(|event| {
            let key = |object: &Node| translate::node(object).map(|(name, _)| name);
            let value = |object: &Node| translate::node(object).map(|(_, node)| node);
            Change::Nodes(step(event, key, value))
        });
        let namespaces = watch(Api::<Namespace>::all(client.clone()), watch_config());
        let namespaces = namespaces.backoff(Pauses::default()).map(|event| {
            let key = |object: &Namespace| object.metadata.name.clone();
            let value = |object: &Namespace| translate::namespace(object).map(|(_, one)| one);
            Change::Namespaces(step(event, key, value))
        });
        let mut streams = SelectAll::new();
        streams.push(services.boxed());
        streams.push(slices.boxed());
        streams.push(nodes.boxed());
        streams.push(namespaces.boxed());
        for stream in metallb
            .map(|home| metallb::streams(client, home))
            .into_iter()
            .flatten()
        {
            streams.push(stream);
        }
        Watches {
            streams,
            arrived: Vec::new(),
            services: Kind::new("services"),
            slices: Kind::new("endpointslices"),
            nodes: Kind::new("nodes"),
            namespaces: Kind::new("namespaces"),
            needs_namespaces,
            foreign: metallb.map(|_home| Foreign::new(&config.pools, has_memory)),
            began: now,
        }
    }

    /// Complete watches that have shown these Services, each with its version, and show nothing more.
    #[cfg(test)]
    pub(super) fn showing(
        services: impl IntoIterator<Item = (ServiceName, (cluster::Service, String))>,
    ) -> Watches {
        let mut watches = Watches {
            streams: SelectAll::new(),
            arrived: Vec::new(),
            services: Kind::new("services"),
            slices: Kind::new("endpointslices"),
            nodes: Kind::new("nodes"),
            namespaces: Kind::new("namespaces"),
            needs_namespaces: false,
            foreign: None,
            began: Moment::default(),
        };
        let services = services.into_iter();
        let services = services.map(|(name, (one, version))| (name, (Arc::new(one), version)));
        watches.services.objects = services.collect();
        watches.services.is_complete = true;
        watches.slices.is_complete = true;
        watches.nodes.is_complete = true;
        watches
    }

    /// Whether the lists should be complete by now, and are not: a request may hang for ever.
    pub(super) fn is_stuck(&self, now: Moment) -> bool {
        !self.is_complete() && now.since(self.began) >= STUCK
    }

    /// The next change with those that have already arrived or do so before `until`, up to `most`.
    /// Cancel-safe: what has arrived is kept for the next call.
    pub(super) async fn next_batch(&mut self, most: usize, until: Moment) -> Vec<Change> {
        while self.arrived.len() < most {
            match self.streams.next().now_or_never() {
                Some(Some(change)) => {
                    self.arrived.push(change);
                    continue;
                }
                // Watches never end; without any there is nothing to wait for.
                Some(None) if self.arrived.is_empty() => return std::future::pending().await,
                Some(None) => break,
                None => {}
            }
            let left = until.since(clock::now());
            let next = if self.arrived.is_empty() {
                self.streams.next().await
            } else if left.is_zero() {
                break;
            } else {
                let next = tokio::time::timeout(left, self.streams.next());
                next.await.ok().flatten()
            };
            self.arrived.extend(next);
        }
        std::mem::take(&mut self.arrived)
    }

    /// Takes in what has changed; the Services that this concerns.
    pub(super) fn handle(&mut self, changes: Vec<Change>, now: Moment) -> Touched {
        let mut touched = Touched::default();
        for change in changes {
            match change {
                Change::Services(step) => {
                    note(&mut touched, &step, |name, _new| vec![name.clone()]);
                    self.services.handle(*step, now);
                }
                Change::Slices(step) => {
                    let slices = &self.slices.objects;
                    note(&mut touched, &step, |uid, new| {
                        let owners = [slices.get(uid), new].into_iter().flatten();
                        owners.map(|(owner, _)| owner.clone()).collect()
                    });
                    self.slices.handle(step, now);
                }
                Change::Nodes(step) => self.nodes.handle(step, now),
                Change::Namespaces(step) => {
                    if self.needs_namespaces && !matches!(step, Step::Failed(_)) {
                        touched.note_all();
                    }
                    self.namespaces.handle(step, now);
                }
                Change::Pools(step) => {
                    if let Some(foreign) = &mut self.foreign {
                        foreign.handle_pools(*step, now);
                    }
                }
                Change::Advertisements(step) => {
                    if let Some(foreign) = &mut self.foreign {
                        foreign.handle_advertisements(*step, now);
                    }
                }
            }
        }
        self.put_together(&touched);
        touched
    }

    /// Whether every kind that is needed was listed once.
    pub(super) fn is_complete(&self) -> bool {
        let has_namespaces = self.namespaces.is_complete || !self.needs_namespaces;
        let has_nodes = self.nodes.is_complete && has_namespaces;
        self.services.is_complete && self.slices.is_complete && has_nodes && self.has_pools()
    }

    /// Why a watch does not go on; a refusal comes first. One that has gone on since says nothing
    /// of it (kube resumes it silently), so what is not repeated is over; and what is no refusal
    /// counts only when it lasts.
    pub(super) fn trouble(&self, now: Moment) -> Option<Trouble> {
        let namespaces = (self.namespaces.name, &self.namespaces.trouble);
        let all = [
            (self.services.name, &self.services.trouble),
            (self.slices.name, &self.slices.trouble),
            (self.nodes.name, &self.nodes.trouble),
        ];
        let needed = self.needs_namespaces.then_some(namespaces);
        let all = all.into_iter().chain(needed).chain(self.foreign_troubles());
        let troubles = all.filter_map(|(name, trouble)| {
            let failing = trouble.as_ref()?;
            let trouble = &failing.trouble;
            let is_repeated = now.since(failing.last) < TROUBLE_LASTS;
            let is_lasting = trouble.is_refusal || now.since(failing.first) >= STUCK;
            (is_repeated && is_lasting).then(|| Trouble {
                is_refusal: trouble.is_refusal,
                is_absent: trouble.is_absent,
                text: format!("watching {name}: {}", trouble.text),
            })
        });
        troubles.max_by_key(|trouble| trouble.is_refusal)
    }

    /// The cluster; none before every kind was listed.
    pub(super) fn facts(&self) -> Option<ClusterFacts> {
        if !self.is_complete() {
            return None;
        }
        let mut facts = ClusterFacts::default();
        for (name, node) in &self.nodes.objects {
            facts.nodes.insert(name.clone(), node.addresses.clone());
            if let Some(bar) = node.bar {
                facts.barred.insert(name.clone(), bar);
            }
        }
        let system = self.namespaces.objects.get(SYSTEM);
        facts.uid = system.map(|namespace| namespace.uid.clone());
        let services = self.services.objects.iter().take(SERVICES_MAX);
        facts.services = services
            .map(|(name, (service, _))| (name.clone(), Arc::clone(service)))
            .collect();
        Some(facts)
    }

    /// A Service as it was last seen, with its version.
    pub(super) fn seen(&self, name: &ServiceName) -> Option<&Seen> {
        self.services.objects.get(name)
    }

    /// The Services of ours that have this address.
    pub(super) fn names_with(&self, config: &Config, address: IpAddr) -> Vec<ServiceName> {
        let having = self.services.objects.iter().filter(|(_, (service, _))| {
            service.is_ours(config) && service.assigned.contains(&address)
        });
        having.map(|(name, _)| name.clone()).collect()
    }
}

fn watch_config() -> watcher::Config {
    // A connection that died silently is noticed within this time and a few seconds.
    let config = watcher::Config::default().timeout(WATCH_SECS);
    config.page_size(200)
}

/// An event of kube's watcher, trimmed.
fn step<T, K, V>(
    event: watcher::Result<Event<T>>,
    key: impl Fn(&T) -> Option<K>,
    value: impl Fn(&T) -> Option<V>,
) -> Step<K, V> {
    match event {
        Ok(Event::Init) => Step::Begin,
        Ok(Event::InitApply(object)) => Step::Listed(key(&object).zip(value(&object))),
        Ok(Event::InitDone) => Step::Complete,
        Ok(Event::Apply(object)) => match key(&object) {
            Some(key) => Step::Set(key, value(&object)),
            None => Step::Nothing,
        },
        Ok(Event::Delete(object)) => key(&object).map_or(Step::Nothing, Step::Gone),
        Err(error) => Step::Failed(describe(&error)),
    }
}

#[cfg(test)]
mod tests;
