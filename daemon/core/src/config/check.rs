//! From what is written to what it means: the checks that need more than one value, the defaults,
//! and what is correct but not acted on yet.
//!
//! Total: always makes a [`Config`], and reports what is wrong to the side; the caller throws the
//! config away if there was anything. So one problem never hides another.

pub(super) mod addresses;
mod dns;
mod placement;
mod pools;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Range;

use toml::Spanned;

use super::problem::{Problems, Wrong};
use super::range::special;
use super::spec::{AnnounceSpec, ClusterSpec, KubernetesSpec, PushSpec, Spec};
use super::values::Component;
use super::{Announce, Cluster, Config, Conflict, FailBack, PEERS_MAX, PORT_DEFAULT};

/// Checks the whole file.
pub(super) fn check(spec: &Spec, problems: &mut Problems<'_>) -> Config {
    let mut checker = Checker {
        problems,
        inactive: Vec::new(),
    };
    let addresses = checker.addresses(spec.addresses.entries());
    let empty_cluster = ClusterSpec::default();
    let cluster = checker.cluster(spec.cluster.value().unwrap_or(&empty_cluster), spec);
    let empty_announce = AnnounceSpec::default();
    let announce = checker.announce(spec.announce.value().unwrap_or(&empty_announce));
    let has_kubernetes = !spec.kubernetes.is_missing();
    let pools = checker.pools(spec.pools.entries(), has_kubernetes);
    let reserved = checker.reserves(
        spec.reserves.entries(),
        spec.addresses.entries(),
        has_kubernetes,
    );
    let pins = checker.pins(spec.pins.entries());
    let node_weight = checker.node_weight(spec.node.value());
    let dns = checker.dns(spec.dns.value(), &addresses, has_kubernetes);
    let empty_kubernetes = KubernetesSpec::default();
    let kubernetes = spec.kubernetes.value().unwrap_or(&empty_kubernetes);
    let kubernetes = has_kubernetes.then(|| checker.kubernetes(kubernetes));
    if let Some(push) = spec.push.written() {
        checker.push(push);
    }
    let inactive = checker.inactive;
    Config {
        node_weight,
        node_name: spec
            .node
            .value()
            .and_then(|node| node.name.value().cloned()),
        cluster,
        announce,
        addresses,
        pools,
        reserves: reserved.services,
        kept: reserved.kept,
        pins,
        kubernetes,
        dns,
        inactive,
    }
}

/// What the checks fill.
struct Checker<'p, 't> {
    problems: &'p mut Problems<'t>,
    inactive: Vec<String>,
}

impl Checker<'_, '_> {
    fn refuse(&mut self, span: Range<usize>, what: String) {
        self.problems.add(span, Wrong::new(what));
    }

    fn refuse_with_hint(&mut self, span: Range<usize>, what: String, hint: &str) {
        self.problems.add(span, Wrong::new(what).hint(hint));
    }

    /// Notes what is correct but that this version does not do.
    fn not_yet(&mut self, part: &str, what_not: &str) {
        self.inactive
            .push(format!("{part}: this version {what_not} yet"));
    }

    /// Notes what has no effect without `[kubernetes]`.
    fn needs_kubernetes(&mut self, part: &str) {
        self.inactive.push(format!(
            "{part}: has no effect without [kubernetes] in the file"
        ));
    }

