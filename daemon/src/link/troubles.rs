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
use super::kernel::{KernelError, whole};

/// How long interference stays in the status.
const INTERFERENCE_STAYS: Duration = Duration::from_secs(300);

/// Problems, by what they are about.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    failed: BTreeMap<String, Problem>,
    /// When last, how often, and what is said of it.
    seen: BTreeMap<String, (Moment, u64, Option<Problem>)>,
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

    /// Somebody has taken one of our local addresses away; `whom` names the process. Once is told in
    /// the journal: an operator may try it. A program that does it again does not know of us.
    pub(super) fn address_removed(&mut self, address: IpAddr, whom: Option<String>, now: Moment) {
        let whom = whom.unwrap_or_else(|| "another program".to_owned());
        log::info!(address:% = address, by = whom; "a local address was removed and is put back");
        let describe = |count| Problem {
            severity: Severity::Degraded,
            code: "address-removed",
            what: format!(
                "{address} was removed from the loopback link {count} times, last by {whom}; it \
                 was put back at once each time"
            ),
            remedy: format!(
                "Make it leave {address} on lo alone: `networkctl status lo` must say unmanaged, or \
                 its .network file needs KeepConfiguration=yes; NetworkManager needs \
                 unmanaged-devices=interface-name:lo; a script, not to flush lo."
            ),
        };
        self.see(format!("removed {address}"), 2, now, describe);
    }

    /// Somebody has changed how a link speaks ARP.
    pub(super) fn arp_changed(&mut self, link: &str, now: Moment) {
        let describe = |_count| Problem {
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
        self.see(format!("arp {link}"), 1, now, describe);
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
            remedy: format!(
                "Remove it: `ip address del {address}/{} dev lo`.",
                whole(address)
            ),
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
        let seen = self
            .seen
            .values()
            .filter_map(|(_, _, problem)| problem.as_ref());
        let mut all: Vec<Problem> = self.failed.values().chain(seen).cloned().collect();
        all.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.cmp(b)));
        all.dedup();
        all
    }

    /// Counts interference; it is a problem from the `least`-th time on.
    fn see(&mut self, key: String, least: u64, now: Moment, describe: impl Fn(u64) -> Problem) {
        let (at, count, problem) = self.seen.entry(key).or_insert((now, 0, None));
        *at = now;
        *count += 1;
        if *count < least {
            return;
        }
        let told = problem.insert(describe(*count));
        // However often it happens, the journal gets one line for each doubling.
        if count.is_power_of_two() {
            log::warn!(code = told.code, times = *count; "{}. {}", told.what, told.remedy);
        }
    }
}

fn warn(problem: &Problem) {
    log::warn!(code = problem.code; "{}. {}", problem.what, problem.remedy);
}

fn describe(step: Step, link: &str, error: &KernelError) -> (String, Problem) {
    if let Step::AddLocal(address) = step
        && error.is_family_off(address)
    {
        let problem = Problem {
            severity: Severity::Unhealthy,
            code: "address-not-local",
            what: format!(
                "failed to make {address} local: IPv6 is switched off on the loopback link"
            ),
            remedy: "Run `sysctl -w net.ipv6.conf.lo.disable_ipv6=0`, and write it to \
                     /etc/sysctl.d."
                .to_owned(),
        };
        return (format!("{} {address}", problem.code), problem);
    }
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
