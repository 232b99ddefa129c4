//! Which Service has which addresses: a pure, total, deterministic function of the config, of what
//! the Services ask for, and of what stands in their status.
//!
//! An address that a Service has stays with it while the Service and the config allow it, whatever
//! else changes; nothing but the status remembers it, so that every node finds the same. The kube
//! shell writes the result on one node and shows it on all.

mod choose;
mod demand;
mod explain;
pub mod history;
mod holders;
mod obstacle;
mod share;
mod withheld;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::config::{ADDRESSES_MAX, Config};
use crate::facts::cluster::permit;
use crate::facts::cluster::{ClusterFacts, Family, Service};
use crate::names::ServiceName;

use self::choose::Gap;
use self::demand::{Demand, demand};
use self::holders::Holders;

pub use self::withheld::withheld;

/// What becomes of one Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It has these addresses, or gets them.
    Assigned {
        /// One of a family at most, IPv4 first.
        addresses: Vec<IpAddr>,
        /// The pool that they are from; none if they are reserved outside of every pool.
        pool: Option<String>,
        /// Why these, one clause.
        reason: String,
        /// What it asks for instead and cannot have, one clause.
        complaint: Option<String>,
    },
    /// It gets none.
    Refused {
        /// Why, one clause.
        reason: String,
    },
    /// It has no cluster IP yet, so that it is open which families it is for; its status stays.
    Waiting,
    /// It wants none any more, and is to give back what it has.
    Former,
    /// Another controller's, by its class, or for having none.
    Foreign {
        /// Its class.
        class: Option<String>,
    },
}

/// What counts besides the config and the Services: addresses that are not free for reasons of
/// their own, and what was before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Elsewhere {
    /// What no Service can have, each with the reason as a clause about it ("is the gateway's"),
    /// see [`withheld()`].
    pub withheld: BTreeMap<IpAddr, String>,
    /// What no Service is given unless it asks for that very one. Who has one of those keeps it, but
    /// for the policy `quarantine`: then it gets another one if there is one.
    pub occupied: BTreeMap<IpAddr, String>,
    /// What only those had lately who may have it again, unless it is asked for, see [`history`].
    pub cooling: BTreeMap<IpAddr, BTreeSet<ServiceName>>,
    /// Services that share what they have by the same words as before: where others have changed
    /// theirs and cannot share any more, these keep it, see [`history`].
    pub settled: BTreeSet<ServiceName>,
}

/// Gives addresses.
pub fn allocate(
    config: &Config,
    cluster: &ClusterFacts,
    elsewhere: &Elsewhere,
) -> BTreeMap<ServiceName, Verdict> {
    let ours = in_order(config, cluster);
    let mut allocation = Allocation {
        config,
        elsewhere,
        foreign: withheld::foreign(config, cluster),
        holders: Holders::default(),
        given: vec![Vec::new(); ours.len()],
        ours: &ours,
    };
    let is_settled = |one: &One<'_>| elsewhere.settled.contains(one.name);
    let (settled, others): (Vec<_>, Vec<_>) = ours.iter().copied().partition(is_settled);
    for one in settled.into_iter().chain(others) {
        allocation.keep(one);
    }
    let applications = ours.iter().map(|one| Application {
        one: *one,
        demand: demand(config, one.name, one.service),
    });
    // Who needs a certain address comes before who takes any.
    let is_fixed = |one: &Application<'_>| {
        let demand = one.demand.as_ref();
        demand.is_ok_and(|demand| !demand.fixed.is_empty())
    };
    let (fixed, free): (Vec<_>, Vec<_>) = applications.partition(is_fixed);
    let order: Vec<_> = fixed.into_iter().chain(free).collect();
    allocation.settle(&order);
    let verdicts = order.iter().map(|application| {
        let name = application.one.name.clone();
        (name, allocation.verdict(application))
    });
    let others = cluster.services.iter().filter_map(|(name, service)| {
        let verdict = if service.is_former {
            Verdict::Former
        } else if !service.is_ours(config) {
            let class = service.class.clone();
            Verdict::Foreign { class }
        } else {
            return None;
        };
        Some((name.clone(), verdict))
    });
    verdicts.chain(others).collect()
}

