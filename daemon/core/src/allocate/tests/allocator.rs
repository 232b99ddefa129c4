//! What MetalLB's allocator is tested for, row by row, here against the whole allocation.
//!
//! | rows | here |
//! | --- | --- |
//! | A1 to A17: explicit addresses, one after the other | `the_explicit_assignments_of_metallb_in_ipv4` |
//! | A18: the same in IPv6 | `the_explicit_assignments_of_metallb_in_ipv6` |
//! | A16 | who changes its key while it shares leaves the address, also if it is the older one: `who_changes_its_words_leaves_a_shared_address_to_those_who_have_not` |
//! | A19, A20: both families from one pool | `two_addresses_are_of_one_pool` |
//! | A21 to A23: pinned pools | `a_pinned_pool_is_for_whom_it_is_pinned_to` |
//! | A24: the config stays as it is | not applicable: it is passed by a shared reference |
//! | B1 to B5 | `one_pool_is_given_until_it_is_empty_and_shared_beyond` |
//! | B6, B7 | `families_are_added_and_replaced_as_the_service_is`, `prefer_dual_stack_takes_what_there_is`; the error of B6 is for a caller that asks for the wrong family, which cannot happen here: the families are the Service's |
//! | B8: an unknown pool | `an_unknown_pool_is_refused` |
//! | C | `any_pool_is_given_until_all_are_empty_and_shared_beyond` |
//! | D | `six_of_eight_addresses_are_usable_when_buggy_ones_are_avoided` |
//! | E | `a_pool_without_auto_assign_is_not_given_unasked` |
//! | F1 to F8 | `a_reload_keeps_what_it_still_allows`; where MetalLB's allocator lets go (F4, F5, F8), the Service has another address here at once |
//! | G | `the_addresses_of_a_pool_are_counted_without_those_that_it_leaves_out`, beside `Pool` |
//! | H: metrics of pools | not applicable: there are none; the status has each Service's pool |

mod pools;

use super::*;

const PINNED: &str = "
[kubernetes]
[[pool]]
name = 'test'
addresses = ['1.2.3.4/31', '1000::4/127']
[[pool]]
name = 'test2'
addresses = ['1.2.4.0/24', '1000::4:0/120']
avoid-buggy-ips = true
[[pool]]
name = 'test3'
addresses = ['1.2.5.0/24']
namespaces = ['test-ns1']
[[pool]]
name = 'test4'
addresses = ['1.2.6.0/24']
service-selectors = ['team=metallb']
[[pool]]
name = 'test5'
addresses = ['1.2.7.0/24']
namespaces = ['test-ns1']
service-selectors = ['team=metallb']
[[pool]]
name = 'test6'
addresses = ['1.2.8.0/24']
namespaces = ['test-ns2']
service-selectors = ['foo=bar']
";

/// Rows A1 to A17 with other words for some of them.
fn assignments(words: impl Fn(&str) -> String, expected: Expect) {
    let steps = [
        "s1 ip=A",
        "s1 ip=A",
        "s2 ip=A",
        "s2 ip=B",
        "s1 ip=B",
        "- s1",
        "s2 ip=A",
        "s1 ip=B",
        "s3 ip=ZERO",
        "s3 ip=LAST",
        "s3 ip=FREE",
        "s4 age=9 ip=C key=sharing pods=backend local TCP/80",
        "s4 age=9 ip=C key=share pods=backend local TCP/80",
        "s3 ip=C key=share pods=backend local TCP/80",
        "s3 ip=C key=other pods=backend local TCP/443",
        "s3 ip=C key=share pods=other local TCP/443",
        "s3 ip=C key=share TCP/443",
        "s3 ip=C key=share pods=backend local TCP/443",
        "s3 ip=C key=share pods=backend local UDP/53",
        "s3 ip=C key=other pods=backend local UDP/53",
        "s3 ip=C key=share pods=backend local UDP/53",
        "s3 ip=C key=share pods=other local UDP/53",
        "s3 ip=FREE",
        "- s3",
        "s4 age=9 ip=FREE",
    ];
    let steps: Vec<String> = steps.iter().map(|step| words(step)).collect();
    let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
    expected.assert_eq(&World::new(PINNED).run(&steps));
}

