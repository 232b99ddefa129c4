//! What MetalLB's controller is tested for, row by row.
//!
//! MetalLB runs each of its cases a hundred times in random order; here the order is no input at
//! all: see the properties. Where it answers a wish that cannot be met by taking away the address
//! that the Service has, the Service keeps that here, and is told why (ADR 7).
//!
//! | row | here |
//! | --- | --- |
//! | non-LoadBalancer: untouched; no clusterIP; former LB now NodePort | `who_is_no_load_balancer_or_not_ready_is_left_alone`, and `only_load_balancers_are_kept` of the kube shell |
//! | simple LB v4 | `a_service_gets_what_is_free_or_what_it_asks_for` |
//! | specific IP by spec, by annotation; both; garbage; two of one family | what is written is `request`'s: `every_place_can_fix_the_address`, `places_that_agree_are_one_request` (both are no fault here if they say the same), `what_cannot_be_met_is_said_once_and_clearly`; what becomes of it: `a_service_gets_what_is_free_or_what_it_asks_for`, `garbage_gets_nothing` |
//! | IP and pool incompatible; IP in no pool; unknown pool; pool annotation, changed | `a_wish_that_cannot_be_met_is_told_and_takes_nothing_away`, `a_changed_pool_moves_the_service` |
//! | status IP not in config, of the wrong family, three IPs, a host name | `what_does_not_fit_in_the_status_is_replaced`; the host name is `a_status_is_right_with_its_addresses_its_pool_and_nothing_else` of the kube shell; MetalLB warns of three IPs, here the first of each family stays |
//! | explicit IP in an autoAssign=false pool | `a_pool_without_auto_assign_gives_what_is_asked_for` |
//! | v4 for a v6 Service and the reverse; single request on a dual Service; two on a single one | `what_is_asked_for_fits_the_families`; with PreferDualStack one address may be asked for alone |
//! | RequireDualStack, PreferDualStack, by pool, with one clusterIP | `both_families_come_from_one_pool` |
//! | pinned pools, priorities | `the_lowest_priority_that_matches_wins` |
//! | no config yet, config removed, nil config | `without_a_pool_nobody_has_an_address`; there is always a config here, the last valid one |
//! | pool exhausted, then freed | `who_waits_gets_what_is_freed` |
//! | second pool added, first one deleted | `a_service_stays_when_a_pool_is_added_and_moves_when_its_own_goes` |

use super::*;

const CONFIG: &str = "
[kubernetes]
[[pool]]
name = 'pool1'
addresses = ['1.2.3.0/31', '1000::/127']
[[pool]]
name = 'pool2'
addresses = ['3.4.5.6/32']
auto-assign = false
[[pool]]
name = 'pool3'
addresses = ['2000::1/128']
auto-assign = false
[[pool]]
name = 'pool4'
addresses = ['10.20.30.0/24', '2000:10::/120']
auto-assign = false
";

fn check(services: &[&str], expected: Expect) {
    check_with(CONFIG, &[], services, expected);
}

