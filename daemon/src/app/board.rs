//! The snapshots that tasks and threads share.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use sovnet_core::decide::Decision;
use sovnet_core::facts::cluster::ClusterFacts;
use sovnet_core::facts::former::Former;
use sovnet_core::facts::occupants::Occupants;
use sovnet_core::facts::proxy::{ProxyFacts, ProxyMemory};
use sovnet_core::facts::{KernelWish, LinkFacts, LocalAddresses};
use sovnet_core::member::keys::KeyRing;
use sovnet_core::member::memory::Memories;
use sovnet_core::names::{Mac, NodeName, ServiceName};
use sovnet_core::report::{DnsReport, KubernetesView, LanReport, Problem, Vendors};
use sovnet_core::zones::ServiceAddresses;
use tokio::sync::watch;

use crate::ready::Progress;

/// A snapshot with one writer.
pub(super) type Shared<T> = watch::Sender<Arc<T>>;

/// Snapshots that cross from thread to thread.
pub(super) struct Board {
    pub(super) links: Shared<LinkFacts>,
    pub(super) decision: Shared<Decision>,
    pub(super) wish: Shared<KernelWish>,
    pub(super) local: Shared<LocalAddresses>,
    pub(super) keys: Shared<KeyRing>,
    pub(super) key_problems: Shared<Vec<Problem>>,
    pub(super) lan: Shared<LanReport>,
    pub(super) dns: Shared<DnsReport>,
    pub(super) memories: Shared<Memories>,
    pub(super) kernel_problems: Shared<Vec<Problem>>,
    /// What links had before they were made quiet; at start what the disk remembers.
    pub(super) former: Shared<Former>,
    pub(super) former_problems: Shared<Vec<Problem>>,
    pub(super) brain_problems: Shared<Vec<Problem>>,
    pub(super) store_problems: Shared<Vec<Problem>>,
    /// What the cluster says; at start what the disk remembers.
    pub(super) cluster: Shared<ClusterFacts>,
    /// Services that DNS gives names.
    pub(super) services: Shared<ServiceAddresses>,
    pub(super) kubernetes: Shared<KubernetesView>,
    pub(super) cluster_store_problems: Shared<Vec<Problem>>,
    /// How it stands with the node's kube-proxy.
    pub(super) proxy: Shared<ProxyFacts>,
    /// When it was well; at start what the disk remembers.
    pub(super) proxy_memory: Shared<ProxyMemory>,
    pub(super) proxy_store_problems: Shared<Vec<Problem>>,
    /// Services of the policy `Local` that kube-proxy delivers to endpoints here.
    pub(super) delivered: Shared<BTreeSet<ServiceName>>,
    /// Hosts that are no nodes and use addresses of ours.
    pub(super) occupants: Shared<Occupants>,
    /// Addresses that this node announces.
    pub(super) held: Shared<BTreeSet<IpAddr>>,
    /// Nodes that the others know to be gone.
    pub(super) gone: Shared<BTreeSet<NodeName>>,
    /// Hardware addresses, and whose products they are.
    pub(super) macs: Shared<BTreeSet<Mac>>,
    pub(super) vendors: Shared<Vendors>,
    pub(super) announcing: Progress,
    pub(super) answering: Progress,
    /// The local time of day in minutes; none while nobody follows it.
    pub(super) day_minute: watch::Sender<Option<u16>>,
}

impl Board {
    pub(super) fn new(memories: Memories) -> Board {
        Board {
            links: Shared::default(),
            decision: Shared::default(),
            wish: Shared::default(),
            local: Shared::default(),
            keys: watch::Sender::new(Arc::new(KeyRing::none())),
            key_problems: Shared::default(),
            lan: Shared::default(),
            dns: Shared::default(),
            memories: watch::Sender::new(Arc::new(memories)),
            kernel_problems: Shared::default(),
            former: Shared::default(),
            former_problems: Shared::default(),
            brain_problems: Shared::default(),
            store_problems: Shared::default(),
            cluster: Shared::default(),
            services: Shared::default(),
            kubernetes: Shared::default(),
            cluster_store_problems: Shared::default(),
            proxy: Shared::default(),
            proxy_memory: Shared::default(),
            proxy_store_problems: Shared::default(),
            delivered: Shared::default(),
            occupants: Shared::default(),
            held: Shared::default(),
            gone: Shared::default(),
            macs: Shared::default(),
            vendors: Shared::default(),
            announcing: Progress::default(),
            answering: Progress::default(),
            day_minute: watch::Sender::default(),
        }
    }
}
