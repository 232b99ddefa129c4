//! What the shell says of itself, from its state.

use std::collections::BTreeSet;
use std::sync::Arc;

use sovnet_core::facts::cluster::StatusBy;
use sovnet_core::names::ServiceName;
use sovnet_core::report::{KubernetesReport, KubernetesView, Problem, Severity};

use super::Kube;
use super::attempts::Unwritten;
use super::lease::node_of;
use crate::clock;

/// The view as of now.
pub(super) fn view(kube: &Kube) -> KubernetesView {
    KubernetesView {
        rest: rest(kube),
        announces_unready: kube.wires.config.announces_unready(),
        facts: Arc::clone(&kube.wires.facts.borrow()),
        verdicts: Arc::clone(&kube.verdicts),
    }
}

/// Everything but the Services.
fn rest(kube: &Kube) -> KubernetesReport {
    let health = &kube.health;
    let now = clock::now();
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
        services: Vec::new(),
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
    report.problems.extend_from_slice(kube.in_force.problems());
    let found = session.and_then(|session| session.watches.found());
    let not_followed = found.into_iter().flat_map(|found| &found.problems);
    report.problems.extend(not_followed.cloned());
    let facts = kube.wires.facts.borrow();
    let by_others = facts.services.iter();
    let by_others = by_others.filter(|(_, one)| matches!(one.status_by, StatusBy::Other(_)));
    let unsettled = kube.contests.names().chain(kube.attempts.failed());
    let names: BTreeSet<&ServiceName> = by_others.map(|(name, _)| name).chain(unsettled).collect();
    for name in names {
        let Some(object) = facts.services.get(name) else {
            continue;
        };
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
