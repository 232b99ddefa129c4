//! Services put together with their endpoints and their namespace's labels, each anew only when
//! something of it has changed: a large cluster is not copied for one pod.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sovnet_core::names::{NodeName, ServiceName};

use super::super::touched::Touched;
use super::{Step, Watches};

/// Notes what a step touches; `owners` says whose an object is, and was.
pub(super) fn note<K, V>(
    touched: &mut Touched,
    step: &Step<K, V>,
    owners: impl FnOnce(&K, Option<&V>) -> Vec<ServiceName>,
) {
    match step {
        Step::Complete => touched.note_all(),
        Step::Set(key, value) => touched.note(owners(key, value.as_ref())),
        Step::Gone(key) => touched.note(owners(key, None)),
        Step::Begin | Step::Listed(_) | Step::Nothing | Step::Failed(_) => {}
    }
}

/// Where the endpoints of a Service are.
#[derive(Debug, Default)]
struct Places<'a> {
    ready: BTreeSet<&'a NodeName>,
    last: BTreeSet<&'a NodeName>,
    is_outside: bool,
}

impl Watches {
    /// Puts together what is touched.
    pub(super) fn put_together(&mut self, touched: &Touched) {
        if touched.is_nothing() {
            return;
        }
        let mut places: BTreeMap<&ServiceName, Places<'_>> = BTreeMap::new();
        for (owner, endpoints) in self.slices.objects.values() {
            if touched.has(owner) {
                let places = places.entry(owner).or_default();
                places.ready.extend(&endpoints.ready);
                places.last.extend(&endpoints.terminating);
                places.is_outside |= endpoints.is_outside;
            }
        }
        let services = self.services.objects.iter_mut();
        for (name, (service, _)) in services.filter(|(name, _)| touched.has(name)) {
            let service = Arc::make_mut(service);
            let Places {
                ready,
                last,
                is_outside,
            } = places.remove(name).unwrap_or_default();
            // As kube-proxy does: where nothing is ready, what ends and still serves gets the packets.
            let (ready, ending) = if ready.is_empty() {
                (last, BTreeSet::new())
            } else {
                let ending = last.difference(&ready).copied().collect();
                (ready, ending)
            };
            service.is_ready_outside = is_outside;
            service.ready_on = ready.into_iter().cloned().collect();
            service.ending_on = ending.into_iter().cloned().collect();
            let namespace = self.namespaces.objects.get(name.namespace());
            let namespace = namespace.filter(|_| self.needs_namespaces);
            service.namespace_labels = namespace.map(|one| one.labels.clone()).unwrap_or_default();
        }
    }
}
