//! What stands in the way of the wishes: problems for status, each logged once when it begins.
//!
//! A failed step is a trouble until it succeeds or is not wanted any more; interference by other
//! programs is one for a while after it was last seen.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use sovnet_core::report::{Problem, Severity};
use sovnet_core::time::Moment;

use super::held::Step;
use super::kernel::KernelError;

/// How long interference stays in the status.
const INTERFERENCE_STAYS: Duration = Duration::from_secs(300);

/// Problems, by what they are about.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    failed: BTreeMap<String, Problem>,
    seen: BTreeMap<String, (Moment, u64, Problem)>,
}

impl Troubles {
    /// Starts a new account of failures, to be filled by [`Troubles::fail`]; gives the old one to
    /// [`Troubles::settle`].
    pub(super) fn open(&mut self) -> BTreeMap<String, Problem> {
        std::mem::take(&mut self.failed)
    }

    /// A step has failed; `link` names the link it is about.
    pub(super) fn fail(&mut self, step: Step, link: &str, error: &KernelError) {
        let (key, problem) = describe(step, link, error);
        self.failed.insert(key, problem);
    }

    /// Logs what began and what ended since the old account.
    pub(super) fn settle(&mut self, old: &BTreeMap<String, Problem>) {
        for (key, problem) in &self.failed {
            if !old.contains_key(key) {
                warn(problem);
            }
        }
        for (key, problem) in old {
            if !self.failed.contains_key(key) {
                log::info!(code = problem.code; "solved: {}", problem.what);
            }
        }
    }

    /// Somebody has taken one of our local addresses away.
    pub(super) fn address_removed(&mut self, address: IpAddr, now: Moment) {
        let problem = Problem {
            severity: Severity::Degraded,
            code: "address-removed",
            what: format!(
                "another program removed {address} from the loopback link; it was put back"
            ),
            remedy: format!(
                "Find what removes {address} (a network manager or an `ip address flush`) and make \
                 it leave the loopback link alone."
            ),
        };
        self.see(format!("removed {address}"), problem, now);
    }

    /// Somebody has changed how a link speaks ARP.
    pub(super) fn arp_changed(&mut self, link: &str, now: Moment) {
        let problem = Problem {
            severity: Severity::Degraded,
            code: "arp-settings-changed",
            what: format!(
                "another program changed arp_ignore or arp_announce of {link}; they were set again"
            ),
            remedy: format!(
                "Remove net.ipv4.conf.{link}.arp_ignore and .arp_announce from what sets them \
                 (look in /etc/sysctl.d)."
            ),
        };
        self.see(format!("arp {link}"), problem, now);
    }

    /// One of our addresses is on the loopback link without an end of its lifetime.
    pub(super) fn lasting_local(&mut self, address: IpAddr) {
        let problem = Problem {
            severity: Severity::Degraded,
            code: "address-configured",
            what: format!(
                "{address} is configured on the loopback link by another program; it stays there \
                 when this node gives it up"
            ),
            remedy: format!("Remove it: `ip address del {address}/32 dev lo`."),
        };
        self.failed.insert(format!("lasting {address}"), problem);
    }

    /// Drops interference that has not been seen for a while.
    pub(super) fn forget_old(&mut self, now: Moment) {
        self.seen
            .retain(|_, (at, _, _)| now.since(*at) < INTERFERENCE_STAYS);
    }

    /// Everything, worst first.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let seen = self.seen.values().map(|(_, _, problem)| problem);
        let mut all: Vec<Problem> = self.failed.values().chain(seen).cloned().collect();
        all.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.cmp(b)));
        all.dedup();
        all
    }

    fn see(&mut self, key: String, problem: Problem, now: Moment) {
        let entry = self.seen.entry(key);
        let (at, count, _) = entry.or_insert_with(|| (now, 0, problem.clone()));
        *at = now;
        *count += 1;
        // However often it happens, the journal gets one line for each doubling.
        if count.is_power_of_two() {
            log::warn!(code = problem.code, times = *count; "{}. {}", problem.what, problem.remedy);
        }
    }
}

fn warn(problem: &Problem) {
    log::warn!(code = problem.code; "{}. {}", problem.what, problem.remedy);
}

fn describe(step: Step, link: &str, error: &KernelError) -> (String, Problem) {
    if error.is_forbidden() {
        let problem = Problem {
            severity: Severity::Unhealthy,
            code: "no-net-admin",
            what: "the kernel refuses to change addresses, ARP settings and neighbours: \
                   CAP_NET_ADMIN is missing"
                .to_owned(),
            remedy: "Start sovnetd by its systemd unit, or as root.".to_owned(),
        };
        return (problem.code.to_owned(), problem);
    }
    let (severity, code, doing) = match step {
        Step::AddLocal(address) => (
            Severity::Unhealthy,
            "address-not-local",
            format!("make {address} local on the loopback link"),
        ),
        Step::RemoveLocal(address) => (
            Severity::Degraded,
            "address-not-removed",
            format!("remove {address} from the loopback link"),
        ),
        Step::Quiet(_) | Step::Restore(..) => (
            Severity::Degraded,
            "arp-settings",
            format!("set arp_ignore and arp_announce of {link}"),
        ),
        Step::PutNeighbour(_, address, _) | Step::RemoveNeighbour(_, address) => (
            Severity::Degraded,
            "neighbour",
            format!("change the neighbour entry of {address} on {link}"),
        ),
    };
    let problem = Problem {
        severity,
        code,
        what: format!("failed to {doing}: {error}"),
        remedy: "It is tried again every 2 s; if it stays, look at `dmesg` and at `ip monitor`."
            .to_owned(),
    };
    (format!("{code} {doing}"), problem)
}
