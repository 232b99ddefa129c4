//! Objects that nobody would write: no panic, and what is offered is always right by our own parser.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use sovnet_core::config;

use super::super::{Found, answer, plan};
use super::{file, layer2, options, pool, service};

/// Keys that the plan looks at, so that chance finds them.
const KEYS: [&str; 34] = [
    "metadata",
    "namespace",
    "name",
    "labels",
    "annotations",
    "spec",
    "status",
    "addresses",
    "autoAssign",
    "avoidBuggyIPs",
    "serviceAllocation",
    "priority",
    "namespaces",
    "namespaceSelectors",
    "serviceSelectors",
    "matchLabels",
    "matchExpressions",
    "key",
    "operator",
    "values",
    "type",
    "loadBalancerIP",
    "loadBalancerClass",
    "clusterIPs",
    "loadBalancer",
    "ingress",
    "ip",
    "interfaces",
    "nodeSelectors",
    "ipAddressPools",
    "ipAddressPoolSelectors",
    "replicas",
    "managedFields",
    "creationTimestamp",
];

/// Texts that mean something somewhere.
const TEXTS: [&str; 16] = [
    "",
    "a",
    "In",
    "NotIn",
    "Exists",
    "LoadBalancer",
    "192.168.8.0/24",
    "192.168.8.1-192.168.8.9",
    "fd00::/120",
    "0.0.0.0/0",
    "::/0",
    "192.168.8.7",
    "metallb-system",
    "\"",
    "\u{0}\n[[pool]]",
    "é",
];

fn value() -> impl Strategy<Value = Value> {
    let key = prop_oneof![
        6 => prop::sample::select(KEYS.as_slice()).prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    let text = prop_oneof![
        4 => prop::sample::select(TEXTS.as_slice()).prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    let leaf = prop_oneof![
        4 => text.prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    leaf.prop_recursive(5, 48, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(key.clone(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Garbage below a name that is right, or nothing but garbage.
fn object(kind: fn(&str, Value) -> Value) -> impl Strategy<Value = Value> {
    prop_oneof![
        3 => ("[a-z]{1,3}", value()).prop_map(move |(name, spec)| kind(&name, spec)),
        1 => value(),
    ]
}

fn any_service() -> impl Strategy<Value = Value> {
    let mixed = (value(), value()).prop_map(|(spec, status)| {
        let mut object = service("web/a", &["192.168.8.7"]);
        if let (Value::Object(spec), Some(into)) = (spec, object["spec"].as_object_mut()) {
            into.extend(spec);
        }
        object["metadata"]["managedFields"] = status.clone();
        object["status"] = status;
        object
    });
    prop_oneof![2 => mixed, 1 => value()]
}

fn any_found() -> impl Strategy<Value = Found> {
    let lists = (
        vec(object(pool), 0..4),
        vec(object(layer2), 0..3),
        vec(object(layer2), 0..2),
        vec(any_service(), 0..4),
        vec(value(), 0..2),
        vec(value(), 0..2),
        vec(value(), 0..2),
    );
    lists.prop_map(
        |(pools, layer2, bgp, services, namespaces, nodes, parts)| Found {
            server: "https://127.0.0.1:6443".to_owned(),
            pools,
            layer2,
            bgp,
            services,
            namespaces,
            nodes,
            deployments: parts.clone(),
            daemon_sets: parts,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_objects_make_a_plan_without_a_panic(found in any_found(), width in prop::option::of(20_usize..120)) {
        let plan = plan(&found, &file("[[address]]\naddress = '192.168.8.7'\n"));
        for more in [&[][..], &["--toml"], &["--owners"]] {
            let outcome = answer(&options(more), &plan, width);
            prop_assert!(outcome.code == 0 || outcome.code == 3);
        }
    }

    #[test]
    fn a_section_that_is_offered_is_right_and_means_one_pool(object in object(pool)) {
        let mut problems = Vec::new();
        let drafts = super::super::pools::drafts(&[object], None, &mut problems);
        for draft in drafts {
            let parsed = config::parse(&draft.text).unwrap();
            prop_assert_eq!(parsed.pools, vec![draft.pool]);
        }
    }

    #[test]
    fn a_selector_that_is_translated_selects_what_it_selected(
        labels in btree_map("[ab]", "[xy]?", 0..3),
        wanted in btree_map("[ab]", "[xy]?", 0..2),
        key in "[abc]",
        values in vec("[xy]?", 0..3),
        operator in prop::sample::select(["In", "NotIn", "Exists", "DoesNotExist"].as_slice()),
    ) {
        let is_list = matches!(operator, "In" | "NotIn");
        prop_assume!(is_list != values.is_empty());
        let requirement = json!({ "key": key, "operator": operator, "values": values });
        let selector = json!({ "matchLabels": wanted, "matchExpressions": [requirement] });
        let has = labels.get(&key);
        let meets = match operator {
            "In" => has.is_some_and(|value| values.contains(value)),
            "NotIn" => has.is_none_or(|value| !values.contains(value)),
            "Exists" => has.is_some(),
            _ => has.is_none(),
        };
        let expected = meets && wanted.iter().all(|(key, value)| labels.get(key) == Some(value));
        let text = sovnet_core::metallb::selector::translate(&selector).unwrap().unwrap();
        let parsed: config::selector::LabelSelector = text.parse().unwrap();
        prop_assert_eq!(parsed.matches(&labels), expected, "{}", text);
    }
}
