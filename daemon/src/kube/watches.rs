//! Three watches, and what they have shown so far: Services, EndpointSlices and Nodes.
//!
//! Each kind is swapped as a whole when its list is complete; a relist in between shows the old one.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{BoxStream, SelectAll};
use futures_util::{FutureExt, StreamExt};
use k8s_openapi::api::core::v1::{Node, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch};
use kube::{Api, Client};
use sovnet_core::facts::cluster::{self, ClusterFacts, SERVICES_MAX};
use sovnet_core::names::{NodeName, ServiceName};

use super::translate;
use super::trouble::{Trouble, describe};

/// The most objects of one kind that are kept; what comes after them is left out.
const OBJECTS_MAX: usize = 10_000;

/// A Service and the version that it was seen in.
type Seen = (cluster::Service, String);
/// A slice of endpoints: whose it is, and where ready ones are.
type Slice = (ServiceName, BTreeSet<NodeName>);

/// One event of one watch, trimmed.
pub(super) enum Change {
    Services(Step<ServiceName, Seen>),
    Slices(Step<String, Slice>),
    Nodes(Step<NodeName, Vec<std::net::IpAddr>>),
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
    trouble: Option<Trouble>,
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

    fn handle(&mut self, step: Step<K, V>) {
        match step {
            Step::Failed(trouble) => {
                if self.trouble.as_ref() != Some(&trouble) {
                    log::debug!(kind = self.name, reason:% = trouble.text; "watch failed");
                }
                self.trouble = Some(trouble);
                return;
            }
            Step::Begin => self.listing.clear(),
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
    services: Kind<ServiceName, Seen>,
    slices: Kind<String, Slice>,
    nodes: Kind<NodeName, Vec<std::net::IpAddr>>,
}

impl Watches {
    /// Watches that have shown nothing yet.
    pub(super) fn new(client: &Client) -> Watches {
        let config = || watcher::Config::default().page_size(200);
        let services = watch(Api::<Service>::all(client.clone()), config());
        let services = services.default_backoff().map(|event| {
            let key = |object: &Service| translate::name(&object.metadata);
            Change::Services(step(event, key, translate::service))
        });
        let slices = watch(Api::<EndpointSlice>::all(client.clone()), config());
        let slices = slices.default_backoff().map(|event| {
            let key = |object: &EndpointSlice| object.metadata.uid.clone();
            Change::Slices(step(event, key, translate::slice))
        });
        let nodes = watch(Api::<Node>::all(client.clone()), config());
        let nodes = nodes.default_backoff().map(|event| {
            let key = |object: &Node| translate::node(object).map(|(name, _)| name);
            let value = |object: &Node| translate::node(object).map(|(_, addresses)| addresses);
            Change::Nodes(step(event, key, value))
        });
        let mut streams = SelectAll::new();
        streams.push(services.boxed());
        streams.push(slices.boxed());
        streams.push(nodes.boxed());
        Watches {
            streams,
            services: Kind::new("services"),
            slices: Kind::new("endpointslices"),
            nodes: Kind::new("nodes"),
        }
    }

    /// The next change with those that have already arrived, up to `most`. Cancel-safe: what is
    /// taken is returned at once.
    pub(super) async fn next_batch(&mut self, most: usize) -> Vec<Change> {
        let Some(first) = self.streams.next().await else {
            // Watches never end; without any there is nothing to wait for.
            return std::future::pending().await;
        };
        let mut batch = vec![first];
        while batch.len() < most {
            match self.streams.next().now_or_never() {
                Some(Some(change)) => batch.push(change),
                Some(None) | None => break,
            }
        }
        batch
    }

    /// Takes a change in.
    pub(super) fn handle(&mut self, change: Change) {
        match change {
            Change::Services(step) => self.services.handle(step),
            Change::Slices(step) => self.slices.handle(step),
            Change::Nodes(step) => self.nodes.handle(step),
        }
    }

    /// Whether every kind was listed once.
    pub(super) fn is_complete(&self) -> bool {
        self.services.is_complete && self.slices.is_complete && self.nodes.is_complete
    }

    /// Why a watch does not go on; a refusal comes first.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        let all = [
            (self.services.name, &self.services.trouble),
            (self.slices.name, &self.slices.trouble),
            (self.nodes.name, &self.nodes.trouble),
        ];
        let troubles = all.into_iter().filter_map(|(name, trouble)| {
            let trouble = trouble.as_ref()?;
            Some(Trouble {
                is_refusal: trouble.is_refusal,
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
        let mut facts = ClusterFacts {
            services: BTreeMap::new(),
            nodes: self.nodes.objects.clone(),
        };
        for (name, (service, _)) in self.services.objects.iter().take(SERVICES_MAX) {
            facts.services.insert(name.clone(), service.clone());
        }
        for (owner, nodes) in self.slices.objects.values() {
            if let Some(service) = facts.services.get_mut(owner) {
                service.ready_on.extend(nodes.iter().cloned());
            }
        }
        Some(facts)
    }

    /// A Service as it was last seen, with its version.
    pub(super) fn seen(&self, name: &ServiceName) -> Option<&(cluster::Service, String)> {
        self.services.objects.get(name)
    }
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
