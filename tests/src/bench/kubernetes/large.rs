//! A cluster of thousands of Services: how long it takes to know it, what that costs, and what one
//! more change costs then. Without kube-proxy, which would need more time for it than all others.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::Value;

use super::ground::ServiceGround;
use super::services::{ANNOUNCED, NAMESPACE, Scene, WRITTEN};
use crate::bench::peer::Who;
use crate::bench::samples::Metric;
use crate::bench::usage::{per_second, processor_time, resident_mb};
use crate::clock::{now, wait_for, wait_until};
use crate::cluster::objects::{self, Service};
use crate::lan::{NODES, Plan, control};

/// The case in the table.
pub(super) const NAME: &str = "ten-thousand-services";

const SYNC: Metric = Metric::new("initial-sync", "ms");
const RESIDENT: Metric = Metric::new("resident", "MB");
const CONTROLLER: Metric = Metric::new("resident-controller", "MB");
const REST: Metric = Metric::new("process-cpu", "ms/s");
const CHANGE: Metric = Metric::new("process-cpu-per-change", "ms");

/// What is measured.
pub(super) const METRICS: [Metric; 7] =
    [SYNC, RESIDENT, CONTROLLER, REST, CHANGE, WRITTEN, ANNOUNCED];

/// How much there is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    /// Services, each with an EndpointSlice.
    pub(super) services: usize,
    /// How many of them are of type LoadBalancer, and get an address.
    pub(super) addresses: usize,
}

/// How long it may take until all have their address.
const ASSIGNED_WITHIN: Duration = Duration::from_secs(600);
/// How long a list of everything is waited for again: it is work for the API server.
const LOOK_EVERY: Duration = Duration::from_secs(3);
/// How long a program may take to know the cluster.
const SYNC_WITHIN: Duration = Duration::from_secs(60);
/// How long programs are left alone before their rest is measured.
const CALM: Duration = Duration::from_secs(20);
/// How long that is measured.
const REST_FOR: Duration = Duration::from_secs(20);
/// How many changes are made, and how often.
pub(super) const CHANGES: usize = 100;
const CHANGE_EVERY: Duration = Duration::from_millis(200);
/// How many Services are made besides, one after the other.
const MADE: usize = 20;

/// Measures all of it.
pub(super) fn measure(plan: &Plan, who: Who, size: Size) -> anyhow::Result<Vec<(Metric, f64)>> {
    let mut ground = ServiceGround::build(plan, who, size.addresses, &[])?;
    // The last ones are made one by one.
    let addresses = size.addresses.saturating_sub(MADE + 1);
    let size = Size { addresses, ..size };
    let services: Vec<Service> = (0..size.services)
        .map(|number| service(number, size))
        .collect();
    let slices: Vec<Value> = services.iter().map(|one| one.endpoints(&NODES)).collect();
    ground.api().create_all(&slices)?;
    let services: Vec<Value> = services.iter().map(|one| one.object().clone()).collect();
    ground.api().create_all(&services)?;
    wait_assigned(&ground, size.addresses)?;
    let mut figures = Vec::new();
    if who == Who::Sovnet {
        figures.push((SYNC, sync(&mut ground, size.addresses)?));
    }
    wait_until(now() + CALM);
    let pids: Vec<Vec<i32>> = NODES.iter().map(|name| ground.cluster.pids(name)).collect();
    let controller = ground.controller();
    let rest = Span::begin(&pids)?;
    wait_until(now() + REST_FOR);
    let rest = rest.end(&pids)?;
    figures.extend(rest.iter().map(|used| (REST, *used)));
    for pids in &pids {
        figures.push((RESIDENT, resident_mb(pids)?));
    }
    if !controller.is_empty() {
        figures.push((CONTROLLER, resident_mb(&controller)?));
    }
    let changes = Span::begin(&pids)?;
    change(&ground)?;
    let per_change = |used: f64, rest: &f64| {
        let seconds = CHANGE_EVERY.as_secs_f64();
        (used - rest) * seconds
    };
    let used = changes.end(&pids)?;
    let used = used.iter().zip(&rest);
    figures.extend(used.map(|(used, rest)| (CHANGE, per_change(*used, rest))));
    let scene = Scene::set(&ground)?;
    scene.one("first")?;
    for number in 0..MADE {
        let took = scene.one(&format!("made-{number}"))?;
        figures.push((WRITTEN, took.written.as_secs_f64() * 1000.0));
        figures.push((ANNOUNCED, took.announced.as_secs_f64() * 1000.0));
    }
    Ok(figures)
}

