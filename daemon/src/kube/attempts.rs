//! What was tried already, and what came of it, so that nothing is written or said twice, and nothing
//! that was written is forgotten before the watch shows it. Writes nothing; `status` does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sovnet_core::allocate::{Verdict, shown};
use sovnet_core::facts::cluster::{self, ClusterFacts, StatusBy};
use sovnet_core::names::ServiceName;
use sovnet_core::time::Moment;

use super::conflict::Told;
use super::contest::{remedy, who};
use super::notice::Notices;
use super::touched::Touched;
use super::trouble::text;
use super::wanted::Wanted;
use super::watches::Watches;
use crate::clock;

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

#[derive(Debug)]
pub(super) struct Attempt {
    /// The version of the Service that was judged.
    pub(super) version: String,
    /// What was to stand there.
    pub(super) wanted: Wanted,
    /// What came of it; none if it was written.
    pub(super) failure: Option<Failure>,
    /// Whether it is to be tried once more.
    pub(super) is_due: bool,
}

/// Why a status was not written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
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

    pub(super) fn is_due(&self, name: &ServiceName, version: &str) -> bool {
        let attempt = self.writes.get(name);
        attempt.is_none_or(|attempt| attempt.is_due || attempt.version != version)
    }

    /// Notes what came of a write, and says it once.
    pub(super) fn note(&mut self, name: &ServiceName, attempt: Attempt) {
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
    pub(super) fn forget_failure(&mut self, name: &ServiceName) {
        if self
            .writes
            .get(name)
            .is_some_and(|known| known.failure.is_some())
        {
            self.writes.remove(name);
        }
    }

    /// Of those that are touched, drops what is known of Services that are gone, and what was written
    /// and is seen by now.
    pub(super) fn forget_old(
        &mut self,
        touched: &Touched,
        verdicts: &BTreeMap<ServiceName, Verdict>,
        watches: &Watches,
    ) {
        touched.retain(&mut self.writes, |name, attempt| {
            let version = watches.seen(name).map(|(_, version)| version);
            let is_open = attempt.failure.is_some() || version == Some(&attempt.version);
            verdicts.contains_key(name) && is_open
        });
        self.notices.forget_gone(touched, verdicts);
        touched.retain(&mut self.conflicts, |name, _| verdicts.contains_key(name));
    }

    /// Services whose status could not be written.
    pub(super) fn failed(&self) -> impl Iterator<Item = &ServiceName> {
        let failed = self.writes.iter();
        let failed = failed.filter(|(_, attempt)| attempt.failure.is_some());
        failed.map(|(name, _)| name)
    }
}

/// What a refused write means.
pub(super) fn failure(error: &kube::Error) -> Failure {
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
