//! Names of Services.

use super::*;

const DEEP: &str = "a-zone-whose-name-is-so-long-that-only-short-names-fit-below-it";

/// A zone with names of Services and a wildcard, one without, and one with a very long name.
fn zones() -> Zones {
    let zone = |name: &str, wildcard: Option<&str>, has_services| config::Zone {
        name: name.parse().unwrap(),
        wildcard: wildcard.map(|address| address.parse().unwrap()),
        pass: Vec::new(),
        ttl_secs: 60,
        has_services,
    };
    let long = format!("{DEEP}.{DEEP}.{}", &DEEP[..60]);
    let dns = config::Dns {
        listen: Vec::new(),
        upstreams: Vec::new(),
        recursion_for: Vec::new(),
        hosts: vec![(
            "web.home.svc.lan.example".parse().unwrap(),
            vec!["192.168.8.7".parse().unwrap()],
        )],
        zones: vec![
            zone("lan.example", Some("192.168.8.240"), true),
            zone("other.example", None, false),
            zone(&long, None, true),
        ],
    };
    let service = |name: &str, addresses: &[&str]| {
        let addresses = addresses.iter().map(|address| address.parse().unwrap());
        (name.parse().unwrap(), addresses.collect())
    };
    let long_name = "n".repeat(60);
    let services = ServiceAddresses::from([
        service(
            "home/radio",
            &["192.168.8.241", "192.168.8.242", "192.168.8.241"],
        ),
        service("home/six", &["fd00::240"]),
        service("home/web", &["192.168.8.243"]),
        service("kube-system/traefik", &["192.168.8.244"]),
        service(&format!("home/{long_name}"), &["192.168.8.245"]),
    ]);
    Zones::build(&dns, &services)
}

fn check(questions: &[&str], expected: Expect) {
    let zones = zones();
    let mut table = String::new();
    for line in questions {
        let (name, kind) = line.split_once(' ').unwrap();
        writeln!(
            table,
            "{line}: {}",
            ask(&zones, &question(name, type_of(kind)))
        )
        .unwrap();
    }
    expected.assert_eq(&table);
}

#[test]
fn a_service_has_its_name_in_each_zone_that_takes_them() {
    check(
        &[
            "radio.home.svc.lan.example A",
            "RADIO.home.SVC.lan.example A",
            "radio.home.svc.lan.example AAAA",
            "six.home.svc.lan.example AAAA",
            "six.home.svc.lan.example A",
            "traefik.kube-system.svc.lan.example A",
            "radio.home.svc.other.example A",
        ],
        expect![[r#"
            radio.home.svc.lan.example A: NoError aa; an radio.home.svc.lan.example. 60 A 192.168.8.241; an radio.home.svc.lan.example. 60 A 192.168.8.242
            RADIO.home.SVC.lan.example A: NoError aa; an RADIO.home.SVC.lan.example. 60 A 192.168.8.241; an RADIO.home.SVC.lan.example. 60 A 192.168.8.242
            radio.home.svc.lan.example AAAA: NoError aa; au lan.example. 60 SOA ns.lan.example. 60
            six.home.svc.lan.example AAAA: NoError aa; an six.home.svc.lan.example. 60 AAAA fd00::240
            six.home.svc.lan.example A: NoError aa; au lan.example. 60 SOA ns.lan.example. 60
            traefik.kube-system.svc.lan.example A: NoError aa; an traefik.kube-system.svc.lan.example. 60 A 192.168.8.244
            radio.home.svc.other.example A: NxDomain aa; au other.example. 60 SOA ns.other.example. 60
        "#]],
    );
}

#[test]
fn what_the_config_says_of_a_name_comes_before_a_service() {
    check(
        &["web.home.svc.lan.example A"],
        expect![[r#"
        web.home.svc.lan.example A: NoError aa; an web.home.svc.lan.example. 60 A 192.168.8.7
    "#]],
    );
}

#[test]
fn between_a_service_and_its_zone_names_exist_without_records() {
    check(
        &[
            "svc.lan.example A",
            "home.svc.lan.example A",
            "gone.home.svc.lan.example A",
            "gone.svc.lan.example A",
            "x.radio.home.svc.lan.example A",
            "app.lan.example A",
        ],
        expect![[r#"
            svc.lan.example A: NoError aa; au lan.example. 60 SOA ns.lan.example. 60
            home.svc.lan.example A: NoError aa; au lan.example. 60 SOA ns.lan.example. 60
            gone.home.svc.lan.example A: NxDomain aa; au lan.example. 60 SOA ns.lan.example. 60
            gone.svc.lan.example A: NxDomain aa; au lan.example. 60 SOA ns.lan.example. 60
            x.radio.home.svc.lan.example A: NxDomain aa; au lan.example. 60 SOA ns.lan.example. 60
            app.lan.example A: NoError aa; an app.lan.example. 60 A 192.168.8.240
        "#]],
    );
}

#[test]
fn a_name_that_gets_too_long_is_left_out() {
    let long = format!("{DEEP}.{DEEP}.{}", &DEEP[..60]);
    let summary = zones().summary();
    let count = |zone: &str| {
        let row = summary.iter().find(|(name, _)| *name == format!("{zone}."));
        row.map(|(_, count)| *count)
    };
    // The name server's name is among them.
    assert_eq!(count("lan.example"), Some(6));
    assert_eq!(count("other.example"), Some(1));
    assert_eq!(count(&long), Some(5));
}
