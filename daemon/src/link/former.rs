//! What links had before they were made quiet, across lives of the daemon.
//!
//! Owns what earlier lives left and what is published to be kept; sets nothing. `keeper` calls it.

use std::sync::Arc;

use sovnet_core::facts::former::Former;
use tokio::sync::watch;

use super::held::{Held, QUIET};
use super::sysctls;
use super::table::LinkTable;

/// Where it is kept, and what of earlier lives was not taken over yet.
pub(super) struct Formers {
    kept: watch::Sender<Arc<Former>>,
    boot: String,
    left: Former,
}

impl Formers {
    /// What `kept` holds of an earlier life counts if it is of this boot.
    pub(super) fn new(kept: watch::Sender<Arc<Former>>) -> Formers {
        let boot = sysctls::boot();
        let left = Former::clone(&kept.borrow());
        let is_valid = left.boot == boot && !boot.is_empty();
        Formers {
            kept,
            left: if is_valid { left } else { Former::default() },
            boot,
        }
    }

    /// Links that an earlier life made quiet, and that are still so, are held from now on: what is
    /// not wished any more is given back. What is otherwise now somebody else has set since, and
    /// that counts.
    pub(super) fn take_over(&mut self, held: &mut Held, table: &LinkTable) {
        for (link, (name, former)) in std::mem::take(&mut self.left.links) {
            let is_it = table.arp_modes(link) == Some(QUIET) && name.as_str() == table.name(link);
            if is_it {
                held.quiet.entry(link).or_insert(former);
            }
        }
    }

    /// Publishes what is to be kept: what is held, and what was not taken over yet.
    pub(super) fn publish(&self, held: &Held, table: &LinkTable) {
        let own = held.quiet.iter().filter_map(|(link, modes)| {
            let name = table.name(*link).parse().ok()?;
            Some((*link, (name, *modes)))
        });
        let mut links = self.left.links.clone();
        links.extend(own);
        let next = Former {
            boot: self.boot.clone(),
            links,
        };
        self.kept.send_if_modified(|current| {
            let is_news = **current != next;
            if is_news {
                *current = Arc::new(next);
            }
            is_news
        });
    }
}
