//! What sovnetd needs is what the manifest gives it: no less, and no more.

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;

const MANIFEST: &str = include_str!("../../../../packaging/kubernetes/rbac.yaml");

/// The role of the nodes, in the cluster and in the namespace.
const ROLE: &str = "sovnet:node";

/// One verb on one thing: namespace, group, resource, name, verb; empty is any.
type One = [String; 5];

fn one(parts: [&str; 5]) -> One {
    parts.map(str::to_owned)
}

/// The texts in a list.
fn texts<'a>(rule: &'a Value, key: &str) -> Vec<&'a str> {
    let list = rule.get(key).and_then(Value::as_array);
    let texts = list.into_iter().flatten();
    texts.map(|text| text.as_str().unwrap()).collect()
}

/// What the rules of a role give, one by one.
fn of_role(role: &Value, given: &mut BTreeSet<One>) {
    let namespace = role["metadata"]["namespace"].as_str().unwrap_or_default();
    for rule in role["rules"].as_array().unwrap() {
        let names = match texts(rule, "resourceNames") {
            none if none.is_empty() => vec![""],
            some => some,
        };
        for group in texts(rule, "apiGroups") {
            for resource in texts(rule, "resources") {
                for name in &names {
                    let verbs = texts(rule, "verbs").into_iter();
                    given.extend(verbs.map(|verb| one([namespace, group, resource, name, verb])));
                }
            }
        }
    }
}

/// What the manifest gives a node.
fn given() -> BTreeSet<One> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(MANIFEST).unwrap();
    let is_role = |document: &&Value| {
        let kind = document["kind"].as_str().unwrap();
        ["ClusterRole", "Role"].contains(&kind) && document["metadata"]["name"] == ROLE
    };
    let roles: Vec<&Value> = documents.iter().filter(is_role).collect();
    assert_eq!(roles.len(), 2, "one in the cluster, one in the namespace");
    let mut given = BTreeSet::new();
    for role in roles {
        of_role(role, &mut given);
    }
    given
}

/// The same of a table.
fn all(rights: &[Right]) -> BTreeSet<One> {
    let mut all = BTreeSet::new();
    for right in rights {
        let (namespace, name) = right.only.unwrap_or_default();
        let verbs = right.verbs.iter();
        all.extend(verbs.map(|verb| one([namespace, right.group, right.resource, name, verb])));
    }
    all
}

#[test]
fn what_is_needed_is_exactly_what_the_manifest_gives() {
    assert_eq!(all(&NEEDED), given());
}

#[test]
fn nothing_that_is_too_much_is_needed_or_given() {
    let too_much = all(&TOO_MUCH);
    let both: Vec<_> = given()
        .into_iter()
        .filter(|one| too_much.contains(one))
        .collect();
    assert_eq!(both, Vec::<One>::new());
}

#[test]
fn metallbs_pools_can_be_read_and_nothing_else_of_it() {
    let manifest = include_str!("../../../../packaging/kubernetes/optional/metallb-pools.yaml");
    let documents: Vec<Value> = serde_saphyr::from_multiple(manifest).unwrap();
    let [role, binding] = documents.as_slice() else {
        panic!("a role and its binding");
    };
    let mut given = BTreeSet::new();
    of_role(role, &mut given);
    let kinds = ["ipaddresspools", "l2advertisements"].into_iter();
    let wanted = kinds.flat_map(|kind| {
        let verbs = ["list", "watch"].into_iter();
        verbs.map(move |verb| one(["metallb-system", "metallb.io", kind, "", verb]))
    });
    assert_eq!(given, wanted.collect());
    assert_eq!(binding["subjects"][0]["name"], "sovnet:nodes");
}
