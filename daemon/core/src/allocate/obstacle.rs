//! Why a Service cannot have a certain address.

use std::net::IpAddr;

use super::{Allocation, One, share};
use crate::config::Conflict;
use crate::config::pool::of_namespaces;
use crate::facts::cluster::Service;
use crate::facts::cluster::permit::{self, pool_of};
use crate::names::ServiceName;

impl Allocation<'_> {
    /// Why the Service cannot get the address, whoever of sovnet's has it now; none if it can.
    pub(super) fn obstacle(
        &self,
        name: &ServiceName,
        service: &Service,
        address: IpAddr,
    ) -> Option<String> {
        if let Some(why) = self.elsewhere.withheld.get(&address) {
            return Some(format!("{address} {why}"));
        }
        if let Some(other) = self.foreign.get(&address) {
            return Some(format!(
                "{address} is {other}'s, which another controller serves"
            ));
        }
        if self.config.cluster.peers.contains(&address) {
            return Some(format!(
                "{address} is a node's own, as [cluster] peers says"
            ));
        }
        permit::refusal(self.config, name, service, address)
            .or_else(|| self.policy(name, service, address))
    }

    /// Why the Service may not ask for the address, or contradicts itself.
    fn policy(&self, name: &ServiceName, service: &Service, address: IpAddr) -> Option<String> {
        let pool = pool_of(self.config, address)?;
        if let Some((wanted, place)) = &service.request.pool
            && pool.name != *wanted
        {
            let actual = &pool.name;
            return Some(format!(
                "{address} is of the pool {actual}, and {place} asks for the pool {wanted}"
            ));
        }
        let is_reserved =
            self.config.reserves.contains_key(&address) || self.config.kept.contains_key(&address);
        let mut asked = service.request.addresses.iter();
        let is_asked = asked.any(|(one, _)| *one == address);
        (is_asked && !is_reserved && !pool.is_fixed_for(name.namespace())).then(|| {
            let whom = of_namespaces(&pool.fixed_for);
            let pool = &pool.name;
            format!("only Services {whom} may ask for a certain address of the pool {pool}")
        })
    }

    /// Why the Service cannot have the address beside those that have it; none if it can.
    pub(super) fn clash(&self, one: One<'_>, address: IpAddr) -> Option<String> {
        let mut others = self.holders.of(address).filter(|place| *place != one.place);
        others.find_map(|place| {
            let other = self.ours.get(place)?;
            let why = share::clash(one.service, other.service)?;
            Some(format!("{address} is {}'s{why}", other.name))
        })
    }

    /// Whether what the Service has is to be exchanged: of another pool than it asks for, or used
    /// by a host that is no node.
    pub(super) fn is_to_leave(&self, service: &Service, address: IpAddr) -> bool {
        let is_quarantined = self.config.announce.conflict == Conflict::Quarantine
            && self.elsewhere.occupied.contains_key(&address);
        let wanted = service.request.pool.as_ref();
        let is_of_wrong_pool = wanted.is_some_and(|(wanted, _)| {
            pool_of(self.config, address).is_some_and(|pool| pool.name != *wanted)
        });
        is_quarantined || is_of_wrong_pool
    }

    /// Two addresses that a Service asks for are of one pool.
    pub(super) fn check_pools(&self, asked: &[IpAddr]) -> Result<(), String> {
        let &[first, second] = asked else {
            return Ok(());
        };
        let pools = (pool_of(self.config, first), pool_of(self.config, second));
        let (Some(one), Some(other)) = pools else {
            return Ok(());
        };
        if one == other {
            return Ok(());
        }
        let (one, other) = (&one.name, &other.name);
        Err(format!(
            "{first} is of the pool {one} and {second} of the pool {other}, and a Service has \
             addresses of one pool"
        ))
    }
}
