//! A status document as text: pure, from the document alone.

mod cluster;
mod crowd;
mod foreign;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sovnet_control::status::{Address, Dns, Peer, Problem, Segment, Status, Upstream};

use crate::table::{self, Column, Row};
use crate::words::{millis, one_line, wrap};

/// In order, or no news.
const GOOD: char = '\u{25cf}';
/// An operator should look.
const WARN: char = '!';
/// Not as it was asked for.
const BAD: char = '\u{2717}';

/// The document as it came, with a final line break.
pub(crate) fn json(status: &Status) -> String {
    let text = serde_json::to_string_pretty(status);
    text.expect("a document of strings, numbers and lists is JSON") + "\n"
}

/// 0 healthy, 3 degraded or idle, 4 unhealthy; a word of a newer daemon counts as degraded.
pub(crate) fn exit_code(status: &Status) -> u8 {
    match status.health.as_str() {
        "healthy" => 0,
        "unhealthy" => 4,
        _ => 3,
    }
}

/// The screen for people. Nothing is wrapped without a width.
pub(crate) fn table(status: &Status, width: Option<usize>) -> String {
    let mut blocks = vec![headline(status)];
    if status.health == "idle" {
        let reason = one_line(&status.health_reason);
        blocks.push(wrap(&reason, width, 0) + "\n");
    }
    for segment in &status.segments {
        blocks.push(addresses(segment, width));
        blocks.push(foreign::conflicts(segment, width));
        blocks.push(nodes(status, segment, width));
    }
    let kubernetes = status.kubernetes.as_ref();
    blocks.extend(kubernetes.map(|part| cluster::services(part, width)));
    let links = status
        .segments
        .iter()
        .map(|s| link(s, width) + &foreign::dhcp_lines(s, width));
    let dns = status.dns.iter().map(|dns| dns_lines(dns, width));
    let kubernetes = kubernetes.map(|part| cluster::line(part, width));
    blocks.push(links.chain(dns).chain(kubernetes).collect());
    let (told, more) = crowd::told(&status.problems);
    let problems = told.into_iter().map(|p| problem(p, width));
    blocks.push(problems.collect::<String>() + &more);
    blocks.retain(|block| !block.is_empty());
    blocks.join("\n")
}

/// "sovnet 0.1.0 on civil    healthy, up 4 h 2 m".
fn headline(status: &Status) -> String {
    let count = |severity: &str, one: &str| {
        let severe = status.problems.iter().filter(|p| p.severity == severity);
        match severe.count() {
            0 => None,
            1 => Some(format!("1 {one}")),
            many => Some(format!("{many} {one}s")),
        }
    };
    let found = [count("unhealthy", "problem"), count("degraded", "warning")];
    let found: Vec<String> = found.into_iter().flatten().collect();
    let health = match status.health.as_str() {
        "healthy" | "idle" => status.health.clone(),
        loud => format!("{}: {}", loud.to_uppercase(), found.join(", ")),
    };
    let up = millis(status.uptime_ms);
    let line = format!(
        "sovnet {} on {}    {health}, up {up}",
        status.version, status.node
    );
    one_line(&line) + "\n"
}

const ADDRESSES: [Column; 7] = [
    column("ADDRESS", 0),
    column("FOR", 2),
    column("HOLDER", 0),
    column("MAC", 3),
    column("TERM", 5),
    column("SINCE", 1),
    column("SEEN BY", 4),
];

const NODES: [Column; 9] = [
    column("NODE", 0),
    column("ADDRESS", 3),
    column("STATE", 1),
    column("LIVENESS", 0),
    column("HEARD", 4),
    column("THRESHOLD", 6),
    column("ADDRESSES", 2),
    column("VERSION", 5),
    column("KEY", 7),
];

const fn column(title: &'static str, spare: u8) -> Column {
    Column { title, spare }
}

fn addresses(segment: &Segment, width: Option<usize>) -> String {
    let rows = crowd::rows(&segment.addresses);
    table::render(&ADDRESSES, "WHY", &rows, width)
}

/// Each address, where [`addresses`] has several in a row.
fn all_addresses(segment: &Segment, width: Option<usize>) -> Option<String> {
    let rows = segment.addresses.iter().map(address);
    let rows: Option<Vec<Row>> = crowd::is_crowd(&segment.addresses).then(|| rows.collect());
    rows.map(|rows| table::render(&ADDRESSES, "WHY", &rows, width))
}

