//! What is to stand in a Service's status, by its verdict.

use std::net::IpAddr;

use sovnet_core::allocate::Verdict;
use sovnet_core::facts::cluster;
use sovnet_core::facts::request::FROM_POOL_ANNOTATION;
use sovnet_core::names::ServiceName;

/// What is to stand in a status.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) addresses: Vec<IpAddr>,
    /// The pool that they are from, for the annotation.
    pub(super) pool: Option<String>,
}

impl Wanted {
    /// What a verdict wants; none if the status is not sovnet's to touch.
    pub(super) fn of(verdict: &Verdict) -> Option<Wanted> {
        match verdict {
            Verdict::Assigned {
                addresses, pool, ..
            } => Some(Wanted {
                addresses: addresses.clone(),
                pool: pool.clone(),
            }),
            Verdict::Refused { .. } | Verdict::Former => Some(Wanted::default()),
            Verdict::Waiting | Verdict::Foreign { .. } => None,
        }
    }

    /// Whether this stands in the status. A pool that is not noted is no reason to write: who left
    /// the right address there, as MetalLB did, may still own it.
    pub(super) fn stands(&self, service: &cluster::Service) -> bool {
        let is_noted = service.noted_pool.is_none() || service.noted_pool == self.pool;
        service.assigned == self.addresses && !service.has_foreign_status && is_noted
    }

    /// The change that makes the status of exactly this Service and version so.
    pub(super) fn patch(
        &self,
        name: &ServiceName,
        service: &cluster::Service,
        version: &str,
    ) -> serde_json::Value {
        let addresses = self.addresses.iter();
        let ingress: Vec<_> = addresses
            .map(|address| serde_json::json!({ "ip": address, "ipMode": "VIP" }))
            .collect();
        let balancer = match ingress.as_slice() {
            [] => serde_json::json!({}),
            some => serde_json::json!({ "ingress": some }),
        };
        let annotations = match &self.pool {
            Some(pool) if !service.has_foreign_note => {
                serde_json::json!({ FROM_POOL_ANNOTATION: pool })
            }
            Some(_) | None => serde_json::json!({}),
        };
        serde_json::json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {
                "name": name.name(),
                "namespace": name.namespace(),
                "uid": service.uid,
                "resourceVersion": version,
                "annotations": annotations,
            },
            "status": { "loadBalancer": balancer },
        })
    }
}

#[cfg(test)]
pub(super) mod tests;
