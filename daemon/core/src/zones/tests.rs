//! Tables of questions and answers, one per trap of name existence, wildcards and special names.

mod services;

use std::fmt::Write as _;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;

/// The home of the shipped example, with a host outside of its zones.
fn home() -> Zones {
    let zone = |name: &str, wildcard: Option<&str>, pass: &[&str]| config::Zone {
        name: name.parse().unwrap(),
        wildcard: wildcard.map(|address| address.parse().unwrap()),
        pass: pass.iter().map(|label| label.parse().unwrap()).collect(),
        ttl_secs: 300,
        has_services: false,
    };
    let host = |name: &str, addresses: &[&str]| {
        let addresses = addresses.iter().map(|address| address.parse().unwrap());
        (name.parse().unwrap(), addresses.collect())
    };
    let dns = config::Dns {
        listen: vec![
            "192.168.8.241:53".parse().unwrap(),
            "127.0.0.1:53".parse().unwrap(),
        ],
        upstreams: vec!["1.1.1.1:53".parse().unwrap()],
        recursion_for: Vec::new(),
        hosts: vec![
            host("router.internal.cloud.payne.io", &["192.168.8.1"]),
            host(
                "deep.below.internal.cloud.payne.io",
                &["192.168.8.7", "fd00::7"],
            ),
            host("gate.internal.cloud.payne.io", &["192.168.8.1"]),
            host("nas.example.org", &["192.168.8.9"]),
            host("printer.local", &["192.168.8.10"]),
            host("far.example.org", &["203.0.114.5"]),
        ],
        zones: vec![
            zone("internal.cloud.payne.io", Some("192.168.8.240"), &[]),
            zone("cloud.payne.io", Some("192.168.8.240"), &["mail"]),
        ],
    };
    Zones::build(&dns, &ServiceAddresses::new())
}

fn question(name: &str, record_type: RecordType) -> Question {
    let labels = name
        .split('.')
        .filter(|label| !label.is_empty())
        .map(str::as_bytes);
    Question {
        name: DnsName::from_labels(labels).unwrap(),
        record_type,
        class: CLASS_IN,
    }
}

fn type_of(text: &str) -> RecordType {
    match text {
        "A" => RecordType::A,
        "AAAA" => RecordType::AAAA,
        "PTR" => RecordType::PTR,
        "SOA" => RecordType::SOA,
        "NS" => RecordType::NS,
        "TXT" => RecordType::TXT,
        "HTTPS" => RecordType::HTTPS,
        "DS" => RecordType::DS,
        "ANY" => RecordType::ANY,
        "TYPE1000" => RecordType(1000),
        "AXFR" => RecordType(252),
        other => panic!("no type {other}"),
    }
}

fn record(text: &mut String, section: &str, record: &Record) {
    let data = match &record.data {
        RecordData::A(address) => format!("A {address}"),
        RecordData::Aaaa(address) => format!("AAAA {address}"),
        RecordData::Ptr(name) => format!("PTR {name}"),
        RecordData::Ns(name) => format!("NS {name}"),
        RecordData::Soa(soa) => format!("SOA {} {}", soa.primary, soa.minimum_secs),
        RecordData::Hinfo { cpu, os } => format!("HINFO {cpu:?} {os:?}"),
    };
    write!(
        text,
        "; {section} {} {} {data}",
        record.name, record.ttl_secs
    )
    .unwrap();
}

fn ask(zones: &Zones, asked: &Question) -> String {
    let answer = answer(zones, asked);
    let Answer::Local {
        rcode,
        is_authoritative,
        answers,
        authority,
        additional,
        ..
    } = answer
    else {
        return "forward".to_owned();
    };
    let mut text = format!("{rcode:?}{}", if is_authoritative { " aa" } else { "" });
    answers
        .iter()
        .for_each(|item| record(&mut text, "an", item));
    authority
        .iter()
        .for_each(|item| record(&mut text, "au", item));
    additional
        .iter()
        .for_each(|item| record(&mut text, "ad", item));
    text
}

#[expect(clippy::needless_pass_by_value, reason = "expect! makes a value")]
fn check(questions: &[&str], expected: Expect) {
    let zones = home();
    let mut table = String::new();
    for line in questions {
        let (name, kind) = line.split_once(' ').unwrap();
        let reply = ask(&zones, &question(name, type_of(kind)));
        writeln!(table, "{line}: {reply}").unwrap();
    }
    expected.assert_eq(&table);
}