/// The Service with that number; the last ones are of the cluster alone.
fn service(number: usize, size: Size) -> Service {
    let service = Service::new(NAMESPACE, &format!("large-{number:05}"));
    if number < size.addresses {
        // There are fewer node ports than that.
        service.with("allocateLoadBalancerNodePorts", false)
    } else {
        // Headless: for each address of its own the API server takes a tenth of a second.
        service.with("type", "ClusterIP").with("clusterIP", "None")
    }
}

fn wait_assigned(ground: &ServiceGround, count: usize) -> anyhow::Result<()> {
    let mut look_at = now();
    let what = format!("{count} Services to have an address");
    wait_for(&what, ASSIGNED_WITHIN, || {
        wait_until(look_at);
        look_at = now() + LOOK_EVERY;
        let path = format!("/api/v1/namespaces/{NAMESPACE}/services?resourceVersion=0");
        let services = ground.api().list(&path).ok()?;
        let assigned = services
            .iter()
            .filter(|one| !objects::ingress(one).is_empty());
        (assigned.count() >= count).then_some(())
    })?;
    Ok(())
}

/// How long a node that knows nothing takes from its start until it knows every Service, in ms.
fn sync(ground: &mut ServiceGround, count: usize) -> anyhow::Result<f64> {
    let name = NODES[1];
    ground.cluster.stop(name)?;
    let node = ground.lan.node(name).clone();
    node.must("rm -f /var/lib/sovnet/cluster.state")?;
    let started_at = now();
    ground.cluster.start(name)?;
    let knows = || {
        let part = control::status(&node).ok()?.kubernetes?;
        let assigned = part.services.iter().filter(|one| one.state == "assigned");
        (part.state == "connected" && assigned.count() >= count).then_some(())
    };
    wait_for("a node to know the cluster", SYNC_WITHIN, knows)?;
    Ok(now().duration_since(started_at).as_secs_f64() * 1000.0)
}

/// Endpoints go and come, one Service after the other.
fn change(ground: &ServiceGround) -> anyhow::Result<()> {
    let mut next_at = now();
    for number in 0..CHANGES {
        wait_until(next_at);
        next_at += CHANGE_EVERY;
        let service = Service::new(NAMESPACE, &format!("large-{number:05}"));
        ground.api().apply(&service.endpoints(&NODES[..1]))?;
    }
    wait_until(next_at);
    Ok(())
}

/// Processor time from one moment to another, of several nodes.
struct Span {
    since: Instant,
    used: Vec<Duration>,
}

impl Span {
    fn begin(pids: &[Vec<i32>]) -> anyhow::Result<Span> {
        Ok(Span {
            since: now(),
            used: used(pids)?,
        })
    }

    /// What each node used, in ms per second.
    fn end(self, pids: &[Vec<i32>]) -> anyhow::Result<Vec<f64>> {
        let took = now().duration_since(self.since);
        let after = used(pids)?.into_iter().zip(self.used);
        Ok(after
            .map(|(after, before)| per_second(after.saturating_sub(before), took))
            .collect())
    }
}

fn used(pids: &[Vec<i32>]) -> anyhow::Result<Vec<Duration>> {
    let times = pids.iter().map(|pids| processor_time(pids));
    times
        .collect::<anyhow::Result<_>>()
        .context("a program has ended")
}
