//! The cluster's nodes as peers: whom the API names is greeted at once, and forgotten when it has
//! left the cluster and is silent.
//!
//! Unlike the config's peers they are not waited for (R4) and do not count as known before they are
//! heard (R3): a cluster may have nodes without sovnet.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::peer::Peer;
use super::{Member, Output};
use crate::names::NodeId;
use crate::report::Liveness;
use crate::time::Moment;

/// The cluster's other nodes on this segment.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    /// Those that the cluster names now.
    present: BTreeSet<IpAddr>,
    /// Those that it named before, and that may still speak.
    left: BTreeSet<IpAddr>,
}

impl Member {
    /// The cluster's nodes on this segment are these now. Peers of the config stay in any case.
    pub(super) fn follow_nodes(&mut self, now: Moment) {
        let nodes = self.plan.nodes.clone();
        if nodes == self.nodes.present {
            return;
        }
        if nodes.difference(&self.nodes.present).next().is_some() {
            self.hellos.start_over(now);
        }
        let gone = self.nodes.present.difference(&nodes).copied();
        let gone = gone.filter(|address| !self.settings.peers.contains(address));
        let gone: Vec<IpAddr> = gone.collect();
        self.nodes.left.extend(gone);
        self.nodes.left.retain(|address| !nodes.contains(address));
        self.nodes.present = nodes;
    }

    /// Whom a hello goes to beside the broadcast: nodes of the cluster that are not known yet.
    pub(super) fn nodes_to_greet(&self) -> Vec<IpAddr> {
        let is_known = |address: &IpAddr| {
            let mut peers = self.peers.values();
            peers.any(|peer| peer.is_known && peer.address == *address)
        };
        let nodes = self.nodes.present.iter().copied();
        nodes.filter(|address| !is_known(address)).collect()
    }

    /// Forgets the silent ones among the nodes that have left the cluster.
    pub(super) fn forget_left(&mut self) {
        if self.nodes.left.is_empty() {
            return;
        }
        let is_over = |peer: &&Peer| {
            let is_silent = matches!(peer.liveness, Liveness::Unknown | Liveness::Dead);
            is_silent && self.nodes.left.contains(&peer.address)
        };
        let over: Vec<NodeId> = self
            .peers
            .values()
            .filter(is_over)
            .map(|peer| peer.id)
            .collect();
        for id in over {
            if let Some(mut peer) = self.peers.remove(&id) {
                self.forget_stated(&mut peer);
                self.nodes.left.remove(&peer.address);
                self.outputs.push_back(Output::Remember);
                self.outputs.push_back(Output::NeighboursChanged);
            }
        }
    }
}
