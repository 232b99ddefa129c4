//! The nodes that this one knows of.
//!
//! Owned by the member. Rules take one out while they look at the others, several times a turn, so
//! each stands in a box: a map of the peers themselves would move kilobytes each time.

use std::collections::BTreeMap;

use super::peer::Peer;
use crate::names::NodeId;

/// All peers, by their identities.
#[derive(Debug, Default)]
pub(super) struct Peers(BTreeMap<NodeId, Box<Peer>>);

impl Peers {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn get(&self, id: &NodeId) -> Option<&Peer> {
        self.0.get(id).map(AsRef::as_ref)
    }

    pub(super) fn get_mut(&mut self, id: &NodeId) -> Option<&mut Peer> {
        self.0.get_mut(id).map(AsMut::as_mut)
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &NodeId> {
        self.0.keys()
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &Peer> + Clone {
        self.0.values().map(AsRef::as_ref)
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut Peer> {
        self.0.values_mut().map(AsMut::as_mut)
    }

    /// Takes one out, to be put back.
    pub(super) fn remove(&mut self, id: &NodeId) -> Option<Box<Peer>> {
        self.0.remove(id)
    }

    pub(super) fn insert(&mut self, id: NodeId, peer: Box<Peer>) {
        self.0.insert(id, peer);
    }
}
