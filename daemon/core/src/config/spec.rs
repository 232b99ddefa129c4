//! What can be written in the config file: every section and every key, and nothing else.
//!
//! A [`Spec`] is the file with types: each value reads well by itself. Whether the values fit
//! together is `check`'s; how the walk goes is `tree`'s; how single values read is `values`'. The
//! documentation of sections and keys is what sovnet.toml(5) says (`reference`).

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use toml::Spanned;
use toml::de::DeTable;

use super::links::LinkPattern;
use super::problem::{Problems, Wrong};
use super::range::AddressRange;
use super::reference::{Key, Section};
use super::selector::LabelSelector;
use super::tree::{Entries, Field, FromToml, Value, field, refuse_unknown, section, table_of};
use super::values::{
    ClassName, Component, DayTime, Endpoint, Label, Mail, Namespace, ObjectName, ProxyPlace,
    Source, Upstream,
};
use super::{Conflict, Detection, FailBack, Purpose};
use crate::names::{DnsName, NodeName, ServiceName, Subnet};

/// Values in a list, each with its place.
type List<T> = Vec<Spanned<T>>;

section! {
    /// The file has these sections. All can be left out, and each stands at most once, unless its
    /// header has double brackets.
    Spec "" {
        /// See `[node]`.
        "node" node: NodeSpec,
        /// See `[cluster]`.
        "cluster" cluster: ClusterSpec,
        /// See `[announce]`.
        "announce" announce: AnnounceSpec,
        /// See `[[pool]]`.
        "pool" pools: List<PoolSpec>,
        /// See `[[reserve]]`.
        "reserve" reserves: List<ReserveSpec>,
        /// See `[[pin]]`.
        "pin" pins: List<PinSpec>,
        /// See `[[address]]`.
        "address" addresses: List<AddressSpec>,
        /// See `[dns]`.
        "dns" dns: DnsSpec,
        /// See `[kubernetes]`.
        "kubernetes" kubernetes: KubernetesSpec,
        /// See `[push]`.
        "push" push: PushSpec,
    }
}

section! {
    /// This machine.
    NodeSpec "[node]" {
        /// The node's name in status and logs, 1 to 63 letters, digits, `-` and `.`; different on
        /// each node. With Kubernetes it must be the Kubernetes node name. Default: the host name.
        "name" name: NodeName,
        /// This node's share of the addresses relative to the other nodes, 0 to 16: with 2 it gets
        /// twice as many as a node with 1, with 0 only those that no other node can serve.
        /// Default: 1.
        "weight" weight: i64,
    }
}

section! {
    /// The nodes that announce together.
    ClusterSpec "[cluster]" {
        /// File with the key that the nodes share: only who has it is believed.
        /// `sovnetctl key new` makes one; copy it to every node, readable by root and the daemon
        /// only. Default: none, then nodes believe everybody who has no key either.
        "key-file" key_file: PathBuf,
        /// The nodes' own addresses; a node's own one may be among them, so that all nodes have
        /// the same file. Peers are also found on the segment. Default: empty.
        "peers" peers: List<IpAddr>,
        /// UDP port of the heartbeats, the same on every node. Default: 5847.
        "port" port: i64,
        /// Whether a node that hears half of `peers` or less, itself included, serves nothing, so
        /// that of two halves of a network only one speaks. `peers` must name every node then, at
        /// least three. Default: false.
        "quorum" quorum: bool,
    }
}

section! {
    /// How addresses are announced.
    AnnounceSpec "[announce]" {
        /// Interfaces to announce addresses on: names, patterns such as `"en*"` (`*` is any
        /// characters, `?` is one) and subnets such as `"192.0.2.0/24"`, which are the interfaces
        /// with an own address there. `!` before one excludes: `["eth*", "!eth9"]`, or
        /// `["!wlan*"]` for all others. Default: empty, which is every interface that has an
        /// address in the same subnet.
        "links" links: List<LinkPattern>,
        /// How soon a silent node is taken for dead: `"default"` (90 ms), `"fast"` (42 ms, for a
        /// quiet wired LAN) or `"slow"` (400 ms). Each node is judged by its own
        /// choice. Default: `"default"`.
        "detection" detection: Detection,
        /// Whether an address goes to the node that it would be on if all were placed anew, such as
        /// one that is back from a repair: `"never"`, `{ after = "10m" }` or
        /// `{ between = ["03:00", "05:00"] }`, by this machine's local time. Addresses that an
        /// operator moved stay. Default: `"never"`.
        "fail-back" fail_back: FailBack,
        /// What to do when another machine uses an address of ours. `"defend"`: announce it again,
        /// at most once in ten seconds. `"yield"`: announce it again once, and leave it to a machine
        /// that goes on until that has been silent for a minute. `"quarantine"`: the same for five
        /// minutes, and a Service that has it gets another one, unless it asks for this very one.
        /// Default: `"defend"`.
        "conflict" conflict: Conflict,
    }
}

