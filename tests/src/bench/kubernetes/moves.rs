//! The only ready endpoint of a Service with `externalTrafficPolicy: Local` moves to the other node,
//! and the old one ends as a pod does: it still serves, is no longer ready, and is gone a while
//! later. A client fetches the page all the time, each time over a new connection.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use anyhow::Context as _;

use super::ground::ServiceGround;
use super::services::NAMESPACE;
use crate::bench::peer::Who;
use crate::bench::samples::{Metric, phase};
use crate::clock::{now, wait_for, wait_until};
use crate::cluster::objects::{self, Service};
use crate::lan::fetch::Fetcher;
use crate::lan::probe::Watched as _;
use crate::lan::sniff::Sniffer;
use crate::lan::{NODES, Plan};

/// The case in the table.
pub(super) const NAME: &str = "local-endpoint-moves";

const ANNOUNCED: Metric = Metric::new("announced-there", "ms");
const LOST: Metric = Metric::new("lost", "fetches");
const GAP: Metric = Metric::new("longest-gap", "ms");

/// What is measured.
pub(super) const METRICS: [Metric; 3] = [ANNOUNCED, LOST, GAP];

/// How long anything may take.
const WITHIN: Duration = Duration::from_secs(60);
/// How long the old endpoint still serves.
const GRACE: Duration = Duration::from_secs(2);
/// How long is looked on after it is gone.
const AFTER: Duration = Duration::from_secs(2);
/// How long nothing happens before a move, and then up to [`BEAT`] more.
const CALM: Duration = Duration::from_secs(1);
/// See [`CALM`].
const BEAT: Duration = Duration::from_secs(1);
/// How often the page is fetched.
const FETCH_EVERY: Duration = Duration::from_millis(10);

/// Moves it so often, to and fro.
pub(super) fn measure(plan: &Plan, who: Who, count: usize) -> anyhow::Result<Vec<(Metric, f64)>> {
    let ground = ServiceGround::build(plan, who, 4, &NODES)?;
    let service = Service::new(NAMESPACE, "page").local();
    let [first, _] = NODES;
    ground.api().apply(&service.endpoints(&[first]))?;
    ground.api().apply(service.object())?;
    let address = wait_for("an address", WITHIN, || {
        let object = ground.api().get(&service.path()).ok()??;
        objects::ingress(&object).first()?.parse::<Ipv4Addr>().ok()
    })?;
    let ear = Sniffer::start(&ground.lan)?;
    let laptop = ground.lan.node("laptop");
    let fetcher = Fetcher::start(laptop, SocketAddrV4::new(address, 80), FETCH_EVERY)?;
    let began_at = now();
    wait_for("the page", WITHIN, || {
        fetcher.is_answered_since(began_at).then_some(())
    })?;
    let mut figures = Vec::new();
    for number in 0..count {
        let (from, to) = match number % 2 {
            0 => (NODES[0], NODES[1]),
            _ => (NODES[1], NODES[0]),
        };
        wait_until(now() + CALM + phase(BEAT, number));
        let begun_at = now();
        ground
            .api()
            .apply(&service.ending_endpoints(&[to], &[from]))?;
        let moved_at = now();
        wait_until(moved_at + GRACE);
        ground.api().apply(&service.endpoints(&[to]))?;
        wait_until(now() + AFTER);
        // Who counts an endpoint that ends like any other goes only once it is gone.
        let announced = wait_for("the other node to announce", WITHIN, || {
            ear.first_announcement(to, address, begun_at)
        });
        let announced = announced.map_err(|error| {
            let log = ground.cluster.log().join("\n");
            anyhow::anyhow!("{error:#}\n{log}")
        })?;
        let outcome = fetcher.outcome(begun_at, now());
        let took = announced.saturating_duration_since(moved_at);
        figures.push((ANNOUNCED, took.as_secs_f64() * 1000.0));
        let lost = u32::try_from(outcome.lost).context("a count is small")?;
        figures.push((LOST, f64::from(lost)));
        figures.push((GAP, outcome.longest_gap.as_secs_f64() * 1000.0));
    }
    Ok(figures)
}
