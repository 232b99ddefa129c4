//! Writes what was allocated: the Services' status by server-side apply. Only behind the fence of the
//! Lease, and only to the version that was judged. By force it takes only what it had written before
//! (`contest`); what it has to say of all this are Events (`notice`).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use k8s_openapi::api::core::v1::Service;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use sovnet_core::allocate::{Verdict, shown};
use sovnet_core::config::Config;
use sovnet_core::facts::cluster::{self, ClusterFacts, STATUS_MANAGER, StatusBy};
use sovnet_core::facts::request::FROM_POOL_ANNOTATION;
use sovnet_core::lease::{Lease, REQUEST_MAX};
use sovnet_core::names::ServiceName;
use sovnet_core::time::Moment;

use super::conflict::Told;
use super::contest::{Contests, remedy, who};
use super::lease::no_answer_within;
use super::notice::Notices;
use super::tell::Teller;
use super::translate;
use super::trouble::text;
use super::watches::Watches;
use crate::clock;

/// A write that failed for no reason of its own is tried again after this.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// How many statuses are written side by side.
const WRITES_AT_ONCE: usize = 8;

/// A node that is forbidden to write leaves that to others for so long.
const FORBIDDEN_FOR: Duration = Duration::from_secs(60);

/// What was tried already, so that nothing is written or said twice, and nothing that was written
/// is forgotten before the watch shows it.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    writes: BTreeMap<ServiceName, Attempt>,
    /// What was told of Services.
    pub(super) notices: Notices,
    /// The last conflict that was told of a Service.
    pub(super) conflicts: BTreeMap<ServiceName, Told>,
    /// When the API last forbade a write.
    forbidden_at: Option<Moment>,
}

/// What is to stand in a status.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Wanted {
    addresses: Vec<IpAddr>,
    /// The pool that they are from, for the annotation.
    pool: Option<String>,
}

impl Wanted {
    /// What a verdict wants; none if the status is not sovnet's to touch.
    fn of(verdict: &Verdict) -> Option<Wanted> {
        match verdict {
            Verdict::Assigned {
                addresses, pool, ..
            } => Some(Wanted {
                addresses: addresses.clone(),
                pool: pool.clone(),
            }),
            Verdict::Refused { .. } | Verdict::Former => Some(Wanted::default()),
            Verdict::Waiting | Verdict::Foreign { .. } => None,
        }
    }

    /// Whether this stands in the status. A pool that is not noted is no reason to write: who left
    /// the right address there, as MetalLB did, may still own it.
    fn stands(&self, service: &cluster::Service) -> bool {
        let is_noted = service.noted_pool.is_none() || service.noted_pool == self.pool;
        service.assigned == self.addresses && !service.has_foreign_status && is_noted
    }

    /// The change that makes the status of exactly this Service and version so.
    fn patch(
        &self,
        name: &ServiceName,
        service: &cluster::Service,
        version: &str,
    ) -> serde_json::Value {
        let addresses = self.addresses.iter();
        let ingress: Vec<_> = addresses
            .map(|address| serde_json::json!({ "ip": address, "ipMode": "VIP" }))
            .collect();
        let balancer = match ingress.as_slice() {
            [] => serde_json::json!({}),
            some => serde_json::json!({ "ingress": some }),
        };
        let annotations = match &self.pool {
            Some(pool) if !service.has_foreign_note => {
                serde_json::json!({ FROM_POOL_ANNOTATION: pool })
            }
            Some(_) | None => serde_json::json!({}),
        };
        serde_json::json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {
                "name": name.name(),
                "namespace": name.namespace(),
                "uid": service.uid,
                "resourceVersion": version,
                "annotations": annotations,
            },
            "status": { "loadBalancer": balancer },
        })
    }
}

#[derive(Debug)]
struct Attempt {
    /// The version of the Service that was judged.
    version: String,
    /// What was to stand there.
    wanted: Wanted,
    /// What came of it; none if it was written.
    failure: Option<Failure>,
    /// Whether it is to be tried once more.
    is_due: bool,
}

