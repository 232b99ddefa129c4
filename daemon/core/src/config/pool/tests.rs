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
    assert_eq!(pool.is_only_for("web", &labels("b")), None);
    let whom = |namespace: &str, team: &str| pool.is_only_for(namespace, &labels(team)).unwrap();
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
fn pools_with_a_priority_or_for_somebody_come_before_those_for_everybody() {
    let rank = |keys: &str| pool(&format!("addresses = ['192.0.2.1']\n{keys}")).rank();
    let mut ranks = [
        rank(""),
        rank("namespaces = ['web']"),
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
            (true, u32::MAX)
        ]
    );
}
