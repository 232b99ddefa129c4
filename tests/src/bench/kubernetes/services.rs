//! Services of a real Kubernetes: how soon one has an address, and how soon that is announced.
//!
//! One by one, on a cluster that is settled: what the first Service of a cluster waits for besides
//! (a Lease, a first connection) is over, since one Service comes and goes before any is measured.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::Value;

use super::ground::ServiceGround;
use crate::bench::peer::Who;
use crate::bench::samples::{Metric, phase};
use crate::clock::{now, wait_for, wait_until};
use crate::cluster::objects::{self, Service};
use crate::cluster::watch::Watch;
use crate::lan::sniff::Sniffer;
use crate::lan::{NODES, Plan};

/// The case in the table.
pub(super) const NAME: &str = "service";

pub(super) const WRITTEN: Metric = Metric::new("status-written", "ms");
pub(super) const ANNOUNCED: Metric = Metric::new("first-announced", "ms");

/// What is measured.
pub(super) const METRICS: [Metric; 2] = [WRITTEN, ANNOUNCED];

/// The namespace of the Services.
pub(super) const NAMESPACE: &str = "default";

/// How long one of them may take.
const WITHIN: Duration = Duration::from_secs(30);

/// Nothing happens for so long before a Service is created, and then up to [`BEAT`] more: what
/// programs do by a beat is met at every point of it.
const CALM: Duration = Duration::from_millis(500);
/// See [`CALM`].
const BEAT: Duration = Duration::from_secs(2);

/// Creates so many Services, one after the other: all figures of each.
pub(super) fn measure(plan: &Plan, who: Who, count: usize) -> anyhow::Result<Vec<(Metric, f64)>> {
    let ground = ServiceGround::build(plan, who, count + 1, &NODES)?;
    let scene = Scene::set(&ground)?;
    scene.one("first")?;
    let mut figures = Vec::new();
    for number in 0..count {
        wait_until(now() + CALM + phase(BEAT, number));
        let took = scene.one(&format!("made-{number}"))?;
        figures.push((WRITTEN, took.written.as_secs_f64() * 1000.0));
        figures.push((ANNOUNCED, took.announced.as_secs_f64() * 1000.0));
    }
    Ok(figures)
}

/// Who looks on.
pub(super) struct Scene<'a> {
    ground: &'a ServiceGround,
    ear: Sniffer,
    watch: Watch,
}

/// How long one Service took.
pub(super) struct Took {
    pub(super) written: Duration,
    pub(super) announced: Duration,
}

impl Scene<'_> {
    pub(super) fn set(ground: &ServiceGround) -> anyhow::Result<Scene<'_>> {
        let path = format!("/api/v1/namespaces/{NAMESPACE}/services");
        Ok(Scene {
            ground,
            ear: Sniffer::start(&ground.lan)?,
            watch: ground.api().watch(&path)?,
        })
    }

    /// Creates one, and waits until it is announced.
    pub(super) fn one(&self, name: &str) -> anyhow::Result<Took> {
        self.create(name).map_err(|error| {
            let log = self.ground.cluster.log().join("\n");
            anyhow::anyhow!("{error:#}\n{log}")
        })
    }

    fn create(&self, name: &str) -> anyhow::Result<Took> {
        let service = Service::new(NAMESPACE, name);
        let api = self.ground.api();
        // First, so that nobody has to wait for them.
        api.apply(&service.endpoints(&NODES))?;
        let asked_at = now();
        api.apply(service.object())?;
        let answered_at = now();
        let is_it = |object: &Value| {
            object
                .pointer("/metadata/name")
                .is_some_and(|one| one == name)
        };
        let (written_at, address) = wait_for(&format!("an address for {name}"), WITHIN, || {
            let change = self
                .watch
                .first(|object| is_it(object) && given(object).is_some())?;
            Some((change.at, given(&change.object)?))
        })?;
        let announced_at = wait_for(&format!("{address} to be announced"), WITHIN, || {
            self.announced(address, asked_at)
        })?;
        let shown = self.watch.first(is_it).context("it was shown before")?;
        let made_at = shown.at.min(answered_at);
        Ok(Took {
            written: written_at.saturating_duration_since(made_at),
            announced: announced_at.saturating_duration_since(made_at),
        })
    }

    /// When a node announced it first.
    fn announced(&self, address: Ipv4Addr, since: Instant) -> Option<Instant> {
        let of = |node| self.ear.first_announcement(node, address, since);
        NODES.into_iter().filter_map(of).min()
    }
}

/// The address in its status.
fn given(service: &Value) -> Option<Ipv4Addr> {
    objects::ingress(service).first()?.parse().ok()
}
