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

/// How many may wait before what can be told as well later is left for later.
const WAITING_MANY: usize = WAITING_MAX / 2;

/// What an Event is about, with the word that tools and people filter by: MetalLB's, where it has
/// one for it. `docs/kubernetes.md` lists them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// The address was written.
    IpAllocated,
    /// A node announces it.
    NodeAssigned,
    /// The address was taken back.
    ClearAssignment,
    /// There is none, or not the one that is asked for.
    AllocationFailed,
    /// An annotation should be written otherwise.
    DeprecatedAnnotation,
    /// A host that is no node uses the address.
    AddressConflict,
    /// Another controller writes the status.
    StatusConflict,
}

impl Reason {
    /// As it stands in the Event.
    pub(super) fn text(self) -> &'static str {
        match self {
            Reason::IpAllocated => "IPAllocated",
            Reason::NodeAssigned => "nodeAssigned",
            Reason::ClearAssignment => "ClearAssignment",
            Reason::AllocationFailed => "AllocationFailed",
            Reason::DeprecatedAnnotation => "deprecatedAnnotation",
            Reason::AddressConflict => "AddressConflict",
            Reason::StatusConflict => "StatusConflict",
        }
    }

    /// The Event's type.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Reason::IpAllocated | Reason::NodeAssigned | Reason::ClearAssignment => "Normal",
            Reason::AllocationFailed
            | Reason::DeprecatedAnnotation
            | Reason::AddressConflict
            | Reason::StatusConflict => "Warning",
        }
    }

    /// The name of the Event if there is to be one for a Service, whoever tells it and how often:
    /// the API takes no second one while the first is there. None for any name.
    fn name(self, name: &ServiceName, service: &cluster::Service) -> Option<String> {
        let is_one = self == Reason::DeprecatedAnnotation;
        is_one.then(|| {
            let reason = self.text().to_lowercase();
            format!("{}.{}.{reason}", name.name(), service.uid)
        })
    }
}

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

    /// An Event about a Service, after those that wait.
    pub(super) fn tell(
        &mut self,
        client: &Client,
        (name, service): (&ServiceName, &cluster::Service),
        reason: Reason,
        message: String,
    ) {
        if self.waiting.len() >= WAITING_MAX {
            log::debug!("too many Events wait: the oldest is dropped");
            self.waiting.pop_front();
        }
        let event = self.event(name, service, reason, message);
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

    /// Whether so much waits that what is not urgent should be told later.
    pub(super) fn is_busy(&self) -> bool {
        self.waiting.len() >= WAITING_MANY
    }

    /// Whether nothing is to be told.
    pub(super) fn is_done(&self) -> bool {
        self.waiting.is_empty() && self.in_flight.is_none()
    }

    fn event(
        &self,
        name: &ServiceName,
        service: &cluster::Service,
        reason: Reason,
        message: String,
    ) -> Event {
        let now = Time(clock::wall());
        let one_name = reason.name(name, service);
        let any_name = one_name.is_none().then(|| format!("{}.", name.name()));
        Event {
            metadata: ObjectMeta {
                name: one_name,
                generate_name: any_name,
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
            type_: Some(reason.kind().to_owned()),
            reason: Some(reason.text().to_owned()),
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
        Ok(Err(kube::Error::Api(status))) if status.code == 409 => {
            log::trace!(service:% = name; "this Event is there already");
        }
        Ok(Err(error)) => {
            log::debug!(service:% = name, error:% = text(&error); "no Event written");
        }
        Err(_elapsed) => log::debug!(service:% = name; "no Event written in time"),
    }
}

#[cfg(test)]
mod tests;
