//! The Events by which the writer tells of its work on a Service: what it gave and took back, what
//! cannot be met, what should be written otherwise, and who else writes the status.
//!
//! Each is told once for each news, and none when nothing has changed. Only the writer tells, behind
//! the fence of the Lease.

use std::collections::BTreeMap;

use sovnet_core::allocate::{Verdict, shown};
use sovnet_core::facts::cluster;
use sovnet_core::names::ServiceName;

use super::attempts::Attempts;
use super::contest::who;
use super::status::Writer;
use super::tell::Reason;
use super::touched::Touched;
use crate::clock;

/// What was told last of each Service.
#[derive(Debug, Default)]
pub(super) struct Notices {
    told: BTreeMap<ServiceName, Told>,
}

/// What was told last of one Service; a Service that is made anew is another one.
#[derive(Debug, Default)]
struct Told {
    uid: String,
    /// Why it does not get what it asks for.
    unmet: String,
    /// Which of its annotations are deprecated.
    deprecated: Vec<String>,
    /// Who else writes its status.
    rival: String,
}

impl Notices {
    /// What was told of this very Service.
    fn of(&mut self, name: &ServiceName, service: &cluster::Service) -> &mut Told {
        if !self.told.contains_key(name) {
            self.told.insert(name.clone(), Told::default());
        }
        let told = self.told.get_mut(name).expect("it was just put there");
        if told.uid != service.uid {
            *told = Told {
                uid: service.uid.clone(),
                ..Told::default()
            };
        }
        told
    }

    /// Nobody else writes this status any more: if somebody does again, that is news.
    pub(super) fn settle(&mut self, name: &ServiceName) {
        if let Some(told) = self.told.get_mut(name) {
            told.rival.clear();
        }
    }

    /// Drops what is known of Services that are gone.
    pub(super) fn forget_gone(
        &mut self,
        touched: &Touched,
        verdicts: &BTreeMap<ServiceName, Verdict>,
    ) {
        touched.retain(&mut self.told, |name, _| verdicts.contains_key(name));
    }
}

impl Writer<'_> {
    /// An Event for what was just written: an address, or that it is gone.
    pub(super) fn tell_written(
        &mut self,
        name: &ServiceName,
        service: &cluster::Service,
        verdict: &Verdict,
    ) {
        let had = shown(&service.assigned);
        let (reason, message) = match verdict {
            Verdict::Assigned {
                addresses, reason, ..
            } => (
                Reason::IpAllocated,
                format!("{}: {reason}", shown(addresses)),
            ),
            Verdict::Refused { reason } if !had.is_empty() => (
                Reason::ClearAssignment,
                format!("{had} taken back: {reason}"),
            ),
            Verdict::Former if !had.is_empty() => (
                Reason::ClearAssignment,
                format!("{had} taken back: this is no load balancer any more"),
            ),
            Verdict::Refused { .. }
            | Verdict::Former
            | Verdict::Waiting
            | Verdict::Foreign { .. } => return,
        };
        self.teller
            .tell(self.client, (name, service), reason, message);
    }

    /// The Events about what stays as it is until somebody does something; the Services of which
    /// something is left to be told.
    pub(super) fn tell_all(
        &mut self,
        touched: &Touched,
        verdicts: &BTreeMap<ServiceName, Verdict>,
        attempts: &mut Attempts,
    ) -> Touched {
        let mut left = Touched::default();
        for (name, verdict) in touched.of(verdicts) {
            let Some((service, _)) = self.watches.seen(name) else {
                continue;
            };
            if matches!(verdict, Verdict::Foreign { .. }) {
                continue;
            }
            if !self.lease.may_write(clock::now()) {
                return touched.clone();
            }
            self.tell_unmet(name, service, verdict, attempts);
            self.tell_rival(name, service, attempts);
            if !self.tell_deprecated(name, service, attempts) {
                left.note([name.clone()]);
            }
        }
        left
    }

    /// What a Service asks for and does not get. Events are a help, not a duty: what could not be
    /// written is not tried for ever.
    fn tell_unmet(
        &mut self,
        name: &ServiceName,
        service: &cluster::Service,
        verdict: &Verdict,
        attempts: &mut Attempts,
    ) {
        let message = match verdict {
            Verdict::Refused { reason } => format!("no address: {reason}"),
            Verdict::Assigned {
                complaint: Some(why),
                addresses,
                ..
            } => format!("keeps {}: {why}", shown(addresses)),
            Verdict::Assigned { .. }
            | Verdict::Waiting
            | Verdict::Former
            | Verdict::Foreign { .. } => return,
        };
        let told = attempts.notices.of(name, service);
        if told.unmet != message {
            told.unmet.clone_from(&message);
            let reason = Reason::AllocationFailed;
            self.teller
                .tell(self.client, (name, service), reason, message);
        }
    }

    /// Another controller that writes its status: once for each that does, until all is well again.
    fn tell_rival(
        &mut self,
        name: &ServiceName,
        service: &cluster::Service,
        attempts: &mut Attempts,
    ) {
        let contest = self.contests.of(name, clock::now());
        let unwritten = attempts.trouble(name, self.watches);
        let (by, message) = match (contest, unwritten) {
            (Some(contest), _) => (who(contest.by.as_deref()), contest.message()),
            (None, Some(unwritten)) => {
                let Some(remedy) = unwritten.rival else {
                    return;
                };
                let what = unwritten.what;
                let message = format!("{what}, so that sovnet writes no address there; {remedy}");
                (what, message)
            }
            (None, None) => return,
        };
        let told = attempts.notices.of(name, service);
        if told.rival != by {
            told.rival = by;
            let reason = Reason::StatusConflict;
            self.teller
                .tell(self.client, (name, service), reason, message);
        }
    }

    /// Annotations that should be written otherwise; not now, if much is to be told.
    fn tell_deprecated(
        &mut self,
        name: &ServiceName,
        service: &cluster::Service,
        attempts: &mut Attempts,
    ) -> bool {
        let deprecated = service.request.deprecated.as_slice();
        if deprecated.is_empty() {
            return true;
        }
        if self.teller.is_busy() {
            return false;
        }
        let told = attempts.notices.of(name, service);
        if told.deprecated != deprecated
            && let Some(message) = service.request.deprecation()
        {
            told.deprecated = deprecated.to_vec();
            let reason = Reason::DeprecatedAnnotation;
            self.teller
                .tell(self.client, (name, service), reason, message);
        }
        true
    }
}

#[cfg(test)]
mod tests;