/// Why a status was not written.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Failure {
    /// The Service has changed or gone: the next look at it decides.
    Outdated,
    /// Another controller's field; its field manager, if that is known.
    Conflict(Option<String>),
    /// Not permitted; what the API says.
    Forbidden(String),
    /// Anything else, one clause.
    Other(String),
}

/// Why a status is not written, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unwritten {
    /// One clause about the Service.
    pub(super) what: String,
    /// What to do about the controller that is in the way, if one is.
    pub(super) rival: Option<&'static str>,
}

impl Unwritten {
    fn written_by(by: Option<&str>) -> Unwritten {
        Unwritten {
            what: format!("{} has written its status", who(by)),
            rival: Some(remedy(by)),
        }
    }

    /// The same by the look of a Service, for those that do not write: another controller's field is
    /// not taken.
    pub(super) fn foreseen(verdict: &Verdict, service: &cluster::Service) -> Option<Unwritten> {
        let wanted = Wanted::of(verdict)?;
        let is_right = service.assigned == wanted.addresses && !service.has_foreign_status;
        match &service.status_by {
            StatusBy::Other(by) if !is_right => Some(Unwritten::written_by(Some(by))),
            StatusBy::Other(_) | StatusBy::Sovnet | StatusBy::Nobody => None,
        }
    }
}

impl Attempts {
    /// What failed for no lasting reason is due again.
    pub(super) fn retry(&mut self) {
        for attempt in self.writes.values_mut() {
            attempt.is_due = matches!(
                attempt.failure,
                Some(Failure::Other(_) | Failure::Forbidden(_))
            );
        }
    }

    /// The cluster with what was written and not seen yet: an address that was given a moment ago
    /// is taken, whatever the watch shows.
    pub(super) fn with_written(
        &self,
        facts: &Arc<ClusterFacts>,
        watches: &Watches,
    ) -> Arc<ClusterFacts> {
        let mut facts = Arc::clone(facts);
        for (name, attempt) in &self.writes {
            let version = watches.seen(name).map(|(_, version)| version);
            let addresses = &attempt.wanted.addresses;
            let known = facts.services.get(name);
            if attempt.failure.is_none()
                && version == Some(&attempt.version)
                && known.is_some_and(|service| service.assigned != *addresses)
                && let Some(service) = Arc::make_mut(&mut facts).services.get_mut(name)
            {
                Arc::make_mut(service).assigned.clone_from(addresses);
            }
        }
        facts
    }

    /// Whether the API forbade a write not long ago: then another node is the better writer.
    pub(super) fn is_forbidden(&self, now: Moment) -> bool {
        self.forbidden_at
            .is_some_and(|at| now.since(at) < FORBIDDEN_FOR)
    }

    /// Why the status of a Service, as it is seen now, is not written, for people.
    pub(super) fn trouble(&self, name: &ServiceName, watches: &Watches) -> Option<Unwritten> {
        let attempt = self.writes.get(name)?;
        let (_, version) = watches.seen(name)?;
        if attempt.version != *version {
            return None;
        }
        match attempt.failure.as_ref()? {
            Failure::Outdated => None,
            Failure::Conflict(by) => Some(Unwritten::written_by(by.as_deref())),
            Failure::Forbidden(why) | Failure::Other(why) => Some(Unwritten {
                what: format!("its status can not be written: {why}"),
                rival: None,
            }),
        }
    }

    fn is_due(&self, name: &ServiceName, version: &str) -> bool {
        let attempt = self.writes.get(name);
        attempt.is_none_or(|attempt| attempt.is_due || attempt.version != version)
    }

    /// Notes what came of a write, and says it once.
    fn note(&mut self, name: &ServiceName, attempt: Attempt) {
        let before = self
            .writes
            .get(name)
            .and_then(|known| known.failure.as_ref());
        if attempt.failure.is_none() || attempt.failure.as_ref() != before {
            report(name, &attempt.wanted, attempt.failure.as_ref());
        }
        if matches!(attempt.failure, Some(Failure::Forbidden(_))) {
            self.forbidden_at = Some(clock::now());
        }
        self.writes.insert(name.clone(), attempt);
    }

    /// The status is as it should be: whatever stood in the way is over.
    fn forget_failure(&mut self, name: &ServiceName) {
        if self
            .writes
            .get(name)
            .is_some_and(|known| known.failure.is_some())
        {
            self.writes.remove(name);
        }
    }

