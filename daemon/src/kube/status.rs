//! Writes what was allocated: the Services' status by server-side apply, and an Event for what could
//! not be met. Only behind the fence of the Lease, and only to the version that was judged.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use sovnet_core::allocate::Verdict;
use sovnet_core::facts::cluster;
use sovnet_core::lease::{Lease, REQUEST_MAX};
use sovnet_core::names::{NodeName, ServiceName};

use super::lease::{MANAGER, no_answer_within};
use super::trouble::text;
use super::watches::Watches;
use crate::clock;

/// What was tried already, so that nothing is written or said twice.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    writes: BTreeMap<ServiceName, Attempt>,
    /// The last Event about a Service: its uid and the text.
    told: BTreeMap<ServiceName, (String, String)>,
}

#[derive(Debug)]
struct Attempt {
    /// The version of the Service that was judged.
    version: String,
    /// What came of it; none if it was written.
    failure: Option<Failure>,
}

/// Why a status was not written.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Failure {
    /// The Service has changed or gone: the next look at it decides.
    Outdated,
    /// Another controller's field; who, as the API says.
    Conflict(String),
    /// Anything else, one clause.
    Other(String),
}

impl Attempts {
    /// What failed for no lasting reason is due again.
    pub(super) fn forget_failures(&mut self) {
        self.writes
            .retain(|_, attempt| !matches!(attempt.failure, Some(Failure::Other(_))));
    }

    /// Why the status of a Service is not written, for people.
    pub(super) fn trouble(&self, name: &ServiceName) -> Option<String> {
        match self.writes.get(name)?.failure.as_ref()? {
            Failure::Outdated => None,
            Failure::Conflict(why) => Some(format!("another controller writes its status: {why}")),
            Failure::Other(why) => Some(format!("its status can not be written: {why}")),
        }
    }

    fn is_due(&self, name: &ServiceName, version: &str) -> bool {
        let attempt = self.writes.get(name);
        attempt.is_none_or(|attempt| attempt.version != version)
    }

    /// Drops what is known of Services that are gone.
    fn forget_gone(&mut self, verdicts: &BTreeMap<ServiceName, Verdict>) {
        self.writes.retain(|name, _| verdicts.contains_key(name));
        self.told.retain(|name, _| verdicts.contains_key(name));
    }
}

/// Who writes, with what.
pub(super) struct Writer<'a> {
    pub(super) client: &'a Client,
    pub(super) lease: &'a Lease,
    pub(super) watches: &'a Watches,
    pub(super) node: &'a NodeName,
}

