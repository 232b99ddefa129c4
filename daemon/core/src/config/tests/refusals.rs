//! Every refusal, as people see it: the file as a whole here, then what single parts say.

mod addresses;
mod values;

use expect_test::{Expect, expect};

use super::super::{parse, render};

/// Parses and compares what is said with what is expected.
fn check(text: &str, expected: Expect) {
    let problems = parse(text).expect_err("the text has problems");
    expected.assert_eq(&render("sovnet.toml", &problems));
}

#[test]
fn all_problems_are_told_at_once_in_the_order_of_the_file() {
    check(
        r#"
[cluster]
key_file = "/etc/sovnet/cluster.key"
peers = ["192.168.8.222", "192.168.8.300", 5]
port = "5847"

[adress]
address = "192.168.8.240"

[[address]]
purpose = "DNS"

[dns]
upstreams = "1.1.1.1"
cloudflare-token-file = "x"
"#,
        expect![[r#"
            sovnet.toml:3:1: unknown key "key_file" in [cluster]
                key_file = "/etc/sovnet/cluster.key"
                ^^^^^^^^
                hint: did you mean "key-file"?
            sovnet.toml:4:27: [cluster] peers: "192.168.8.300" is no IP address
                peers = ["192.168.8.222", "192.168.8.300", 5]
                                          ^^^^^^^^^^^^^^^
                hint: addresses are written "192.0.2.240" or "fd00::1"
            sovnet.toml:4:44: [cluster] peers: a text in quotes is wanted here, not a whole number
                peers = ["192.168.8.222", "192.168.8.300", 5]
                                                           ^
                hint: write "5"
            sovnet.toml:5:8: [cluster] port: a whole number is wanted here, not a text
                port = "5847"
                       ^^^^^^
                hint: write 5847 without quotes
            sovnet.toml:7:2: unknown key "adress" at the top of the file
                [adress]
                 ^^^^^^
                hint: did you mean "address"?
            sovnet.toml:10:1: the key "address" of this [[address]] is missing
                [[address]]
                ^^^^^^^^^^^
            sovnet.toml:11:11: [[address]] purpose: "DNS" is not one of host, dns
                purpose = "DNS"
                          ^^^^^
                hint: did you mean "dns"?
            sovnet.toml:14:13: [dns] upstreams: a list is wanted here, not a text
                upstreams = "1.1.1.1"
                            ^^^^^^^^^
                hint: write ["1.1.1.1"]
            sovnet.toml:15:1: unknown key "cloudflare-token-file" in [dns]
                cloudflare-token-file = "x"
                ^^^^^^^^^^^^^^^^^^^^^
                hint: "cloudflare-token-file" belongs under [push]
        "#]],
    );
}

#[test]
fn what_is_no_toml_is_shown_with_its_place() {
    check(
        "[node\nname = \"a\"\nname = \"b\"\n[cluster]\npeers = [\"a\"",
        expect![[r#"
            sovnet.toml:1:6: this is no TOML: unclosed table, expected `]`
                [node
                     ^
            sovnet.toml:5:13: this is no TOML: unclosed array, expected `]`
                peers = ["a"
                            ^
        "#]],
    );
}

#[test]
fn single_and_repeated_sections_are_told_apart() {
    check(
        "[[dns]]\nlisten = []\n[pool]\nname = \"a\"\n[address]\n[[dns.zone]]\nnaem = 1\n",
        expect![[r#"
            sovnet.toml:1:1: dns: a section with keys is wanted here, not a list
                [[dns]]
                ^^^^^^^
                hint: head it once, with single brackets: it cannot be repeated
            sovnet.toml:3:1: pool: a section that can be repeated is wanted here, not a table
                [pool]
                ^^^^^^
                hint: head it with [[pool]]
            sovnet.toml:5:1: address: a section that can be repeated is wanted here, not a table
                [address]
                ^^^^^^^^^
                hint: head it with [[address]]
        "#]],
    );
    check(
        "node = 5\ncluster = []\npool = \"a\"\n",
        expect![[r#"
        sovnet.toml:1:8: node: a section with keys is wanted here, not a whole number
            node = 5
                   ^
        sovnet.toml:2:11: cluster: a section with keys is wanted here, not a list
            cluster = []
                      ^^
            hint: head it once, with single brackets: it cannot be repeated
        sovnet.toml:3:8: pool: a section that can be repeated is wanted here, not a text
            pool = "a"
                   ^^^
            hint: head it with [[pool]]
    "#]],
    );
}

#[test]
fn an_unknown_key_says_where_it_belongs_or_what_is_known() {
    check(
        "colour = 1\n[kubernetes]\nfoo = 1\n[node]\nkey-file = 1\nfoo = 2\n[cluster]\nlisten = 1\ndns = 1\n",
        expect![[r#"
            sovnet.toml:1:1: unknown key "colour" at the top of the file
                colour = 1
                ^^^^^^
                hint: known here: node, cluster, announce, pool, reserve, pin, address, dns, kubernetes, push
            sovnet.toml:3:1: unknown key "foo" in [kubernetes]
                foo = 1
                ^^^
                hint: known here: kubeconfig, class, classless, announce-unready, kube-proxy, metallb-pools
            sovnet.toml:5:1: unknown key "key-file" in [node]
                key-file = 1
                ^^^^^^^^
                hint: "key-file" belongs under [cluster]
            sovnet.toml:6:1: unknown key "foo" in [node]
                foo = 2
                ^^^
                hint: known here: name, weight
            sovnet.toml:8:1: unknown key "listen" in [cluster]
                listen = 1
                ^^^^^^
                hint: "listen" belongs under [dns]
            sovnet.toml:9:1: unknown key "dns" in [cluster]
                dns = 1
                ^^^
                hint: "dns" is a section of its own, at the top of the file
        "#]],
    );
}

#[test]
fn a_line_is_shown_without_what_a_terminal_obeys_and_not_too_long() {
    let comment = "y".repeat(200);
    check(
        &format!("[node]\n\tname = \"a\\u001b[31m\" # {comment}\n"),
        expect![[r#"
            sovnet.toml:2:9: [node] name: "a?[31m" is no node name: a node name has 1 to 63 letters, digits, '-' or '.'
                 name = "a\u001b[31m" # yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy
                        ^^^^^^^^^^^^^
        "#]],
    );
    let spaces = " ".repeat(200);
    check(
        &format!("[cluster]\npeers = [{spaces}\"\u{e4}\"]\n"),
        expect![[r#"
            sovnet.toml:2:210: [cluster] peers: "ä" is no IP address
                                                        "ä"]
                                                        ^^^
                hint: addresses are written "192.0.2.240" or "fd00::1"
        "#]],
    );
}

#[test]
fn a_mark_fits_text_that_ends_the_line_or_the_file() {
    check(
        "\'\r\n\t",
        expect![[r#"
            sovnet.toml:1:2: this is no TOML: invalid literal string, expected non-single-quote visible characters
                '
                 ^
            sovnet.toml:1:3: this is no TOML: key with no value, expected `=`
                '
                  ^
            sovnet.toml:1:3: this is no TOML: invalid literal string, expected `'`
                '
                  ^
        "#]],
    );
    check(
        "a = \"\"\"\nb\nc\"\"\"",
        expect![[r#"
            sovnet.toml:1:1: unknown key "a" at the top of the file
                a = """
                ^
                hint: known here: node, cluster, announce, pool, reserve, pin, address, dns, kubernetes, push
        "#]],
    );
    check(
        "[node]\nname = \u{1}",
        expect![[r#"
        sovnet.toml:2:8: this is no TOML: string values must be quoted, expected literal string
            name = ?
                   ^
    "#]],
    );
}