    /// Drops what is known of Services that are gone, and what was written and is seen by now.
    fn forget_old(&mut self, verdicts: &BTreeMap<ServiceName, Verdict>, watches: &Watches) {
        self.writes.retain(|name, attempt| {
            let version = watches.seen(name).map(|(_, version)| version);
            let is_open = attempt.failure.is_some() || version == Some(&attempt.version);
            verdicts.contains_key(name) && is_open
        });
        self.notices.forget_gone(verdicts);
        self.conflicts.retain(|name, _| verdicts.contains_key(name));
    }
}

/// A status that is to be written: for exactly the Service and the version that were judged.
struct Due<'a> {
    name: &'a ServiceName,
    service: &'a cluster::Service,
    version: &'a str,
    wanted: Wanted,
    /// Whether sovnet had written it before, and another controller has changed it.
    is_repair: bool,
}

impl Due<'_> {
    /// Whether the Service loses an address.
    fn leaves(&self) -> bool {
        let mut assigned = self.service.assigned.iter();
        assigned.any(|address| !self.wanted.addresses.contains(address))
    }

    async fn apply(&self, client: &Client) -> Result<(), Failure> {
        let services: Api<Service> = Api::namespaced(client.clone(), self.name.namespace());
        let mut params = PatchParams::apply(STATUS_MANAGER);
        params.force = self.is_repair;
        let patch = self.wanted.patch(self.name, self.service, self.version);
        let patch = Patch::Apply(&patch);
        let request = services.patch_status(self.name.name(), &params, &patch);
        match tokio::time::timeout(REQUEST_MAX, request).await {
            Ok(Ok(answer)) => {
                let Some((stands, _)) = translate::service(&answer) else {
                    return Ok(());
                };
                if stands.assigned == self.wanted.addresses && !stands.has_foreign_status {
                    return Ok(());
                }
                // What another controller owns does not go away with what is applied.
                Err(Failure::Conflict(match stands.status_by {
                    StatusBy::Other(by) => Some(by),
                    StatusBy::Sovnet | StatusBy::Nobody => None,
                }))
            }
            Ok(Err(error)) => Err(failure(&error)),
            Err(_elapsed) => Err(Failure::Other(no_answer_within(REQUEST_MAX))),
        }
    }
}

/// Who writes, with what.
pub(super) struct Writer<'a> {
    pub(super) client: &'a Client,
    pub(super) config: &'a Config,
    pub(super) lease: &'a Lease,
    pub(super) watches: &'a Watches,
    pub(super) teller: &'a mut Teller,
    pub(super) contests: &'a mut Contests,
}

impl<'a> Writer<'a> {
    /// Writes every status that differs from its verdict, until the Lease has to be looked at again;
    /// the result is when something has to be tried once more.
    pub(super) async fn write(
        &mut self,
        verdicts: &BTreeMap<ServiceName, Verdict>,
        attempts: &mut Attempts,
        until: Moment,
    ) -> Option<Moment> {
        attempts.forget_old(verdicts, self.watches);
        let (due, mut again_at) = self.due(verdicts, attempts);
        // What is given back is gone before somebody else has it.
        let (leaving, others): (Vec<_>, Vec<_>) = due.into_iter().partition(Due::leaves);
        for due in [leaving, others] {
            if !self.write_each(due, verdicts, attempts, until).await {
                let retry_at = clock::now() + RETRY_AFTER;
                again_at = earlier(again_at, retry_at);
            }
        }
        self.tell_all(verdicts, attempts);
        again_at
    }

