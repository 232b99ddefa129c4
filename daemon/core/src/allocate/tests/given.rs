//! Every verdict with its sentence.

use super::*;

/// Two pools, a reserved address in one and one in none, a static address in the first.
const CONFIG: &str = r#"
[kubernetes]
[cluster]
peers = ["192.0.2.12"]
[[address]]
address = "192.0.2.11"
[[pool]]
name = "lan"
addresses = ["192.0.2.10-192.0.2.13"]
[[pool]]
name = "guests"
addresses = ["198.51.100.20-198.51.100.21"]
[[reserve]]
address = "198.51.100.20"
service = "home/radio"
[[reserve]]
address = "203.0.113.7"
service = "home/tv"
"#;

/// With 192.0.2.10 in use by a host that is no node.
fn check_occupied(policy: &str, services: &[&str], expected: Expect) {
    let text = CONFIG.replacen("[cluster]", &format!("[announce]\n{policy}\n[cluster]"), 1);
    let elsewhere = Elsewhere {
        occupied: BTreeMap::from([("192.0.2.10".parse().unwrap(), "is used".to_owned())]),
        ..Elsewhere::default()
    };
    let verdicts = allocate(&config_of(&text), &cluster_of(services), &elsewhere);
    expected.assert_eq(&show(&verdicts));
}

fn check(services: &[&str], expected: Expect) {
    check_with(CONFIG, &[], services, expected);
}

