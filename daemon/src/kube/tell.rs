//! Events for people about Services, written one after the other behind everything else.
//!
//! Owns what is still to be told; an Event is a help, not a duty: one that could not be written is
//! not tried again, and of too many the oldest are dropped. Nothing waits for them: an address is
//! announced as soon as its status is written, whatever an Event takes. What is told was decided
//! behind the fence of the Lease; that it arrives later does no harm.

use std::collections::VecDeque;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::api::PostParams;
use kube::{Api, Client};
use sovnet_core::facts::cluster;
use sovnet_core::lease::REQUEST_MAX;
use sovnet_core::names::{NodeName, ServiceName};

use super::lease::MANAGER;
use super::trouble::text;
use crate::clock;

/// Events that wait at most: one for each Service of a large cluster.
const WAITING_MAX: usize = 1_000;

/// What is to be told.
pub(super) struct Teller {
    node: NodeName,
    waiting: VecDeque<(Client, ServiceName, Event)>,
    in_flight: Option<BoxFuture<'static, ()>>,
}

impl Teller {
    /// Nothing yet, by this node.
    pub(super) fn new(node: NodeName) -> Teller {
        Teller {
            node,
            waiting: VecDeque::new(),
            in_flight: None,
        }
    }

    /// An Event of a `kind` (type and reason) about a Service, after those that wait.
    pub(super) fn tell(
        &mut self,
        client: &Client,
        (name, service): (&ServiceName, &cluster::Service),
        kind: (&str, &str),
        message: String,
    ) {
        if self.waiting.len() >= WAITING_MAX {
            log::debug!("too many Events wait: the oldest is dropped");
            self.waiting.pop_front();
        }
        let event = self.event(name, service, kind, message);
        self.waiting
            .push_back((client.clone(), name.clone(), event));
    }

    /// Writes what waits; returns when nothing does. Cancel-safe: the request that runs is kept.
    pub(super) async fn run(&mut self) {
        loop {
            if let Some(request) = &mut self.in_flight {
                request.await;
                self.in_flight = None;
            }
            let Some((client, name, event)) = self.waiting.pop_front() else {
                return;
            };
            self.in_flight = Some(write(client, name, event).boxed());
        }
    }

    /// Whether nothing is to be told.
    pub(super) fn is_done(&self) -> bool {
        self.waiting.is_empty() && self.in_flight.is_none()
    }

    fn event(
        &self,
        name: &ServiceName,
        service: &cluster::Service,
        (kind, reason): (&str, &str),
        message: String,
    ) -> Event {
        let now = Time(clock::wall());
        Event {
            metadata: ObjectMeta {
                generate_name: Some(format!("{}.", name.name())),
                namespace: Some(name.namespace().to_owned()),
                ..ObjectMeta::default()
            },
            involved_object: ObjectReference {
                api_version: Some("v1".to_owned()),
                kind: Some("Service".to_owned()),
                name: Some(name.name().to_owned()),
                namespace: Some(name.namespace().to_owned()),
                uid: Some(service.uid.clone()),
                ..ObjectReference::default()
            },
            type_: Some(kind.to_owned()),
            reason: Some(reason.to_owned()),
            message: Some(message),
            source: Some(EventSource {
                component: Some(MANAGER.to_owned()),
                host: Some(self.node.to_string()),
            }),
            first_timestamp: Some(now.clone()),
            last_timestamp: Some(now),
            count: Some(1),
            ..Event::default()
        }
    }
}

async fn write(client: Client, name: ServiceName, event: Event) {
    let events: Api<Event> = Api::namespaced(client, name.namespace());
    let params = PostParams::default();
    let request = events.create(&params, &event);
    match tokio::time::timeout(REQUEST_MAX, request).await {
        Ok(Ok(_event)) => {}
        Ok(Err(error)) => {
            log::debug!(service:% = name, error:% = text(&error); "no Event written");
        }
        Err(_elapsed) => log::debug!(service:% = name; "no Event written in time"),
    }
}