/// The Services that are for sovnet. Of two that want the same, the older one has it.
fn in_order<'a>(config: &Config, cluster: &'a ClusterFacts) -> Vec<One<'a>> {
    let all = cluster.services.iter();
    let mut ours: Vec<(&ServiceName, &Service)> = all
        .filter(|(_, service)| service.is_ours(config))
        .map(|(name, service)| (name, service.as_ref()))
        .collect();
    // Stable: they are in the order of their names.
    ours.sort_by_key(|(_, service)| service.created_secs);
    let ours = ours.into_iter().enumerate();
    let ours = ours.map(|(place, (name, service))| One {
        place,
        name,
        service,
    });
    ours.collect()
}

/// A Service that is for sovnet, with its place among them.
#[derive(Debug, Clone, Copy)]
struct One<'a> {
    place: usize,
    name: &'a ServiceName,
    service: &'a Service,
}

/// A Service with what it is to get; else why it can have nothing, one clause.
struct Application<'a> {
    one: One<'a>,
    demand: Result<Demand, String>,
}

/// The allocation as it grows.
struct Allocation<'a> {
    config: &'a Config,
    elsewhere: &'a Elsewhere,
    ours: &'a [One<'a>],
    /// Addresses in the status of Services that are another controller's.
    foreign: BTreeMap<IpAddr, &'a ServiceName>,
    holders: Holders,
    /// What each Service has, sorted.
    given: Vec<Vec<IpAddr>>,
}

/// What came of a Service's turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// It stays as it is.
    Stays,
    /// It took what nobody had, and left nothing.
    Takes,
    /// It left something that another one may wait for.
    Leaves,
}

impl<'a> Allocation<'a> {
    fn has(&self, one: One<'_>) -> &[IpAddr] {
        self.given.get(one.place).map_or(&[], Vec::as_slice)
    }

    /// What stands in the status stays, one of a family, unless the config forbids it, it is of
    /// a family that the Service is not for, or somebody older has it who does not share it. Where
    /// it is open which families it is for, all of it stays, and nobody else gets any of it.
    fn keep(&mut self, one: One<'_>) {
        let One { name, service, .. } = one;
        let families = &service.families.of;
        if families.is_empty() {
            return self.give(one, service.assigned.clone());
        }
        let mut kept: Vec<IpAddr> = Vec::new();
        for address in &service.assigned {
            let family = Family::of(*address);
            let is_known = kept.iter().any(|known| Family::of(*known) == family);
            if !is_known
                && families.contains(&family)
                && permit::refusal(self.config, name, service, *address).is_none()
                && self.clash(one, *address).is_none()
            {
                kept.push(*address);
            }
        }
        self.give(one, kept);
    }