section! {
    /// The table that `fail-back` can be, with one of its keys.
    FailBackSpec "[announce] fail-back" {
        /// How long that node must have been able to serve it, such as `"10m"`, at most `"30d"`. No
        /// default.
        "after" after: Duration,
        /// The window of the day, as two times such as `["03:00", "05:00"]`. No default.
        "between" between: List<DayTime>,
    }
}

section! {
    /// Addresses for Services, outside the router's DHCP range.
    PoolSpec "[[pool]]" {
        /// The name that Services ask for. No default.
        "name" name: ObjectName,
        /// Ranges such as `"192.0.2.240-192.0.2.250"`, and blocks: `"192.0.2.240/29"` is .240 to
        /// .247. An `[[address]]` or a `[[reserve]]` within is taken out of the pool. No default.
        "addresses" addresses: List<AddressRange>,
        /// Whether Services that ask for nothing get addresses of this pool. Default: true.
        "auto-assign" auto_assign: bool,
        /// Its place among the pools that a Service could get an address of: the lowest number
        /// first, then pools that are for somebody, by `namespaces`, `namespace-selectors` or
        /// `service-selectors`, then the others; among equals, the first in the file. Default: none.
        "priority" priority: i64,
        /// The namespaces whose Services the pool is for. No other Service gets an address of it,
        /// even if it asks for one. Default: empty, which is all.
        "namespaces" namespaces: List<Namespace>,
        /// The labels of the namespaces whose Services the pool is for, as well as those of
        /// `namespaces`, each entry as for `service-selectors`. Default: empty, which is none
        /// besides.
        "namespace-selectors" namespace_selectors: List<LabelSelector>,
        /// The labels of the Services that the pool is for, each entry as `kubectl get -l` takes it,
        /// such as `["team=web", "tier in (a, b),!canary"]`; one of them is enough. The
        /// namespace must fit, too. Default: empty, which is all.
        "service-selectors" service_selectors: List<LabelSelector>,
        /// The namespaces whose Services may ask for a certain address of the pool; the others get
        /// any. Default: empty, which is all.
        "fixed-for" fixed_for: List<Namespace>,
        /// Whether IPv4 addresses that end in .0 or .255 are left out, which some old machines
        /// take for addresses of networks. Default: false.
        "avoid-buggy-ips" avoid_buggy_ips: bool,
        /// How long an address that its Service has let go of is kept from other Services, so that
        /// nobody's old connections reach a new one; a Service that asks for that very address
        /// gets it at once. The node that writes remembers since when it runs. Default: none.
        "cool-down" cool_down: Duration,
    }
}

section! {
    /// An address that is kept for one Service, which need not exist yet, or for the Services of some
    /// namespaces that ask for it. It may be of a pool or of none.
    ReserveSpec "[[reserve]]" {
        /// The address. No default.
        "address" address: IpAddr,
        /// The Service as `namespace/name`: it gets the address without asking. Either this or
        /// `namespaces` is wanted. No default.
        "service" service: ServiceName,
        /// Namespaces: a Service of theirs gets the address if it asks for it. No default.
        "namespaces" namespaces: List<Namespace>,
    }
}

section! {
    /// An address that belongs to one node: it is there whenever that node can serve it. The same on
    /// every node. `sovnetctl pin` does the same at run time, and stands above it.
    PinSpec "[[pin]]" {
        /// The address. No default.
        "address" address: IpAddr,
        /// The name of the node. No default.
        "node" node: NodeName,
    }
}

section! {
    /// An address with no Kubernetes behind it, in the subnet of the nodes and outside the router's
    /// DHCP range. One node at a time has it, and another one takes it over when that node fails.
    AddressSpec "[[address]]" {
        /// The address. No default.
        "address" address: IpAddr,
        /// `"host"`: programs on the nodes listen there. `"dns"`: sovnet's DNS does. Default:
        /// `"host"`.
        "purpose" purpose: Purpose,
    }
}

