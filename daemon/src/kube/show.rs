//! What the shell says of itself: the core's report, built from its state.

use sovnet_core::allocate::Verdict;
use sovnet_core::facts::cluster::Service;
use sovnet_core::names::ServiceName;
use sovnet_core::report::{KubernetesReport, Problem, ServiceReport, ServiceState, Severity};

use super::Kube;
use super::lease::node_of;
use super::status::{Unwritten, shown};
use crate::clock;

/// The report as of now.
pub(super) fn report(kube: &Kube) -> KubernetesReport {
    let health = &kube.health;
    let now = clock::now();
    let facts = kube.wires.facts.borrow();
    let services = facts.services.iter().filter_map(|(name, object)| {
        let verdict = kube.verdicts.get(name)?;
        let is_shown = !matches!(verdict, Verdict::Former);
        is_shown.then(|| service(kube, name, object, verdict))
    });
    let session = kube.session.as_ref();
    let mut report = KubernetesReport {
        state: health.state,
        reason: health.reason.clone(),
        since: health.since,
        server: session.map_or_else(String::new, |session| session.access.server.clone()),
        credentials: kube.wires.kubeconfig.display().to_string(),
        last_contact: health.last_contact,
        writer: kube
            .lease
            .live_holder(now)
            .map(|holder| node_of(holder).to_owned()),
        is_writer: kube.lease.may_write(now),
        is_from_disk: !health.is_live,
        services: services.collect(),
        problems: Vec::new(),
    };
    if let Some(trouble) = &health.write_trouble {
        report.problems.push(Problem {
            severity: Severity::Degraded,
            code: "kubernetes-cannot-write",
            what: format!(
                "this node can not write to the cluster: {}; Services get addresses only if another \
                 node can",
                trouble.0
            ),
            remedy: "apply /usr/share/doc/sovnet/kubernetes/rbac.yaml; with credentials that may \
                     only read, run `sovnetctl k8s join`"
                .to_owned(),
        });
    }
    for (name, object) in &facts.services {
        if let Some(contest) = kube.contests.of(name, now) {
            report.problems.push(contest.problem(name));
            continue;
        }
        let watches = session.map(|session| &session.watches);
        let trouble = watches.and_then(|watches| kube.attempts.trouble(name, watches));
        let verdict = kube.verdicts.get(name);
        let trouble = trouble.or_else(|| Unwritten::foreseen(verdict?, object));
        let problem = trouble.map(|trouble| status_problem(name, &trouble));
        report.problems.extend(problem);
    }
    report
}

/// A status that the API did not take.
fn status_problem(name: &ServiceName, trouble: &Unwritten) -> Problem {
    let remedy = match trouble.rival {
        Some(remedy) => format!(
            "{remedy}; then remove what it left: kubectl -n {} patch service {} \
             --subresource=status --type=merge \
             -p '{{\"status\":{{\"loadBalancer\":{{\"ingress\":null}}}}}}'",
            name.namespace(),
            name.name()
        ),
        None => "see what the API says; the write is tried again every 5 s".to_owned(),
    };
    Problem {
        severity: Severity::Degraded,
        code: "service-status-unwritten",
        what: format!("the Service {name}: {}", trouble.what),
        remedy,
    }
}

fn service(kube: &Kube, name: &ServiceName, object: &Service, verdict: &Verdict) -> ServiceReport {
    let mut report = ServiceReport {
        name: name.clone(),
        state: ServiceState::Assigned,
        reason: String::new(),
        addresses: object.assigned.clone(),
        pool: None,
        policy: object.policy,
        is_ready_here: object.ready_on.contains(&kube.wires.node),
        ready_nodes: object.ready_on.len(),
        complaint: None,
    };
    match verdict {
        Verdict::Assigned {
            addresses,
            pool,
            reason,
            complaint,
        } => {
            report.pool.clone_from(pool);
            report.complaint.clone_from(complaint);
            if object.assigned == *addresses {
                report.reason.clone_from(reason);
            } else {
                report.state = ServiceState::Pending;
                report.reason = format!(
                    "{} is to be written to its status: {reason}",
                    shown(addresses)
                );
            }
        }
        Verdict::Refused { reason } => {
            report.state = ServiceState::Refused;
            report.reason.clone_from(reason);
        }
        Verdict::Waiting => {
            report.state = ServiceState::Pending;
            "it has no cluster IP yet".clone_into(&mut report.reason);
        }
        Verdict::Former => {}
        Verdict::Foreign { class } => {
            report.state = ServiceState::Foreign;
            report.reason = match class {
                Some(class) => format!("its loadBalancerClass is {class}"),
                None => "it has no loadBalancerClass, and [kubernetes] classless is false".into(),
            };
        }
    }
    report
}
