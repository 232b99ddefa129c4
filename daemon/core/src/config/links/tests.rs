//! What entries of `[announce] links` read as, and what they choose.

use proptest::prelude::*;

use super::{LinkPattern, PatternError, is_chosen, is_match};
use crate::facts::settings::LinkSettings;
use crate::facts::{Link, LinkAddress};

fn link(name: &str, own: &[&str]) -> Link {
    Link {
        name: name.parse().unwrap(),
        addresses: own
            .iter()
            .map(|own| LinkAddress {
                address: own.split('/').next().unwrap().parse().unwrap(),
                subnet: own.parse().unwrap(),
            })
            .collect(),
        mac: None,
        is_up: true,
        is_announcing: true,
        is_wireless: false,
        gateway: None,
        generation: 0,
        came_up: 0,
        settings: LinkSettings::default(),
    }
}

fn choice(texts: &[&str]) -> Vec<LinkPattern> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// Which of some usual interfaces are chosen.
fn chosen(texts: &[&str]) -> String {
    let patterns = choice(texts);
    let links = [
        link("eth0", &["192.168.8.222/24", "fd00::222/64"]),
        link("eth0.10", &["10.0.0.2/8"]),
        link("enp3s0", &[]),
        link("wlan0", &["192.168.8.223/24"]),
        link("br0", &["172.16.0.1/12"]),
    ];
    let names = links.iter().filter(|link| is_chosen(&patterns, link));
    let names: Vec<&str> = names.map(|link| link.name.as_str()).collect();
    names.join(" ")
}

#[test]
fn names_patterns_and_subnets_choose_and_exclusions_take_away() {
    let all = "eth0 eth0.10 enp3s0 wlan0 br0";
    assert_eq!(chosen(&[]), all);
    assert_eq!(chosen(&["*"]), all);
    assert_eq!(chosen(&["eth0"]), "eth0");
    assert_eq!(chosen(&["eth*"]), "eth0 eth0.10");
    assert_eq!(chosen(&["eth?"]), "eth0");
    assert_eq!(chosen(&["e*", "br0"]), "eth0 eth0.10 enp3s0 br0");
    assert_eq!(chosen(&["!wlan*"]), "eth0 eth0.10 enp3s0 br0");
    assert_eq!(chosen(&["*0", "!wlan*", "!eth0"]), "eth0.10 enp3s0 br0");
    assert_eq!(chosen(&["192.168.8.0/24"]), "eth0 wlan0");
    assert_eq!(chosen(&["192.168.8.0/24", "!wlan*"]), "eth0");
    assert_eq!(chosen(&["fd00::/64", "10.0.0.0/8"]), "eth0 eth0.10");
    assert_eq!(chosen(&["!192.168.0.0/16"]), "eth0.10 enp3s0 br0");
    assert_eq!(chosen(&["lan*"]), "");
}

#[test]
fn the_order_of_entries_does_not_matter() {
    assert_eq!(chosen(&["!wlan*", "*0"]), chosen(&["*0", "!wlan*"]));
}

#[test]
fn a_pattern_fits_the_whole_name() {
    for (glob, name) in [
        ("eth*", "eth"),
        ("*th*", "eth0"),
        ("e?h*0", "eth10"),
        ("*a*b*", "xaab"),
        ("**", "lo"),
        ("?*", "x"),
    ] {
        assert!(is_match(glob, name), "{glob} {name}");
    }
    for (glob, name) in [
        ("eth", "eth0"),
        ("eth?", "eth"),
        ("*th", "eth0"),
        ("?", ""),
        ("*a*b", "ba"),
    ] {
        assert!(!is_match(glob, name), "{glob} {name}");
    }
}

#[test]
fn what_chooses_no_interface_is_refused() {
    let refusal = |text: &str| text.parse::<LinkPattern>().unwrap_err();
    assert_eq!(refusal("192.168.8.222"), PatternError::Address);
    assert_eq!(refusal("fd00::1"), PatternError::Address);
    assert!(matches!(
        refusal("192.168.8.222/24"),
        PatternError::HostBits(_)
    ));
    assert!(matches!(refusal("eth0/1"), PatternError::Subnet(_)));
    assert!(matches!(refusal("192.168.8.0/33"), PatternError::Subnet(_)));
    assert!(matches!(refusal("!"), PatternError::Name(_)));
    assert!(matches!(refusal(""), PatternError::Name(_)));
    assert!(matches!(refusal("eth *"), PatternError::Name(_)));
    assert_eq!(refusal("a-long-name-of-0*"), PatternError::TooLong);
    assert_eq!(refusal("!*"), PatternError::Everything);
}

proptest! {
    #[test]
    fn any_text_reads_or_is_refused_and_what_reads_is_written_the_same(text in "[!a-z0-9*?./: ]{0,20}") {
        if let Ok(pattern) = text.parse::<LinkPattern>() {
            prop_assert_eq!(pattern.to_string().parse::<LinkPattern>().unwrap(), pattern);
        }
    }

    #[test]
    fn a_name_fits_to_itself_with_any_part_replaced_by_a_star(name in "[a-z0-9.]{1,15}", from in 0_usize..15, to in 0_usize..15) {
        let (from, to) = (from.min(name.len()), to.min(name.len()));
        let (from, to) = (from.min(to), from.max(to));
        let glob = format!("{}*{}", &name[..from], &name[to..]);
        prop_assert!(is_match(&glob, &name), "{} {}", glob, name);
    }
}
