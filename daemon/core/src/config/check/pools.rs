//! Checks of `[[pool]]` and `[[reserve]]`, and of what `[kubernetes]` says of classes.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use toml::Spanned;

use super::Checker;
use crate::config::problem::quote;
use crate::config::range::AddressRange;
use crate::config::selector::LabelSelector;
use crate::config::spec::{AddressSpec, KubernetesSpec, PoolSpec, ReserveSpec};
use crate::config::values::Namespace;
use crate::config::{Kubernetes, Pool};
use crate::names::ServiceName;

/// What `[[reserve]]` keeps addresses for.
#[derive(Debug, Default)]
pub(super) struct Reserved {
    /// For one Service.
    pub(super) services: BTreeMap<IpAddr, ServiceName>,
    /// For the Services of namespaces that ask for it.
    pub(super) kept: BTreeMap<IpAddr, Vec<String>>,
}

impl Checker<'_, '_> {
    /// Checks `[[pool]]`.
    pub(super) fn pools(&mut self, specs: &[Spanned<PoolSpec>], has_kubernetes: bool) -> Vec<Pool> {
        let mut pools = Vec::new();
        let mut names = Vec::new();
        let mut ranges: Vec<(String, &Spanned<AddressRange>)> = Vec::new();
        for spec in specs {
            let pool = spec.get_ref();
            let what = "the key \"name\" of this [[pool]]";
            let name = pool.name.required(what, spec.span(), self.problems);
            let what = "the key \"addresses\" of this [[pool]]";
            let list = pool.addresses.required(what, spec.span(), self.problems);
            if let Some(empty) = list.filter(|list| self.is_written_empty(list)) {
                self.refuse(
                    empty.span(),
                    "[[pool]] addresses: the list is empty".to_owned(),
                );
            }
            let shown = name
                .map_or("without a name", |name| &name.get_ref().0)
                .to_owned();
            let own = pool.addresses.entries();
            if !has_kubernetes {
                self.note_pool(&shown, own);
            }
            pools.push(self.pool(&shown, pool));
            names.extend(name.map(|name| (name.span(), &name.get_ref().0)));
            ranges.extend(own.iter().map(|range| (shown.clone(), range)));
        }
        self.refuse_repeated("[[pool]] name", names);
        self.refuse_overlaps(ranges);
        pools
    }

    /// Whether the list has no entry in the file, rather than none that reads well.
    fn is_written_empty<T>(&self, list: &Spanned<Vec<T>>) -> bool {
        let text = self.problems.text_at(list.span());
        list.get_ref().is_empty() && !text.contains('"')
    }

    /// One pool, with the defaults.
    fn pool(&mut self, name: &str, spec: &PoolSpec) -> Pool {
        let ranges = spec.addresses.entries().iter();
        Pool {
            name: name.to_owned(),
            ranges: ranges.map(|range| *range.get_ref()).collect(),
            is_automatic: spec.auto_assign.value().copied().unwrap_or(true),
            priority: self.priority(spec),
            namespaces: texts(spec.namespaces.entries()),
            namespace_selectors: selectors(spec.namespace_selectors.entries()),
            selectors: selectors(spec.service_selectors.entries()),
            fixed_for: texts(spec.fixed_for.entries()),
            avoids_buggy: spec.avoid_buggy_ips.value().copied().unwrap_or(false),
            cool_down: spec.cool_down.value().copied().unwrap_or(Duration::ZERO),
        }
    }

    fn priority(&mut self, spec: &PoolSpec) -> Option<u32> {
        let written = spec.priority.written()?;
        let priority = u32::try_from(*written.get_ref()).ok();
        if priority.is_none() {
            let what = "[[pool]] priority: a number from 0 to 4294967295 is wanted".to_owned();
            self.refuse_with_hint(written.span(), what, "the lowest number comes first");
        }
        priority
    }

    fn note_pool(&mut self, name: &str, ranges: &[Spanned<AddressRange>]) {
        let shown: Vec<String> = ranges
            .iter()
            .map(|range| {
                let written = self
                    .problems
                    .text_at(range.span())
                    .trim_matches(['"', '\'']);
                let meant = range.get_ref().to_string();
                let count = match range.get_ref().count() {
                    1 => "1 address".to_owned(),
                    count => format!("{count} addresses"),
                };
                if written == meant {
                    format!("{meant}, {count}")
                } else {
                    format!("{written} = {meant}, {count}")
                }
            })
            .collect();
        let part = format!("[[pool]] {name} ({})", shown.join("; "));
        self.needs_kubernetes(&part);
    }

