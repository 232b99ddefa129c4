//! Many addresses on one screen: what is alike is one row, what an operator should look at has its
//! own. `--wide` lists each.

use std::collections::BTreeMap;

use sovnet_control::status::{Address, Problem};

use super::{GOOD, address, holder, or_dash, seen_by};
use crate::table::Row;
use crate::words::millis;

/// So many have a row each.
const FEW: usize = 40;

/// Problems of one kind that are told one by one.
const TOLD: usize = 5;

/// What the addresses of one row have in common: holder, purpose, and who hears the holder.
type Kind = (String, String, String);

/// Whether some rows stand for many addresses.
pub(super) fn is_crowd(addresses: &[Address]) -> bool {
    addresses.len() > FEW
}

/// One row for each address, or for those that are alike.
pub(super) fn rows(addresses: &[Address]) -> Vec<Row> {
    if !is_crowd(addresses) {
        return addresses.iter().map(address).collect();
    }
    let mut groups: BTreeMap<Kind, Vec<&Address>> = BTreeMap::new();
    let mut single = Vec::new();
    for one in addresses {
        if is_plain(one) {
            groups.entry(kind(one)).or_default().push(one);
        } else {
            single.push(one);
        }
    }
    let groups = groups
        .iter()
        .map(|(kind, members)| match members.as_slice() {
            [one] => address(one),
            members => together(kind, members),
        });
    single.into_iter().map(address).chain(groups).collect()
}

/// Nothing about it needs a word of its own.
fn is_plain(one: &Address) -> bool {
    let has_plan = one.is_moved
        || [
            &one.returns_to,
            &one.fails_back_to,
            &one.pinned_to,
            &one.held_back,
        ]
        .iter()
        .any(|plan| plan.is_some());
    !has_plan && one.unseen_by.is_empty() && address(one).mark == GOOD
}

fn kind(one: &Address) -> Kind {
    (holder(one), one.purpose.clone(), seen_by(one))
}

fn together((holder, purpose, seen): &Kind, members: &[&Address]) -> Row {
    let mac = members.first().and_then(|one| one.holder_mac.as_ref());
    let terms = members.iter().map(|one| one.term);
    let (first, last) = (members.first(), members.last());
    let name = |one: Option<&&Address>| one.map(|one| one.address.clone()).unwrap_or_default();
    let since = members.iter().map(|one| one.held_for_ms).min();
    Row {
        mark: GOOD,
        cells: vec![
            format!("{} addresses", members.len()),
            purpose.clone(),
            holder.clone(),
            or_dash(mac),
            span(terms.clone().min(), terms.max()),
            millis(since.unwrap_or_default()),
            seen.clone(),
        ],
        sentence: format!(
            "all is well with {} to {}; --wide lists each",
            name(first),
            name(last)
        ),
    }
}

fn span(least: Option<i64>, most: Option<i64>) -> String {
    match (least, most) {
        (Some(least), Some(most)) if least != most => format!("{least}-{most}"),
        (Some(term), _) | (None, Some(term)) => term.to_string(),
        (None, None) => "-".to_owned(),
    }
}

/// The problems that are told one by one, and a line for each kind of which there are more.
pub(super) fn told(problems: &[Problem]) -> (Vec<&Problem>, String) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut told = Vec::new();
    for problem in problems {
        let count = counts.entry(&problem.code).or_default();
        *count += 1;
        if *count <= TOLD {
            told.push(problem);
        }
    }
    let more = counts.iter().filter(|(_, count)| **count > TOLD);
    let more = more.map(|(code, count)| {
        format!(
            "  and {} more of {code}; --json has them all\n",
            count - TOLD
        )
    });
    (told, more.collect())
}