    /// Lets everybody take until nobody does any more. Who leaves an address may leave it to
    /// somebody older, so all start over then. It ends: a Service that has left something has what
    /// it must have, and never leaves that.
    fn settle(&mut self, order: &[Application<'_>]) {
        loop {
            let mut is_settled = true;
            for one in order {
                match self.take(one) {
                    Turn::Stays => {}
                    Turn::Takes => is_settled = false,
                    Turn::Leaves => {
                        is_settled = false;
                        break;
                    }
                }
            }
            if is_settled {
                return;
            }
        }
    }

    /// Gives the Service what it would have as things stand. Who cannot have what it wants keeps
    /// what it has.
    fn take(&mut self, application: &Application<'_>) -> Turn {
        let one = application.one;
        if one.service.families.of.is_empty() {
            return Turn::Stays;
        }
        let Ok(target) = self.wish(application) else {
            return Turn::Stays;
        };
        let has = self.has(one);
        if target == has || !self.has_room(one, &target) {
            return Turn::Stays;
        }
        let leaves = has.iter().any(|address| !target.contains(address));
        self.give(one, target);
        if leaves { Turn::Leaves } else { Turn::Takes }
    }

    /// What the Service would have as things stand, if it can have anything.
    fn wish(&self, application: &Application<'_>) -> Result<Vec<IpAddr>, String> {
        let demand = application.demand.as_ref().map_err(Clone::clone)?;
        self.target(application.one, demand)
    }

    /// What the Service would have as things stand: what it must have, and of the other families
    /// what it has, as far as it need not leave that, else what is free. Sorted.
    fn target(&self, one: One<'_>, demand: &Demand) -> Result<Vec<IpAddr>, String> {
        let One { name, service, .. } = one;
        let has = self.has(one);
        for address in demand.fixed.iter().filter(|one| !has.contains(one)) {
            let obstacle = self.obstacle(name, service, *address);
            if let Some(why) = obstacle.or_else(|| self.clash(one, *address)) {
                return Err(why);
            }
        }
        if demand.is_exact {
            self.check_pools(&demand.fixed)?;
            return Ok(demand.fixed.clone());
        }
        let is_of = |family: Family| move |at: &&IpAddr| Family::of(**at) == family;
        let (mut base, mut missing, mut must) = (demand.fixed.clone(), Vec::new(), Vec::new());
        for family in &demand.families {
            if demand.fixed.iter().any(|at| Family::of(*at) == *family) {
                continue;
            }
            let kept = has.iter().find(is_of(*family));
            match kept.filter(|at| !self.is_to_leave(service, **at)) {
                Some(kept) => base.push(*kept),
                None => {
                    missing.push(*family);
                    if kept.is_some() || demand.needs_all {
                        must.push(*family);
                    }
                }
            }
        }
        base.sort_unstable();
        if missing.is_empty() {
            return Ok(base);
        }
        let (missing, must) = (missing.as_slice(), must.as_slice());
        let base = base.as_slice();
        let gap = Gap {
            base,
            missing,
            must,
        };
        let filled = self.fill(one, gap);
        let filled = filled.or_else(|why| {
            // Another pool may have both.
            let all = demand.families.as_slice();
            let anew = Gap {
                base: &[],
                missing: all,
                must: all,
            };
            let is_open = demand.needs_all && demand.fixed.is_empty() && !base.is_empty();
            let anew = is_open.then(|| self.fill(one, anew).ok());
            anew.flatten().ok_or(why)
        });
        let leaves = has.iter().any(|at| self.is_to_leave(service, *at));
        filled.map_err(|why| match leaves {
            true => format!("{why}, so it keeps {}", shown(has)),
            false => why,
        })
    }

    /// Whether the nodes could announce all addresses if the Service had these.
    fn has_room(&self, one: One<'_>, target: &[IpAddr]) -> bool {
        let more = target.iter().filter(|at| !self.holders.has(**at));
        let is_left = |at: &&IpAddr| !target.contains(at) && self.holders.is_only(one.place, **at);
        let (more, less) = (more.count(), self.has(one).iter().filter(is_left).count());
        let announced = self.config.addresses.len() + self.holders.count();
        more <= less || announced + more - less <= ADDRESSES_MAX
    }

    /// The Service has these addresses and no others.
    fn give(&mut self, one: One<'_>, mut addresses: Vec<IpAddr>) {
        addresses.sort_unstable();
        let Some(given) = self.given.get_mut(one.place) else {
            return;
        };
        for left in given.iter().filter(|left| !addresses.contains(left)) {
            self.holders.remove(*left, one.place);
        }
        for address in &addresses {
            self.holders.add(*address, one.place);
        }
        *given = addresses;
    }
}

/// Addresses as a sentence shows them.
pub fn shown(addresses: &[IpAddr]) -> String {
    let texts: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    texts.join(" and ")
}
