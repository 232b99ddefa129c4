//! What has to be decided, and what is only told.

use serde_json::{Value, json};

use super::super::{Found, Plan, plan};
use super::{fates, file, found, layer2, pool, production, service};

/// The open problems, with what to do about them.
fn open(plan: &Plan) -> Vec<String> {
    let open = plan.problems.iter().filter(|problem| problem.is_open);
    open.map(|problem| format!("{} -> {}", problem.what, problem.remedy))
        .collect()
}

/// What is only told.
fn notes(plan: &Plan) -> Vec<&str> {
    let notes = plan.problems.iter().filter(|problem| !problem.is_open);
    notes.map(|problem| problem.what.as_str()).collect()
}

/// That exactly one thing has to be decided, and that it says this.
fn check(found: &Found, config: &str, parts: &[&str]) {
    let plan = plan(found, &file(config));
    let open = open(&plan);
    let [only] = open.as_slice() else {
        panic!("not one problem: {open:#?}");
    };
    for part in parts {
        assert!(only.contains(part), "{part:?} is not in {only:?}");
    }
}

#[test]
fn an_address_of_the_config_that_a_service_has_is_named_with_what_frees_it() {
    let config = "[[address]]\naddress = '192.168.8.241'\npurpose = 'dns'\n";
    let coredns = service("kube-system/coredns-lb", &["192.168.8.241"]);
    let one = found(vec![production()], vec![coredns]);
    check(
        &one,
        config,
        &[
            "kube-system/coredns-lb has 192.168.8.241, which is an [[address]]",
            "kubectl -n kube-system patch service coredns-lb",
            "\"type\":\"ClusterIP\"",
            "conntrack -D -d 192.168.8.241",
        ],
    );
    let plan = plan(&one, &file(config));
    assert_eq!(
        fates(&plan),
        [
            "kube-system/coredns-lb changes: 192.168.8.241 is an [[address]] of the config, which no \
          Service gets; has 192.168.8.240 then: first free address of the pool production"
        ]
    );
    let mut asks = service("kube-system/coredns-lb", &[]);
    asks["spec"]["loadBalancerIP"] = json!("192.168.8.241");
    let found = found(vec![production()], vec![asks]);
    check(&found, config, &["coredns-lb asks for 192.168.8.241"]);
}

#[test]
fn an_address_of_no_pool_is_named() {
    let mut one = found(
        vec![production()],
        vec![service("web/a", &["192.168.8.218"])],
    );
    one.nodes = vec![json!({
        "metadata": { "name": "box-01" },
        "status": { "addresses": [{ "type": "InternalIP", "address": "192.168.8.218" }] },
    })];
    check(
        &one,
        "",
        &[
            "web/a has 192.168.8.218, which is of no pool",
            "--disable=servicelb",
        ],
    );
    let plan = plan(&one, &file(""));
    let why = "192.168.8.218 is in no pool; has 192.168.8.240 then: first free address of the pool \
               production";
    assert_eq!(fates(&plan), [format!("web/a changes: {why}")]);
}

#[test]
fn a_reserved_address_that_another_one_has_is_named_in_the_allocations_own_words() {
    let config = "[[reserve]]\naddress = '192.168.8.240'\nservice = 'kube-system/traefik'\n\
                  [kubernetes]\n";
    let found = found(
        vec![production()],
        vec![service("web/a", &["192.168.8.240"])],
    );
    check(
        &found,
        config,
        &["web/a would not keep 192.168.8.240: 192.168.8.240 is reserved for kube-system/traefik"],
    );
}

#[test]
fn a_service_of_another_class_is_named_with_the_key_that_serves_it() {
    let mut classed = service("web/a", &["192.168.8.242"]);
    classed["spec"]["loadBalancerClass"] = json!("metallb.io/metallb");
    let found = found(vec![production()], vec![classed.clone()]);
    check(
        &found,
        "",
        &[
            "its class is metallb.io/metallb",
            "`class = \"metallb.io/metallb\"`",
        ],
    );
    let config = "[kubernetes]\nclass = 'metallb.io/metallb'\n";
    assert_eq!(open(&plan(&found, &file(config))), Vec::<String>::new());
}

