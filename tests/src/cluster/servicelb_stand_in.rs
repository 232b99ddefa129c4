//! A stand-in for k3s's ServiceLB, which can not be had without k3s: it does to a Service's status
//! what the real one does, by the same request and with the same field manager.
//!
//! The real one writes the addresses of nodes where it has pods, and empties the status of a Service
//! for which it has none, each time when endpoints of the Service or pods of its own change. This one
//! is worse: it looks at the status again and again, and changes it back whenever it is not as it
//! wants it, as a controller does that never gives up.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::{Value, json};

use super::api::Api;
use super::objects::{Service, ingress};
use crate::clock::{now, wait_until};

/// What the API server calls k3s's controllers, from the name of their program.
pub const MANAGER: &str = "k3s";

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What it wants a status to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wants<'a> {
    /// Addresses of nodes, as where its pods run.
    Nodes(&'a [Ipv4Addr]),
    /// Nothing, as where it has no pods.
    Nothing,
}

/// It runs until it is stopped or dropped.
#[derive(Debug)]
pub struct ServiceLbStandIn {
    is_over: Arc<AtomicBool>,
    writes: Arc<AtomicU32>,
    thread: Option<JoinHandle<()>>,
}

impl ServiceLbStandIn {
    /// Begins to look after the status of this Service.
    ///
    /// # Errors
    /// If no thread can be started.
    pub fn start(api: &Api, service: &Service, wants: Wants<'_>) -> anyhow::Result<Self> {
        let mut stand_in = ServiceLbStandIn {
            is_over: Arc::default(),
            writes: Arc::default(),
            thread: None,
        };
        let (is_over, writes) = (Arc::clone(&stand_in.is_over), Arc::clone(&stand_in.writes));
        let (api, path) = (api.clone(), service.path());
        let wanted: Vec<String> = match wants {
            Wants::Nodes(nodes) => nodes.iter().map(Ipv4Addr::to_string).collect(),
            Wants::Nothing => Vec::new(),
        };
        let run = move || {
            while !is_over.load(Ordering::Relaxed) {
                let next = now() + LOOK_EVERY;
                if look(&api, &path, &wanted) {
                    writes.fetch_add(1, Ordering::Relaxed);
                }
                wait_until(next);
            }
        };
        let thread = thread::Builder::new().name("stand-in".to_owned());
        stand_in.thread = Some(thread.spawn(run)?);
        Ok(stand_in)
    }

    /// How often it has written so far.
    pub fn writes(&self) -> u32 {
        self.writes.load(Ordering::Relaxed)
    }

    /// Ends it, as `--disable servicelb` and a restart do: what it wrote last stays. The result is
    /// how often it wrote.
    pub fn stop(mut self) -> u32 {
        self.end();
        self.writes()
    }

    fn end(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl Drop for ServiceLbStandIn {
    fn drop(&mut self) {
        self.end();
    }
}

/// One look; whether it wrote.
fn look(api: &Api, path: &str, wanted: &[String]) -> bool {
    let Ok(Some(service)) = api.get(path) else {
        return false;
    };
    if ingress(&service) == wanted {
        return false;
    }
    let entries: Vec<Value> = wanted.iter().map(|ip| json!({ "ip": ip })).collect();
    let ingress = match entries.as_slice() {
        [] => Value::Null,
        some => json!(some),
    };
    let patch = json!({ "status": { "loadBalancer": { "ingress": ingress } } });
    let path = format!("{path}/status?fieldManager={MANAGER}");
    api.merge(&path, &patch).is_ok()
}