#[test]
fn a_name_with_an_address_is_ours_for_every_type() {
    check(
        &[
            "router.internal.cloud.payne.io A",
            "router.internal.cloud.payne.io AAAA",
            "router.internal.cloud.payne.io HTTPS",
            "router.internal.cloud.payne.io TXT",
            "router.internal.cloud.payne.io TYPE1000",
            "deep.below.internal.cloud.payne.io AAAA",
            "nas.example.org A",
            "nas.example.org AAAA",
            "nas.example.org HTTPS",
        ],
        expect![[r#"
            router.internal.cloud.payne.io A: NoError aa; an router.internal.cloud.payne.io. 300 A 192.168.8.1
            router.internal.cloud.payne.io AAAA: NoError aa; au internal.cloud.payne.io. 60 SOA ns.internal.cloud.payne.io. 60
            router.internal.cloud.payne.io HTTPS: NoError aa; au internal.cloud.payne.io. 60 SOA ns.internal.cloud.payne.io. 60
            router.internal.cloud.payne.io TXT: NoError aa; au internal.cloud.payne.io. 60 SOA ns.internal.cloud.payne.io. 60
            router.internal.cloud.payne.io TYPE1000: NoError aa; au internal.cloud.payne.io. 60 SOA ns.internal.cloud.payne.io. 60
            deep.below.internal.cloud.payne.io AAAA: NoError aa; an deep.below.internal.cloud.payne.io. 300 AAAA fd00::7
            nas.example.org A: NoError aa; an nas.example.org. 300 A 192.168.8.9
            nas.example.org AAAA: NoError aa; au nas.example.org. 60 SOA nas.example.org. 60
            nas.example.org HTTPS: NoError aa; au nas.example.org. 60 SOA nas.example.org. 60
        "#]],
    );
}

#[test]
fn an_empty_non_terminal_exists_without_records_and_a_missing_name_does_not() {
    check(
        &[
            "below.internal.cloud.payne.io A",
            "below.internal.cloud.payne.io ANY",
            "other.below.internal.cloud.payne.io A",
            "x.router.internal.cloud.payne.io A",
            "x.nas.example.org A",
            "example.org A",
        ],
        expect![[r#"
            below.internal.cloud.payne.io A: NoError aa; au internal.cloud.payne.io. 60 SOA ns.internal.cloud.payne.io. 60
            below.internal.cloud.payne.io ANY: NoError aa; au internal.cloud.payne.io. 60 SOA ns.internal.cloud.payne.io. 60
            other.below.internal.cloud.payne.io A: NxDomain aa; au internal.cloud.payne.io. 60 SOA ns.internal.cloud.payne.io. 60
            x.router.internal.cloud.payne.io A: NxDomain aa; au internal.cloud.payne.io. 60 SOA ns.internal.cloud.payne.io. 60
            x.nas.example.org A: forward
            example.org A: forward
        "#]],
    );
}

#[test]
fn the_wildcard_answers_one_label_that_nothing_else_owns() {
    check(
        &[
            "app.internal.cloud.payne.io A",
            "APP.Internal.cloud.payne.io A",
            "app.internal.cloud.payne.io AAAA",
            "app.internal.cloud.payne.io TXT",
            "*.internal.cloud.payne.io A",
            "x.*.internal.cloud.payne.io A",
            "github.com.internal.cloud.payne.io A",
            "below.internal.cloud.payne.io AAAA",
            "internal.cloud.payne.io A",
            "app.cloud.payne.io A",
        ],
        expect![[r#"
            app.internal.cloud.payne.io A: NoError aa; an app.internal.cloud.payne.io. 300 A 192.168.8.240
            APP.Internal.cloud.payne.io A: NoError aa; an APP.Internal.cloud.payne.io. 300 A 192.168.8.240
            app.internal.cloud.payne.io AAAA: NoError aa; au internal.cloud.payne.io. 60 SOA ns.internal.cloud.payne.io. 60
            app.internal.cloud.payne.io TXT: NoError aa; au internal.cloud.payne.io. 60 SOA ns.internal.cloud.payne.io. 60
            *.internal.cloud.payne.io A: NoError aa; an *.internal.cloud.payne.io. 300 A 192.168.8.240
            x.*.internal.cloud.payne.io A: NxDomain aa; au internal.cloud.payne.io. 60 SOA ns.internal.cloud.payne.io. 60
            github.com.internal.cloud.payne.io A: NxDomain aa; au internal.cloud.payne.io. 60 SOA ns.internal.cloud.payne.io. 60
            below.internal.cloud.payne.io AAAA: NoError aa; au internal.cloud.payne.io. 60 SOA ns.internal.cloud.payne.io. 60
            internal.cloud.payne.io A: NoError aa; au internal.cloud.payne.io. 60 SOA ns.internal.cloud.payne.io. 60
            app.cloud.payne.io A: NoError aa; an app.cloud.payne.io. 300 A 192.168.8.240
        "#]],
    );
}

#[test]
fn the_apex_has_soa_and_ns_and_its_ds_belongs_to_the_parent() {
    check(
        &[
            "cloud.payne.io SOA",
            "cloud.payne.io NS",
            "cloud.payne.io A",
            "cloud.payne.io TXT",
            "cloud.payne.io DS",
            "internal.cloud.payne.io DS",
            "router.internal.cloud.payne.io DS",
            "ns.internal.cloud.payne.io A",
            "app.internal.cloud.payne.io SOA",
            "a.b.internal.cloud.payne.io SOA",
            "nas.example.org DS",
            "nas.example.org SOA",
        ],
        expect![[r#"
            cloud.payne.io SOA: NoError aa; an cloud.payne.io. 300 SOA ns.cloud.payne.io. 60
            cloud.payne.io NS: NoError aa; an cloud.payne.io. 300 NS ns.cloud.payne.io.; ad ns.cloud.payne.io. 300 A 192.168.8.241
            cloud.payne.io A: NoError aa; au cloud.payne.io. 60 SOA ns.cloud.payne.io. 60
            cloud.payne.io TXT: NoError aa; au cloud.payne.io. 60 SOA ns.cloud.payne.io. 60
            cloud.payne.io DS: forward
            internal.cloud.payne.io DS: NoError aa; au cloud.payne.io. 60 SOA ns.cloud.payne.io. 60
            router.internal.cloud.payne.io DS: NoError aa; au internal.cloud.payne.io. 60 SOA ns.internal.cloud.payne.io. 60
            ns.internal.cloud.payne.io A: NoError aa; an ns.internal.cloud.payne.io. 300 A 192.168.8.241
            app.internal.cloud.payne.io SOA: NoError aa; au internal.cloud.payne.io. 60 SOA ns.internal.cloud.payne.io. 60
            a.b.internal.cloud.payne.io SOA: NxDomain aa; au internal.cloud.payne.io. 60 SOA ns.internal.cloud.payne.io. 60
            nas.example.org DS: forward
            nas.example.org SOA: NoError aa; an nas.example.org. 300 SOA nas.example.org. 60
        "#]],
    );
}

#[test]
fn passed_names_and_challenges_go_upstream_at_any_depth() {
    check(
        &[
            "mail.cloud.payne.io A",
            "imap.mail.cloud.payne.io A",
            "_acme-challenge.cloud.payne.io TXT",
            "_ACME-challenge.router.internal.cloud.payne.io TXT",
            "x._acme-challenge.a.internal.cloud.payne.io TXT",
            "mailing.cloud.payne.io TXT",
        ],
        expect![[r#"
            mail.cloud.payne.io A: forward
            imap.mail.cloud.payne.io A: forward
            _acme-challenge.cloud.payne.io TXT: forward
            _ACME-challenge.router.internal.cloud.payne.io TXT: forward
            x._acme-challenge.a.internal.cloud.payne.io TXT: forward
            mailing.cloud.payne.io TXT: NoError aa; au cloud.payne.io. 60 SOA ns.cloud.payne.io. 60
        "#]],
    );
}

#[test]
fn addresses_have_names_and_private_space_never_leaks() {
    check(
        &[
            "1.8.168.192.in-addr.arpa PTR",
            "10.8.168.192.in-addr.arpa PTR",
            "99.8.168.192.in-addr.arpa PTR",
            "8.168.192.in-addr.arpa PTR",
            "168.192.in-addr.arpa SOA",
            "168.192.in-addr.arpa DS",
            "5.114.0.203.in-addr.arpa PTR",
            "6.114.0.203.in-addr.arpa PTR",
            "1.0.16.172.in-addr.arpa PTR",
            "1.0.32.172.in-addr.arpa PTR",
            "1.1.254.169.in-addr.arpa PTR",
            "7.0.64.100.in-addr.arpa PTR",
            "1.0.0.127.in-addr.arpa PTR",
            "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa PTR",
            "1.c.f.ip6.arpa PTR",
            "1.a.e.f.ip6.arpa PTR",
            "1.1.0.2.ip6.arpa PTR",
        ],
        expect![[r#"
            1.8.168.192.in-addr.arpa PTR: NoError aa; an 1.8.168.192.in-addr.arpa. 300 PTR router.internal.cloud.payne.io.; an 1.8.168.192.in-addr.arpa. 300 PTR gate.internal.cloud.payne.io.
            10.8.168.192.in-addr.arpa PTR: NoError aa; an 10.8.168.192.in-addr.arpa. 300 PTR printer.local.
            99.8.168.192.in-addr.arpa PTR: NxDomain aa; au 168.192.in-addr.arpa. 60 SOA 168.192.in-addr.arpa. 60
            8.168.192.in-addr.arpa PTR: NoError aa; au 168.192.in-addr.arpa. 60 SOA 168.192.in-addr.arpa. 60
            168.192.in-addr.arpa SOA: NoError aa; an 168.192.in-addr.arpa. 300 SOA 168.192.in-addr.arpa. 60
            168.192.in-addr.arpa DS: forward
            5.114.0.203.in-addr.arpa PTR: NoError aa; an 5.114.0.203.in-addr.arpa. 300 PTR far.example.org.
            6.114.0.203.in-addr.arpa PTR: forward
            1.0.16.172.in-addr.arpa PTR: NxDomain aa; au 16.172.in-addr.arpa. 60 SOA 16.172.in-addr.arpa. 60
            1.0.32.172.in-addr.arpa PTR: forward
            1.1.254.169.in-addr.arpa PTR: NxDomain aa; au 254.169.in-addr.arpa. 60 SOA 254.169.in-addr.arpa. 60
            7.0.64.100.in-addr.arpa PTR: NxDomain aa; au 64.100.in-addr.arpa. 60 SOA 64.100.in-addr.arpa. 60
            1.0.0.127.in-addr.arpa PTR: NoError aa; an 1.0.0.127.in-addr.arpa. 300 PTR localhost.
            7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa PTR: NoError aa; an 7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa. 300 PTR deep.below.internal.cloud.payne.io.
            1.c.f.ip6.arpa PTR: NxDomain aa; au c.f.ip6.arpa. 60 SOA c.f.ip6.arpa. 60
            1.a.e.f.ip6.arpa PTR: NxDomain aa; au a.e.f.ip6.arpa. 60 SOA a.e.f.ip6.arpa. 60
            1.1.0.2.ip6.arpa PTR: forward
        "#]],
    );
}

#[test]
fn special_names_and_single_labels_are_not_forwarded() {
    check(
        &[
            "localhost A",
            "me.localhost AAAA",
            "localhost TXT",
            "a.invalid A",
            "test A",
            "x.onion A",
            "x.local A",
            "local A",
            "printer.local A",
            "printer.local TXT",
            "nas.home.arpa A",
            "home.arpa A",
            "home.arpa DS",
            "local DS",
            "_dns.resolver.arpa TXT",
            "router A",
            "router AAAA",
            "org A",
            "org NS",
            ". NS",
            "www.example.com A",
        ],
        expect![[r#"
            localhost A: NoError aa; an localhost. 3600 A 127.0.0.1
            me.localhost AAAA: NoError aa; an me.localhost. 3600 AAAA ::1
            localhost TXT: NoError aa; au localhost. 3600 SOA localhost. 3600
            a.invalid A: NxDomain aa; au . 60 SOA . 60
            test A: NxDomain aa; au . 60 SOA . 60
            x.onion A: NxDomain aa; au . 60 SOA . 60
            x.local A: NxDomain aa; au . 60 SOA . 60
            local A: NoError aa; au . 60 SOA . 60
            printer.local A: NoError aa; an printer.local. 300 A 192.168.8.10
            printer.local TXT: NoError aa; au printer.local. 60 SOA printer.local. 60
            nas.home.arpa A: NxDomain aa; au home.arpa. 60 SOA home.arpa. 60
            home.arpa A: NoError aa; au home.arpa. 60 SOA home.arpa. 60
            home.arpa DS: forward
            local DS: NoError aa; au . 60 SOA . 60
            _dns.resolver.arpa TXT: NoError aa; au resolver.arpa. 60 SOA resolver.arpa. 60
            router A: NxDomain; au . 60 SOA . 60
            router AAAA: NxDomain; au . 60 SOA . 60
            org A: NoError; au . 60 SOA . 60
            org NS: forward
            . NS: forward
            www.example.com A: forward
        "#]],
    );
}

#[test]
fn any_is_answered_minimally_and_transfers_and_other_classes_are_refused() {
    check(
        &[
            "router.internal.cloud.payne.io ANY",
            "cloud.payne.io ANY",
            "app.internal.cloud.payne.io ANY",
            "x.y.internal.cloud.payne.io ANY",
            "www.example.com ANY",
            "cloud.payne.io AXFR",
            "www.example.com AXFR",
        ],
        expect![[r#"
            router.internal.cloud.payne.io ANY: NoError aa; an router.internal.cloud.payne.io. 300 HINFO "RFC8482" ""
            cloud.payne.io ANY: NoError aa; an cloud.payne.io. 300 HINFO "RFC8482" ""
            app.internal.cloud.payne.io ANY: NoError aa; an app.internal.cloud.payne.io. 300 HINFO "RFC8482" ""
            x.y.internal.cloud.payne.io ANY: NxDomain aa; au internal.cloud.payne.io. 60 SOA ns.internal.cloud.payne.io. 60
            www.example.com ANY: forward
            cloud.payne.io AXFR: Refused
            www.example.com AXFR: Refused
        "#]],
    );
    let chaos = Question {
        class: 3,
        ..question("version.bind", RecordType::TXT)
    };
    assert_eq!(ask(&home(), &chaos), "Refused");
}

#[test]
fn the_case_of_the_question_comes_back_in_owner_names() {
    check(
        &[
            "RouTer.InterNAL.cloud.payne.io A",
            "x.Y.InterNAL.clOUD.payne.io A",
        ],
        expect![[r#"
            RouTer.InterNAL.cloud.payne.io A: NoError aa; an RouTer.InterNAL.cloud.payne.io. 300 A 192.168.8.1
            x.Y.InterNAL.clOUD.payne.io A: NxDomain aa; au InterNAL.clOUD.payne.io. 60 SOA ns.internal.cloud.payne.io. 60
        "#]],
    );
}

#[test]
fn the_summary_counts_the_names_of_each_zone() {
    expect![[r#"
        [
            (
                "cloud.payne.io.",
                1,
            ),
            (
                "internal.cloud.payne.io.",
                4,
            ),
            (
                "hosts outside of the zones",
                4,
            ),
        ]"#]]
    .assert_eq(&format!("{:#?}", home().summary()));
}

fn any_question() -> impl Strategy<Value = Question> {
    let word = prop_oneof![
        Just("internal".to_owned()),
        Just("cloud".to_owned()),
        Just("payne".to_owned()),
        Just("io".to_owned()),
        Just("arpa".to_owned()),
        Just("below".to_owned()),
        Just("_acme-challenge".to_owned()),
        "[a-zA-Z*_0-9]{1,12}",
    ];
    (
        proptest::collection::vec(word, 0..6),
        any::<bool>(),
        0u16..300,
    )
        .prop_map(|(mut labels, is_ours, record_type)| {
            let home = ["internal", "cloud", "payne", "io"].map(str::to_owned);
            labels.extend(home.into_iter().filter(|_| is_ours));
            question(&labels.join("."), RecordType(record_type))
        })
}

proptest! {
    #[test]
    fn a_name_is_ours_for_all_types_or_for_none(asked in any_question()) {
        let zones = home();
        let is_forward = |record_type: RecordType| {
            let asked = Question { record_type, ..asked.clone() };
            answer(&zones, &asked) == Answer::Forward
        };
        let is_free = asked.name.labels().len() < 2;
        prop_assume!(!is_free);
        prop_assert_eq!(is_forward(RecordType::A), is_forward(RecordType::HTTPS));
        prop_assert_eq!(is_forward(RecordType::A), is_forward(RecordType::TXT));
    }

    #[test]
    fn nothing_below_a_missing_name_exists(asked in any_question(), label in "[a-z]{1,5}") {
        let zones = home();
        let asked = Question { record_type: RecordType::A, ..asked };
        if let Answer::Local { rcode: Rcode::NxDomain, .. } = answer(&zones, &asked) {
            let labels = [label.as_bytes()].into_iter().chain(asked.name.labels());
            let name = DnsName::from_labels(labels).unwrap();
            let below = answer(&zones, &Question { name, ..asked.clone() });
            let is_missing = matches!(below, Answer::Local { rcode: Rcode::NxDomain, .. });
            prop_assert!(is_missing || asked.name.labels().len() == 1, "{:?}", below);
        }
    }

    #[test]
    fn a_local_answer_without_records_has_the_soa_of_an_enclosing_apex(asked in any_question()) {
        if let Answer::Local { rcode, answers, authority, .. } = answer(&home(), &asked)
            && rcode != Rcode::Refused && answers.is_empty()
        {
            prop_assert_eq!(authority.len(), 1);
            prop_assert!(asked.name.is_within(&authority[0].name));
            let RecordData::Soa(soa) = &authority[0].data else {
                panic!("no SOA but {:?}", authority[0]);
            };
            prop_assert!(authority[0].ttl_secs <= soa.minimum_secs);
        }
    }
}
