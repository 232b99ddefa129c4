//! The pools of a MetalLB whose place sovnet takes: its `IPAddressPool`s and `L2Advertisement`s.
//!
//! An API that does not know these kinds is one without MetalLB, which is no trouble, unless Services
//! have addresses of pools that nobody remembers: those would be taken away.

use std::collections::BTreeSet;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind};
use kube::runtime::{WatchStreamExt, watcher as watch};
use kube::{Api, Client};
use serde_json::Value;
use sovnet_core::config;
use sovnet_core::facts::cluster::StatusBy;
use sovnet_core::metallb::{self, Advertisement, Draft, Found};
use sovnet_core::time::Moment;

use super::{Change, Failing, Kind, Pauses, Step, Watches, step, watch_config};

/// An `IPAddressPool`, or why a config cannot say it.
pub(in crate::kube) type Pool = Result<Draft, String>;

/// What was seen of them.
pub(super) struct Foreign {
    pools: Kind<String, Pool>,
    advertisements: Kind<String, Advertisement>,
    /// What follows; none before both kinds were listed.
    found: Option<Found>,
    /// The pools of the config.
    configured: BTreeSet<String>,
    /// Whether pools of an earlier time are remembered.
    has_memory: bool,
}

impl Foreign {
    pub(super) fn new(configured: &[config::Pool], has_memory: bool) -> Foreign {
        let configured = configured.iter().map(|pool| pool.name.clone());
        Foreign {
            pools: Kind::new("ipaddresspools"),
            advertisements: Kind::new("l2advertisements"),
            found: None,
            configured: configured.collect(),
            has_memory,
        }
    }

    pub(super) fn handle_pools(&mut self, step: Step<String, Pool>, now: Moment) {
        self.pools.handle(step, now);
        self.find();
    }

    pub(super) fn handle_advertisements(&mut self, step: Step<String, Advertisement>, now: Moment) {
        self.advertisements.handle(step, now);
        self.find();
    }

    fn find(&mut self) {
        let (pools, advertisements) = (&self.pools, &self.advertisements);
        let is_complete = pools.is_complete && advertisements.is_complete;
        self.found = is_complete.then(|| metallb::find(&pools.objects, &advertisements.objects));
    }

    fn is_absent(&self) -> bool {
        let troubles = [&self.pools.trouble, &self.advertisements.trouble];
        let mut troubles = troubles.into_iter().flatten();
        troubles.any(|failing| failing.trouble.is_absent)
    }
}

/// Watches of both kinds in that namespace.
pub(super) fn streams(client: &Client, home: &str) -> [BoxStream<'static, Change>; 2] {
    let api = |kind: &str, plural: &str| {
        let id = GroupVersionKind::gvk("metallb.io", "v1beta1", kind);
        let resource = ApiResource::from_gvk_with_plural(&id, plural);
        Api::<DynamicObject>::namespaced_with(client.clone(), home, &resource)
    };
    let key = |object: &DynamicObject| object.metadata.name.clone();
    let pools = watch(api("IPAddressPool", "ipaddresspools"), watch_config());
    let pools = pools.backoff(Pauses::default()).map(move |event| {
        let value = |object: &DynamicObject| Some(Draft::read(&json(object)));
        Change::Pools(Box::new(step(event, key, value)))
    });
    let advertisements = watch(api("L2Advertisement", "l2advertisements"), watch_config());
    let advertisements = advertisements.backoff(Pauses::default()).map(move |event| {
        let value = |object: &DynamicObject| Some(Advertisement::read(&json(object)));
        Change::Advertisements(Box::new(step(event, key, value)))
    });
    [pools.boxed(), advertisements.boxed()]
}

/// What came as JSON can be JSON again.
fn json(object: &DynamicObject) -> Value {
    serde_json::to_value(object).unwrap_or_default()
}

impl Watches {
    /// What MetalLB's objects say; none if they are not asked for or were not seen.
    pub(in crate::kube) fn found(&self) -> Option<&Found> {
        self.foreign.as_ref()?.found.as_ref()
    }

    /// Whether it is known as well as it can be which pools there are.
    pub(super) fn has_pools(&self) -> bool {
        self.foreign.as_ref().is_none_or(|foreign| {
            foreign.found.is_some()
                || foreign.is_absent() && (foreign.has_memory || !self.has_orphans(foreign))
        })
    }

    /// Whether a Service has an address that sovnet gave it from a pool which the config has not.
    fn has_orphans(&self, foreign: &Foreign) -> bool {
        let mut services = self.services.objects.values();
        services.any(|(service, _)| {
            let mut pool = service.noted_pool.iter();
            service.status_by == StatusBy::Sovnet
                && pool.any(|pool| !foreign.configured.contains(pool))
        })
    }

    /// Why these kinds cannot be watched.
    pub(super) fn foreign_troubles(
        &self,
    ) -> impl Iterator<Item = (&'static str, &Option<Failing>)> {
        let foreign = self.foreign.iter();
        let is_missed = !self.has_pools();
        let kinds = foreign.flat_map(|foreign| {
            let (pools, advertisements) = (&foreign.pools, &foreign.advertisements);
            [
                (pools.name, &pools.trouble),
                (advertisements.name, &advertisements.trouble),
            ]
        });
        kinds.filter(move |(_, failing)| {
            let is_absent = failing
                .as_ref()
                .is_some_and(|failing| failing.trouble.is_absent);
            is_missed || !is_absent
        })
    }
}

#[cfg(test)]
mod tests;
