//! The checks of what decides where addresses are: weights, pins, quorum.

use std::collections::BTreeMap;
use std::net::IpAddr;

use toml::Spanned;

use super::Checker;
use crate::config::spec::{ClusterSpec, NodeSpec, PinSpec};
use crate::member::placement::DEFAULT_WEIGHT;
use crate::member::policy::WEIGHT_MAX;
use crate::names::NodeName;

/// With fewer nodes no part of them is a majority that a second part could not be.
const QUORUM_NODES_MIN: usize = 3;

impl Checker<'_, '_> {
    pub(super) fn node_weight(&mut self, spec: Option<&NodeSpec>) -> u8 {
        let Some(weight) = spec.and_then(|node| node.weight.written()) else {
            return DEFAULT_WEIGHT;
        };
        match u8::try_from(*weight.get_ref()) {
            Ok(number) if number <= WEIGHT_MAX => number,
            Ok(_) | Err(_) => {
                let what = format!("[node] weight: a number from 0 to {WEIGHT_MAX} is wanted");
                let hint = "2 is twice the share of a node with 1; 0 serves only what no other \
                            node can";
                self.refuse_with_hint(weight.span(), what, hint);
                DEFAULT_WEIGHT
            }
        }
    }

    pub(super) fn quorum(&mut self, spec: &ClusterSpec) -> bool {
        let Some(quorum) = spec.quorum.written().filter(|quorum| *quorum.get_ref()) else {
            return false;
        };
        let peers = spec.peers.entries().len();
        if peers < QUORUM_NODES_MIN {
            let what = format!(
                "[cluster] quorum: needs at least {QUORUM_NODES_MIN} peers, and there are {peers}"
            );
            let hint = "give peers the addresses of all nodes, this one's too; with two nodes \
                        neither is a majority, so both would be silent when they do not hear each \
                        other";
            self.refuse_with_hint(quorum.span(), what, hint);
        }
        true
    }

    pub(super) fn pins(&mut self, pins: &[Spanned<PinSpec>]) -> BTreeMap<IpAddr, NodeName> {
        let mut checked = BTreeMap::new();
        let mut placed = Vec::new();
        for spec in pins {
            let what = "the key \"address\" of this [[pin]]";
            let pin = spec.get_ref();
            let address = pin.address.required(what, spec.span(), self.problems);
            let what = "the key \"node\" of this [[pin]]";
            let node = pin.node.required(what, spec.span(), self.problems);
            let (Some(address), Some(node)) = (address, node) else {
                continue;
            };
            self.refuse_special("[[pin]] address", address);
            placed.push((address.span(), *address.get_ref()));
            checked.insert(*address.get_ref(), node.get_ref().clone());
        }
        let places = placed.iter().map(|(span, address)| (span.clone(), address));
        self.refuse_repeated("[[pin]]", places);
        checked
    }
}