#[test]
fn who_is_no_load_balancer_or_not_ready_is_left_alone() {
    check(
        &[
            "a former has=1.2.3.0",
            "b unborn",
            "c unborn has=1.2.3.1",
            "d",
        ],
        expect![[r#"
            a: gives back
            b: waits
            c: waits
            d: 1.2.3.0 of pool1, first free address of the pool pool1
        "#]],
    );
}

/// Its status stays as it is, so that whoever got an address of it would lose it again.
#[test]
fn nobody_gets_what_stands_in_the_status_of_one_that_is_not_ready() {
    check(
        &[
            "a age=2 has=1.2.3.0 ip=1.2.3.1",
            "b age=1 unborn has=1.2.3.0",
            "c age=1",
        ],
        expect![[r#"
            a: 1.2.3.1 of pool1, note asks for it
            b: waits
            c: refused, the pool pool1 has no free address
        "#]],
    );
    check(
        &["a unborn has=1.2.3.0 has=1.2.3.1", "b"],
        expect![[r#"
            a: waits
            b: refused, the pool pool1 has no free address
        "#]],
    );
}

#[test]
fn a_service_gets_what_is_free_or_what_it_asks_for() {
    check(
        &["a"],
        expect![[r#"
        a: 1.2.3.0 of pool1, first free address of the pool pool1
    "#]],
    );
    check(
        &["a ip=1.2.3.1", "b v6 ip=1000::1"],
        expect![[r#"
        a: 1.2.3.1 of pool1, note asks for it
        b: 1000::1 of pool1, note asks for it
    "#]],
    );
}

#[test]
fn garbage_gets_nothing() {
    check(
        &["a fault"],
        expect![[r#"
        a: refused, note "x": is no IP address
    "#]],
    );
}

#[test]
fn a_wish_that_cannot_be_met_is_told_and_takes_nothing_away() {
    check(
        &[
            "a ip=1.2.3.1 pool=pool2",
            "b ip=8.8.8.8",
            "c ip=8.8.8.8 has=1.2.3.0",
            "d pool=cellar",
            "e pool=pool2",
        ],
        expect![[r#"
            a: refused, 1.2.3.1 is of the pool pool1, and mark asks for the pool pool2
            b: refused, 8.8.8.8 is in no pool
            c: 1.2.3.0 of pool1, it has had it; BUT 8.8.8.8 is in no pool
            d: refused, mark asks for the pool cellar, which does not exist
            e: 3.4.5.6 of pool2, first free address of the pool pool2
        "#]],
    );
}

#[test]
fn a_changed_pool_moves_the_service() {
    check(
        &["a has=1.2.3.0 pool=pool2"],
        expect![[r#"
        a: 3.4.5.6 of pool2, first free address of the pool pool2
    "#]],
    );
    check(
        &["a has=3.4.5.6 pool=pool1"],
        expect![[r#"
        a: 1.2.3.0 of pool1, first free address of the pool pool1
    "#]],
    );
}

#[test]
fn what_does_not_fit_in_the_status_is_replaced() {
    check(
        &["a has=2.3.4.5", "b has=1000::", "c v6 has=1.2.3.1"],
        expect![[r#"
            a: 1.2.3.0 of pool1, first free address of the pool pool1
            b: 1.2.3.1 of pool1, first free address of the pool pool1
            c: 1000:: of pool1, first free address of the pool pool1
        "#]],
    );
    check(
        &[
            "a has=10.20.30.1 has=10.20.30.2 has=10.20.30.3",
            "b v6 has=1.2.3.0 has=1000:: has=1000::1",
        ],
        expect![[r#"
            a: 10.20.30.1 of pool4, it has had it
            b: 1000:: of pool1, it has had it
        "#]],
    );
}

#[test]
fn a_pool_without_auto_assign_gives_what_is_asked_for() {
    check(
        &["a ip=3.4.5.6"],
        expect![[r#"
        a: 3.4.5.6 of pool2, note asks for it
    "#]],
    );
    check(
        &["a ip=3.4.5.6 local"],
        expect![[r#"
        a: 3.4.5.6 of pool2, note asks for it
    "#]],
    );
}

#[test]
fn what_is_asked_for_fits_the_families() {
    check(
        &[
            "a v6 ip=1.2.3.1",
            "b ip=1000::1",
            "c require ip=1.2.3.0",
            "d ip=10.20.30.1 ip=2000:10::1",
            "e prefer ip=10.20.30.2",
            "f prefer ip=10.20.30.3 ip=2000:10::3",
        ],
        expect![[r#"
            a: refused, note asks for 1.2.3.1, and the Service is for IPv6 only
            b: refused, note asks for 1000::1, and the Service is for IPv4 only
            c: refused, note asks for 1.2.3.0 alone, and its ipFamilyPolicy is RequireDualStack
            d: refused, note asks for 2000:10::1, and the Service is for IPv4 only
            e: 10.20.30.2 of pool4, note asks for it
            f: 10.20.30.3 and 2000:10::3 of pool4, note asks for them
        "#]],
    );
}

#[test]
fn both_families_come_from_one_pool() {
    check(
        &[
            "a require",
            "b require pool=pool4",
            "c prefer pool=pool4",
            "d prefer:v4",
            "e prefer:v6",
            "f require:v4",
            "g require pool=pool2",
            "h require has=3.4.5.6",
        ],
        expect![[r#"
            a: 1.2.3.0 and 1000:: of pool1, first free address of the pool pool1
            b: 10.20.30.0 and 2000:10:: of pool4, first free address of the pool pool4
            c: 10.20.30.1 and 2000:10::1 of pool4, first free address of the pool pool4
            d: 1.2.3.1 of pool1, first free address of the pool pool1
            e: 1000::1 of pool1, first free address of the pool pool1
            f: refused, its ipFamilyPolicy is RequireDualStack, and it has a cluster IP of IPv4 only
            g: refused, the pool pool2 has no free IPv4 and IPv6 address
            h: 3.4.5.6 of pool2, it has had it; BUT the pool pool2 has no free IPv6 address
        "#]],
    );
}

#[test]
fn the_lowest_priority_that_matches_wins() {
    let pool = |name: &str, net: u8, keys: &str| {
        format!("[[pool]]\nname = '{name}'\naddresses = ['10.0.{net}.0/24']\n{keys}\n")
    };
    let text = "[kubernetes]\n".to_owned()
        + &pool("all", 0, "")
        + &pool("all-11", 11, "priority = 11")
        + &pool("shop-none", 1, "namespaces = ['shop']")
        + &pool(
            "shop-10",
            10,
            "namespaces = ['shop', 'mail']\npriority = 10",
        )
        + &pool("web-9", 9, "service-selectors = ['team=web']\npriority = 9")
        + &pool("shop-8", 8, "namespaces = ['shop']\npriority = 8")
        + &pool(
            "both-5",
            5,
            "namespaces = ['shop']\nservice-selectors = ['team=web']\npriority = 5",
        );
    check_with(
        &text,
        &[],
        &[
            "home/a",
            "home/b label=team:web",
            "mail/c",
            "shop/d",
            "shop/e label=team:web",
        ],
        expect![[r#"
            a: 10.0.11.0 of all-11, first free address of the pool all-11
            b: 10.0.9.0 of web-9, first free address of the pool web-9
            c: 10.0.10.0 of shop-10, first free address of the pool shop-10
            d: 10.0.8.0 of shop-8, first free address of the pool shop-8
            e: 10.0.5.0 of both-5, first free address of the pool both-5
        "#]],
    );
    // A pool for the namespace comes before those for everybody, also without a priority.
    let text = "[kubernetes]\n".to_owned()
        + &pool("all", 0, "")
        + &pool("shop-none", 1, "namespaces = ['shop']");
    check_with(
        &text,
        &[],
        &["home/a", "shop/b"],
        expect![[r#"
        a: 10.0.0.0 of all, first free address of the pool all
        b: 10.0.1.0 of shop-none, first free address of the pool shop-none
    "#]],
    );
}

#[test]
fn without_a_pool_nobody_has_an_address() {
    check_with(
        "[kubernetes]",
        &[],
        &["a", "b has=1.2.3.0"],
        expect![[r#"
        a: refused, the config has no [[pool]]
        b: refused, the config has no [[pool]]
    "#]],
    );
}

#[test]
fn who_waits_gets_what_is_freed() {
    let text = "[kubernetes]\n[[pool]]\nname = 'one'\naddresses = ['1.2.3.0/32']\n";
    check_with(
        text,
        &[],
        &["a age=1 has=1.2.3.0", "b"],
        expect![[r#"
        a: 1.2.3.0 of one, it has had it
        b: refused, the pool one has no free address
    "#]],
    );
    check_with(
        text,
        &[],
        &["b"],
        expect![[r#"
        b: 1.2.3.0 of one, first free address of the pool one
    "#]],
    );
}

#[test]
fn a_service_stays_when_a_pool_is_added_and_moves_when_its_own_goes() {
    let pool = |name: &str, at: &str| format!("[[pool]]\nname = '{name}'\naddresses = ['{at}']\n");
    let (first, second) = (pool("one", "1.2.3.0/32"), pool("two", "1.2.4.0/32"));
    let both = format!("[kubernetes]\n{second}{first}");
    check_with(
        &both,
        &[],
        &["a has=1.2.3.0"],
        expect![[r#"
        a: 1.2.3.0 of one, it has had it
    "#]],
    );
    let rest = format!("[kubernetes]\n{second}");
    check_with(
        &rest,
        &[],
        &["a has=1.2.3.0"],
        expect![[r#"
        a: 1.2.4.0 of two, first free address of the pool two
    "#]],
    );
}