fn holder(address: &Address) -> String {
    match &address.holder {
        Some(name) if address.is_held_here => format!("{name} (this node)"),
        Some(name) => name.clone(),
        None => "nobody".to_owned(),
    }
}

fn address(address: &Address) -> Row {
    let holder = holder(address);
    let is_fine = address.holder.is_some()
        && (!address.is_held_here || address.is_local || address.service.is_some());
    Row {
        mark: if is_fine { GOOD } else { BAD },
        cells: vec![
            address.address.clone(),
            address
                .service
                .clone()
                .unwrap_or_else(|| address.purpose.clone()),
            holder,
            or_dash(address.holder_mac.as_ref()),
            address.term.to_string(),
            millis(address.held_for_ms),
            seen_by(address),
        ],
        sentence: reason(address),
    }
}

/// Why it is there, and what is planned for it.
fn reason(address: &Address) -> String {
    let within = |left: Option<i64>| left.map(millis);
    let returns = address.returns_to.as_ref().map(|to| {
        let left = within(address.returns_in_ms).unwrap_or_default();
        format!("goes back to {to} in {left}")
    });
    let fails_back = address.fails_back_to.as_ref().map(|to| {
        let when = match within(address.fails_back_in_ms) {
            Some(left) => format!("in {left}"),
            None => "when the window opens".to_owned(),
        };
        format!("fails back to {to} {when}")
    });
    let is_moved = address.is_moved && returns.is_none();
    let moved = is_moved.then(|| "stays where an operator put it".to_owned());
    let pinned = address.pinned_to.as_ref();
    let pinned = pinned.map(|node| match address.pinned_by.as_deref() {
        Some("operator") => format!("pinned to {node} by an operator"),
        Some("config") => format!("pinned to {node} by the config"),
        Some(_) | None => format!("pinned to {node}"),
    });
    let held_back = address.held_back.as_ref();
    let held_back = held_back.map(|why| format!("this node is {why}"));
    let parts = [returns, moved, fails_back, pinned, held_back];
    let parts = parts.into_iter().flatten();
    std::iter::once(address.reason.clone())
        .chain(parts)
        .collect::<Vec<_>>()
        .join("; ")
}

/// "2 of 2": how many of the nodes that could hear the holder do.
fn seen_by(address: &Address) -> String {
    let (seen, all) = (
        address.seen_by.len(),
        address.seen_by.len() + address.unseen_by.len(),
    );
    if all == 0 {
        "-".to_owned()
    } else {
        format!("{seen} of {all}")
    }
}

/// This node first, then its peers.
fn nodes(status: &Status, segment: &Segment, width: Option<usize>) -> String {
    let held = segment.addresses.iter().filter(|a| a.is_held_here).count();
    let mark = match segment.state.as_str() {
        "active" | "joining" => GOOD,
        "isolated" | "mute" => BAD,
        _ => WARN,
    };
    let this = Row {
        mark,
        cells: vec![
            status.node.clone(),
            segment.own_address.clone(),
            segment.state.clone(),
            "this node".to_owned(),
            "-".to_owned(),
            "-".to_owned(),
            held.to_string(),
            status.version.clone(),
            or_dash(segment.keys.first()),
        ],
        sentence: segment.state_reason.clone(),
    };
    let rows: Vec<Row> = std::iter::once(this)
        .chain(segment.peers.iter().map(peer))
        .collect();
    table::render(&NODES, "WHY", &rows, width)
}

fn peer(peer: &Peer) -> Row {
    let mark = match peer.liveness.as_str() {
        "alive" => GOOD,
        "dead" | "hung" => BAD,
        _ => WARN,
    };
    let heard = peer.heard_ms_ago.map(|ago| format!("{} ago", millis(ago)));
    Row {
        mark,
        cells: vec![
            peer.name.clone().unwrap_or_else(|| "?".to_owned()),
            peer.address.clone(),
            or_dash(peer.state.as_ref()),
            format!("{} {}", peer.liveness, millis(peer.liveness_for_ms)),
            or_dash(heard.as_ref()),
            millis(peer.threshold_ms),
            peer.claims.to_string(),
            or_dash(peer.version.as_ref()),
            or_dash(peer.key.as_ref()),
        ],
        sentence: peer.reason.clone(),
    }
}

fn or_dash(text: Option<&String>) -> String {
    text.cloned().unwrap_or_else(|| "-".to_owned())
}

