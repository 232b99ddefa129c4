//! Checks of `[dns]` and `[[dns.zone]]`.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use toml::Spanned;

use super::Checker;
use crate::config::problem::clip;
use crate::config::range::special;
use crate::config::spec::{DnsSpec, ZoneSpec};
use crate::config::values::{Endpoint, Source, Upstream};
use crate::config::{Dns, Purpose, StaticAddress, TTL_SECS_DEFAULT, UPSTREAMS_MAX, Zone};
use crate::names::DnsName;

/// The longest time to live, in seconds: a wrong answer is forgotten after a day.
const TTL_SECS_MAX: u32 = 86_400;

/// Where certificate authorities look for a proof of ownership (RFC 8555 section 8.4). They ask
/// the public servers, so the LAN must see the same answer in every zone.
const ACME_LABEL: &str = "_acme-challenge";

impl Checker<'_, '_> {
    /// Checks `[dns]`. None if DNS is off: no `[dns]`, and no address that DNS answers on.
    pub(super) fn dns(
        &mut self,
        spec: Option<&DnsSpec>,
        addresses: &[StaticAddress],
        has_kubernetes: bool,
    ) -> Option<Dns> {
        let own = addresses
            .iter()
            .filter(|entry| entry.purpose == Purpose::Dns)
            .map(|entry| SocketAddr::new(entry.address, 53));
        let mut listen: Vec<SocketAddr> = own.collect();
        let empty = DnsSpec::default();
        let spec = match spec {
            Some(spec) => spec,
            None if listen.is_empty() => return None,
            None => &empty,
        };
        self.listen(spec.listen.entries(), &mut listen);
        Some(Dns {
            upstreams: self.upstreams(spec, &listen),
            recursion_for: spec
                .recursion_for
                .entries()
                .iter()
                .map(|subnet| *subnet.get_ref())
                .collect(),
            hosts: self.hosts(spec),
            zones: self.zones(spec.zones.entries(), has_kubernetes),
            listen,
        })
    }

    fn listen(&mut self, specs: &[Spanned<Endpoint>], listen: &mut Vec<SocketAddr>) {
        for spec in specs {
            let Endpoint(endpoint) = *spec.get_ref();
            if listen.contains(&endpoint) {
                let what = format!("[dns] listen: {endpoint} is listened on already");
                let hint = "an [[address]] with purpose \"dns\" needs no entry here";
                self.refuse_with_hint(spec.span(), what, hint);
                continue;
            }
            match special(endpoint.ip()) {
                Some(kind) if !endpoint.ip().is_loopback() => {
                    let what = format!("[dns] listen: {} is {kind}", endpoint.ip());
                    let hint = "write the addresses that this node has, one by one";
                    self.refuse_with_hint(spec.span(), what, hint);
                }
                Some(_) | None => listen.push(endpoint),
            }
        }
    }

    fn upstreams(&mut self, spec: &DnsSpec, listen: &[SocketAddr]) -> Vec<SocketAddr> {
        let mut upstreams = Vec::new();
        for entry in spec.upstreams.entries() {
            let address = match entry.get_ref() {
                Upstream::Plain(address) => *address,
                Upstream::Encrypted(text) => {
                    let part = format!("[dns] upstreams {}", clip(text));
                    self.not_yet(&part, "leaves it out: it does not ask over TLS or HTTPS");
                    continue;
                }
            };
            if listen.contains(&address) {
                let what = format!("[dns] upstreams: {address} is this node's own DNS");
                let hint = "it would ask itself: write the server of your provider or a public one";
                self.refuse_with_hint(entry.span(), what, hint);
            } else if upstreams.contains(&address) {
                let what = format!("[dns] upstreams: {address} is already in the list");
                self.refuse_with_hint(entry.span(), what, "remove one of the two");
            } else if let Some(kind) = special(address.ip()).filter(|_| !address.ip().is_loopback())
            {
                let what = format!("[dns] upstreams: {} is {kind}", address.ip());
                self.refuse(entry.span(), what);
            }
            upstreams.push(address);
        }
        if let Some(entry) = spec.upstreams.entries().get(UPSTREAMS_MAX) {
            let what = format!("[dns] upstreams: at most {UPSTREAMS_MAX} are possible");
            self.refuse(entry.span(), what);
        }
        upstreams
    }

