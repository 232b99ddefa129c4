//! What can be written in the config file: every section and every key, and nothing else.
//!
//! A [`Spec`] is the file with types: each value reads well by itself. Whether the values fit
//! together is `check`'s; how the walk goes is `tree`'s; how single values read is `values`'.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use toml::Spanned;
use toml::de::DeTable;

use super::Purpose;
use super::problem::{Problems, Wrong};
use super::range::AddressRange;
use super::tree::{
    Entries, Field, FromToml, KnownKey, Value, field, refuse_unknown, section, table_of,
};
use super::values::{
    Component, Conflict, DayTime, Detection, Endpoint, FailBack, Label, Mail, ObjectName, Source,
    Upstream,
};
use crate::names::{DnsName, LinkName, NodeName, ServiceName, Subnet};

/// Values in a list, each with its place.
type List<T> = Vec<Spanned<T>>;

section! {
    /// The whole file.
    Spec "" {
        "node" node: NodeSpec,
        "cluster" cluster: ClusterSpec,
        "announce" announce: AnnounceSpec,
        "pool" pools: List<PoolSpec>,
        "reserve" reserves: List<ReserveSpec>,
        "address" addresses: List<AddressSpec>,
        "dns" dns: DnsSpec,
        "kubernetes" kubernetes: KubernetesSpec,
        "push" push: PushSpec,
    }
}

section! {
    /// `[node]`: this machine.
    NodeSpec "[node]" {
        "name" name: NodeName,
    }
}

section! {
    /// `[cluster]`: the nodes that announce together.
    ClusterSpec "[cluster]" {
        "key-file" key_file: PathBuf,
        "peers" peers: List<IpAddr>,
        "port" port: i64,
    }
}

section! {
    /// `[announce]`: how addresses are announced.
    AnnounceSpec "[announce]" {
        "links" links: List<LinkName>,
        "detection" detection: Detection,
        "fail-back" fail_back: FailBack,
        "conflict" conflict: Conflict,
    }
}

section! {
    /// The table that `fail-back` can be.
    FailBackSpec "[announce] fail-back" {
        "after" after: Duration,
        "between" between: List<DayTime>,
    }
}

section! {
    /// `[[pool]]`: addresses for Services.
    PoolSpec "[[pool]]" {
        "name" name: ObjectName,
        "addresses" addresses: List<AddressRange>,
    }
}

section! {
    /// `[[reserve]]`: an address that is kept for one Service.
    ReserveSpec "[[reserve]]" {
        "address" address: IpAddr,
        "service" service: ServiceName,
    }
}

section! {
    /// `[[address]]`: an address with no Kubernetes behind it.
    AddressSpec "[[address]]" {
        "address" address: IpAddr,
        "purpose" purpose: Purpose,
    }
}

section! {
    /// `[dns]`.
    DnsSpec "[dns]" {
        "upstreams" upstreams: List<Upstream>,
        "listen" listen: List<Endpoint>,
        "hosts" hosts: Entries<DnsName, List<IpAddr>>,
        "recursion-for" recursion_for: List<Subnet>,
        "zone" zones: List<ZoneSpec>,
    }
}

section! {
    /// `[[dns.zone]]`: a part of the name space that is answered here.
    ZoneSpec "[[dns.zone]]" {
        "name" name: DnsName,
        "from" from: List<Source>,
        "wildcard" wildcard: IpAddr,
        "pass" pass: List<Label>,
        "ttl" ttl: i64,
    }
}

section! {
    /// `[kubernetes]`: Services get addresses; credentials are found.
    KubernetesSpec "[kubernetes]" {
        "kubeconfig" kubeconfig: PathBuf,
    }
}

section! {
    /// `[push]`: what is brought into the cluster.
    PushSpec "[push]" {
        "domain" domain: DnsName,
        "components" components: List<Component>,
        "acme-mail" acme_mail: Mail,
        "cloudflare-token-file" cloudflare_token_file: PathBuf,
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
