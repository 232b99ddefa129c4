//! Which pools MetalLB's objects say, and what of them is not followed.

use std::collections::BTreeMap;

use super::{Advertisement, Draft};
use crate::names::one_line;
use crate::report::{Problem, Severity};

/// The most pools that are looked at; the first by name are.
const POOLS_MAX: usize = 1_000;

/// The longest text of a pool that is taken, in bytes: two thousand ranges.
const TEXT_MAX: usize = 64 << 10;

/// What the objects say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Each pool as a section of the config, by name.
    pub pools: BTreeMap<String, String>,
    /// What is not followed.
    pub problems: Vec<Problem>,
}

/// The pools that an advertisement is for: what is announced by BGP alone stays with MetalLB. Each
/// object that is no pool comes with the reason.
pub fn find(
    objects: &BTreeMap<String, Result<Draft, String>>,
    advertisements: &BTreeMap<String, Advertisement>,
) -> Found {
    let mut found = Found::default();
    for (name, outcome) in objects.iter().take(POOLS_MAX) {
        match outcome {
            Err(why) => found.problems.push(unreadable(name, why)),
            Ok(draft) if draft.text.len() > TEXT_MAX => {
                found
                    .problems
                    .push(unreadable(name, "it has too many addresses and selectors"));
            }
            Ok(draft) => {
                let mut all = advertisements.values();
                if !all.any(|one| one.covers(&draft.pool.name, &draft.labels)) {
                    found.problems.push(unannounced(name));
                    continue;
                }
                let odd = draft.odd_priority.as_deref();
                found.problems.extend(odd.map(|odd| no_priority(name, odd)));
                found.pools.insert(name.clone(), draft.text.clone());
            }
        }
    }
    for (name, advertisement) in advertisements {
        if !advertisement.restrictions.is_empty() {
            found.problems.push(restricted(name, advertisement));
        }
    }
    found
}

/// A pool that is none here.
pub(super) fn left_out(name: &str, why: &str, severity: Severity, remedy: &str) -> Problem {
    Problem {
        severity,
        code: "metallb-pool-left-out",
        what: format!(
            "the IPAddressPool {} is no pool here: {why}",
            one_line(name)
        ),
        remedy: remedy.to_owned(),
    }
}

fn unreadable(name: &str, why: &str) -> Problem {
    let remedy = "write a [[pool]] for its addresses into the config of every node";
    left_out(name, why, Severity::Degraded, remedy)
}

fn unannounced(name: &str) -> Problem {
    let remedy = "if nodes are to announce it, make an L2Advertisement for it, or write a [[pool]] \
                  into the config of every node";
    let why = "no L2Advertisement is for it";
    left_out(name, why, Severity::Note, remedy)
}

fn no_priority(name: &str, odd: &str) -> Problem {
    Problem {
        severity: Severity::Note,
        code: "metallb-not-followed",
        what: format!(
            "the priority of the IPAddressPool {} is {}, and counts as none",
            one_line(name),
            one_line(odd)
        ),
        remedy: "write a [[pool]] with `priority`, a number from 0 on, instead".to_owned(),
    }
}

fn restricted(name: &str, advertisement: &Advertisement) -> Problem {
    let keys = advertisement.restrictions.join(" and ");
    Problem {
        severity: Severity::Degraded,
        code: "metallb-not-followed",
        what: format!(
            "the L2Advertisement {} has {keys}, and sovnet does not follow that",
            one_line(name)
        ),
        remedy: "`sovnetctl adopt --from metallb` says what is nearest to it in the config"
            .to_owned(),
    }
}
