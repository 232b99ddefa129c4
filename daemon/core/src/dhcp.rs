//! DHCP servers of a segment, as their offers and acknowledgements show them: nothing is ever asked.
//!
//! Owns who they are and which addresses they gave away; says when these are addresses of ours. The
//! announcing loop hands in what it hears.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::decide::SegmentPlan;
use crate::frame::dhcp::DhcpFrame;
use crate::names::Mac;
use crate::report::{DhcpServerReport, Problem, Severity};
use crate::time::Moment;

/// Servers that are kept; who forges more of them is not followed.
const MAX_SERVERS: usize = 8;

/// Addresses of ours that one server gave away, of which so many are kept.
const MAX_OVERLAPS: usize = 16;

/// What was heard longer ago counts no more: leases of a day are common, so each client has been
/// heard again by then.
const FORGET: Duration = Duration::from_secs(48 * 3_600);

/// One server.
#[derive(Debug)]
struct Server {
    mac: Mac,
    last: Moment,
    /// The lowest and the highest address that it gave away.
    range: Option<(Ipv4Addr, Ipv4Addr)>,
    /// Addresses of ours among them.
    overlaps: BTreeSet<Ipv4Addr>,
    count: u64,
}

/// What was heard of DHCP servers on a segment.
#[derive(Debug, Default)]
pub struct DhcpWatcher {
    servers: BTreeMap<Ipv4Addr, Server>,
}

impl DhcpWatcher {
    /// An offer or acknowledgement was heard.
    pub fn handle_frame(&mut self, frame: &DhcpFrame, plan: &SegmentPlan, now: Moment) {
        self.servers
            .retain(|_, server| now.since(server.last) < FORGET);
        if self.servers.len() >= MAX_SERVERS && !self.servers.contains_key(&frame.server) {
            return;
        }
        let server = self.servers.entry(frame.server).or_insert(Server {
            mac: frame.source,
            last: now,
            range: None,
            overlaps: BTreeSet::new(),
            count: 0,
        });
        server.mac = frame.source;
        server.last = now;
        server.count = server.count.saturating_add(1);
        let Some(address) = frame.offered else {
            return;
        };
        let (low, high) = server.range.unwrap_or((address, address));
        server.range = Some((low.min(address), high.max(address)));
        if is_ours(plan, address) && server.overlaps.len() < MAX_OVERLAPS {
            server.overlaps.insert(address);
        }
    }

    /// The servers, by address.
    pub fn report(&self) -> Vec<DhcpServerReport> {
        let servers = self.servers.iter();
        let reports = servers.map(|(address, server)| DhcpServerReport {
            address: *address,
            mac: server.mac,
            range: server.range,
            last: server.last,
            count: server.count,
        });
        reports.collect()
    }

    /// What is wrong: an address of ours that a server gives away, and more than one server.
    pub fn problems(&self, plan: &SegmentPlan, now: Moment) -> Vec<Problem> {
        let mut problems = Vec::new();
        let heard = self.servers.iter();
        let heard = heard.filter(|(_, server)| now.since(server.last) < FORGET);
        for (address, server) in heard.clone() {
            // The config may have changed since.
            let ours = server.overlaps.iter();
            let ours: Vec<String> = ours
                .filter(|one| is_ours(plan, **one))
                .map(ToString::to_string)
                .collect();
            if !ours.is_empty() {
                problems.push(overlap(*address, server, &ours.join(", ")));
            }
        }
        let servers: Vec<String> = heard
            .map(|(address, server)| format!("{address} ({})", server.mac))
            .collect();
        if servers.len() > 1 {
            problems.push(Problem {
                severity: Severity::Note,
                code: "several-dhcp-servers",
                what: format!(
                    "more than one DHCP server answers on {}: {}",
                    plan.link,
                    servers.join(", ")
                ),
                remedy: "if that is not intended, switch off the one that is not the router"
                    .to_owned(),
            });
        }
        problems
    }
}

fn overlap(address: Ipv4Addr, server: &Server, ours: &str) -> Problem {
    Problem {
        severity: Severity::Degraded,
        code: "dhcp-overlaps-pool",
        what: format!(
            "the DHCP server {address} ({}) gives away addresses that are sovnet's: {ours}",
            server.mac
        ),
        remedy: "shorten the DHCP range of that server so that it ends before the addresses of \
                 [[pool]] and [[address]]"
            .to_owned(),
    }
}

/// Whether it is an address that sovnet announces or may announce.
fn is_ours(plan: &SegmentPlan, address: Ipv4Addr) -> bool {
    let address = IpAddr::V4(address);
    let mut ranges = plan.watched.ranges.iter();
    plan.addresses.contains(&address) || ranges.any(|range| range.contains(address))
}

#[cfg(test)]
mod tests;