#[test]
fn what_a_host_uses_is_given_to_nobody_who_does_not_ask_for_it() {
    check_occupied(
        "",
        &["web", "mail ip=192.0.2.10"],
        expect![[r#"
            mail: 192.0.2.10 of lan, note asks for it
            web: 192.0.2.13 of lan, first free address of the pool lan
        "#]],
    );
}

#[test]
fn only_quarantine_takes_an_address_from_who_has_it_and_only_for_another_one() {
    for policy in ["", "conflict = \"yield\""] {
        check_occupied(
            policy,
            &["web has=192.0.2.10"],
            expect![[r#"
                web: 192.0.2.10 of lan, it has had it
            "#]],
        );
    }
    let quarantine = "conflict = \"quarantine\"";
    check_occupied(
        quarantine,
        &["web has=192.0.2.10", "mail has=192.0.2.13"],
        expect![[r#"
            mail: 192.0.2.13 of lan, it has had it
            web: 198.51.100.21 of guests, first free address of the pool guests
        "#]],
    );
    check_occupied(
        quarantine,
        &["web has=192.0.2.10 pool=lan", "mail has=192.0.2.13"],
        expect![[r#"
            mail: 192.0.2.13 of lan, it has had it
            web: 192.0.2.10 of lan, it has had it; BUT the pool lan has no free address, so it keeps 192.0.2.10
        "#]],
    );
    check_occupied(
        quarantine,
        &["web has=192.0.2.10 ip=192.0.2.10"],
        expect![[r#"
            web: 192.0.2.10 of lan, note asks for it
        "#]],
    );
}

#[test]
fn the_oldest_gets_the_first_free_address_and_names_decide_among_equals() {
    // .11 is a static address, .12 a peer's, .20 reserved.
    check(
        &["a", "b age=9", "c", "d", "e class=sovnet.internal/l2"],
        expect![[r#"
            a: 192.0.2.13 of lan, first free address of the pool lan
            b: 192.0.2.10 of lan, first free address of the pool lan
            c: 198.51.100.21 of guests, first free address of the pool guests
            d: refused, no pool has a free address
            e: refused, no pool has a free address
        "#]],
    );
}

#[test]
fn a_service_of_another_class_is_left_alone() {
    check(
        &[
            "a class=example.org/lb has=192.0.2.10",
            "b",
            "c ip=192.0.2.10",
        ],
        expect![[r#"
            a: of example.org/lb
            b: 192.0.2.13 of lan, first free address of the pool lan
            c: refused, 192.0.2.10 is home/a's, which another controller serves
        "#]],
    );
}

#[test]
fn who_needs_a_certain_address_comes_before_who_takes_any() {
    check(
        &[
            "old age=9",
            "fixed ip=192.0.2.10",
            "mover age=5 has=192.0.2.13 pool=guests",
        ],
        expect![[r#"
            fixed: 192.0.2.10 of lan, note asks for it
            mover: 192.0.2.13 of lan, it has had it; BUT the pool guests has no free address, so it keeps 192.0.2.13
            old: 198.51.100.21 of guests, first free address of the pool guests
        "#]],
    );
    check(
        &["radio", "tv", "old age=9"],
        expect![[r#"
        old: 192.0.2.10 of lan, first free address of the pool lan
        radio: 198.51.100.20 of guests, it is reserved for home/radio in the config
        tv: 203.0.113.7 of no pool, it is reserved for home/tv in the config
    "#]],
    );
}

#[test]
fn of_two_that_want_the_same_the_older_one_has_it() {
    check(
        &["a ip=192.0.2.10", "b ip=192.0.2.10 age=1"],
        expect![[r#"
        a: refused, 192.0.2.10 is home/b's
        b: 192.0.2.10 of lan, note asks for it
    "#]],
    );
    check(
        &["a ip=192.0.2.10 has=192.0.2.13", "b ip=192.0.2.10 age=1"],
        expect![[r#"
            a: 192.0.2.13 of lan, it has had it; BUT 192.0.2.10 is home/b's
            b: 192.0.2.10 of lan, note asks for it
        "#]],
    );
    check(
        &["a has=192.0.2.10", "b has=192.0.2.10 age=1"],
        expect![[r#"
        a: 192.0.2.13 of lan, first free address of the pool lan
        b: 192.0.2.10 of lan, it has had it
    "#]],
    );
    check(
        &["a ip=192.0.2.10 age=9", "b has=192.0.2.10"],
        expect![[r#"
        a: refused, 192.0.2.10 is home/b's
        b: 192.0.2.10 of lan, it has had it
    "#]],
    );
}

#[test]
fn an_older_one_gets_what_a_younger_one_moves_away_from() {
    check(
        &[
            "oldest age=9 ip=192.0.2.10",
            "mover age=5 has=192.0.2.10 ip=192.0.2.13",
            "youngest ip=192.0.2.10",
        ],
        expect![[r#"
            mover: 192.0.2.13 of lan, note asks for it
            oldest: 192.0.2.10 of lan, note asks for it
            youngest: refused, 192.0.2.10 is home/oldest's
        "#]],
    );
}

#[test]
fn a_wish_that_cannot_be_met_is_refused_with_its_reason() {
    check(
        &[
            "a ip=192.0.2.11",
            "b ip=192.0.2.12",
            "c ip=192.0.2.99",
            "d ip=198.51.100.20",
            "e ip=192.0.2.10 pool=guests",
            "f pool=cellar",
            "g fault",
            "h ip=203.0.113.7",
        ],
        expect![[r#"
            a: refused, 192.0.2.11 is an [[address]] of the config, which no Service gets
            b: refused, 192.0.2.12 is a node's own, as [cluster] peers says
            c: refused, 192.0.2.99 is in no pool
            d: refused, 198.51.100.20 is reserved for home/radio
            e: refused, 192.0.2.10 is of the pool lan, and mark asks for the pool guests
            f: refused, mark asks for the pool cellar, which does not exist
            g: refused, note "x": is no IP address
            h: refused, 203.0.113.7 is reserved for home/tv
        "#]],
    );
}

#[test]
fn a_wish_that_cannot_be_met_leaves_the_address_that_a_service_has() {
    check(
        &[
            "a has=192.0.2.10 ip=192.0.2.99",
            "b has=192.0.2.13 pool=cellar",
        ],
        expect![[r#"
            a: 192.0.2.10 of lan, it has had it; BUT 192.0.2.99 is in no pool
            b: 192.0.2.13 of lan, it has had it; BUT mark asks for the pool cellar, which does not exist
        "#]],
    );
    check(
        &["a has=192.0.2.10 fault"],
        expect![[r#"
        a: 192.0.2.10 of lan, it has had it; BUT note "x": is no IP address
    "#]],
    );
    check(
        &["a has=192.0.2.10 pool=guests", "b has=198.51.100.21 age=-1"],
        expect![[r#"
            a: 192.0.2.10 of lan, it has had it; BUT the pool guests has no free address, so it keeps 192.0.2.10
            b: 198.51.100.21 of guests, it has had it
        "#]],
    );
}

#[test]
fn a_service_moves_when_what_it_asks_for_is_free() {
    check(
        &[
            "a has=192.0.2.10 ip=192.0.2.13",
            "b has=192.0.2.10 pool=guests",
        ],
        expect![[r#"
            a: 192.0.2.13 of lan, note asks for it
            b: 198.51.100.21 of guests, first free address of the pool guests
        "#]],
    );
    check(
        &["radio has=192.0.2.10", "tv has=192.0.2.13"],
        expect![[r#"
        radio: 198.51.100.20 of guests, it is reserved for home/radio in the config
        tv: 203.0.113.7 of no pool, it is reserved for home/tv in the config
    "#]],
    );
}

#[test]
fn what_the_config_forbids_is_not_kept() {
    check(
        &[
            "a has=192.0.2.11",
            "b has=192.0.2.99",
            "c has=198.51.100.20",
            "d has=fd00::1 has=192.0.2.13",
        ],
        expect![[r#"
            a: 192.0.2.10 of lan, first free address of the pool lan
            b: 198.51.100.21 of guests, first free address of the pool guests
            c: refused, no pool has a free address
            d: 192.0.2.13 of lan, it has had it
        "#]],
    );
}

#[test]
fn what_is_found_to_be_taken_is_not_given_and_not_taken_away() {
    check_with(
        CONFIG,
        &[
            ("192.0.2.10", "is the gateway's"),
            ("198.51.100.21", "is the node ada's"),
        ],
        &["a", "b ip=192.0.2.10", "c has=198.51.100.21"],
        expect![[r#"
            a: 192.0.2.13 of lan, first free address of the pool lan
            b: refused, 192.0.2.10 is the gateway's
            c: 198.51.100.21 of guests, it has had it
        "#]],
    );
}

#[test]
fn a_pool_is_asked_for_by_name_and_ends() {
    check(
        &["a pool=guests", "b pool=guests", "c pool=lan"],
        expect![[r#"
            a: 198.51.100.21 of guests, first free address of the pool guests
            b: refused, the pool guests has no free address
            c: 192.0.2.10 of lan, first free address of the pool lan
        "#]],
    );
    check(
        &["a", "b", "c", "d"],
        expect![[r#"
        a: 192.0.2.10 of lan, first free address of the pool lan
        b: 192.0.2.13 of lan, first free address of the pool lan
        c: 198.51.100.21 of guests, first free address of the pool guests
        d: refused, no pool has a free address
    "#]],
    );
    check_with(
        "[kubernetes]",
        &[],
        &["a"],
        expect![[r#"
        a: refused, the config has no [[pool]]
    "#]],
    );
}

#[test]
fn nodes_announce_5000_addresses_and_no_more() {
    let text = "[kubernetes]\n[[address]]\naddress = '192.0.2.1'\n\
         [[pool]]\nname = 'wide'\naddresses = ['10.0.0.0/8']\n";
    let names: Vec<String> = (0..5_006).map(|n| format!("s{n:04}")).collect();
    let mut services: Vec<&str> = names.iter().map(String::as_str).collect();
    services[5_005] = "s5005 has=10.9.9.9";
    services[5_004] = "s5004 ip=10.8.8.8";
    let none = Elsewhere::default();
    let verdicts = allocate(&config_of(text), &cluster_of(&services), &none);
    let shown = show(&verdicts);
    let lines: Vec<&str> = shown.lines().skip(4_996).collect();
    expect![[r#"
        s4996: 10.0.19.132 of wide, first free address of the pool wide
        s4997: refused, the nodes announce at most 5000 addresses
        s4998: refused, the nodes announce at most 5000 addresses
        s4999: refused, the nodes announce at most 5000 addresses
        s5000: refused, the nodes announce at most 5000 addresses
        s5001: refused, the nodes announce at most 5000 addresses
        s5002: refused, the nodes announce at most 5000 addresses
        s5003: refused, the nodes announce at most 5000 addresses
        s5004: 10.8.8.8 of wide, note asks for it
        s5005: 10.9.9.9 of wide, it has had it"#]]
    .assert_eq(&lines.join("\n"));
}
