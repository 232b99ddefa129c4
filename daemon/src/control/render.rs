//! The only bridge from the core's report to the message of the control interface: a change of the
//! core's types stops here, and shows in the tests before it breaks a script.

use std::collections::BTreeMap;
use std::time::Duration;

use sovnet_control::status as message;
use sovnet_core::config::Purpose;
use sovnet_core::facts::cluster::TrafficPolicy;
use sovnet_core::report::{
    AddressReport, ConflictReport, DetectionReport, DhcpServerReport, DnsReport, Holder,
    KubernetesReport, PeerReport, PinnedBy, Problem, Report, SegmentReport, ServiceReport,
    Severity, SuspicionReport, UpstreamReport, Vendors,
};
use sovnet_core::time::Moment;

/// The document, with every duration counted back from `now`.
pub(super) fn status(
    report: &Report,
    counters: &BTreeMap<&'static str, u64>,
    vendors: &Vendors,
    now: Moment,
) -> message::Status {
    let node = &report.node;
    let segments = report.segments.iter();
    message::Status {
        schema: message::SCHEMA.to_owned(),
        version: node.version.clone(),
        node: node.name.to_string(),
        id: node.id.to_string(),
        health: report.health.to_string(),
        health_reason: report.health_reason.clone(),
        config_file: node.config_file.clone(),
        uptime_ms: millis(now.since(node.started_at)),
        segments: segments.map(|s| segment(report, s, vendors, now)).collect(),
        dns: report.dns.as_ref().map(dns),
        kubernetes: report.kubernetes.as_ref().map(|part| kubernetes(part, now)),
        problems: report.problems.iter().map(problem).collect(),
        control_counters: counts(counters),
    }
}

fn segment(
    report: &Report,
    segment: &SegmentReport,
    vendors: &Vendors,
    now: Moment,
) -> message::Segment {
    let conflicts = segment.conflicts.iter();
    let servers = segment.dhcp_servers.iter();
    let addresses = segment.addresses.iter();
    message::Segment {
        link: segment.link.to_string(),
        mac: segment.mac.to_string(),
        own_address: segment
            .own_address
            .map_or_else(String::new, |own| own.to_string()),
        state: segment.state.to_string(),
        state_reason: segment.state_reason.clone(),
        state_for_ms: millis(now.since(segment.state_since)),
        addresses: addresses.map(|a| address(report, a, now)).collect(),
        peers: segment.peers.iter().map(|p| peer(p, now)).collect(),
        counters: counts(&segment.counters),
        turns: Some(message::Turns {
            late_minute_ms: millis(segment.lateness.minute),
            late_hour_ms: millis(segment.lateness.hour),
            late_count: count(segment.lateness.late),
            limit_ms: millis(segment.lateness.limit),
        }),
        keys: segment.keys.iter().map(ToString::to_string).collect(),
        conflicts: conflicts.map(|one| conflict(one, vendors, now)).collect(),
        dhcp_servers: servers.map(|one| dhcp_server(one, vendors, now)).collect(),
        pool_addresses_watched: size(segment.free.0),
        pool_addresses_found_free: size(segment.free.1),
    }
}

fn pinned_by(by: PinnedBy) -> String {
    match by {
        PinnedBy::Config => "config",
        PinnedBy::Operator => "operator",
    }
    .to_owned()
}

fn conflict(conflict: &ConflictReport, vendors: &Vendors, now: Moment) -> message::Conflict {
    message::Conflict {
        address: conflict.address.to_string(),
        is_announced: conflict.is_announced,
        mac: conflict.mac.to_string(),
        vendor: vendors.get(&conflict.mac).cloned(),
        seen_by: conflict.sighting.to_string(),
        first_seen_ms_ago: millis(now.since(conflict.first)),
        last_seen_ms_ago: millis(now.since(conflict.last)),
        frames: count(conflict.count),
        policy: conflict.policy.to_string(),
        done: conflict.handling.to_string(),
    }
}

fn dhcp_server(server: &DhcpServerReport, vendors: &Vendors, now: Moment) -> message::DhcpServer {
    message::DhcpServer {
        address: server.address.to_string(),
        mac: server.mac.to_string(),
        vendor: vendors.get(&server.mac).cloned(),
        lowest: server.range.map(|(lowest, _)| lowest.to_string()),
        highest: server.range.map(|(_, highest)| highest.to_string()),
        last_heard_ms_ago: millis(now.since(server.last)),
        messages: count(server.count),
    }
}