    /// Reports values that stand there twice; `name` goes before the value in the sentence.
    fn refuse_repeated<'v, T: Ord + ToString + 'v>(
        &mut self,
        name: &str,
        values: impl IntoIterator<Item = (Range<usize>, &'v T)>,
    ) {
        let mut first_at = BTreeMap::new();
        for (span, value) in values {
            match first_at.get(value) {
                None => {
                    first_at.insert(value, span);
                }
                Some(_) => {
                    let what = format!("{name} {} is already in the file", value.to_string());
                    self.refuse_with_hint(span, what, "remove one of the two");
                }
            }
        }
    }

    /// Reports an address that no machine can have.
    fn refuse_special(&mut self, at: &str, address: &Spanned<IpAddr>) {
        if let Some(kind) = special(*address.get_ref()) {
            let what = format!("{at}: {} is {kind}", address.get_ref());
            self.refuse(address.span(), what);
        }
    }

    fn cluster(&mut self, spec: &ClusterSpec, whole: &Spec) -> Cluster {
        let peers = spec.peers.entries();
        let places = peers.iter().map(|peer| (peer.span(), peer.get_ref()));
        self.refuse_repeated("[cluster] peers:", places);
        let announced = whole.addresses.entries();
        for peer in peers {
            self.refuse_special("[cluster] peers", peer);
            let is_announced = announced
                .iter()
                .any(|entry| entry.get_ref().address.value() == Some(peer.get_ref()));
            if is_announced {
                let what = format!("[cluster] peers: {} is an [[address]]", peer.get_ref());
                let hint = "peers are the nodes' own addresses, which stay where they are";
                self.refuse_with_hint(peer.span(), what, hint);
            }
        }
        if let Some(list) = spec.peers.written().filter(|_| peers.len() > PEERS_MAX) {
            self.refuse(
                list.span(),
                format!("[cluster] peers: at most {PEERS_MAX} are possible"),
            );
        }
        let peers: Vec<IpAddr> = peers.iter().map(|peer| *peer.get_ref()).collect();
        Cluster {
            key_file: spec.key_file.value().cloned(),
            peers,
            port: self.port(spec),
            has_quorum: self.quorum(spec),
        }
    }

    fn port(&mut self, spec: &ClusterSpec) -> u16 {
        let Some(port) = spec.port.written() else {
            return PORT_DEFAULT;
        };
        match u16::try_from(*port.get_ref()) {
            Ok(number) if number != 0 && number != 53 => number,
            Ok(_) | Err(_) => {
                let what = "[cluster] port: a UDP port from 1 to 65535 is wanted, and not 53";
                self.refuse(port.span(), what.to_owned());
                PORT_DEFAULT
            }
        }
    }

    fn announce(&mut self, spec: &AnnounceSpec) -> Announce {
        let links = spec.links.entries();
        let places = links.iter().map(|link| (link.span(), link.get_ref()));
        self.refuse_repeated("[announce] links:", places);
        Announce {
            links: links.iter().map(|link| link.get_ref().clone()).collect(),
            fail_back: spec.fail_back.value().copied().unwrap_or(FailBack::Never),
            detection: spec.detection.value().copied().unwrap_or_default(),
            conflict: spec
                .conflict
                .written()
                .map_or_else(Conflict::default, |conflict| *conflict.get_ref()),
        }
    }

    fn push(&mut self, spec: &Spanned<PushSpec>) {
        let push = spec.get_ref();
        self.not_yet("[push]", "brings nothing into the cluster");
        for component in push.components.entries() {
            let at = component.span();
            let name = self.problems.text_at(at.clone());
            let mut need = |key: &str, is_missing: bool| {
                if is_missing {
                    self.refuse(
                        at.clone(),
                        format!("[push] {key} is missing: {name} needs it"),
                    );
                }
            };
            match component.get_ref() {
                Component::Rbac | Component::SecretCopies => {}
                Component::Traefik | Component::Coredns => {
                    need("domain", push.domain.is_missing());
                }
                Component::CertManager => {
                    need("domain", push.domain.is_missing());
                    need("acme-mail", push.acme_mail.is_missing());
                    need(
                        "cloudflare-token-file",
                        push.cloudflare_token_file.is_missing(),
                    );
                }
                Component::ExternalDns => {
                    need("domain", push.domain.is_missing());
                    need("owner-id", push.owner_id.is_missing());
                    need(
                        "cloudflare-token-file",
                        push.cloudflare_token_file.is_missing(),
                    );
                }
            }
        }
    }
}
