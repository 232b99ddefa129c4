//! Whether the config lets a Service have an address, whoever has it now.

use std::net::IpAddr;

use super::Service;
use crate::config::pool::of_namespaces;
use crate::config::{Config, Pool};
use crate::names::ServiceName;

/// The pool that the address is of.
pub fn pool_of(config: &Config, address: IpAddr) -> Option<&Pool> {
    config.pools.iter().find(|pool| pool.contains(address))
}

/// Why the config does not let the Service have the address, one clause; none if it does: it is of a
/// pool that is for this Service, or reserved for it; it is no `[[address]]`, and not reserved for
/// somebody else.
pub fn refusal(
    config: &Config,
    name: &ServiceName,
    service: &Service,
    address: IpAddr,
) -> Option<String> {
    let mut statics = config.addresses.iter();
    if statics.any(|entry| entry.address == address) {
        return Some(format!(
            "{address} is an [[address]] of the config, which no Service gets"
        ));
    }
    if let Some(owner) = config.reserves.get(&address) {
        return (owner != name).then(|| format!("{address} is reserved for {owner}"));
    }
    let namespace = name.namespace();
    if let Some(namespaces) = config.kept.get(&address) {
        let is_among = namespaces.iter().any(|one| one == namespace);
        let whom = of_namespaces(namespaces);
        return (!is_among).then(|| format!("{address} is reserved for Services {whom}"));
    }
    let Some(pool) = pool_of(config, address) else {
        return Some(format!("{address} is in no pool"));
    };
    if pool.leaves_out(address) {
        let pool = &pool.name;
        return Some(format!(
            "{address} ends in .0 or .255, which the pool {pool} leaves out"
        ));
    }
    let whom = pool.is_only_for(service.applicant(name))?;
    let pool = &pool.name;
    Some(format!(
        "{address} is of the pool {pool}, which is only for {whom}"
    ))
}