section! {
    /// The LAN's DNS.
    DnsSpec "[dns]" {
        /// Servers that are asked for names which are not ours, in order of preference. The port
        /// is 53 if it is not written; `"9.9.9.9:9953"` gets past a router that redirects
        /// everything that goes to port 53. `"tls://1.1.1.1"` and `"https://1.1.1.1/dns-query"`
        /// are correct, but this version leaves them out and says so. Default: empty; names that
        /// are not ours then get the answer SERVFAIL.
        "upstreams" upstreams: List<Upstream>,
        /// Addresses of this node to answer on besides each `[[address]]` with purpose `"dns"`,
        /// such as `["127.0.0.1:5353"]`. Default: empty.
        "listen" listen: List<Endpoint>,
        /// Names with their addresses, such as `{ "router.lan" = ["192.0.2.1"] }`; can also be
        /// written as a section `[dns.hosts]`. The addresses lead back to the names, too. Default:
        /// none.
        "hosts" hosts: Entries<DnsName, List<IpAddr>>,
        /// Subnets that may ask for names which are not ours, besides those that this node is
        /// connected to, such as `["10.8.0.0/24"]`. Default: empty.
        "recursion-for" recursion_for: List<Subnet>,
        /// See `[[dns.zone]]`.
        "zone" zones: List<ZoneSpec>,
    }
}

section! {
    /// A part of the name space that is answered here and never asked upstream.
    ZoneSpec "[[dns.zone]]" {
        /// The zone's name. No default.
        "name" name: DnsName,
        /// Objects of Kubernetes that give names in this zone: `"services"`, `"ingress"`,
        /// `"nodes"`. Not acted on by this version. Default: empty.
        "from" from: List<Source>,
        /// Address of all names one label below the zone that nothing else in the zone has.
        /// Default: none; such names then do not exist.
        "wildcard" wildcard: IpAddr,
        /// Labels directly below the zone that are always asked upstream, with everything below
        /// them. `_acme-challenge` is always one of them: certificate authorities look there.
        /// Default: `["_acme-challenge"]`.
        "pass" pass: List<Label>,
        /// How long others may remember an answer, in seconds, 1 to 86400. Default: 60.
        "ttl" ttl: i64,
    }
}

section! {
    /// The cluster: its Services get addresses.
    KubernetesSpec "[kubernetes]" {
        /// The file with the address of the API and the credentials. Default: the one that
        /// `sovnetctl k8s join` leaves in the daemon's state directory.
        "kubeconfig" kubeconfig: PathBuf,
        /// The `spec.loadBalancerClass` of Services that are served. Default:
        /// `"sovnet.internal/l2"`.
        "class" class: ClassName,
        /// Whether Services without a class are served, too. Default: true.
        "classless" classless: bool,
        /// Whether the address of a Service with `externalTrafficPolicy: Cluster` is announced while
        /// it has no ready endpoint: then kube-proxy refuses connections, else nobody answers for
        /// it. Default: false.
        "announce-unready" announce_unready: bool,
        /// Where the node's kube-proxy says how it is, `healthz-bind-address` of its own config, or
        /// `"none"`: then nobody asks it, and a node takes addresses of Services without knowing
        /// that its rules are in force. Default: `"127.0.0.1:10256"`.
        "kube-proxy" kube_proxy: ProxyPlace,
        /// The namespace of a MetalLB, such as `"metallb-system"`: as long as a cluster moves, its
        /// `IPAddressPool`s that an `L2Advertisement` is for are pools here, too. They are read, and
        /// never written; where one overlaps a `[[pool]]`, that counts. Default: none.
        "metallb-pools" metallb: Namespace,
    }
}

section! {
    /// What is brought into the cluster. This version checks it, does not act on it, and says so in
    /// the status.
    PushSpec "[push]" {
        /// The public domain. No default.
        "domain" domain: DnsName,
        /// Among `"rbac"`, `"traefik"`, `"coredns"`, `"cert-manager"`, `"external-dns"` and
        /// `"secret-copies"`. Default: empty.
        "components" components: List<Component>,
        /// Gets the mails of the certificate authority. Needed for `"cert-manager"`. No default.
        "acme-mail" acme_mail: Mail,
        /// File with the token for the domain's public DNS, readable by its owner only. Needed for
        /// `"cert-manager"` and `"external-dns"`. No default.
        "cloudflare-token-file" cloudflare_token_file: PathBuf,
        /// Marks the public records that are ours. Needed for `"external-dns"`. No default.
        "owner-id" owner_id: ObjectName,
    }
}

/// Reads the file. None if it is no TOML; what is wrong is in `problems` either way.
pub(super) fn read(text: &str, problems: &mut Problems<'_>) -> Option<Spec> {
    let (document, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        for error in errors {
            let span = error.span().unwrap_or(0..0);
            problems.add(
                span,
                Wrong::new(format!("this is no TOML: {}", error.message())),
            );
        }
        return None;
    }
    let span = document.span();
    let root = Spanned::new(span, toml::de::DeValue::Table(document.into_inner()));
    Spec::read(&root, "", problems)
}
