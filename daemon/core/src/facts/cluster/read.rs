//! From the words of an object of the API to values; which object, its readers know.

use std::net::IpAddr;

use super::{Backend, Families, Family, FamilyPolicy, Port, TrafficPolicy};

impl TrafficPolicy {
    /// `spec.externalTrafficPolicy` as it is written; `Cluster` if it is not.
    pub fn read(text: Option<&str>) -> TrafficPolicy {
        match text {
            Some("Local") => TrafficPolicy::Local,
            Some(_) | None => TrafficPolicy::Cluster,
        }
    }
}

impl Families {
    /// Those of `spec.clusterIPs`, with `spec.ipFamilyPolicy` as it is written.
    pub fn read(policy: Option<&str>, cluster_ips: &[String]) -> Families {
        let mut of = Vec::new();
        let addresses = cluster_ips.iter();
        for address in addresses.filter_map(|text| text.parse::<IpAddr>().ok()) {
            let family = Family::of(address);
            if !of.contains(&family) {
                of.push(family);
            }
        }
        let policy = match policy {
            Some("RequireDualStack") => FamilyPolicy::RequireDualStack,
            Some("PreferDualStack") => FamilyPolicy::PreferDualStack,
            Some(_) | None => FamilyPolicy::SingleStack,
        };
        Families { policy, of }
    }
}

impl Backend {
    /// That of `spec.ports`, each with its protocol if it is written, and of `spec.selector`.
    pub fn read<'a>(
        ports: impl Iterator<Item = (i32, Option<&'a str>)>,
        selector: impl Iterator<Item = (&'a String, &'a String)>,
    ) -> Backend {
        let ports = ports.filter_map(|(number, protocol)| {
            let number = u16::try_from(number).ok()?;
            let protocol = protocol.unwrap_or("TCP").to_owned();
            Some(Port { number, protocol })
        });
        let selector = selector.map(|(key, value)| format!("{key}={value}"));
        Backend {
            ports: ports.collect(),
            selector: selector.collect::<Vec<_>>().join(","),
        }
    }
}

/// The addresses of `status.loadBalancer.ingress`, by the `ip` of each entry, and whether something
/// else stands there, too.
pub fn ingress<'a>(ips: impl Iterator<Item = Option<&'a str>>) -> (Vec<IpAddr>, bool) {
    let (mut addresses, mut has_other) = (Vec::new(), false);
    for ip in ips {
        match ip.and_then(|text| text.parse::<IpAddr>().ok()) {
            Some(address) => addresses.push(address.to_canonical()),
            None => has_other = true,
        }
    }
    (addresses, has_other)
}