    /// The statuses to write now, and when the first of those may be written that are left to the
    /// controller that changed them.
    fn due<'d>(
        &self,
        verdicts: &'d BTreeMap<ServiceName, Verdict>,
        attempts: &mut Attempts,
    ) -> (Vec<Due<'d>>, Option<Moment>)
    where
        'a: 'd,
    {
        let now = clock::now();
        let mut due = Vec::new();
        let mut again_at: Option<Moment> = None;
        let watches = self.watches;
        for (name, verdict) in verdicts {
            let Some((service, version)) = watches.seen(name) else {
                continue;
            };
            let Some(wanted) = Wanted::of(verdict) else {
                continue;
            };
            let repair_at = self.contests.repair_at(name);
            if wanted.stands(service) {
                attempts.forget_failure(name);
                if self.contests.of(name, now).is_none() {
                    attempts.notices.settle(name);
                }
            } else if let Some(at) = repair_at.filter(|at| now < *at) {
                again_at = earlier(again_at, at);
            } else if attempts.is_due(name, version) {
                due.push(Due {
                    name,
                    service,
                    version,
                    wanted,
                    is_repair: repair_at.is_some(),
                });
            }
        }
        (due, again_at)
    }

    /// Several at a time, in any order.
    async fn write_each(
        &mut self,
        due: Vec<Due<'_>>,
        verdicts: &BTreeMap<ServiceName, Verdict>,
        attempts: &mut Attempts,
        until: Moment,
    ) -> bool {
        let (client, lease) = (self.client, self.lease);
        let writes = due.into_iter().map(|due| async move {
            // The fence: looked at before each write, since each may take its time.
            let now = clock::now();
            if !lease.may_write(now) || now >= until {
                return None;
            }
            let failure = due.apply(client).await.err();
            Some((due, failure))
        });
        let mut written = stream::iter(writes).buffer_unordered(WRITES_AT_ONCE);
        let mut is_done = true;
        while let Some(written) = written.next().await {
            let Some((due, failure)) = written else {
                continue;
            };
            let is_lost = matches!(failure, Some(Failure::Other(_) | Failure::Forbidden(_)));
            is_done &= !is_lost;
            if failure.is_none() {
                self.handle_written(&due, verdicts);
            }
            let attempt = Attempt {
                version: due.version.to_owned(),
                wanted: due.wanted,
                failure,
                is_due: false,
            };
            attempts.note(due.name, attempt);
        }
        is_done
    }

    /// A status is written. That one was put right is no news of an address.
    fn handle_written(&mut self, due: &Due<'_>, verdicts: &BTreeMap<ServiceName, Verdict>) {
        let Due {
            name,
            service,
            version,
            ..
        } = *due;
        let now = clock::now();
        let addresses = &due.wanted.addresses;
        let seen = (service, version);
        self.contests.note_written(name, seen, addresses, now);
        if let Some(verdict) = verdicts.get(name).filter(|_| !due.is_repair) {
            self.tell_written(name, service, verdict);
        }
    }
}

/// The earlier one of two moments, if there is one.
fn earlier(one: Option<Moment>, other: Moment) -> Option<Moment> {
    Some(one.map_or(other, |one| one.min(other)))
}

/// What a refused write means.
fn failure(error: &kube::Error) -> Failure {
    let kube::Error::Api(status) = error else {
        return Failure::Other(text(error));
    };
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let mut conflicts = causes.filter(|cause| cause.reason == "FieldManagerConflict");
    match (status.code, conflicts.next()) {
        // conflict with "k3s" with subresource "status" using v1
        (409, Some(conflict)) => {
            Failure::Conflict(conflict.message.split('"').nth(1).map(str::to_owned))
        }
        (404 | 409, _) => Failure::Outdated,
        (401 | 403, _) => Failure::Forbidden(status.message.clone()),
        _ => Failure::Other(status.message.clone()),
    }
}

fn report(name: &ServiceName, wanted: &Wanted, failure: Option<&Failure>) {
    match (failure, wanted.addresses.as_slice()) {
        (None, []) => log::info!(service:% = name; "address taken back"),
        (None, addresses) => {
            log::info!(service:% = name, address:% = shown(addresses); "address written");
        }
        (Some(Failure::Outdated), _) => {
            log::debug!(service:% = name; "the Service changed while its status was written");
        }
        (Some(Failure::Conflict(by)), _) => {
            let by = by.as_deref();
            log::warn!(service:% = name, by:% = who(by), remedy:% = remedy(by); "another controller writes a Service's status");
        }
        (Some(Failure::Forbidden(why) | Failure::Other(why)), _) => {
            log::warn!(service:% = name, reason:% = why; "a Service's status is not written");
        }
    }
}

#[cfg(test)]
mod tests;
