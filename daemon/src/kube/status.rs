//! Writes what was allocated: the Services' status by server-side apply. Only behind the fence of the
//! Lease, and only to the version that was judged. By force it takes only what it had written before
//! (`contest`); what it has to say of all this are Events (`notice`).

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use k8s_openapi::api::core::v1::Service;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use sovnet_core::allocate::Verdict;
use sovnet_core::config::Config;
use sovnet_core::facts::cluster::{self, STATUS_MANAGER, StatusBy};
use sovnet_core::lease::{Lease, REQUEST_MAX};
use sovnet_core::names::ServiceName;
use sovnet_core::time::Moment;

use super::attempts::{Attempt, Attempts, Failure, failure};
use super::contest::Contests;
use super::lease::no_answer_within;
use super::tell::Teller;
use super::touched::Touched;
use super::translate;
use super::wanted::Wanted;
use super::watches::Watches;
use crate::clock;

/// A write that failed for no reason of its own is tried again after this.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// How many statuses are written side by side.
const WRITES_AT_ONCE: usize = 8;

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
    /// the result is when something has to be tried once more. Only those that are touched are looked
    /// at, and those that failed or are contested; what is left to do stays in `touched`.
    pub(super) async fn write(
        &mut self,
        touched: &mut Touched,
        verdicts: &BTreeMap<ServiceName, Verdict>,
        attempts: &mut Attempts,
        until: Moment,
    ) -> Option<Moment> {
        if !self.lease.may_write(clock::now()) {
            // Whoever becomes the writer looks at all of them.
            touched.note_all();
            return None;
        }
        let unsettled = attempts.failed().chain(self.contests.names());
        touched.note(unsettled.cloned());
        // Until all of it is done, all of it stays: this may be dropped at any await.
        let now_touched = touched.clone();
        attempts.forget_old(&now_touched, verdicts, self.watches);
        let (due, mut again_at) = self.due(&now_touched, verdicts, attempts);
        // What is given back is gone before somebody else has it.
        let (leaving, others): (Vec<_>, Vec<_>) = due.into_iter().partition(Due::leaves);
        let mut left = Touched::default();
        for due in [leaving, others] {
            let (is_done, unwritten) = self.write_each(due, verdicts, attempts, until).await;
            left.note(unwritten);
            if !is_done {
                let retry_at = clock::now() + RETRY_AFTER;
                again_at = earlier(again_at, retry_at);
            }
        }
        left.merge(&self.tell_all(&now_touched, verdicts, attempts));
        *touched = left;
        again_at
    }

    /// The statuses to write now, and when the first of those may be written that are left to the
    /// controller that changed them.
    fn due<'d>(
        &self,
        touched: &'d Touched,
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
        for (name, verdict) in touched.of(verdicts) {
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

    /// Several at a time, in any order: whether none failed, and which it was too late for.
    async fn write_each(
        &mut self,
        due: Vec<Due<'_>>,
        verdicts: &BTreeMap<ServiceName, Verdict>,
        attempts: &mut Attempts,
        until: Moment,
    ) -> (bool, Vec<ServiceName>) {
        let (client, lease) = (self.client, self.lease);
        let writes = due.into_iter().map(|due| async move {
            // The fence: looked at before each write, since each may take its time.
            let now = clock::now();
            if !lease.may_write(now) || now >= until {
                return Err(due.name.clone());
            }
            let failure = due.apply(client).await.err();
            Ok((due, failure))
        });
        let mut written = stream::iter(writes).buffer_unordered(WRITES_AT_ONCE);
        let (mut is_done, mut late) = (true, Vec::new());
        while let Some(written) = written.next().await {
            let (due, failure) = match written {
                Ok(written) => written,
                Err(name) => {
                    late.push(name);
                    continue;
                }
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
        (is_done, late)
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
