//! What names accept, and the keys that nodes agree on.

use std::net::IpAddr;

use super::dns::DnsNameError;
use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn node_names_are_small_letters() {
    assert_eq!("Box-01".parse::<NodeName>().unwrap().as_str(), "box-01");
    for wrong in ["", "a b", "a/b", "n\u{e4}me", &"a".repeat(64)] {
        assert_eq!(wrong.parse::<NodeName>(), Err(NameError::Node), "{wrong:?}");
    }
}

#[test]
fn interface_names_are_the_kernels() {
    assert_eq!("eth0.8@x".parse::<LinkName>().unwrap().as_str(), "eth0.8@x");
    for wrong in ["", "a b", "a/b", "a-name-that-is-too-long"] {
        assert_eq!(wrong.parse::<LinkName>(), Err(NameError::Link), "{wrong:?}");
    }
}

#[test]
fn hardware_addresses_have_one_form() {
    let mac: Mac = "02:00:5E:00:53:01".parse().unwrap();
    assert_eq!(mac.to_string(), "02:00:5e:00:53:01");
    assert!(mac.is_unicast());
    assert!(!Mac::BROADCAST.is_unicast() && !Mac::ZERO.is_unicast());
    for wrong in [
        "",
        "02:00:5e:00:53",
        "02:00:5e:00:53:01:02",
        "2:0:5e:0:53:1",
        "02-00-5e-00-53-01",
        "+2:00:5e:00:53:01",
    ] {
        assert_eq!(wrong.parse::<Mac>(), Err(NameError::Mac), "{wrong:?}");
    }
}

#[test]
fn a_subnet_knows_its_addresses() {
    let subnet: Subnet = "192.168.8.17/24".parse().unwrap();
    assert_eq!(subnet.to_string(), "192.168.8.0/24");
    assert_eq!(subnet.broadcast(), Some("192.168.8.255".parse().unwrap()));
    assert!(subnet.contains(ip("192.168.8.255")));
    assert!(!subnet.contains(ip("192.168.9.0")));
    assert!(!subnet.contains(ip("::ffff:192.168.8.1")));
    assert_eq!("10.0.0.2/31".parse::<Subnet>().unwrap().broadcast(), None);
    assert!(
        "0.0.0.0/0"
            .parse::<Subnet>()
            .unwrap()
            .contains(ip("1.2.3.4"))
    );
    for wrong in ["192.168.8.0", "192.168.8.0/33", "fd00::/129", "/24", "a/b"] {
        assert_eq!(wrong.parse::<Subnet>(), Err(NameError::Subnet), "{wrong:?}");
    }
}

#[test]
fn the_identity_follows_from_the_machine_id_alone() {
    let id = NodeId::of_machine("0123456789abcdef0123456789abcdef");
    assert_eq!(NodeId::of_machine("0123456789abcdef0123456789abcdef\n"), id);
    assert_ne!(NodeId::of_machine("1123456789abcdef0123456789abcdef"), id);
}

#[test]
fn domain_names_compare_without_case_and_keep_it() {
    let name = |text: &str| text.parse::<DnsName>().unwrap();
    assert_eq!(name("NAS.home.arpa."), name("nas.HOME.arpa"));
    assert_eq!(name("NAS.home.arpa").to_string(), "NAS.home.arpa.");
    assert!(name("a.b.home.arpa").is_within(&name("Home.Arpa")));
    assert!(name("home.arpa").is_within(&name("home.arpa")));
    assert!(!name("nothome.arpa").is_within(&name("home.arpa")));
    assert!(name("home.arpa").is_within(&DnsName::root()));
    assert_eq!(name("nas.home.arpa").parent(), Some(name("home.arpa")));
    assert_eq!(DnsName::root().parent(), None);
}

#[test]
fn names_below_a_zone_stand_together() {
    let mut names: Vec<DnsName> = ["b.z.arpa", "z.arpa", "a.y.arpa", "a.Z.arpa", "y.arpa"]
        .iter()
        .map(|text| text.parse().unwrap())
        .collect();
    names.sort();
    let shown: Vec<String> = names.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        ["y.arpa.", "a.y.arpa.", "z.arpa.", "a.Z.arpa.", "b.z.arpa."]
    );
}

#[test]
fn domain_names_have_their_limits() {
    let long_label = "a".repeat(63);
    assert!(long_label.parse::<DnsName>().is_ok());
    let label = DnsNameError::LabelLength;
    assert_eq!("a".repeat(64).parse::<DnsName>(), Err(label));
    for wrong in ["", ".", "a..b", ".a"] {
        assert_eq!(wrong.parse::<DnsName>(), Err(label), "{wrong:?}");
    }
    let longest = [long_label.as_str(); 3].join(".") + "." + &"a".repeat(61);
    assert!(longest.parse::<DnsName>().is_ok());
    assert_eq!(
        (longest + "a").parse::<DnsName>(),
        Err(DnsNameError::NameLength)
    );
    assert_eq!("a b".parse::<DnsName>(), Err(DnsNameError::Character));
}

#[test]
fn services_are_named_by_namespace_and_name() {
    let name: ServiceName = "kube-system/traefik".parse().unwrap();
    assert_eq!((name.namespace(), name.name()), ("kube-system", "traefik"));
    assert_eq!(name.to_string(), "kube-system/traefik");
    assert_eq!(ServiceName::new("kube-system", "traefik"), Ok(name));
    let longest = "a".repeat(63);
    for right in [format!("{longest}/{longest}"), "0/9.b-c".to_owned()] {
        assert_eq!(right.parse::<ServiceName>().unwrap().to_string(), right);
    }
    for wrong in [
        "",
        "/",
        "a",
        "a/",
        "/a",
        "a/b/c",
        "A/b",
        "a/-b",
        "a/b-",
        "a/.b",
        "a b/c",
        "a/b_c",
        "\u{e4}/b",
        &format!("a/{longest}a"),
    ] {
        assert_eq!(
            wrong.parse::<ServiceName>(),
            Err(NameError::Service),
            "{wrong:?}"
        );
    }
}