#[test]
fn the_explicit_assignments_of_metallb_in_ipv4() {
    let words = |step: &str| {
        let step = step.replace("=A", "=1.2.3.4").replace("=B", "=1.2.3.5");
        let step = step.replace("=C", "=1.2.4.3").replace("=ZERO", "=1.2.4.0");
        step.replace("=LAST", "=1.2.4.255")
            .replace("=FREE", "=1.2.4.254")
    };
    assignments(
        words,
        expect![[r#"
        s1: 1.2.3.4 of test, note asks for it
        s1: 1.2.3.4 of test, note asks for it
        s2: refused, 1.2.3.4 is home/s1's
        s2: 1.2.3.5 of test, note asks for it
        s1: 1.2.3.4 of test, it has had it; BUT 1.2.3.5 is home/s2's
        s1 is gone
        s2: 1.2.3.4 of test, note asks for it
        s1: 1.2.3.5 of test, note asks for it
        s3: refused, 1.2.4.0 ends in .0 or .255, which the pool test2 leaves out
        s3: refused, 1.2.4.255 ends in .0 or .255, which the pool test2 leaves out
        s3: 1.2.4.254 of test2, note asks for it
        s4: 1.2.4.3 of test2, note asks for it
        s4: 1.2.4.3 of test2, note asks for it
        s3: 1.2.4.254 of test2, it has had it; BUT 1.2.4.3 is home/s4's, which has TCP port 80, too
        s3: 1.2.4.254 of test2, it has had it; BUT 1.2.4.3 is home/s4's, which shares it by another key
        s3: 1.2.4.254 of test2, it has had it; BUT 1.2.4.3 is home/s4's, and Services with externalTrafficPolicy Local share only if they have the same selector
        s3: 1.2.4.254 of test2, it has had it; BUT 1.2.4.3 is home/s4's, and Services share only if both have externalTrafficPolicy Cluster, or both Local
        s3: 1.2.4.3 of test2, note asks for it, shared with home/s4
        s3: 1.2.4.3 of test2, note asks for it, shared with home/s4
        s3: refused, 1.2.4.3 is home/s4's, which shares it by another key
        s3: 1.2.4.3 of test2, note asks for it, shared with home/s4
        s3: refused, 1.2.4.3 is home/s4's, and Services with externalTrafficPolicy Local share only if they have the same selector
        s3: 1.2.4.254 of test2, note asks for it
        s3 is gone
        s4: 1.2.4.254 of test2, note asks for it
    "#]],
    );
}

#[test]
fn the_explicit_assignments_of_metallb_in_ipv6() {
    // No address of IPv6 is buggy: there, the two steps are what they are for any address.
    let words = |step: &str| {
        let step = step.replace("=A", "=1000::4").replace("=B", "=1000::5");
        let step = step
            .replace("=C", "=1000::4:3")
            .replace("=ZERO", "=1000::4:0");
        let step = step
            .replace("=LAST", "=1000::4:ff")
            .replace("=FREE", "=1000::4:fe");
        match step.strip_prefix("- ") {
            Some(_) => step,
            None => format!("{step} v6"),
        }
    };
    assignments(
        words,
        expect![[r#"
        s1: 1000::4 of test, note asks for it
        s1: 1000::4 of test, note asks for it
        s2: refused, 1000::4 is home/s1's
        s2: 1000::5 of test, note asks for it
        s1: 1000::4 of test, it has had it; BUT 1000::5 is home/s2's
        s1 is gone
        s2: 1000::4 of test, note asks for it
        s1: 1000::5 of test, note asks for it
        s3: 1000::4:0 of test2, note asks for it
        s3: 1000::4:ff of test2, note asks for it
        s3: 1000::4:fe of test2, note asks for it
        s4: 1000::4:3 of test2, note asks for it
        s4: 1000::4:3 of test2, note asks for it
        s3: 1000::4:fe of test2, it has had it; BUT 1000::4:3 is home/s4's, which has TCP port 80, too
        s3: 1000::4:fe of test2, it has had it; BUT 1000::4:3 is home/s4's, which shares it by another key
        s3: 1000::4:fe of test2, it has had it; BUT 1000::4:3 is home/s4's, and Services with externalTrafficPolicy Local share only if they have the same selector
        s3: 1000::4:fe of test2, it has had it; BUT 1000::4:3 is home/s4's, and Services share only if both have externalTrafficPolicy Cluster, or both Local
        s3: 1000::4:3 of test2, note asks for it, shared with home/s4
        s3: 1000::4:3 of test2, note asks for it, shared with home/s4
        s3: refused, 1000::4:3 is home/s4's, which shares it by another key
        s3: 1000::4:3 of test2, note asks for it, shared with home/s4
        s3: refused, 1000::4:3 is home/s4's, and Services with externalTrafficPolicy Local share only if they have the same selector
        s3: 1000::4:fe of test2, note asks for it
        s3 is gone
        s4: 1000::4:fe of test2, note asks for it
    "#]],
    );
}

#[test]
fn two_addresses_are_of_one_pool() {
    check_with(
        PINNED,
        &[],
        &[
            "s1 require ip=1.2.3.4 ip=1000::4",
            "s2 require ip=1.2.3.5 ip=1000::4:9",
        ],
        expect![[r#"
            s1: 1.2.3.4 and 1000::4 of test, note asks for them
            s2: refused, 1.2.3.5 is of the pool test and 1000::4:9 of the pool test2, and a Service has addresses of one pool
        "#]],
    );
}

#[test]
fn a_pinned_pool_is_for_whom_it_is_pinned_to() {
    check_with(
        PINNED,
        &[],
        &[
            "test-ns1/a ip=1.2.5.1",
            "test-ns2/b ip=1.2.5.2",
            "home/c ip=1.2.6.1 label=team:metallb",
            "home/d ip=1.2.6.2 label=team:other",
            "test-ns1/e ip=1.2.7.1 label=team:metallb",
            "test-ns1/f ip=1.2.7.2 label=team:other",
            "test-ns2/g ip=1.2.7.3 label=team:metallb",
        ],
        expect![[r#"
            c: 1.2.6.1 of test4, note asks for it
            d: refused, 1.2.6.2 is of the pool test4, which is only for Services labelled team=metallb
            a: 1.2.5.1 of test3, note asks for it
            e: 1.2.7.1 of test5, note asks for it
            f: refused, 1.2.7.2 is of the pool test5, which is only for Services labelled team=metallb
            b: refused, 1.2.5.2 is of the pool test3, which is only for Services of the namespace test-ns1
            g: refused, 1.2.7.3 is of the pool test5, which is only for Services of the namespace test-ns1
        "#]],
    );
}