    fn refuse_overlaps(&mut self, mut ranges: Vec<(String, &Spanned<AddressRange>)>) {
        ranges.sort_by_key(|(_, range)| *range.get_ref());
        let mut widest: Option<(String, &Spanned<AddressRange>)> = None;
        for (name, range) in ranges {
            if let Some((other_name, other)) = &widest
                && other.get_ref().overlaps(range.get_ref())
            {
                let what = format!(
                    "[[pool]] {name}: {} overlaps {} of [[pool]] {other_name}",
                    range.get_ref(),
                    other.get_ref(),
                );
                self.refuse_with_hint(range.span(), what, "an address is in one pool only");
            }
            let is_wider = widest.as_ref().is_none_or(|(_, other)| {
                let other = other.get_ref();
                range.get_ref().last() > other.last()
            });
            if is_wider {
                widest = Some((name, range));
            }
        }
    }

    /// Checks `[[reserve]]` against itself and against `[[address]]`.
    pub(super) fn reserves(
        &mut self,
        specs: &[Spanned<ReserveSpec>],
        addresses: &[Spanned<AddressSpec>],
        has_kubernetes: bool,
    ) -> Reserved {
        let mut reserved = Reserved::default();
        let mut placed = Vec::new();
        for spec in specs {
            let reserve = spec.get_ref();
            let is_for_namespaces = !reserve.namespaces.is_missing();
            if is_for_namespaces && let Some(service) = reserve.service.written() {
                let what = "[[reserve]] service: this address is for namespaces already".to_owned();
                let hint = "an address is for one Service or for namespaces: remove one of the two";
                self.refuse_with_hint(service.span(), what, hint);
            }
            if !is_for_namespaces {
                let what = "the key \"service\" of this [[reserve]]";
                reserve.service.required(what, spec.span(), self.problems);
            }
            let what = "the key \"address\" of this [[reserve]]";
            let Some(address) = reserve.address.required(what, spec.span(), self.problems) else {
                continue;
            };
            self.refuse_special("[[reserve]] address", address);
            let is_static = addresses
                .iter()
                .any(|entry| entry.get_ref().address.value() == Some(address.get_ref()));
            if is_static {
                let what = format!("[[reserve]] {} is an [[address]], too", address.get_ref());
                let hint = "an [[address]] is never given to a Service: remove one of the two";
                self.refuse_with_hint(address.span(), what, hint);
            }
            placed.push((address.span(), address.get_ref()));
            let at = *address.get_ref();
            let namespaces = texts(reserve.namespaces.entries());
            let whom = match reserve.service.value() {
                Some(service) => service.to_string(),
                None => namespaces.join(", "),
            };
            if !has_kubernetes && !whom.is_empty() {
                self.needs_kubernetes(&format!("[[reserve]] {at} for {}", quote(&whom)));
            }
            if let Some(service) = reserve.service.value() {
                reserved.services.insert(at, service.clone());
            } else if is_for_namespaces {
                reserved.kept.insert(at, namespaces);
            }
        }
        self.refuse_repeated("[[reserve]]", placed);
        reserved
    }

    /// What `[kubernetes]` says.
    pub(super) fn kubernetes(&mut self, spec: &KubernetesSpec) -> Kubernetes {
        let default = Kubernetes::default();
        Kubernetes {
            kubeconfig: spec.kubeconfig.value().cloned(),
            class: match spec.class.value() {
                Some(class) => class.0.clone(),
                None => default.class,
            },
            serves_classless: spec
                .classless
                .value()
                .copied()
                .unwrap_or(default.serves_classless),
            announces_unready: spec
                .announce_unready
                .value()
                .copied()
                .unwrap_or(default.announces_unready),
            kube_proxy: match spec.kube_proxy.value() {
                Some(place) => place.0,
                None => default.kube_proxy,
            },
            metallb: spec.metallb.value().map(|namespace| namespace.0.clone()),
        }
    }
}

fn selectors(entries: &[Spanned<LabelSelector>]) -> Vec<LabelSelector> {
    let selectors = entries.iter().map(Spanned::get_ref);
    selectors.cloned().collect()
}

fn texts(namespaces: &[Spanned<Namespace>]) -> Vec<String> {
    let namespaces = namespaces.iter();
    namespaces.map(|one| one.get_ref().0.clone()).collect()
}
