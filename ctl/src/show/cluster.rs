//! The Kubernetes side of a status document as text.

use sovnet_control::status::{Kubernetes, Service};

use super::{BAD, GOOD, WARN, column, or_dash};
use crate::table::{self, Column, Row};
use crate::words::{millis, one_line, wrap};

const SERVICES: [Column; 6] = [
    column("SERVICE", 0),
    column("STATE", 0),
    column("ADDRESS", 1),
    column("POOL", 4),
    column("POLICY", 3),
    column("ENDPOINTS", 2),
];

/// The table of Services; empty without any.
pub(super) fn services(kubernetes: &Kubernetes, width: Option<usize>) -> String {
    if kubernetes.services.is_empty() {
        return String::new();
    }
    let rows: Vec<Row> = kubernetes.services.iter().map(service).collect();
    table::render(&SERVICES, "WHY", &rows, width)
}

fn service(service: &Service) -> Row {
    let is_complaining = service.complaint.is_some();
    let mark = match service.state.as_str() {
        "refused" => BAD,
        "assigned" if service.policy == "Local" && service.ready_nodes == 0 => BAD,
        "pending" => WARN,
        _ if is_complaining => WARN,
        _ => GOOD,
    };
    let addresses = match service.addresses.as_slice() {
        [] => "-".to_owned(),
        addresses => addresses.join(", "),
    };
    let nodes = match service.ready_nodes {
        1 => "1 node".to_owned(),
        nodes => format!("{nodes} nodes"),
    };
    let endpoints = if service.ready_here {
        format!("here, {nodes}")
    } else {
        nodes
    };
    let sentence = match &service.complaint {
        Some(complaint) => format!("{}; {complaint}", service.reason),
        None => service.reason.clone(),
    };
    Row {
        mark,
        cells: vec![
            service.name.clone(),
            service.state.clone(),
            addresses,
            or_dash(service.pool.as_ref()),
            service.policy.clone(),
            endpoints,
        ],
        sentence,
    }
}

/// "kubernetes connected to https://192.168.8.222:6443 for 4 h 2 m, civil writes".
pub(super) fn line(kubernetes: &Kubernetes, width: Option<usize>) -> String {
    let lasts = millis(kubernetes.state_for_ms);
    let mut text = format!("  kubernetes {}", kubernetes.state);
    if !kubernetes.server.is_empty() {
        text.push_str(&format!(" at {}", kubernetes.server));
    }
    text.push_str(&format!(" for {lasts}"));
    if kubernetes.state != "connected" {
        text.push_str(&format!(" ({})", kubernetes.reason));
    }
    let writer = match &kubernetes.writer {
        Some(_) if kubernetes.is_writer => "this node writes".to_owned(),
        Some(writer) => format!("{writer} writes"),
        None => "nobody writes".to_owned(),
    };
    text.push_str(&format!(", {writer}"));
    if kubernetes.is_from_disk {
        text.push_str(", what is known of Services is from the disk");
    }
    wrap(&one_line(&text), width, 4) + "\n"
}