fn size(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn address(report: &Report, address: &AddressReport, now: Moment) -> message::Address {
    let services = report.services_of(address.address);
    let services: Vec<String> = services
        .iter()
        .map(|service| service.name.to_string())
        .collect();
    let purpose = match report.purpose_of(address.address) {
        Some(Purpose::Dns) => "dns",
        Some(Purpose::Host) => "host",
        None if !services.is_empty() => "service",
        None => "unknown",
    };
    let planned = &address.planned;
    message::Address {
        address: address.address.to_string(),
        purpose: purpose.to_owned(),
        service: (!services.is_empty()).then(|| services.join(", ")),
        holder: holder(report, address),
        is_held_here: address.holder == Holder::This,
        holder_mac: address.holder_mac.map(|mac| mac.to_string()),
        term: count(address.term),
        ability: i64::from(address.ability),
        is_local: address.is_local,
        held_for_ms: millis(now.since(address.since)),
        reason: address.reason.clone(),
        is_moved: planned.is_moved,
        pinned_to: planned.pinned.as_ref().map(|(node, _by)| node.to_string()),
        pinned_by: planned.pinned.as_ref().map(|(_node, by)| pinned_by(*by)),
        returns_to: planned.returns.as_ref().map(|(to, _left)| to.clone()),
        returns_in_ms: planned.returns.as_ref().map(|(_to, left)| millis(*left)),
        fails_back_to: planned.fails_back.as_ref().map(|(to, _left)| to.clone()),
        fails_back_in_ms: planned
            .fails_back
            .as_ref()
            .and_then(|(_to, left)| left.map(millis)),
        held_back: planned.held_back.clone(),
        seen_by: address.seen_by.clone(),
        unseen_by: address.unseen_by.clone(),
    }
}

/// The holder's name; its identity where the name is not known.
fn holder(report: &Report, address: &AddressReport) -> Option<String> {
    let name = address.holder_name.as_ref().map(ToString::to_string);
    match address.holder {
        Holder::Nobody => None,
        Holder::This => Some(name.unwrap_or_else(|| report.node.name.to_string())),
        Holder::Peer(id) => Some(name.unwrap_or_else(|| id.to_string())),
    }
}

fn peer(peer: &PeerReport, now: Moment) -> message::Peer {
    message::Peer {
        name: peer.name.as_ref().map(ToString::to_string),
        id: peer.id.map(|id| id.to_string()),
        address: peer.address.to_string(),
        mac: peer.mac.map(|mac| mac.to_string()),
        liveness: peer.liveness.to_string(),
        reason: peer.reason.clone(),
        liveness_for_ms: millis(now.since(peer.since)),
        state: peer.state.map(|state| state.to_string()),
        claims: i64::try_from(peer.claims).unwrap_or(i64::MAX),
        heard_ms_ago: peer.last_heard.map(|heard| millis(now.since(heard))),
        threshold_ms: millis(peer.threshold),
        version: peer.version.clone(),
        key: peer.key.map(|key| key.to_string()),
        detection: peer.detection.as_ref().map(detection),
        suspicion: peer.suspicion.as_ref().map(|one| suspicion(one, now)),
    }
}

fn detection(detection: &DetectionReport) -> message::Detection {
    message::Detection {
        interval_ms: millis(detection.interval),
        learned_ms: detection.learned.map(|(silence, _)| millis(silence)),
        learned_age: detection.learned.map(|(_, age)| i64::from(age)),
        clause: detection.clause.to_string(),
        confirm_ms: millis(detection.confirm),
        last_gap_ms: millis(detection.last_gap),
        explanation: detection.explanation.clone(),
    }
}

fn suspicion(suspicion: &SuspicionReport, now: Moment) -> message::Suspicion {
    message::Suspicion {
        silent_ms_ago: millis(now.since(suspicion.silent_since)),
        expected_ms: millis(suspicion.expected),
        observed_ms: millis(suspicion.observed),
        threshold_ms: millis(suspicion.threshold),
        clause: suspicion.clause.to_string(),
        explanation: suspicion.explanation.clone(),
    }
}

fn dns(dns: &DnsReport) -> message::Dns {
    let listeners = dns.listeners.iter().map(|listener| message::Listener {
        address: listener.address.to_string(),
        transport: listener.transport.to_owned(),
        is_bound: listener.is_bound,
    });
    let zones = dns.zones.iter().map(|(name, names)| message::Zone {
        name: name.clone(),
        names: i64::try_from(*names).unwrap_or(i64::MAX),
    });
    message::Dns {
        listeners: listeners.collect(),
        zones: zones.collect(),
        upstreams: dns.upstreams.iter().map(upstream).collect(),
        counters: counts(&dns.counters),
    }
}

fn kubernetes(part: &KubernetesReport, now: Moment) -> message::Kubernetes {
    message::Kubernetes {
        state: part.state.to_string(),
        reason: part.reason.clone(),
        state_for_ms: part.since.map_or(0, |since| millis(now.since(since))),
        server: part.server.clone(),
        credentials: part.credentials.clone(),
        last_contact_ms: part.last_contact.map(|at| millis(now.since(at))),
        writer: part.writer.clone(),
        is_writer: part.is_writer,
        is_from_disk: part.is_from_disk,
        services: part.services.iter().map(service).collect(),
    }
}

fn service(service: &ServiceReport) -> message::Service {
    message::Service {
        name: service.name.to_string(),
        state: service.state.to_string(),
        reason: service.reason.clone(),
        addresses: service.addresses.iter().map(ToString::to_string).collect(),
        pool: service.pool.clone(),
        policy: match service.policy {
            TrafficPolicy::Cluster => "Cluster".to_owned(),
            TrafficPolicy::Local => "Local".to_owned(),
        },
        ready_here: service.is_ready_here,
        ready_nodes: i64::try_from(service.ready_nodes).unwrap_or(i64::MAX),
        complaint: service.complaint.clone(),
    }
}

fn upstream(upstream: &UpstreamReport) -> message::Upstream {
    message::Upstream {
        address: upstream.address.to_string(),
        state: upstream.state.to_owned(),
        reason: upstream.reason.clone(),
        last_rtt_ms: upstream.last_rtt.map(|rtt| rtt.as_secs_f64() * 1_000.0),
    }
}

fn problem(problem: &Problem) -> message::Problem {
    let severity = match problem.severity {
        Severity::Note => "note",
        Severity::Degraded => "degraded",
        Severity::Unhealthy => "unhealthy",
    };
    message::Problem {
        severity: severity.to_owned(),
        code: problem.code.to_owned(),
        what: problem.what.clone(),
        remedy: problem.remedy.clone(),
    }
}

fn counts(counters: &BTreeMap<&'static str, u64>) -> BTreeMap<String, i64> {
    let pairs = counters.iter();
    pairs
        .map(|(name, value)| ((*name).to_owned(), count(*value)))
        .collect()
}

fn count(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn millis(length: Duration) -> i64 {
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