    fn hosts(&mut self, spec: &DnsSpec) -> Vec<(DnsName, Vec<IpAddr>)> {
        let entries = spec
            .hosts
            .value()
            .map_or(&[][..], |hosts| hosts.0.as_slice());
        let places = entries
            .iter()
            .map(|(name, _)| (name.span(), name.get_ref()));
        self.refuse_repeated("[dns] hosts:", places);
        let mut hosts = Vec::new();
        for (name, addresses) in entries {
            let addresses_at = addresses.span();
            let list = addresses.get_ref();
            if list.is_empty() && !self.problems.text_at(addresses_at.clone()).contains('"') {
                let what = format!("[dns] hosts: {} has no address", name.get_ref());
                self.refuse(addresses_at, what);
            }
            let places = list
                .iter()
                .map(|address| (address.span(), address.get_ref()));
            self.refuse_repeated("[dns] hosts: the address", places);
            for address in list
                .iter()
                .filter(|address| address.get_ref().is_multicast())
            {
                self.refuse_special("[dns] hosts", address);
            }
            let addresses = list.iter().map(|address| *address.get_ref()).collect();
            hosts.push((name.get_ref().clone(), addresses));
        }
        hosts
    }

    fn zones(&mut self, specs: &[Spanned<ZoneSpec>], has_kubernetes: bool) -> Vec<Zone> {
        let mut names = Vec::new();
        let mut zones = Vec::new();
        for spec in specs {
            let zone = spec.get_ref();
            let what = "the key \"name\" of this [[dns.zone]]";
            let name = zone.name.required(what, spec.span(), self.problems);
            let ttl_secs = self.ttl(zone);
            if let Some(wildcard) = zone.wildcard.written() {
                self.refuse_special("[[dns.zone]] wildcard", wildcard);
            }
            let Some(name) = name else {
                continue;
            };
            names.push((name.span(), name.get_ref()));
            let has_services = self.sources(zone, name.get_ref(), has_kubernetes);
            zones.push(Zone {
                name: name.get_ref().clone(),
                wildcard: zone.wildcard.value().copied(),
                pass: pass_of(zone),
                ttl_secs,
                has_services,
            });
        }
        self.refuse_repeated("[[dns.zone]]", names);
        zones
    }

    /// Whether Services give names; what else is written is noted.
    fn sources(&mut self, zone: &ZoneSpec, name: &DnsName, has_kubernetes: bool) -> bool {
        let sources = zone.from.entries();
        let part = format!("\"from\" of [[dns.zone]] {name}");
        if !sources.is_empty() && !has_kubernetes {
            self.needs_kubernetes(&part);
            return false;
        }
        for source in sources {
            let kind = match source.get_ref() {
                Source::Services => continue,
                Source::Ingress => "ingresses",
                Source::Nodes => "nodes",
            };
            self.not_yet(&part, &format!("takes no names from {kind}"));
        }
        sources
            .iter()
            .any(|source| *source.get_ref() == Source::Services)
    }

    fn ttl(&mut self, zone: &ZoneSpec) -> u32 {
        let Some(ttl) = zone.ttl.written() else {
            return TTL_SECS_DEFAULT;
        };
        match u32::try_from(*ttl.get_ref()) {
            Ok(secs) if (1..=TTL_SECS_MAX).contains(&secs) => secs,
            Ok(_) | Err(_) => {
                let what = format!("[[dns.zone]] ttl: 1 to {TTL_SECS_MAX} seconds are possible");
                self.refuse(ttl.span(), what);
                TTL_SECS_DEFAULT
            }
        }
    }
}

/// The labels that pass, each once, in order.
fn pass_of(zone: &ZoneSpec) -> Vec<DnsName> {
    let acme: DnsName = ACME_LABEL.parse().expect("the label is a domain name");
    let written = zone
        .pass
        .entries()
        .iter()
        .map(|label| label.get_ref().0.clone());
    let labels: BTreeSet<DnsName> = written.chain([acme]).collect();
    labels.into_iter().collect()
}
