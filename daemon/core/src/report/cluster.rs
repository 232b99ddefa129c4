//! The problems that follow from the Kubernetes part of a status alone; only `build` calls this.

use std::net::IpAddr;
use std::time::Duration;

use super::{ApiState, KubernetesReport, Problem, ServiceReport, ServiceState, Severity};
use crate::facts::cluster::TrafficPolicy;
use crate::time::Moment;

#[cfg(test)]
mod tests;

/// How long the API may be silent before anybody should look: a restart of k3s.
const RESTART: Duration = Duration::from_secs(30);

/// The API does not answer, or refuses. What was known goes on, so this is never unhealthy.
pub(super) fn kubernetes_problem(report: &KubernetesReport, now: Moment) -> Option<Problem> {
    let lasts = report
        .since
        .map_or(Duration::ZERO, |since| now.since(since));
    let held = "addresses that Services have are announced as before, new Services get none";
    let at = if report.server.is_empty() {
        String::new()
    } else {
        format!(" at {}", report.server)
    };
    let reason = &report.reason;
    let (code, what, remedy) = match report.state {
        ApiState::Connected => return None,
        ApiState::Connecting | ApiState::Unreachable => (
            "kubernetes-unreachable",
            format!("the Kubernetes API{at} does not answer ({reason}): {held}"),
            "check the control plane (`systemctl status k3s` on a server node) and the way to it",
        ),
        ApiState::Refused => (
            "kubernetes-refused",
            format!("the Kubernetes API{at} refuses this node ({reason}): {held}"),
            "apply /usr/share/doc/sovnet/kubernetes/rbac.yaml, and renew the credentials with \
             `sovnetctl k8s join --renew-before 8d`",
        ),
        ApiState::Expired => (
            "kubernetes-certificate-expired",
            format!(
                "the client certificate for the Kubernetes API{at} has expired ({reason}): {held}"
            ),
            "run `sovnetctl k8s join` on this node, or replace the certificate that [kubernetes] \
             kubeconfig names; sovnetd takes it up by itself. If the date here is wrong, set the \
             clock",
        ),
        ApiState::NoCredentials => (
            "kubernetes-credentials",
            format!("there are no usable credentials for the Kubernetes API ({reason}): {held}"),
            "run `sovnetctl k8s join` on this node, or write [kubernetes] kubeconfig in the config",
        ),
    };
    let is_short =
        lasts < RESTART && matches!(report.state, ApiState::Connecting | ApiState::Unreachable);
    Some(Problem {
        severity: if is_short {
            Severity::Note
        } else {
            Severity::Degraded
        },
        code,
        what,
        remedy: remedy.to_owned(),
    })
}

/// A Service without an address, with another one than it asks for, or without an endpoint.
pub(super) fn service_problem(service: &ServiceReport) -> Option<Problem> {
    let ServiceReport { name, reason, .. } = service;
    match service.state {
        ServiceState::Refused => Some(Problem {
            severity: Severity::Degraded,
            code: "service-without-address",
            what: format!("the Service {name} gets no address: {reason}"),
            remedy: "change what the Service asks for, or the pools of the config".to_owned(),
        }),
        ServiceState::Assigned if service.complaint.is_some() => Some(Problem {
            severity: Severity::Degraded,
            code: "service-request-unmet",
            what: format!(
                "the Service {name} does not get what it asks for: {}",
                service.complaint.as_deref().unwrap_or_default()
            ),
            remedy: "change what the Service asks for; until then it keeps the address that it has"
                .to_owned(),
        }),
        ServiceState::Assigned if !service.is_announced => Some(Problem {
            severity: Severity::Degraded,
            code: "service-without-endpoint",
            what: format!(
                "nobody announces the address of the Service {name}: it has no ready endpoint{}",
                match service.policy {
                    TrafficPolicy::Cluster => "",
                    TrafficPolicy::Local => {
                        " on any node, and its externalTrafficPolicy is Local"
                    }
                }
            ),
            remedy: format!(
                "find out why its pods are not ready: kubectl -n {} get endpointslices,pods",
                name.namespace()
            ),
        }),
        ServiceState::Assigned | ServiceState::Pending | ServiceState::Foreign => None,
    }
}

/// Whether an address has no holder because its Services have no endpoint, which is said already.
pub(super) fn is_explained(report: Option<&KubernetesReport>, address: IpAddr) -> bool {
    let services = report.iter().flat_map(|report| &report.services);
    let mut having = services
        .filter(|service| service.addresses.contains(&address))
        .peekable();
    having.peek().is_some() && having.all(|service| !service.is_announced)
}
