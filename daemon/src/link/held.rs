//! What the kernel holds for us, and the steps from there to what is wished.
//!
//! Pure: compares, and says what to do in which order. Nothing is asked for twice, and nothing is
//! removed that was not put there by us.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::discriminant;
use std::net::IpAddr;

use sovnet_core::facts::KernelWish;
use sovnet_core::facts::former::ArpModes;
use sovnet_core::names::{LinkIndex, Mac};

use super::table::LinkTable;

/// The kernel neither answers for an address of the loopback link nor asks with it. What counts is
/// the larger one of this and the setting for all links (`net.ipv4.conf.all`).
pub(super) const QUIET: ArpModes = ArpModes {
    ignore: 1,
    announce: 2,
};

/// What the kernel holds for us.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// Local addresses, acknowledged by the kernel.
    pub(super) local: BTreeSet<IpAddr>,
    /// Links that are quiet, with what they had before.
    pub(super) quiet: BTreeMap<LinkIndex, ArpModes>,
    /// Permanent neighbours.
    pub(super) neighbours: BTreeMap<(LinkIndex, IpAddr), Mac>,
}

/// One change of the kernel's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Take a local address away.
    RemoveLocal(IpAddr),
    /// Give a link back what it had.
    Restore(LinkIndex, ArpModes),
    /// Make a link quiet.
    Quiet(LinkIndex),
    /// Make an address local, or renew it.
    AddLocal(IpAddr),
    /// Take a neighbour away.
    RemoveNeighbour(LinkIndex, IpAddr),
    /// Set a neighbour.
    PutNeighbour(LinkIndex, IpAddr, Mac),
}

impl Step {
    /// Whether two steps can be carried out together.
    pub(super) fn is_like(&self, other: &Step) -> bool {
        let is_quiet = matches!(self, Step::Quiet(_));
        !is_quiet && discriminant(self) == discriminant(other)
    }
}

impl Held {
    /// The steps to what is wished. A renewal puts addresses that are held again.
    ///
    /// Besides the announcing links those in the same subnets are quiet: they hear the same
    /// questions, and the kernel would answer them with their hardware addresses.
    ///
    /// A link becomes quiet before an address becomes local, and an address is gone before a link
    /// may speak again: otherwise the kernel would answer ARP for it in between.
    pub(super) fn steps(
        &self,
        wish: &KernelWish,
        table: &LinkTable,
        is_renewal: bool,
    ) -> Vec<Step> {
        let mut steps = Vec::new();
        let unwished = self.local.iter().filter(|held| !wish.local.contains(held));
        steps.extend(unwished.map(|address| Step::RemoveLocal(*address)));
        let quiet = table.on_segments_of(&wish.announcing);
        for (index, before) in &self.quiet {
            if !quiet.contains(index) {
                steps.push(Step::Restore(*index, *before));
            }
        }
        let loud = quiet.iter().filter(|index| !self.quiet.contains_key(index));
        steps.extend(loud.map(|index| Step::Quiet(*index)));
        let missing = wish.local.iter().filter(|address| {
            (is_renewal || !self.local.contains(address)) && !table.has_lasting_local(**address)
        });
        steps.extend(missing.map(|address| Step::AddLocal(*address)));
        self.neighbour_steps(wish, table, &mut steps);
        steps
    }

    fn neighbour_steps(&self, wish: &KernelWish, table: &LinkTable, steps: &mut Vec<Step>) {
        for (index, address) in self.neighbours.keys() {
            if !wish.neighbours.contains_key(&(*index, *address)) {
                steps.push(Step::RemoveNeighbour(*index, *address));
            }
        }
        for ((index, address), mac) in &wish.neighbours {
            let is_held = self.neighbours.get(&(*index, *address)) == Some(mac);
            if !is_held && table.is_admin_up(*index) {
                steps.push(Step::PutNeighbour(*index, *address, *mac));
            }
        }
    }

    /// The kernel has dropped the neighbours of this link by itself.
    pub(super) fn forget_neighbours(&mut self, link: LinkIndex) {
        self.neighbours.retain(|(index, _), _| *index != link);
    }
}

#[cfg(test)]
mod tests;
