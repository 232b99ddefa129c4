//! What a Service must have, or would have, by its own words and by the config; or why that cannot
//! be, whoever has what.

use std::net::IpAddr;

use crate::config::Config;
use crate::facts::cluster::{Families, Family, FamilyPolicy, Service};
use crate::names::ServiceName;

/// What a Service is to get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Demand {
    /// The families that it would have addresses of, the primary one first.
    pub(super) families: Vec<Family>,
    /// Whether one of them without the others is nothing.
    pub(super) needs_all: bool,
    /// What it must have, at most one of a family, IPv4 first.
    pub(super) fixed: Vec<IpAddr>,
    /// Why it must have that, one clause.
    pub(super) why: String,
    /// Whether it is to have that and nothing else.
    pub(super) is_exact: bool,
}

/// The demand of a Service that has families.
///
/// # Errors
/// Why it contradicts itself or the config, one clause.
pub(super) fn demand(
    config: &Config,
    name: &ServiceName,
    service: &Service,
) -> Result<Demand, String> {
    let request = &service.request;
    if let Some(fault) = &request.fault {
        return Err(fault.clone());
    }
    if let Some((pool, place)) = &request.pool
        && !config.pools.iter().any(|known| known.name == *pool)
    {
        return Err(format!(
            "{place} asks for the pool {pool}, which does not exist"
        ));
    }
    check_families(service)?;
    let Families { policy, of } = &service.families;
    let mut demand = Demand {
        families: of.clone(),
        needs_all: *policy == FamilyPolicy::RequireDualStack,
        fixed: request.addresses.iter().map(|(at, _)| *at).collect(),
        why: String::new(),
        is_exact: !request.addresses.is_empty(),
    };
    match request.addresses.as_slice() {
        [] => {
            for (address, _) in config.reserves.iter().filter(|(_, owner)| *owner == name) {
                demand.reserve(*address);
            }
            demand.why = format!("it is reserved for {name} in the config");
        }
        [(_, place)] => demand.why = format!("{place} asks for it"),
        [(_, place), ..] => demand.why = format!("{place} asks for them"),
    }
    Ok(demand)
}

impl Demand {
    /// Takes a reserved address, if it is of a family that is wanted and none of it is reserved yet.
    fn reserve(&mut self, address: IpAddr) {
        let family = Family::of(address);
        let mut fixed = self.fixed.iter();
        if self.families.contains(&family) && !fixed.any(|known| Family::of(*known) == family) {
            self.fixed.push(address);
        }
    }
}

/// Whether the addresses that a Service asks for go with its families, and those with each other.
fn check_families(service: &Service) -> Result<(), String> {
    let Families { policy, of } = &service.families;
    let is_required = *policy == FamilyPolicy::RequireDualStack;
    if is_required && let [only] = of.as_slice() {
        return Err(format!(
            "its ipFamilyPolicy is RequireDualStack, and it has a cluster IP of {only} only"
        ));
    }
    let asked = &service.request.addresses;
    for (address, place) in asked {
        if let [only] = of.as_slice()
            && Family::of(*address) != *only
        {
            return Err(format!(
                "{place} asks for {address}, and the Service is for {only} only"
            ));
        }
    }
    if is_required && let [(address, place)] = asked.as_slice() {
        return Err(format!(
            "{place} asks for {address} alone, and its ipFamilyPolicy is RequireDualStack"
        ));
    }
    Ok(())
}
