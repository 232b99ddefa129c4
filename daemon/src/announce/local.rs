//! Which addresses are local, as far as that can be relied on.
//!
//! What the kernel holds is told by a task that carries out one wish after the other. An address that
//! was let go and is wanted again a moment later is still in what it told last, and is about to be
//! removed: whoever claimed it then would lose packets. So an address counts from the first wish on
//! that has it again. Owned by the loop; the segments get what this lets through.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use sovnet_core::facts::{KernelWish, LocalAddresses};

/// What was wished, and since when.
#[derive(Debug, Default)]
pub(super) struct Local {
    wished_since: BTreeMap<IpAddr, u64>,
    told: Arc<LocalAddresses>,
    trusted: Arc<BTreeSet<IpAddr>>,
}

impl Local {
    /// Another wish goes out.
    pub(super) fn handle_wish(&mut self, wish: &KernelWish) {
        let former = std::mem::take(&mut self.wished_since);
        let since = |address| former.get(address).copied().unwrap_or(wish.number);
        let wished = wish.local.iter();
        self.wished_since = wished.map(|address| (*address, since(address))).collect();
        self.renew();
    }

    /// What the kernel holds, and after which wish.
    pub(super) fn handle_told(&mut self, told: &Arc<LocalAddresses>) {
        if !Arc::ptr_eq(&self.told, told) {
            self.told = Arc::clone(told);
            self.renew();
        }
    }

    /// The same as long as nothing changes.
    pub(super) fn trusted(&self) -> Arc<BTreeSet<IpAddr>> {
        Arc::clone(&self.trusted)
    }

    fn renew(&mut self) {
        let told = &self.told;
        let is_trusted = |address: &&IpAddr| {
            let since = self.wished_since.get(*address);
            since.is_some_and(|since| *since <= told.wish)
        };
        let trusted: BTreeSet<IpAddr> = told.addresses.iter().filter(is_trusted).copied().collect();
        if *self.trusted != trusted {
            self.trusted = Arc::new(trusted);
        }
    }
}

#[cfg(test)]
mod tests;
