//! The snapshots that a status is made of.

use std::sync::Arc;

use sovnet_core::report::{
    DnsReport, KubernetesReport, LanReport, NodeInfo, Parts, Problem, Report, Vendors, build,
};
use sovnet_core::time::Moment;
use tokio::sync::watch;

/// The latest snapshot of every shell. Cloning it clones the receivers, not the snapshots.
#[derive(Debug, Clone)]
pub(crate) struct Sources {
    /// What does not change.
    pub(crate) node: Arc<NodeInfo>,
    /// The LAN side.
    pub(crate) lan: watch::Receiver<Arc<LanReport>>,
    /// DNS; none if it is switched off.
    pub(crate) dns: Option<watch::Receiver<Arc<DnsReport>>>,
    /// Kubernetes; none if it is switched off.
    pub(crate) kubernetes: Option<watch::Receiver<Arc<KubernetesReport>>>,
    /// Whose products the hardware addresses are.
    pub(crate) vendors: watch::Receiver<Arc<Vendors>>,
    /// What others found: the decision, the kernel, the store.
    pub(crate) others: Vec<watch::Receiver<Arc<Vec<Problem>>>>,
}

impl Sources {
    /// The status as of now.
    pub(crate) fn report(&self, now: Moment) -> Report {
        let lan = Arc::clone(&self.lan.borrow());
        let dns = self.dns.as_ref().map(|dns| Arc::clone(&dns.borrow()));
        let kubernetes = self.kubernetes.as_ref();
        let kubernetes = kubernetes.map(|kubernetes| Arc::clone(&kubernetes.borrow()));
        let others = self.others.iter().map(|other| Arc::clone(&other.borrow()));
        let others: Vec<Arc<Vec<Problem>>> = others.collect();
        let others: Vec<&[Problem]> = others.iter().map(|other| other.as_slice()).collect();
        let parts = Parts {
            lan: &lan,
            dns: dns.as_deref(),
            kubernetes: kubernetes.as_deref(),
            others: &others,
        };
        build(&self.node, &parts, now)
    }
}
