//! The Kubernetes side as its shell publishes it after every change: cheap to make, since a large
//! cluster's Services are written out only when somebody asks for the status.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{KubernetesReport, ServiceReport, ServiceState};
use crate::allocate::{Verdict, shown};
use crate::facts::cluster::{ClusterFacts, Service};
use crate::names::{NodeName, ServiceName};

#[cfg(test)]
mod tests;

/// What a report of the Kubernetes side is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KubernetesView {
    /// Everything but the Services.
    pub rest: KubernetesReport,
    /// Whether Services of the policy `Cluster` are announced without a ready endpoint, too.
    pub announces_unready: bool,
    /// The cluster.
    pub facts: Arc<ClusterFacts>,
    /// What becomes of each Service.
    pub verdicts: Arc<BTreeMap<ServiceName, Verdict>>,
}

impl KubernetesView {
    /// The report of this node.
    pub fn report(&self, node: &NodeName) -> KubernetesReport {
        let services = self.facts.services.iter();
        let services = services.filter_map(|(name, object)| {
            let verdict = self.verdicts.get(name)?;
            let is_shown = !matches!(verdict, Verdict::Former);
            is_shown.then(|| self.service(node, name, (object, verdict)))
        });
        KubernetesReport {
            services: services.collect(),
            ..self.rest.clone()
        }
    }

    fn service(
        &self,
        node: &NodeName,
        name: &ServiceName,
        (object, verdict): (&Service, &Verdict),
    ) -> ServiceReport {
        let mut report = ServiceReport {
            name: name.clone(),
            state: ServiceState::Assigned,
            reason: String::new(),
            addresses: object.assigned.clone(),
            pool: None,
            policy: object.policy,
            is_ready_here: object.ready_on.contains(node),
            ready_nodes: object.ready_on.len(),
            is_announced: object.is_announced(self.announces_unready),
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
                    None => {
                        "it has no loadBalancerClass, and [kubernetes] classless is false".into()
                    }
                };
            }
        }
        report
    }
}
