//! The last word on a Service, with its reason.

use std::collections::BTreeSet;

use super::demand::Demand;
use super::{Allocation, Application, One, Verdict};
use crate::config::{ADDRESSES_MAX, Pool};
use crate::facts::cluster::permit::pool_of;
use crate::names::ServiceName;

impl Allocation<'_> {
    /// The last word on one Service, when nobody takes an address any more.
    pub(super) fn verdict(&self, application: &Application<'_>) -> Verdict {
        let Application { one, demand } = application;
        if one.service.families.of.is_empty() {
            return Verdict::Waiting;
        }
        let target = self.wish(application);
        let has = self.has(*one);
        if has.is_empty() {
            let full = || format!("the nodes announce at most {ADDRESSES_MAX} addresses");
            let reason = target.err().unwrap_or_else(full);
            return Verdict::Refused { reason };
        }
        let pool = has.iter().find_map(|at| pool_of(self.config, *at));
        Verdict::Assigned {
            addresses: has.to_vec(),
            pool: pool.map(|pool| pool.name.clone()),
            reason: self.reason(*one, demand.as_ref().ok(), pool),
            complaint: target.err(),
        }
    }

    /// Why a Service has what it has.
    fn reason(&self, one: One<'_>, demand: Option<&Demand>, pool: Option<&Pool>) -> String {
        let has = self.has(one);
        let is_fixed = |demand: &&Demand| {
            let mut fixed = demand.fixed.iter();
            !demand.fixed.is_empty() && fixed.all(|address| has.contains(address))
        };
        let is_had = has.iter().all(|at| one.service.assigned.contains(at));
        let mut reason = match demand.filter(is_fixed) {
            Some(demand) => demand.why.clone(),
            None if is_had => "it has had it".to_owned(),
            None => {
                let pool = pool.map_or("?", |pool| pool.name.as_str());
                format!("first free address of the pool {pool}")
            }
        };
        let holders = has.iter().flat_map(|at| self.holders.of(*at));
        let others = holders.filter(|place| *place != one.place);
        let others = others.filter_map(|place| Some(self.ours.get(place)?.name));
        let others: BTreeSet<&ServiceName> = others.collect();
        if let Some(first) = others.first() {
            reason.push_str(&format!(", shared with {first}"));
            if let more @ 1.. = others.len() - 1 {
                reason.push_str(&format!(" and {more} more"));
            }
        }
        reason
    }
}