fn link(segment: &Segment, width: Option<usize>) -> String {
    let (state, held) = (&segment.state, millis(segment.state_for_ms));
    let text = format!(
        "  link {} ({}) {state} for {held}",
        segment.link, segment.mac
    );
    let text = match segment.keys.as_slice() {
        [used, others @ ..] if !others.is_empty() => {
            format!("{text}, key {used} used and {} accepted", others.join(", "))
        }
        _ => text,
    };
    wrap(&one_line(&text), width, 4) + "\n"
}

/// What `--wide` adds: every address, and how silence is judged.
pub(crate) fn details(status: &Status, width: Option<usize>) -> String {
    let listed = status.segments.iter();
    let listed = listed.filter_map(|segment| all_addresses(segment, width));
    let listed: String = listed.map(|table| format!("\n{table}")).collect();
    listed + &judgements(status, width)
}

fn judgements(status: &Status, width: Option<usize>) -> String {
    let mut lines = Vec::new();
    for segment in &status.segments {
        let link = &segment.link;
        lines.extend(segment.turns.as_ref().map(|turns| {
            format!(
                "  {link} own turns: at most {} late in the last minute, {} in the last hour; {} \
                 would be too much",
                millis(turns.late_minute_ms),
                millis(turns.late_hour_ms),
                millis(turns.limit_ms)
            )
        }));
        for peer in &segment.peers {
            let name = peer.name.as_ref().unwrap_or(&peer.address);
            let detection = peer.detection.as_ref();
            lines.extend(detection.map(|one| format!("  {link} {name}: {}", one.explanation)));
            let suspicion = peer.suspicion.as_ref();
            lines.extend(suspicion.map(|one| {
                let ago = millis(one.silent_ms_ago);
                format!("  {link} {name} suspected {ago} ago: {}", one.explanation)
            }));
        }
    }
    if lines.is_empty() {
        return String::new();
    }
    let lines: Vec<String> = lines
        .iter()
        .map(|line| wrap(&one_line(line), width, 4))
        .collect();
    format!("\n{}\n", lines.join("\n"))
}

fn dns_lines(dns: &Dns, width: Option<usize>) -> String {
    let mut listeners: BTreeMap<(&str, bool), Vec<&str>> = BTreeMap::new();
    for listener in &dns.listeners {
        let place = (listener.address.as_str(), listener.is_bound);
        listeners
            .entry(place)
            .or_default()
            .push(&listener.transport);
    }
    let listeners = listeners.iter().map(|((address, is_bound), transports)| {
        let not = if *is_bound { "" } else { "NOT " };
        format!("{not}listening on {address} ({})", transports.join(", "))
    });
    let zones = dns.zones.iter().map(|zone| match zone.names {
        1 => format!("{} (1 name)", zone.name),
        names => format!("{} ({names} names)", zone.name),
    });
    let upstreams = dns.upstreams.iter().map(upstream);
    let mut text = String::new();
    for (title, parts) in [
        ("dns", listeners.collect::<Vec<String>>()),
        ("zones", zones.collect()),
        ("upstreams", upstreams.collect()),
    ] {
        if !parts.is_empty() {
            let line = one_line(&format!("  {title} {}", parts.join(", ")));
            text.push_str(&wrap(&line, width, 4));
            text.push('\n');
        }
    }
    text
}

/// "1.1.1.1:53 ok 9.3 ms", or the reason if it is not in order.
fn upstream(upstream: &Upstream) -> String {
    let mut text = format!("{} {}", upstream.address, upstream.state);
    let written = match (upstream.state.as_str(), upstream.last_rtt_ms) {
        ("ok", Some(rtt)) => write!(text, " {rtt:.1} ms"),
        ("ok" | "untried", _) => Ok(()),
        _ => write!(text, " ({})", upstream.reason),
    };
    written.expect("writing to a string does not fail");
    text
}

fn problem(problem: &Problem, width: Option<usize>) -> String {
    let (mark, word) = match problem.severity.as_str() {
        "unhealthy" => (BAD, "problem"),
        "degraded" => (WARN, "warning"),
        _ => (GOOD, "note"),
    };
    let what = format!("{mark} {word} {}: {}", problem.code, problem.what);
    let remedy = format!("  -> {}", problem.remedy);
    let what = wrap(&one_line(&what), width, 2);
    let remedy = wrap(&one_line(&remedy), width, 5);
    format!("{what}\n{remedy}\n")
}

#[cfg(test)]
pub(crate) mod tests;
