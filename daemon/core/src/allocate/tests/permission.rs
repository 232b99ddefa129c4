//! Who may have what: reserved addresses, policies, sharing, addresses that cool down, and Services
//! that ask for what is not theirs.

use super::*;
use crate::allocate::history::History;

const CONFIG: &str = "
[kubernetes]
[[pool]]
name = 'lan'
addresses = ['192.0.2.10-192.0.2.14', 'fd00::10-fd00::14']
fixed-for = ['shop']
[[reserve]]
address = '192.0.2.10'
service = 'kube-system/traefik'
[[reserve]]
address = 'fd00::10'
service = 'kube-system/traefik'
[[reserve]]
address = '192.0.2.11'
namespaces = ['mail', 'web']
";

fn check(services: &[&str], expected: Expect) {
    let withheld = [
        ("192.0.2.1", "is the gateway's"),
        ("192.0.2.12", "is the node ada's"),
    ];
    check_with(CONFIG, &withheld, services, expected);
}

#[test]
fn a_hostile_service_gets_one_sentence_and_nothing_of_anybody() {
    check(
        &[
            "evil/router ip=192.0.2.1",
            "evil/node ip=192.0.2.12",
            "evil/reserved ip=192.0.2.10",
            "evil/reserved6 v6 ip=fd00::10",
            "evil/namespaces ip=192.0.2.11",
            "evil/free ip=192.0.2.13",
            "evil/any",
        ],
        expect![[r#"
            any: 192.0.2.13 of lan, first free address of the pool lan
            free: refused, only Services of the namespace shop may ask for a certain address of the pool lan
            namespaces: refused, 192.0.2.11 is reserved for Services of the namespaces mail and web
            node: refused, 192.0.2.12 is the node ada's
            reserved: refused, 192.0.2.10 is reserved for kube-system/traefik
            reserved6: refused, fd00::10 is reserved for kube-system/traefik
            router: refused, 192.0.2.1 is the gateway's
        "#]],
    );
}

#[test]
fn a_key_opens_no_reserved_address_to_other_namespaces() {
    check(
        &[
            "kube-system/traefik key=k TCP/80",
            "evil/asks key=k ip=192.0.2.10 TCP/81",
            "evil/joins key=k TCP/82",
        ],
        expect![[r#"
            asks: refused, 192.0.2.10 is reserved for kube-system/traefik
            joins: 192.0.2.13 of lan, first free address of the pool lan
            traefik: 192.0.2.10 of lan, it is reserved for kube-system/traefik in the config
        "#]],
    );
}

#[test]
fn what_is_reserved_waits_for_its_service_and_comes_without_asking() {
    check(
        &["a", "b", "c v6"],
        expect![[r#"
        a: 192.0.2.13 of lan, first free address of the pool lan
        b: 192.0.2.14 of lan, first free address of the pool lan
        c: fd00::11 of lan, first free address of the pool lan
    "#]],
    );
    check(
        &["kube-system/traefik", "a"],
        expect![[r#"
        a: 192.0.2.13 of lan, first free address of the pool lan
        traefik: 192.0.2.10 of lan, it is reserved for kube-system/traefik in the config
    "#]],
    );
    check(
        &["kube-system/traefik require", "a require"],
        expect![[r#"
        a: 192.0.2.13 and fd00::11 of lan, first free address of the pool lan
        traefik: 192.0.2.10 and fd00::10 of lan, it is reserved for kube-system/traefik in the config
    "#]],
    );
    check(
        &["kube-system/traefik prefer has=192.0.2.13"],
        expect![[r#"
            traefik: 192.0.2.10 and fd00::10 of lan, it is reserved for kube-system/traefik in the config
        "#]],
    );
}

#[test]
fn what_is_reserved_for_namespaces_is_for_those_of_theirs_that_ask_for_it() {
    check(
        &[
            "mail/any",
            "mail/asks ip=192.0.2.11",
            "web/late ip=192.0.2.11",
        ],
        expect![[r#"
            any: 192.0.2.13 of lan, first free address of the pool lan
            asks: 192.0.2.11 of lan, note asks for it
            late: refused, 192.0.2.11 is mail/asks's
        "#]],
    );
}

#[test]
fn only_some_namespaces_may_ask_for_a_certain_address_of_a_pool() {
    check(
        &[
            "shop/a ip=192.0.2.14",
            "home/b ip=192.0.2.13",
            "home/c has=192.0.2.13 ip=192.0.2.13 age=1",
        ],
        expect![[r#"
            b: refused, only Services of the namespace shop may ask for a certain address of the pool lan
            c: 192.0.2.13 of lan, note asks for it
            a: 192.0.2.14 of lan, note asks for it
        "#]],
    );
}

#[test]
fn classes_are_as_the_config_says() {
    let services = ["a", "b class=sovnet.internal/l2", "c class=example.org/lb"];
    let text = |keys: &str| {
        format!("[kubernetes]\n{keys}\n[[pool]]\nname = 'lan'\naddresses = ['192.0.2.0/28']\n")
    };
    check_with(
        &text(""),
        &[],
        &services,
        expect![[r#"
        a: 192.0.2.0 of lan, first free address of the pool lan
        b: 192.0.2.1 of lan, first free address of the pool lan
        c: of example.org/lb
    "#]],
    );
    check_with(
        &text("classless = false"),
        &[],
        &services,
        expect![[r#"
        a: of nobody
        b: 192.0.2.0 of lan, first free address of the pool lan
        c: of example.org/lb
    "#]],
    );
    check_with(
        &text("class = 'example.org/lb'"),
        &[],
        &services,
        expect![[r#"
            a: 192.0.2.0 of lan, first free address of the pool lan
            b: of sovnet.internal/l2
            c: 192.0.2.1 of lan, first free address of the pool lan
        "#]],
    );
}

const SHARED: &str = "
[kubernetes]
[[pool]]
name = 'lan'
addresses = ['192.0.2.10-192.0.2.13', 'fd00::10-fd00::13']
";

#[test]
fn services_share_by_key_and_who_cannot_is_told_why() {
    check_with(
        SHARED,
        &[],
        &[
            "dns age=9 key=k ip=192.0.2.10 UDP/53",
            "dns-tcp key=k ip=192.0.2.10 TCP/53",
            "other/far key=k ip=192.0.2.10 TCP/80",
            "z1-none ip=192.0.2.10 TCP/1",
            "z2-key key=l ip=192.0.2.10 TCP/1",
            "z3-port key=k ip=192.0.2.10 TCP/53",
            "z4-policy key=k ip=192.0.2.10 TCP/1 local",
        ],
        expect![[r#"
            dns: 192.0.2.10 of lan, note asks for it, shared with home/dns-tcp and 1 more
            dns-tcp: 192.0.2.10 of lan, note asks for it, shared with home/dns and 1 more
            z1-none: refused, 192.0.2.10 is home/dns's
            z2-key: refused, 192.0.2.10 is home/dns's, which shares it by another key
            z3-port: refused, 192.0.2.10 is home/dns-tcp's, which has TCP port 53, too
            z4-policy: refused, 192.0.2.10 is home/dns's, and Services share only if both have externalTrafficPolicy Cluster, or both Local
            far: 192.0.2.10 of lan, note asks for it, shared with home/dns and 1 more
        "#]],
    );
    check_with(
        SHARED,
        &[],
        &[
            "a age=9 key=k ip=192.0.2.10 TCP/80 local pods=app=a",
            "b key=k ip=192.0.2.10 TCP/81 local pods=app=a",
            "c key=k ip=192.0.2.10 TCP/82 local pods=app=c",
        ],
        expect![[r#"
            a: 192.0.2.10 of lan, note asks for it, shared with home/b
            b: 192.0.2.10 of lan, note asks for it, shared with home/a
            c: refused, 192.0.2.10 is home/a's, and Services with externalTrafficPolicy Local share only if they have the same selector
        "#]],
    );
}

#[test]
fn who_has_a_key_joins_the_others_before_it_takes_a_free_address() {
    check_with(
        SHARED,
        &[],
        &[
            "a age=9",
            "b age=8 key=k TCP/80",
            "c age=7 key=k TCP/443",
            "d age=6 key=k TCP/80",
            "e age=5 key=k UDP/80 prefer",
        ],
        expect![[r#"
            a: 192.0.2.10 of lan, first free address of the pool lan
            b: 192.0.2.11 of lan, first free address of the pool lan, shared with home/c and 1 more
            c: 192.0.2.11 of lan, first free address of the pool lan, shared with home/b and 1 more
            d: 192.0.2.12 of lan, first free address of the pool lan
            e: 192.0.2.11 and fd00::10 of lan, first free address of the pool lan, shared with home/b and 1 more
        "#]],
    );
}

#[test]
fn who_shares_an_address_keeps_it_and_of_two_that_no_longer_can_the_older_one_does() {
    check_with(
        SHARED,
        &[],
        &[
            "a has=192.0.2.12 key=k TCP/80",
            "b has=192.0.2.12 key=k TCP/81",
        ],
        expect![[r#"
            a: 192.0.2.12 of lan, it has had it, shared with home/b
            b: 192.0.2.12 of lan, it has had it, shared with home/a
        "#]],
    );
    check_with(
        SHARED,
        &[],
        &[
            "a has=192.0.2.12 key=k TCP/80",
            "b age=1 has=192.0.2.12 key=k TCP/80",
        ],
        expect![[r#"
            a: 192.0.2.10 of lan, first free address of the pool lan
            b: 192.0.2.12 of lan, it has had it
        "#]],
    );
}

#[test]
fn who_changes_its_words_leaves_a_shared_address_to_those_who_have_not() {
    let config = config_of(SHARED);
    let before = cluster_of(&[
        "old age=9 has=192.0.2.12 key=k TCP/80",
        "young has=192.0.2.12 key=k TCP/81",
    ]);
    let verdicts = allocate(&config, &before, &Elsewhere::default());
    let history = History::default().after(&before, &verdicts);
    for word in [
        "key=l TCP/80",
        "TCP/80",
        "key=k TCP/81",
        "key=k TCP/80 local",
    ] {
        let now = cluster_of(&[
            &format!("old age=9 has=192.0.2.12 {word}"),
            "young has=192.0.2.12 key=k TCP/81",
        ]);
        let given = |history: &History| {
            let settled = history.settled(&now);
            let elsewhere = Elsewhere {
                settled,
                ..Elsewhere::default()
            };
            allocate(&config, &now, &elsewhere)
        };
        let verdicts = given(&history);
        let expected = "old: 192.0.2.10 of lan, first free address of the pool lan\n\
                        young: 192.0.2.12 of lan, it has had it\n";
        assert_eq!(show(&verdicts), expected, "{word}");
        // As long as that is not written, nothing else comes of it.
        let later = history.clone().after(&now, &verdicts);
        assert_eq!(show(&given(&later)), expected, "{word}");
    }
}

#[test]
fn who_can_have_one_family_only_keeps_it_and_is_told_if_it_requires_both() {
    let text = "
        [kubernetes]
        [[pool]]
        name = 'old'
        addresses = ['192.0.2.10']
        [[pool]]
        name = 'new'
        addresses = ['192.0.2.20', 'fd00::20']
    ";
    // The first one finds both in the other pool.
    let services = ["a age=1 require has=192.0.2.10", "b require has=192.0.2.10"];
    check_with(
        text,
        &[],
        &services[..1],
        expect![[r#"
        a: 192.0.2.20 and fd00::20 of new, first free address of the pool new
    "#]],
    );
    check_with(
        text,
        &[],
        &[
            "a require has=192.0.2.10",
            "b age=1 prefer has=192.0.2.20 has=fd00::20",
        ],
        expect![[r#"
            a: 192.0.2.10 of old, it has had it; BUT the pool old has no free IPv6 address
            b: 192.0.2.20 and fd00::20 of new, it has had it
        "#]],
    );
}

#[test]
fn what_cools_down_is_for_its_last_service_and_for_who_asks_for_it() {
    let cooling = |owner: &str| Elsewhere {
        cooling: BTreeMap::from([(
            "192.0.2.10".parse().unwrap(),
            BTreeSet::from([owner.parse().unwrap()]),
        )]),
        ..Elsewhere::default()
    };
    let given = |services: &[&str], owner: &str| {
        show(&allocate(
            &config_of(SHARED),
            &cluster_of(services),
            &cooling(owner),
        ))
    };
    let text = [
        given(&["a"], "home/gone"),
        given(&["a"], "home/a"),
        given(&["a ip=192.0.2.10"], "home/gone"),
        given(&["a has=192.0.2.10"], "home/gone"),
        given(&["a", "b", "c", "d"], "home/gone"),
    ];
    expect![[r#"
        a: 192.0.2.11 of lan, first free address of the pool lan
        a: 192.0.2.10 of lan, first free address of the pool lan
        a: 192.0.2.10 of lan, note asks for it
        a: 192.0.2.10 of lan, it has had it
        a: 192.0.2.11 of lan, first free address of the pool lan
        b: 192.0.2.12 of lan, first free address of the pool lan
        c: 192.0.2.13 of lan, first free address of the pool lan
        d: refused, the pool lan has no free address but some that cool down after another Service had them
    "#]].assert_eq(&text.concat());
}
