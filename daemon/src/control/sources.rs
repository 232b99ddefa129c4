//! The snapshots that a status is made of.

use std::sync::Arc;
use std::time::Duration;

use sovnet_core::report::{
    DnsReport, KubernetesView, LanReport, NodeInfo, Parts, Problem, Report, Vendors, build,
};
use sovnet_core::time::Moment;
use tokio::sync::{mpsc, watch};

use super::AskRequest;

/// A loop that does not report within this time hangs: its last report has to do.
const FRESH: Duration = Duration::from_millis(100);

/// The latest snapshot of every shell. Cloning it clones the receivers, not the snapshots.
#[derive(Debug, Clone)]
pub(crate) struct Sources {
    /// What does not change.
    pub(crate) node: Arc<NodeInfo>,
    /// The LAN side.
    pub(crate) lan: watch::Receiver<Arc<LanReport>>,
    /// Where the LAN side is asked for a report as of now; closed where nothing is announced.
    pub(crate) asked: mpsc::Sender<AskRequest>,
    /// DNS; none if it is switched off.
    pub(crate) dns: Option<watch::Receiver<Arc<DnsReport>>>,
    /// Kubernetes; none if it is switched off.
    pub(crate) kubernetes: Option<watch::Receiver<Arc<KubernetesView>>>,
    /// Whose products the hardware addresses are.
    pub(crate) vendors: watch::Receiver<Arc<Vendors>>,
    /// What others found: the decision, the kernel, the store.
    pub(crate) others: Vec<watch::Receiver<Arc<Vec<Problem>>>>,
}

impl Sources {
    /// Waits until the LAN side has reported, or hangs.
    pub(crate) async fn refresh(&self) {
        let mut lan = self.lan.clone();
        lan.mark_unchanged();
        // Full: it is asked already, and reports after this moment, too.
        if let Err(mpsc::error::TrySendError::Closed(())) = self.asked.try_send(()) {
            return;
        }
        let _reported_or_hangs = tokio::time::timeout(FRESH, lan.changed()).await;
    }

    /// The status as of now.
    pub(crate) fn report(&self, now: Moment) -> Report {
        let lan = Arc::clone(&self.lan.borrow());
        let dns = self.dns.as_ref().map(|dns| Arc::clone(&dns.borrow()));
        let kubernetes = self.kubernetes.as_ref();
        let kubernetes = kubernetes.map(|kubernetes| Arc::clone(&kubernetes.borrow()));
        let kubernetes = kubernetes.map(|view| view.report(&self.node.name));
        let others = self.others.iter().map(|other| Arc::clone(&other.borrow()));
        let others: Vec<Arc<Vec<Problem>>> = others.collect();
        let others: Vec<&[Problem]> = others.iter().map(|other| other.as_slice()).collect();
        let parts = Parts {
            lan: &lan,
            dns: dns.as_deref(),
            kubernetes: kubernetes.as_ref(),
            others: &others,
        };
        build(&self.node, &parts, now)
    }
}