impl Writer<'_> {
    /// Writes every status that differs from its verdict; false if something has to be tried again.
    pub(super) async fn write(
        &self,
        verdicts: &BTreeMap<ServiceName, Verdict>,
        attempts: &mut Attempts,
    ) -> bool {
        attempts.forget_gone(verdicts);
        let mut is_done = true;
        for (name, verdict) in verdicts {
            let Some((service, version)) = self.watches.seen(name) else {
                continue;
            };
            let wanted = match verdict {
                Verdict::Assigned { address, .. } => Some(*address),
                Verdict::Refused { .. } => None,
                Verdict::Foreign { .. } => continue,
            };
            // The fence: looked at before each write, since each may take its time.
            if !self.lease.may_write(clock::now()) {
                return true;
            }
            let is_right = match wanted {
                Some(address) => service.assigned == [std::net::IpAddr::V4(address)],
                None => service.assigned.is_empty(),
            };
            if !is_right && attempts.is_due(name, version) {
                let failure = self.apply(name, service, version, wanted).await.err();
                is_done &= !matches!(failure, Some(Failure::Other(_)));
                report(name, wanted, failure.as_ref());
                let version = version.clone();
                attempts
                    .writes
                    .insert(name.clone(), Attempt { version, failure });
            }
            self.tell(name, service, verdict, attempts).await;
        }
        is_done
    }

    /// One status, for exactly the Service and the version that were judged.
    async fn apply(
        &self,
        name: &ServiceName,
        service: &cluster::Service,
        version: &str,
        wanted: Option<Ipv4Addr>,
    ) -> Result<(), Failure> {
        let ingress: Vec<serde_json::Value> = wanted
            .iter()
            .map(|address| serde_json::json!({ "ip": address, "ipMode": "VIP" }))
            .collect();
        let balancer = match ingress.as_slice() {
            [] => serde_json::json!({}),
            some => serde_json::json!({ "ingress": some }),
        };
        let patch = serde_json::json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {
                "name": name.name(),
                "namespace": name.namespace(),
                "uid": service.uid,
                "resourceVersion": version,
            },
            "status": { "loadBalancer": balancer },
        });
        let services: Api<Service> = Api::namespaced(self.client.clone(), name.namespace());
        let params = PatchParams::apply(MANAGER);
        let patch = Patch::Apply(&patch);
        let request = services.patch_status(name.name(), &params, &patch);
        match tokio::time::timeout(REQUEST_MAX, request).await {
            Ok(Ok(_service)) => Ok(()),
            Ok(Err(error)) => Err(failure(&error)),
            Err(_elapsed) => Err(Failure::Other(no_answer_within(REQUEST_MAX))),
        }
    }

    /// An Event at the Service, once for each news.
    async fn tell(
        &self,
        name: &ServiceName,
        service: &cluster::Service,
        verdict: &Verdict,
        attempts: &mut Attempts,
    ) {
        let (kind, reason, message) = match verdict {
            Verdict::Foreign { .. } => return,
            Verdict::Refused { reason } => (
                "Warning",
                "AllocationFailed",
                format!("no address: {reason}"),
            ),
            Verdict::Assigned {
                complaint: Some(why),
                address,
                ..
            } => {
                let message = format!("keeps {address}: {why}");
                ("Warning", "AllocationFailed", message)
            }
            Verdict::Assigned {
                address, reason, ..
            } => ("Normal", "IPAllocated", format!("{address}: {reason}")),
        };
        // That a Service goes on having what it has is no news.
        let attempt = attempts.writes.get(name);
        let is_written = attempt.is_some_and(|attempt| attempt.failure.is_none());
        let is_old = kind == "Normal" && !is_written;
        let told = (service.uid.clone(), message.clone());
        if attempts.told.get(name) == Some(&told) || is_old {
            return;
        }
        let event = self.event(name, service, (kind, reason), message);
        let events: Api<Event> = Api::namespaced(self.client.clone(), name.namespace());
        let params = PostParams::default();
        let request = events.create(&params, &event);
        match tokio::time::timeout(REQUEST_MAX, request).await {
            Ok(Ok(_event)) => {}
            Ok(Err(error)) => {
                log::debug!(service:% = name, error:% = text(&error); "no Event written");
            }
            Err(_elapsed) => log::debug!(service:% = name; "no Event written in time"),
        }
        // Events are a help, not a duty: what could not be written is not tried for ever.
        attempts.told.insert(name.clone(), told);
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

/// What a refused write means.
fn failure(error: &kube::Error) -> Failure {
    let kube::Error::Api(status) = error else {
        return Failure::Other(text(error));
    };
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let mut conflicts = causes.filter(|cause| cause.reason == "FieldManagerConflict");
    match (status.code, conflicts.next()) {
        (409, Some(conflict)) => Failure::Conflict(conflict.message.clone()),
        (404 | 409, _) => Failure::Outdated,
        _ => Failure::Other(status.message.clone()),
    }
}

fn report(name: &ServiceName, wanted: Option<Ipv4Addr>, failure: Option<&Failure>) {
    match (failure, wanted) {
        (None, Some(address)) => {
            log::info!(service:% = name, address:% = address; "address written");
        }
        (None, None) => log::info!(service:% = name; "address taken back"),
        (Some(Failure::Outdated), _) => {
            log::debug!(service:% = name; "the Service changed while its status was written");
        }
        (Some(Failure::Conflict(why) | Failure::Other(why)), _) => {
            log::warn!(service:% = name, reason:% = why; "a Service's status is not written");
        }
    }
}
