//! What is said of a contest: in the status, in an Event, in the journal.

use std::time::Duration;

use sovnet_core::allocate::shown;
use sovnet_core::names::ServiceName;
use sovnet_core::report::{Problem, Severity};

use super::{Contest, PAUSE_MAX, REMEMBERED, State, pause};

impl Contest {
    /// For the status.
    pub(in crate::kube) fn problem(&self, name: &ServiceName) -> Problem {
        let who = who(self.by.as_deref());
        let times = match self.times {
            1 => "once".to_owned(),
            more => format!("{more} times"),
        };
        let (severity, what) = match self.state {
            State::Lost { .. } => {
                let done = self.done(&format!("the status of the Service {name}"));
                let until = self.until_right();
                let when = match pause(self.times) {
                    Duration::ZERO => "at once".to_owned(),
                    pause => format!("{} s after the last time", pause.as_secs()),
                };
                (
                    Severity::Degraded,
                    format!("{who} {done}, {times} by now: {until}, {when}"),
                )
            }
            State::Won { .. } => (
                Severity::Note,
                format!(
                    "{who} has changed the status of the Service {name}, {times} by now: it is right \
                     again, and is watched for {} minutes",
                    REMEMBERED.as_secs() / 60
                ),
            ),
        };
        Problem {
            severity,
            code: "service-status-contested",
            what,
            remedy: remedy(self.by.as_deref()).to_owned(),
        }
    }

    /// For an Event on the Service, which is told once for the whole contest.
    pub(in crate::kube) fn message(&self) -> String {
        let by = self.by.as_deref();
        format!(
            "{} {}: {}, after pauses of up to {} minutes; {}",
            who(by),
            self.done("this status"),
            self.until_right(),
            PAUSE_MAX.as_secs() / 60,
            remedy(by)
        )
    }

    /// "has emptied this status, where sovnet had written 192.0.2.240".
    fn done(&self, status: &str) -> String {
        let what = match self.instead.as_slice() {
            [] => format!("has emptied {status}"),
            some => format!("has written {} into {status}", shown(some)),
        };
        match self.given.as_slice() {
            [] => format!("{what}, which is sovnet's"),
            given => format!("{what}, where sovnet had written {}", shown(given)),
        }
    }

    /// What goes on, and what does not.
    fn until_right(&self) -> &'static str {
        if self.given.is_empty() {
            "the Service has no address until that is put right"
        } else {
            "the address is announced all the same, but packets for it get nowhere until that is put \
             right"
        }
    }
}

/// Another controller as a sentence names it.
pub(in crate::kube) fn who(by: Option<&str>) -> String {
    match by {
        Some(by) => format!("the controller {by:?}"),
        None => "a controller that leaves no name".to_owned(),
    }
}

/// What to do about it.
pub(in crate::kube) fn remedy(by: Option<&str>) -> &'static str {
    match by {
        Some(by) if by.starts_with("k3s") => {
            "this is k3s's ServiceLB: start every server of k3s with `--disable servicelb`"
        }
        Some("controller") => {
            "this is the field manager of MetalLB's controller: stop it; `sovnetctl adopt --from \
             metallb` plans the move"
        }
        Some(_) => {
            "stop that controller, or let it leave this Service alone by its loadBalancerClass"
        }
        None => {
            "on k3s start every server with `--disable servicelb`; elsewhere find the controller of \
             Services that runs beside sovnet, and stop it"
        }
    }
}
