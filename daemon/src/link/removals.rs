//! Who took a local address away: we ourselves, the kernel, or another program.
//!
//! Pure. An IPv4 event carries the netlink port of whoever asked for it, which for most programs is
//! their process id; an IPv6 event never does, so that our own removals are counted instead.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use sovnet_core::time::Moment;

use super::kernel::LIFETIME_SECS;

/// The largest process id that Linux gives.
const PID_MAX: u32 = 1 << 22;

/// After a renewal that was late, events of what had ended before still wait.
const STILL_WAITING: Duration = Duration::from_secs(1);

/// Why an address is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// We asked for it.
    Ours,
    /// Its lifetime ended, or its link did.
    Kernel,
    /// Another program asked for it; its process id if it is known.
    Other(Option<u32>),
}

/// What is known of our own doing.
#[derive(Debug)]
pub(super) struct Removals {
    /// The netlink port of our requests.
    port: u32,
    /// IPv6 addresses that we removed and whose events have not come yet.
    awaited: BTreeMap<IpAddr, u32>,
    renewed_at: Moment,
    late_at: Option<Moment>,
}

impl Removals {
    pub(super) fn new(port: u32, now: Moment) -> Removals {
        Removals {
            port,
            awaited: BTreeMap::new(),
            renewed_at: now,
            late_at: None,
        }
    }

    /// The lifetimes of all addresses begin again.
    pub(super) fn handle_renewal(&mut self, now: Moment) {
        if self.is_late(now) {
            self.late_at = Some(now);
        }
        self.renewed_at = now;
    }

    /// The kernel has carried out a removal that we asked for.
    pub(super) fn handle_own(&mut self, address: IpAddr) {
        if address.is_ipv6() {
            *self.awaited.entry(address).or_default() += 1;
        }
    }

    /// Events were lost: none is waited for.
    pub(super) fn handle_lost_events(&mut self) {
        self.awaited.clear();
    }

    /// Why the address is gone, of which an event with this port tells.
    pub(super) fn cause(&mut self, address: IpAddr, port: u32, now: Moment) -> Cause {
        if port == self.port {
            return Cause::Ours;
        }
        if port != 0 {
            return Cause::Other(Some(port).filter(|port| *port <= PID_MAX));
        }
        if address.is_ipv4() {
            return Cause::Kernel;
        }
        if let Some(count) = self.awaited.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                self.awaited.remove(&address);
            }
            return Cause::Ours;
        }
        let was_late = self.late_at.is_some_and(|at| now.since(at) < STILL_WAITING);
        if was_late || self.is_late(now) {
            Cause::Kernel
        } else {
            Cause::Other(None)
        }
    }

    fn is_late(&self, now: Moment) -> bool {
        now.since(self.renewed_at) >= Duration::from_secs(u64::from(LIFETIME_SECS))
    }
}

/// A process for people: its name too, if it still runs and may be seen.
pub(super) fn process(pid: u32) -> String {
    match std::fs::read_to_string(format!("/proc/{pid}/comm")) {
        Ok(name) => format!("process {pid} ({})", name.trim()),
        Err(_) => format!("process {pid}"),
    }
}

#[cfg(test)]
mod tests;
