//! Rows B to F: addresses of one pool, of any pool, and after a reload.

use super::*;

const ONE: &str = "
[kubernetes]
[[pool]]
name = 'test'
addresses = ['1.2.3.4/30', '1000::4/126']
[[pool]]
name = 'four'
addresses = ['1.2.4.4/30']
auto-assign = false
[[pool]]
name = 'six'
addresses = ['2000::4/126']
auto-assign = false
";

/// Rows B1 to B4, of Services with these words.
fn one_pool(words: &str, expected: Expect) {
    let steps = [
        "s1",
        "s2",
        "s3",
        "s4",
        "s5",
        "s6",
        "- s1",
        "s5",
        "s6",
        "s5 key=k TCP/80",
        "s6 key=k TCP/443",
    ];
    let steps = steps.map(|step| match step.strip_prefix("- ") {
        Some(_) => step.to_owned(),
        None => format!("{step} {words}"),
    });
    let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
    expected.assert_eq(&World::new(ONE).run(&steps));
}

#[test]
fn one_pool_is_given_until_it_is_empty_and_shared_beyond() {
    one_pool(
        "pool=test",
        expect![[r#"
        s1: 1.2.3.4 of test, first free address of the pool test
        s2: 1.2.3.5 of test, first free address of the pool test
        s3: 1.2.3.6 of test, first free address of the pool test
        s4: 1.2.3.7 of test, first free address of the pool test
        s5: refused, the pool test has no free address
        s6: refused, the pool test has no free address
        s1 is gone
        s5: 1.2.3.4 of test, first free address of the pool test
        s6: refused, the pool test has no free address
        s5: 1.2.3.4 of test, it has had it
        s6: 1.2.3.4 of test, first free address of the pool test, shared with home/s5
    "#]],
    );
    one_pool(
        "pool=test v6",
        expect![[r#"
        s1: 1000::4 of test, first free address of the pool test
        s2: 1000::5 of test, first free address of the pool test
        s3: 1000::6 of test, first free address of the pool test
        s4: 1000::7 of test, first free address of the pool test
        s5: refused, the pool test has no free IPv6 address
        s6: refused, the pool test has no free IPv6 address
        s1 is gone
        s5: 1000::4 of test, first free address of the pool test
        s6: refused, the pool test has no free IPv6 address
        s5: 1000::4 of test, it has had it
        s6: 1000::4 of test, first free address of the pool test, shared with home/s5
    "#]],
    );
    one_pool(
        "pool=test require",
        expect![[r#"
        s1: 1.2.3.4 and 1000::4 of test, first free address of the pool test
        s2: 1.2.3.5 and 1000::5 of test, first free address of the pool test
        s3: 1.2.3.6 and 1000::6 of test, first free address of the pool test
        s4: 1.2.3.7 and 1000::7 of test, first free address of the pool test
        s5: refused, the pool test has no free IPv4 and IPv6 address
        s6: refused, the pool test has no free IPv4 and IPv6 address
        s1 is gone
        s5: 1.2.3.4 and 1000::4 of test, first free address of the pool test
        s6: refused, the pool test has no free IPv4 and IPv6 address
        s5: 1.2.3.4 and 1000::4 of test, it has had it
        s6: 1.2.3.4 and 1000::4 of test, first free address of the pool test, shared with home/s5
    "#]],
    );
}

#[test]
fn families_are_added_and_replaced_as_the_service_is() {
    let mut world = World::new(ONE);
    let lines = world.run(&["s1", "s1 v6", "s1", "s1 prefer", "s1 require", "s1 v6"]);
    expect![[r#"
        s1: 1.2.3.4 of test, first free address of the pool test
        s1: 1000::4 of test, first free address of the pool test
        s1: 1.2.3.4 of test, first free address of the pool test
        s1: 1.2.3.4 and 1000::4 of test, first free address of the pool test
        s1: 1.2.3.4 and 1000::4 of test, it has had it
        s1: 1000::4 of test, it has had it
    "#]]
    .assert_eq(&lines);
}

#[test]
fn prefer_dual_stack_takes_what_there_is() {
    check_with(
        ONE,
        &[],
        &[
            "a prefer pool=test",
            "b prefer pool=four",
            "c prefer pool=six",
            "d prefer6 pool=four",
            "e prefer6",
        ],
        expect![[r#"
            a: 1.2.3.4 and 1000::4 of test, first free address of the pool test
            b: 1.2.4.4 of four, first free address of the pool four
            c: 2000::4 of six, first free address of the pool six
            d: 1.2.4.5 of four, first free address of the pool four
            e: 1.2.3.5 and 1000::5 of test, first free address of the pool test
        "#]],
    );
    let later = ONE.replace("'1.2.4.4/30'", "'1.2.4.4/30', '3000::/64'");
    // It gets the second address when its own pool has one, and goes to no other pool for it.
    check_with(
        &later,
        &[],
        &["b prefer pool=four has=1.2.4.4", "c prefer has=2000::4"],
        expect![[r#"
            b: 1.2.4.4 and 3000:: of four, first free address of the pool four
            c: 2000::4 of six, it has had it
        "#]],
    );
}

#[test]
fn an_unknown_pool_is_refused() {
    check_with(
        ONE,
        &[],
        &["a pool=cellar"],
        expect![[r#"
        a: refused, mark asks for the pool cellar, which does not exist
    "#]],
    );
}

const TWO: &str = "
[kubernetes]
[[pool]]
name = 'test1'
addresses = ['1.2.3.4/31', '1000::4/127']
[[pool]]
name = 'test2'
addresses = ['1.2.3.10/31', '1000::10/127']
";

#[test]
fn any_pool_is_given_until_all_are_empty_and_shared_beyond() {
    let steps = [
        "s1",
        "s2",
        "s3",
        "s4",
        "s5",
        "s6",
        "- s1",
        "s5 key=k TCP/80",
        "s6",
        "s6 key=k TCP/443",
    ];
    expect![[r#"
        s1: 1.2.3.4 of test1, first free address of the pool test1
        s2: 1.2.3.5 of test1, first free address of the pool test1
        s3: 1.2.3.10 of test2, first free address of the pool test2
        s4: 1.2.3.11 of test2, first free address of the pool test2
        s5: refused, no pool has a free address
        s6: refused, no pool has a free address
        s1 is gone
        s5: 1.2.3.4 of test1, first free address of the pool test1
        s6: refused, no pool has a free address
        s6: 1.2.3.4 of test1, first free address of the pool test1, shared with home/s5
    "#]]
    .assert_eq(&World::new(TWO).run(&steps));
    let with = |words: &str| {
        let steps = steps.map(|step| match step.strip_prefix("- ") {
            Some(_) => step.to_owned(),
            None => format!("{step} {words}"),
        });
        let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
        World::new(TWO).run(&steps)
    };
    expect![[r#"
        s1: 1000::4 of test1, first free address of the pool test1
        s2: 1000::5 of test1, first free address of the pool test1
        s3: 1000::10 of test2, first free address of the pool test2
        s4: 1000::11 of test2, first free address of the pool test2
        s5: refused, no pool has a free IPv6 address
        s6: refused, no pool has a free IPv6 address
        s1 is gone
        s5: 1000::4 of test1, first free address of the pool test1
        s6: refused, no pool has a free IPv6 address
        s6: 1000::4 of test1, first free address of the pool test1, shared with home/s5
    "#]]
    .assert_eq(&with("v6"));
    expect![[r#"
        s1: 1.2.3.4 and 1000::4 of test1, first free address of the pool test1
        s2: 1.2.3.5 and 1000::5 of test1, first free address of the pool test1
        s3: 1.2.3.10 and 1000::10 of test2, first free address of the pool test2
        s4: 1.2.3.11 and 1000::11 of test2, first free address of the pool test2
        s5: refused, no pool has a free IPv4 and IPv6 address
        s6: refused, no pool has a free IPv4 and IPv6 address
        s1 is gone
        s5: 1.2.3.4 and 1000::4 of test1, first free address of the pool test1
        s6: refused, no pool has a free IPv4 and IPv6 address
        s6: 1.2.3.4 and 1000::4 of test1, first free address of the pool test1, shared with home/s5
    "#]]
    .assert_eq(&with("require"));
}

#[test]
fn six_of_eight_addresses_are_usable_when_buggy_ones_are_avoided() {
    let text = "
        [kubernetes]
        [[pool]]
        name = 'test'
        addresses = ['1.2.3.0/31', '1.2.3.254/31']
        [[pool]]
        name = 'test2'
        addresses = ['1.2.4.0/31', '1.2.4.254/31']
        avoid-buggy-ips = true
    ";
    let services = ["s1", "s2", "s3", "s4", "s5", "s6", "s7"];
    check_with(
        text,
        &[],
        &services,
        expect![[r#"
        s1: 1.2.3.0 of test, first free address of the pool test
        s2: 1.2.3.1 of test, first free address of the pool test
        s3: 1.2.3.254 of test, first free address of the pool test
        s4: 1.2.3.255 of test, first free address of the pool test
        s5: 1.2.4.1 of test2, first free address of the pool test2
        s6: 1.2.4.254 of test2, first free address of the pool test2
        s7: refused, no pool has a free address
    "#]],
    );
}

#[test]
fn a_pool_without_auto_assign_is_not_given_unasked() {
    let text = TWO.replacen("[[pool]]", "[[pool]]\nauto-assign = false", 1);
    let services = ["s1", "s2", "s3"];
    check_with(
        &text,
        &[],
        &services,
        expect![[r#"
        s1: 1.2.3.10 of test2, first free address of the pool test2
        s2: 1.2.3.11 of test2, first free address of the pool test2
        s3: refused, the pool test2 has no free address
    "#]],
    );
    check_with(
        &text,
        &[],
        &["s1 v6", "s2 v6", "s3 v6"],
        expect![[r#"
        s1: 1000::10 of test2, first free address of the pool test2
        s2: 1000::11 of test2, first free address of the pool test2
        s3: refused, the pool test2 has no free IPv6 address
    "#]],
    );
    let dual = ["s1 require", "s2 require", "s3 require"];
    check_with(
        &text,
        &[],
        &dual,
        expect![[r#"
        s1: 1.2.3.10 and 1000::10 of test2, first free address of the pool test2
        s2: 1.2.3.11 and 1000::11 of test2, first free address of the pool test2
        s3: refused, the pool test2 has no free IPv4 and IPv6 address
    "#]],
    );
}

#[test]
fn a_reload_keeps_what_it_still_allows() {
    let services = ["s1 has=1.2.3.0", "s2 v6 has=1000::"];
    let pool = |name: &str, addresses: &str| {
        format!("[[pool]]\nname = '{name}'\naddresses = [{addresses}]\n")
    };
    let same = pool("test", "'1.2.3.0/30', '1000::/126'");
    let cases = [
        ("same", same.clone()),
        ("expanded", pool("test", "'1.2.3.0/24', '1000::/120'")),
        ("shrunk", pool("test", "'1.2.3.0/32', '1000::/128'")),
        ("without s1's", pool("test", "'1.2.3.1', '1000::/126'")),
        ("without s2's", pool("test", "'1.2.3.0/30', '1000::1'")),
        ("renamed", pool("test2", "'1.2.3.0/30', '1000::/126'")),
        (
            "split",
            pool("test", "'1.2.3.0/30'") + &pool("test2", "'1000::/126'"),
        ),
        ("careful", format!("{same}avoid-buggy-ips = true\n")),
    ];
    let mut text = String::new();
    for (what, pools) in cases {
        let config = config_of(&format!("[kubernetes]\n{pools}"));
        let verdicts = allocate(&config, &cluster_of(&services), &Elsewhere::default());
        write!(text, "{what}\n{}", show(&verdicts)).unwrap();
    }
    expect![[r#"
        same
        s1: 1.2.3.0 of test, it has had it
        s2: 1000:: of test, it has had it
        expanded
        s1: 1.2.3.0 of test, it has had it
        s2: 1000:: of test, it has had it
        shrunk
        s1: 1.2.3.0 of test, it has had it
        s2: 1000:: of test, it has had it
        without s1's
        s1: 1.2.3.1 of test, first free address of the pool test
        s2: 1000:: of test, it has had it
        without s2's
        s1: 1.2.3.0 of test, it has had it
        s2: 1000::1 of test, first free address of the pool test
        renamed
        s1: 1.2.3.0 of test2, it has had it
        s2: 1000:: of test2, it has had it
        split
        s1: 1.2.3.0 of test, it has had it
        s2: 1000:: of test2, it has had it
        careful
        s1: 1.2.3.1 of test, first free address of the pool test
        s2: 1000:: of test, it has had it
    "#]]
    .assert_eq(&text);
}
