//! What no Service can have.

use super::*;
use crate::facts::settings::LinkSettings;
use crate::facts::{Link, LinkAddress, LinkFacts};
use crate::names::{LinkIndex, Mac};

#[test]
fn nodes_gateways_and_whole_subnets_are_withheld() {
    let own = |words: &str| LinkAddress {
        address: words.split('/').next().unwrap().parse().unwrap(),
        subnet: words.parse().unwrap(),
    };
    let link = Link {
        name: "eth0".parse().unwrap(),
        mac: Some(Mac([2; 6])),
        is_up: true,
        is_announcing: true,
        is_wireless: false,
        addresses: [
            "192.0.2.5/24",
            "192.0.2.240/32",
            "10.0.0.1/31",
            "fd00::5/64",
            "fd00::240/128",
        ]
        .map(own)
        .to_vec(),
        gateway: Some(IpAddr::from([192, 0, 2, 1])),
        generation: 0,
        came_up: 0,
        settings: LinkSettings::default(),
    };
    let links = LinkFacts {
        links: BTreeMap::from([(LinkIndex(2), link)]),
    };
    let cluster = ClusterFacts {
        nodes: BTreeMap::from([(
            "bob".parse().unwrap(),
            vec!["192.0.2.6".parse().unwrap(), "fd00::6".parse().unwrap()],
        )]),
        ..ClusterFacts::default()
    };
    let withheld = withheld(&links, &cluster);
    let lines = withheld
        .iter()
        .map(|(address, why)| format!("{address} {why}\n"));
    expect![[r#"
        10.0.0.1 is this node's own on eth0
        192.0.2.0 names the network 192.0.2.0/24
        192.0.2.1 is the gateway's
        192.0.2.5 is this node's own on eth0
        192.0.2.6 is the node bob's
        192.0.2.255 is the broadcast address of 192.0.2.0/24
        fd00::5 is this node's own on eth0
        fd00::6 is the node bob's
    "#]]
    .assert_eq(&lines.collect::<String>());
}
