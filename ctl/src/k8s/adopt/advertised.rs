//! What MetalLB's advertisements say that sovnet does not, or says elsewhere.

use std::collections::BTreeSet;

use serde_json::Value;
use sovnet_core::config::{Config, Conflict};
use sovnet_core::metallb::json::{list, name, texts};
use sovnet_core::metallb::{Advertisement, Draft};

use super::{Found, Problem};
use crate::words::one_line;

/// Adds what has to be known or decided about announcing.
pub(super) fn problems(
    found: &Found,
    drafts: &[Draft],
    config: &Config,
    problems: &mut Vec<Problem>,
) {
    for object in &found.bgp {
        problems.push(by_bgp(object, drafts));
    }
    for object in &found.layer2 {
        restrictions(object, problems);
    }
    interfaces(&found.layer2, config, problems);
    if config.announce.conflict != Conflict::Defend {
        let what = format!("[announce] conflict is \"{}\"", config.announce.conflict);
        problems.push(Problem::open(
            what,
            "a speaker of MetalLB on a node where sovnetd does not run yet is a stranger, and its \
             addresses would be left to it: write \"defend\" until MetalLB is gone",
        ));
    }
    if !found.pools.is_empty() {
        unannounced(found, drafts, problems);
    }
}

fn by_bgp(object: &Value, drafts: &[Draft]) -> Problem {
    let pools = covered(object, drafts);
    let pools: Vec<&str> = pools.into_iter().collect();
    let (name, pools) = (one_line(name(object)), pools.join(", "));
    Problem::open(
        format!("the BGPAdvertisement {name} announces addresses of {pools} to routers by BGP"),
        "sovnet speaks no BGP, and announces them by ARP in the nodes' subnet only: leave these \
         pools to MetalLB (take them out of what is added), or see that the router needs no route",
    )
}

/// The pools that an advertisement is for, by name.
fn covered<'d>(object: &Value, drafts: &'d [Draft]) -> BTreeSet<&'d str> {
    let advertisement = Advertisement::read(object);
    let is_covered = |draft: &&Draft| advertisement.covers(&draft.pool.name, &draft.labels);
    let drafts = drafts.iter().filter(is_covered);
    drafts.map(|draft| draft.pool.name.as_str()).collect()
}

/// Who may announce, and for whom.
fn restrictions(object: &Value, problems: &mut Vec<Problem>) {
    let name = one_line(name(object));
    if !list(object, "/spec/nodeSelectors").is_empty() {
        problems.push(Problem::open(
            format!("the L2Advertisement {name} has nodeSelectors"),
            "every node that runs sovnetd can announce every address: run it on these nodes only, \
             or give the others `weight = 0` in [node], or an address its node by a [[pin]]",
        ));
    }
    if !list(object, "/spec/preferredNodeSelectors").is_empty() {
        problems.push(Problem::note(
            format!("the L2Advertisement {name} has preferredNodeSelectors"),
            "`weight` in [node], and [[pin]] or `sovnetctl pin` for single addresses, are nearest",
        ));
    }
    if !list(object, "/spec/serviceSelectors").is_empty() {
        problems.push(Problem::open(
            format!("the L2Advertisement {name} has serviceSelectors"),
            "sovnet announces every Service that it gives an address: let those that shall not be \
             announced be of type ClusterIP, or of another loadBalancerClass",
        ));
    }
}

/// The interfaces, if some are named.
fn interfaces(objects: &[Value], config: &Config, problems: &mut Vec<Problem>) {
    let of = |object: &Value| -> BTreeSet<String> {
        let names = texts(object, "/spec/interfaces").into_iter();
        names.map(one_line).collect()
    };
    let named: BTreeSet<BTreeSet<String>> = objects.iter().map(of).collect();
    let mut restricted = objects.iter().filter(|object| !of(object).is_empty());
    let Some(first) = restricted.next() else {
        return;
    };
    let name = one_line(name(first));
    let links: BTreeSet<String> = config
        .announce
        .links
        .iter()
        .map(ToString::to_string)
        .collect();
    match named.first() {
        Some(only) if named.len() == 1 && *only == links => {}
        Some(only) if named.len() == 1 => {
            let links: Vec<String> = only.iter().map(|link| format!("{link:?}")).collect();
            problems.push(Problem::open(
                format!("the L2Advertisement {name} announces on certain interfaces only"),
                format!("the same is `links = [{}]` in [announce]", links.join(", ")),
            ));
        }
        Some(_) | None => problems.push(Problem::open(
            format!(
                "the L2Advertisement {name} announces on certain interfaces only, and another one \
                 on others"
            ),
            "sovnet has no equal: `links` in [announce] is for all addresses. Without it an address \
             is announced on the interfaces that have its subnet, which is often the same",
        )),
    }
}

/// Pools that nothing announces now, and sovnet will.
fn unannounced(found: &Found, drafts: &[Draft], problems: &mut Vec<Problem>) {
    let advertisements = found.layer2.iter().chain(&found.bgp);
    let announced = advertisements.flat_map(|object| covered(object, drafts));
    let announced: BTreeSet<&str> = announced.collect();
    for draft in drafts {
        let name = draft.pool.name.as_str();
        if !announced.contains(name) {
            problems.push(Problem::note(
                format!("no advertisement of MetalLB is for the pool {name}"),
                "sovnet announces its addresses all the same",
            ));
        }
    }
}
