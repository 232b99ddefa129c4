//! How many addresses a pool has, and for whom it is.

use super::*;
use crate::config;

/// The pool of a file with this section.
fn pool(keys: &str) -> Pool {
    let text = format!("[kubernetes]\n[[pool]]\nname = 'lan'\n{keys}");
    let config = config::parse(&text)
        .unwrap_or_else(|problems| panic!("{}", config::render("TEXT", &problems)));
    config.pools.into_iter().next().unwrap()
}

#[test]
fn the_addresses_of_a_pool_are_counted_without_those_that_it_leaves_out() {
    let count = |ranges: &str| pool(&format!("addresses = [{ranges}]")).count();
    let careful = |ranges: &str| {
        let keys = format!("addresses = [{ranges}]\navoid-buggy-ips = true");
        pool(&keys).count()
    };
    assert_eq!(count("'1.2.3.0/24'"), (256, 0));
    assert_eq!(count("'1.2.3.0/24', '1.2.4.0/25'"), (384, 0));
    assert_eq!(careful("'1.2.3.0/24', '1.2.4.0/25'"), (381, 0));
    assert_eq!(count("'1.2.3.0/24', '1000::/64'"), (256, 1 << 64));
    assert_eq!(careful("'1.2.3.0/31', '1000::/127'"), (1, 2));
    assert_eq!(careful("'1.2.3.1-1.2.5.254'"), (766 - 4, 0));
    assert_eq!(careful("'1.2.3.255'"), (0, 0));
}

#[test]
fn a_pool_says_whom_it_is_for() {
    let pool = pool(
        "addresses = ['192.0.2.1']\nnamespaces = ['shop', 'web']\n\
         service-selectors = ['team=a', 'team=b,!canary']\nfixed-for = ['shop']",
    );
    let labels = |team: &str| BTreeMap::from([("team".to_owned(), team.to_owned())]);
    let only_for = |namespace: &str, team: &str| {
        pool.is_only_for(Applicant {
            namespace,
            namespace_labels: &BTreeMap::new(),
            labels: &labels(team),
        })
    };
    assert_eq!(only_for("web", "b"), None);
    let whom = |namespace: &str, team: &str| only_for(namespace, team).unwrap();
    assert_eq!(
        whom("web", "c"),
        "Services labelled team=a or team=b,!canary"
    );
    assert_eq!(whom("mail", "a"), "Services of the namespaces shop and web");
    assert_eq!(
        whom("mail", "c"),
        "Services of the namespaces shop and web labelled team=a or \
         team=b,!canary"
    );
    assert!(pool.is_fixed_for("shop") && !pool.is_fixed_for("web"));
}

#[test]
fn namespaces_can_be_named_and_selected() {
    let whom = |keys: &str, namespace: &str, team: &str| {
        let pool = pool(&format!("addresses = ['192.0.2.1']\n{keys}"));
        pool.is_only_for(Applicant {
            namespace,
            namespace_labels: &BTreeMap::from([("team".to_owned(), team.to_owned())]),
            labels: &BTreeMap::new(),
        })
    };
    let selected = "namespace-selectors = ['team=a', 'team=b']";
    assert_eq!(whom(selected, "web", "b"), None);
    let told = whom(selected, "web", "c").unwrap();
    assert_eq!(told, "Services of namespaces labelled team=a or team=b");
    let both = "namespaces = ['shop']\nnamespace-selectors = ['team=a']";
    assert_eq!(whom(both, "shop", "c"), None);
    assert_eq!(whom(both, "web", "a"), None);
    assert_eq!(
        whom(both, "web", "c").unwrap(),
        "Services of the namespace shop or of namespaces labelled team=a"
    );
}

#[test]
fn pools_with_a_priority_or_for_somebody_come_before_those_for_everybody() {
    let rank = |keys: &str| pool(&format!("addresses = ['192.0.2.1']\n{keys}")).rank();
    let mut ranks = [
        rank(""),
        rank("namespaces = ['web']"),
        rank("namespace-selectors = ['team=a']"),
        rank("priority = 7"),
        rank("namespaces = ['web']\npriority = 5"),
        rank("service-selectors = ['a']\npriority = 0"),
    ];
    ranks.sort_unstable();
    assert_eq!(
        ranks,
        [
            (false, 0),
            (false, 5),
            (false, 7),
            (false, u32::MAX),
            (false, u32::MAX),
            (true, u32::MAX)
        ]
    );
}
