//! Which free address a Service gets that asks for none in particular.

use std::net::IpAddr;

use super::{Allocation, One};
use crate::config::Pool;
use crate::facts::cluster::permit::pool_of;
use crate::facts::cluster::{Family, Service};
use crate::names::ServiceName;

/// What is to be filled up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gap<'g> {
    /// What the Service has or gets already.
    pub(super) base: &'g [IpAddr],
    /// The families that are missing, the primary one first; at least one.
    pub(super) missing: &'g [Family],
    /// Those of them without which it stays as it is.
    pub(super) must: &'g [Family],
}

impl Allocation<'_> {
    /// Completes what a Service has from one pool: that of what it has, else the best pool that is
    /// for it, which is the first one with all that is missing, else the first with the primary
    /// family, else the first with anything. Sorted.
    ///
    /// # Errors
    /// Why there is none, one clause.
    pub(super) fn fill(&self, one: One<'_>, gap: Gap<'_>) -> Result<Vec<IpAddr>, String> {
        let Gap {
            base,
            missing,
            must,
        } = gap;
        let pools = match base.iter().find_map(|at| pool_of(self.config, *at)) {
            Some(home) => vec![home],
            None => self.pools_for(one.name, one.service)?,
        };
        let mut best: Option<Vec<IpAddr>> = None;
        for pool in &pools {
            let families = missing.iter();
            let found = families.filter_map(|family| self.pick(one, pool, *family));
            let found: Vec<IpAddr> = found.collect();
            let is_primary = |found: &[IpAddr]| {
                let first = found.first();
                first.map(|address| Family::of(*address)) == missing.first().copied()
            };
            if found.len() == missing.len() {
                best = Some(found);
                break;
            }
            let known = best.as_deref().unwrap_or_default();
            if known.is_empty() || (is_primary(&found) && !is_primary(known)) {
                best = Some(found);
            }
        }
        let found = best.unwrap_or_default();
        let has_family = |family: &Family| found.iter().any(|at| Family::of(*at) == *family);
        let is_something = !base.is_empty() || !found.is_empty();
        if !is_something || !must.iter().all(has_family) {
            return Err(self.nothing_free(&pools, if must.is_empty() { missing } else { must }));
        }
        let mut all: Vec<IpAddr> = base.iter().copied().chain(found).collect();
        all.sort_unstable();
        Ok(all)
    }

    /// The pools that a Service could get addresses of, the best one first.
    fn pools_for(&self, name: &ServiceName, service: &Service) -> Result<Vec<&Pool>, String> {
        let only_for = |pool: &Pool| pool.is_only_for(service.applicant(name));
        let all = &self.config.pools;
        if let Some((wanted, place)) = &service.request.pool {
            let wanted: Vec<&Pool> = all.iter().filter(|pool| pool.name == *wanted).collect();
            return match wanted.iter().find_map(|pool| Some((pool, only_for(pool)?))) {
                Some((pool, whom)) => {
                    let pool = &pool.name;
                    Err(format!(
                        "{place} asks for the pool {pool}, which is only for {whom}"
                    ))
                }
                None => Ok(wanted),
            };
        }
        if all.is_empty() {
            return Err("the config has no [[pool]]".to_owned());
        }
        let fitting = all.iter();
        let mut fitting: Vec<&Pool> = fitting
            .filter(|pool| pool.is_automatic && only_for(pool).is_none())
            .collect();
        if fitting.is_empty() {
            let why = "no pool is for a Service of its namespace and labels that asks for nothing";
            return Err(why.to_owned());
        }
        // Stable: among equals the order of the file counts.
        fitting.sort_by_key(|pool| pool.rank());
        Ok(fitting)
    }

    /// The lowest address of the family that the Service can share, else the lowest free one.
    fn pick(&self, one: One<'_>, pool: &Pool, family: Family) -> Option<IpAddr> {
        let One { name, service, .. } = one;
        let is_good = |address: &IpAddr| {
            !self.config.reserves.contains_key(address)
                && !self.config.kept.contains_key(address)
                && !self.elsewhere.occupied.contains_key(address)
                && self.obstacle(name, service, *address).is_none()
        };
        let is_joinable = |address: &IpAddr| {
            Family::of(*address) == family
                && pool.contains(*address)
                && self.clash(one, *address).is_none()
                && is_good(address)
        };
        let would_share = service.request.sharing.is_some();
        let shared = would_share.then(|| self.holders.addresses().find(is_joinable));
        shared.flatten().or_else(|| {
            let is_free = |address: &IpAddr| !self.is_cooling(name, *address) && is_good(address);
            let ranges = pool.ranges.iter();
            let mut ranges = ranges.filter(|range| Family::of(range.first()) == family);
            ranges.find_map(|range| {
                let free = self.holders.gaps(range).find(is_free);
                // What nobody else has is free for it, too.
                let mut own = self.has(one).iter().copied();
                let own = own.find(|at| {
                    range.contains(*at) && self.holders.is_only(one.place, *at) && is_free(at)
                });
                [free, own].into_iter().flatten().min()
            })
        })
    }

    fn is_cooling(&self, name: &ServiceName, address: IpAddr) -> bool {
        let last = self.elsewhere.cooling.get(&address);
        last.is_some_and(|owners| !owners.contains(name))
    }

    fn nothing_free(&self, pools: &[&Pool], families: &[Family]) -> String {
        let what = match families {
            [Family::V6] => "IPv6 address",
            [_, _, ..] => "IPv4 and IPv6 address",
            [Family::V4] | [] => "address",
        };
        let mut cooling = self.elsewhere.cooling.keys();
        let is_cooling = cooling.any(|at| pools.iter().any(|pool| pool.contains(*at)));
        let but = if is_cooling {
            " but some that cool down after another Service had them"
        } else {
            ""
        };
        match pools {
            [only] => format!("the pool {} has no free {what}{but}", only.name),
            _ => format!("no pool has a free {what}{but}"),
        }
    }
}
