//! Connections to the addresses that move, again and again: what a step lost is counted, not guessed.
//!
//! Each is opened from this machine, so it shows what the LAN sees only if this is no node of the
//! cluster: a node's own kernel sends its packets to the pods by itself.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

use serde_json::Value;
use sovnet_core::metallb::json::{list, text};
use tokio::net::TcpStream;
use tokio::time::MissedTickBehavior;

/// Between two connections to one place.
const EVERY: Duration = Duration::from_millis(100);
/// A connection that is not there by then is lost: less than the kernel waits before it sends a lost
/// SYN again.
const PATIENCE: Duration = Duration::from_millis(800);
/// The most places that are probed.
const PLACES_MAX: usize = 100;

/// Connections to one place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) opened: u32,
    pub(super) lost: u32,
}

/// Connections to each place.
type Counts = BTreeMap<SocketAddr, Count>;

/// What was counted.
#[derive(Debug, Default)]
pub(super) struct Prober(RefCell<Counts>);

impl Prober {
    /// Probes these places as long as the work takes.
    pub(super) async fn beside<T>(
        &self,
        places: &[SocketAddr],
        work: impl Future<Output = T>,
    ) -> T {
        let places = places.iter().take(PLACES_MAX);
        let mut probes: Vec<_> = places.map(|place| Box::pin(self.probe(*place))).collect();
        let mut work = pin!(work);
        poll_fn(|context| {
            for probe in &mut probes {
                // It never ends.
                let _pending = probe.as_mut().poll(context);
            }
            work.as_mut().poll(context)
        })
        .await
    }

    async fn probe(&self, place: SocketAddr) {
        let mut every = tokio::time::interval(EVERY);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            every.tick().await;
            let opened = tokio::time::timeout(PATIENCE, TcpStream::connect(place)).await;
            let is_there = matches!(opened, Ok(Ok(_)));
            let mut counts = self.0.borrow_mut();
            let count = counts.entry(place).or_default();
            count.opened += 1;
            count.lost += u32::from(!is_there);
        }
    }

    /// What was counted since the last call.
    pub(super) fn take(&self) -> Counts {
        self.0.take()
    }
}

/// Where each Service with an address is reached by TCP: its first port.
pub(super) fn places(services: &[Value]) -> Vec<SocketAddr> {
    let of = |service: &Value| {
        let is_tcp = |port: &&Value| text(port, "/protocol").is_none_or(|one| one == "TCP");
        let port = list(service, "/spec/ports").iter().find(is_tcp)?;
        let port = u16::try_from(port.pointer("/port")?.as_u64()?).ok()?;
        let ingress = list(service, "/status/loadBalancer/ingress").first()?;
        let address: IpAddr = text(ingress, "/ip")?.parse().ok()?;
        Some(SocketAddr::new(address, port))
    };
    let is_balanced = |service: &&Value| text(service, "/spec/type") == Some("LoadBalancer");
    let places = services.iter().filter(is_balanced).filter_map(of);
    let mut places: Vec<SocketAddr> = places.collect();
    places.sort();
    places.dedup();
    places
}

/// What a step lost, one line for each place that lost anything, and one for all.
pub(super) fn losses(silent: &[SocketAddr], counts: &Counts) -> String {
    let probed = counts.iter().filter(|(place, _)| !silent.contains(place));
    let (mut opened, mut missed, mut lines) = (0, 0, String::new());
    for (place, count) in probed {
        opened += count.opened;
        missed += count.lost;
        if count.lost > 0 {
            lines.push_str(&format!(
                "  {place}: {} of {} lost\n",
                count.lost, count.opened
            ));
        }
    }
    for place in silent {
        lines.push_str(&format!(
            "  {place}: did not answer before, so nothing is counted\n"
        ));
    }
    format!("connections from this machine meanwhile: {opened} opened, {missed} lost\n{lines}")
}