#[test]
fn advertisements_that_sovnet_has_no_word_for_are_named() {
    let with = |spec: Value| {
        let mut found = found(vec![production()], Vec::new());
        found.layer2 = vec![layer2("mine", spec)];
        found
    };
    let one = with(json!({ "interfaces": ["eth1", "eth0"] }));
    check(
        &one,
        "",
        &[
            "mine announces on certain",
            "`links = [\"eth0\", \"eth1\"]`",
        ],
    );
    let config = "[announce]\nlinks = ['eth1', 'eth0']\n";
    assert_eq!(open(&plan(&one, &file(config))), Vec::<String>::new());
    let mut two = with(json!({ "interfaces": ["eth1"] }));
    two.layer2.push(layer2("other", json!({})));
    check(&two, config, &["sovnet has no equal"]);
    let nodes = json!({ "nodeSelectors": [{ "matchLabels": { "a": "b" } }] });
    check(&with(nodes), "", &["mine has nodeSelectors", "weight = 0"]);
    let services = json!({ "serviceSelectors": [{ "matchLabels": { "a": "b" } }] });
    check(&with(services), "", &["mine has serviceSelectors"]);
    let mut bgp = with(json!({}));
    bgp.bgp = vec![layer2(
        "routers",
        json!({ "ipAddressPools": ["production"] }),
    )];
    check(
        &bgp,
        "",
        &[
            "BGPAdvertisement routers announces addresses of production",
            "no BGP",
        ],
    );
}

#[test]
fn a_policy_that_would_leave_addresses_to_the_speakers_is_named() {
    let found = found(vec![production()], Vec::new());
    let config = "[announce]\nconflict = 'yield'\n";
    check(
        &found,
        config,
        &["conflict is \"yield\"", "\"defend\" until MetalLB is gone"],
    );
}

#[test]
fn a_pool_that_nothing_announces_now_is_told() {
    let other = pool("other", json!({ "addresses": ["192.168.9.0/24"] }));
    let by = |spec: Value| {
        let mut found = found(vec![production(), other.clone()], Vec::new());
        found.layer2 = vec![layer2("mine", spec)];
        let plan = plan(&found, &file(""));
        notes(&plan)
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let one = ["no advertisement of MetalLB is for the pool other"];
    assert_eq!(by(json!({ "ipAddressPools": ["production"] })), one);
    let labels = json!({ "matchLabels": { "pool": "production" } });
    assert_eq!(by(json!({ "ipAddressPoolSelectors": [labels] })), one);
    assert_eq!(by(json!({ "ipAddressPools": [] })), Vec::<String>::new());
}

#[test]
fn pools_that_cannot_be_said_are_named_with_the_reason() {
    let with = |spec: Value| found(vec![pool("p", spec)], Vec::new());
    let within = |selectors: Value| {
        let allocation = json!({ "serviceSelectors": selectors });
        with(json!({ "addresses": ["192.168.9.0/24"], "serviceAllocation": allocation }))
    };
    for (found, parts) in [
        (with(json!({})), "it has no addresses"),
        (
            with(json!({ "addresses": ["192.168.9.9-192.168.9.1"] })),
            "runs backward",
        ),
        (with(json!({ "addresses": [7] })), "no text"),
        (with(json!({ "addresses": ["127.0.0.0/24"] })), "loopback"),
        (
            within(json!([null])),
            "of its serviceSelectors, one is no selector",
        ),
        (
            within(json!([{ "matchExpressions": [{ "key": "a", "operator": "Gt" }] }])),
            "the operator \"Gt\" with 0 values means nothing",
        ),
        (
            within(json!([{ "matchLabels": { "a": "b c" } }])),
            "a value of a that no label can have",
        ),
    ] {
        check(&found, "", &["metallb-system/p can't be taken over", parts]);
    }
    let name = "a".repeat(64);
    let long = pool(&name, json!({ "addresses": ["192.168.9.0/24"] }));
    check(
        &found(vec![long], Vec::new()),
        "",
        &["can't be taken over", "is no name"],
    );
    let priority =
        json!({ "addresses": ["192.168.9.0/24"], "serviceAllocation": { "priority": -1 } });
    check(
        &with(priority),
        "",
        &["priority of the IPAddressPool p is -1"],
    );
}

#[test]
fn a_pool_of_the_config_that_says_something_else_is_named() {
    let config = "[[pool]]\nname = 'lan'\naddresses = ['192.168.8.250-192.168.8.254']\n";
    let found = found(vec![production()], Vec::new());
    check(
        &found,
        config,
        &["the [[pool]] lan of", "take the [[pool]] lan out"],
    );
}

#[test]
fn addresses_that_no_service_can_have_are_told() {
    let config = "[[address]]\naddress = '192.168.8.241'\n";
    let mut found = found(vec![production()], Vec::new());
    found.nodes = vec![json!({
        "metadata": { "name": "box-01" },
        "status": { "addresses": [{ "type": "InternalIP", "address": "192.168.8.250" }] },
    })];
    let plan = plan(&found, &file(config));
    assert_eq!(
        notes(&plan),
        [
            "192.168.8.241, which is of the pool production, is an [[address]] of the config",
            "192.168.8.250, which is of the pool production, is the node box-01's own",
        ]
    );
    assert!(plan.is_settled());
}

#[test]
fn without_metallb_the_plan_says_so() {
    let found = Found::default();
    check(&found, "", &["there is no IPAddressPool"]);
    let plan = plan(&found, &file(""));
    assert_eq!(
        notes(&plan),
        ["MetalLB's controller or speaker is not found by its labels"]
    );
}
