//! The pools of a MetalLB whose place sovnet takes, as they are in force. Part of [`Kube`].

use std::sync::Arc;

use sovnet_core::facts::cluster::ClusterFacts;
use sovnet_core::metallb;

use super::Kube;
use super::touched::Touched;

impl Kube {
    /// Has the pools in force that MetalLB's objects say now, where the config asks for them.
    pub(super) fn take_pools(&mut self, facts: &mut ClusterFacts, touched: &mut Touched) {
        let former = Arc::clone(&self.wires.facts.borrow());
        let is_same_cluster =
            facts.uid.is_none() || former.uid.is_none() || facts.uid == former.uid;
        let former = if is_same_cluster {
            former
        } else {
            Arc::default()
        };
        let found = self
            .session
            .as_ref()
            .and_then(|session| session.watches.found());
        let found = found.map(|found| &found.pools);
        facts.pools = metallb::retained(self.in_force.config(), &former, found, facts);
        if self.in_force.take(&facts.pools) {
            log::info!(pools = facts.pools.len(); "MetalLB's pools are in force as they are now");
            touched.note_all();
        }
    }
}
