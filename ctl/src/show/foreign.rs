//! Hosts that are no nodes, of a status document, as text: who uses our addresses, and who gives
//! away addresses.

use sovnet_control::status::{Conflict, DhcpServer, Segment};

use super::{BAD, WARN, column};
use crate::table::{self, Column, Row};
use crate::words::{millis, one_line, wrap};

const CONFLICTS: [Column; 5] = [
    column("USED BY OTHERS", 0),
    column("MAC", 0),
    column("FIRST", 3),
    column("LAST", 1),
    column("FRAMES", 2),
];

/// The table of conflicts; empty without any.
pub(super) fn conflicts(segment: &Segment, width: Option<usize>) -> String {
    if segment.conflicts.is_empty() {
        return String::new();
    }
    let rows: Vec<Row> = segment.conflicts.iter().map(conflict).collect();
    table::render(&CONFLICTS, "WHO, AND WHAT WAS DONE", &rows, width)
}

fn conflict(conflict: &Conflict) -> Row {
    let vendor = conflict.vendor.as_deref().unwrap_or("vendor not known yet");
    let what = if conflict.is_announced {
        "announced"
    } else {
        "free"
    };
    Row {
        mark: if conflict.is_announced { BAD } else { WARN },
        cells: vec![
            conflict.address.clone(),
            conflict.mac.clone(),
            format!("{} ago", millis(conflict.first_seen_ms_ago)),
            format!("{} ago", millis(conflict.last_seen_ms_ago)),
            conflict.frames.to_string(),
        ],
        sentence: format!(
            "{vendor}; the address is {what}; seen by {}; {} (policy {})",
            conflict.seen_by, conflict.done, conflict.policy
        ),
    }
}

/// "dhcp 192.168.8.1 (e4:95:6e:00:00:01, GL Technologies) gave away 192.168.8.100 to ...".
pub(super) fn dhcp_lines(segment: &Segment, width: Option<usize>) -> String {
    let servers = segment.dhcp_servers.iter();
    servers.map(|server| dhcp_line(server, width)).collect()
}

fn dhcp_line(server: &DhcpServer, width: Option<usize>) -> String {
    let mut who = server.mac.clone();
    if let Some(vendor) = &server.vendor {
        who.push_str(&format!(", {vendor}"));
    }
    let gave = match (&server.lowest, &server.highest) {
        (Some(lowest), Some(highest)) if lowest == highest => format!("gave away {lowest}"),
        (Some(lowest), Some(highest)) => format!("gave away {lowest} to {highest}"),
        _ => "gave nothing away".to_owned(),
    };
    let last = millis(server.last_heard_ms_ago);
    let text = format!("  dhcp {} ({who}) {gave}, last {last} ago", server.address);
    wrap(&one_line(&text), width, 4) + "\n"
}
