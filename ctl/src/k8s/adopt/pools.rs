//! From MetalLB's `IPAddressPool` to `[[pool]]`, and how that goes with the config that there is.
//!
//! A text is offered only if the config's own parser takes it. What cannot be said is a problem.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::Duration;

use serde_json::Value;
use sovnet_core::config::range::{AddressRange, RangeError};
use sovnet_core::config::{self, Config, Pool};
use sovnet_core::facts::cluster::{ClusterFacts, permit};

use super::file::ConfigFile;
use super::json::{list, name, namespace, text};
use super::{Problem, selector};
use crate::words::one_line;

/// A pool as it is to stand in the config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Draft {
    /// The section.
    pub(super) text: String,
    /// What it means.
    pub(super) pool: Pool,
    /// The labels of the object, for advertisements that select by them.
    pub(super) object: Value,
}

/// Every pool that the config can say; what it can't is told.
pub(super) fn drafts(
    objects: &[Value],
    home: Option<&str>,
    problems: &mut Vec<Problem>,
) -> Vec<Draft> {
    if objects.is_empty() {
        problems.push(Problem::open(
            "there is no IPAddressPool in this cluster",
            "is it the right cluster, and MetalLB 0.13 or newer? Then write the pools by hand",
        ));
    }
    let mut drafts: Vec<Draft> = Vec::new();
    for object in objects {
        let id = format!("{}/{}", namespace(object), name(object));
        if home.is_some_and(|home| home != namespace(object)) {
            let what = format!("the IPAddressPool {} is left out", one_line(&id));
            let why = "MetalLB reads those of its own namespace only";
            problems.push(Problem::note(what, why));
            continue;
        }
        match draft(object, problems) {
            Ok(draft) => drafts.push(draft),
            Err(why) => problems.push(left_out(&id, &why)),
        }
    }
    drafts
}

fn left_out(id: &str, why: &str) -> Problem {
    Problem::open(
        format!(
            "the IPAddressPool {} can't be taken over: {why}",
            one_line(id)
        ),
        "write a [[pool]] for its addresses by hand, or move its Services to another pool first",
    )
}

/// One pool; parts that can be left out without harm are told.
fn draft(object: &Value, problems: &mut Vec<Problem>) -> Result<Draft, String> {
    let name = text(object, "/metadata/name").ok_or("it has no name")?;
    let mut lines = String::from("[[pool]]\n");
    let mut line = |key: &str, value: &str| {
        writeln!(lines, "{key} = {value}").expect("writing to a text never fails");
    };
    line("name", &quoted(name));
    line("addresses", &array(&ranges(object)?));
    if object.pointer("/spec/autoAssign") == Some(&Value::Bool(false)) {
        line("auto-assign", "false");
    }
    match object.pointer("/spec/serviceAllocation/priority") {
        // 0 is how MetalLB says that there is none.
        None | Some(Value::Null) => {}
        Some(number) => match number.as_i64() {
            Some(0) => {}
            Some(priority @ 1..) => line("priority", &priority.to_string()),
            Some(_) | None => problems.push(Problem::open(
                format!("the priority of the IPAddressPool {name} is {number}, and it is left out"),
                "add `priority`, a number from 0 on, to its [[pool]]: the lowest comes first",
            )),
        },
    }
    for (key, values) in whose(object)? {
        line(key, &array(&values));
    }
    if object.pointer("/spec/avoidBuggyIPs") == Some(&Value::Bool(true)) {
        line("avoid-buggy-ips", "true");
    }
    let parsed = config::parse(&lines).map_err(|wrong| first(&wrong))?;
    let pool = parsed.pools.into_iter().next().ok_or("it is no pool")?;
    Ok(Draft {
        text: lines,
        pool,
        object: object.clone(),
    })
}

fn first(wrong: &[config::ConfigProblem]) -> String {
    let what = wrong.first().map(|problem| problem.what.as_str());
    one_line(what.unwrap_or("the config does not take it"))
}

/// The addresses, as they are written where that can be.
fn ranges(object: &Value) -> Result<Vec<String>, String> {
    let mut ranges = Vec::new();
    for entry in list(object, "/spec/addresses") {
        let written = entry
            .as_str()
            .ok_or("one of its addresses is no text")?
            .trim();
        let range = match written.parse::<AddressRange>() {
            Ok(range) if written.contains('/') && range.count() > 1 => written.to_owned(),
            Ok(range) => range.to_string(),
            // MetalLB takes the whole block.
            Err(RangeError::HostBits { block, .. }) => block.to_string(),
            Err(error) => return Err(format!("\"{}\" {error}", one_line(written))),
        };
        ranges.push(range);
    }
    if ranges.is_empty() {
        return Err("it has no addresses".to_owned());
    }
    Ok(ranges)
}

/// The keys that say whose Services it is for.
fn whose(object: &Value) -> Result<Vec<(&'static str, Vec<String>)>, String> {
    let mut keys = Vec::new();
    let names = list(object, "/spec/serviceAllocation/namespaces").iter();
    let names = names.map(|one| one.as_str().map(str::to_owned));
    let names: Option<Vec<String>> = names.collect();
    let names = names.ok_or("one of its namespaces is no text")?;
    let spaces = selectors(object, "namespaceSelectors")?;
    let services = selectors(object, "serviceSelectors")?;
    // One selector of everything makes the rest of its kind meaningless.
    if let Some(spaces) = spaces {
        keys.push(("namespaces", names));
        keys.push(("namespace-selectors", spaces));
    }
    keys.push(("service-selectors", services.unwrap_or_default()));
    keys.retain(|(_, values)| !values.is_empty());
    Ok(keys)
}

/// The selectors of one kind; none if one of them selects everything.
fn selectors(object: &Value, key: &str) -> Result<Option<Vec<String>>, String> {
    let pointer = format!("/spec/serviceAllocation/{key}");
    let mut texts = Vec::new();
    for entry in list(object, &pointer) {
        let text = selector::translate(entry).map_err(|why| format!("of its {key}, {why}"))?;
        let Some(text) = text else {
            return Ok(None);
        };
        texts.push(text);
    }
    Ok(Some(texts))
}

fn array(texts: &[String]) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", quoted.join(", "))
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            _ if c.is_control() => {
                write!(quoted, "\\u{:04X}", u32::from(c)).expect("writing to a text never fails");
            }
            _ => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// The config once the plan is followed, and what is to be added to the file for that.
#[derive(Debug)]
pub(super) struct Merged {
    pub(super) toml: String,
    pub(super) config: Config,
}

/// Adds the drafts to the config. Of two that cannot stand together, the draft counts.
pub(super) fn merge(drafts: &[Draft], file: &ConfigFile, problems: &mut Vec<Problem>) -> Merged {
    let mut config = file.config.clone();
    let mut texts = Vec::new();
    let mut is_whole = true;
    if config.kubernetes.is_none() {
        texts.push("[kubernetes]\n");
    }
    for draft in drafts {
        if config.pools.iter().any(|known| is_same(known, &draft.pool)) {
            continue;
        }
        config.pools.retain(|known| {
            let collides = collide(known, &draft.pool);
            if collides {
                is_whole = false;
                problems.push(in_the_way(known, draft, file));
            }
            !collides
        });
        config.pools.push(draft.pool.clone());
        texts.push(&draft.text);
    }
    let toml = texts.join("\n");
    if is_whole && !toml.is_empty() {
        let before = file.text.as_deref().unwrap_or_default();
        if let Err(wrong) = config::parse(&format!("{before}\n{toml}")) {
            let what = format!(
                "the config with what is added has an error: {}",
                first(&wrong)
            );
            let remedy = format!("correct {} before you go on", file.path);
            problems.push(Problem::open(what, remedy));
        }
    }
    Merged { toml, config }
}

/// Whether a pool of the config is what MetalLB's is, but for what only sovnet's can have.
fn is_same(known: &Pool, draft: &Pool) -> bool {
    let plain = Pool {
        fixed_for: Vec::new(),
        cool_down: Duration::ZERO,
        ..known.clone()
    };
    plain == *draft
}

fn collide(one: &Pool, other: &Pool) -> bool {
    let overlap = |range: &AddressRange| other.ranges.iter().any(|known| known.overlaps(range));
    one.name == other.name || one.ranges.iter().any(overlap)
}

fn in_the_way(known: &Pool, draft: &Draft, file: &ConfigFile) -> Problem {
    let (path, known, new) = (&file.path, &known.name, &draft.pool.name);
    Problem::open(
        format!("the [[pool]] {known} of {path} is not MetalLB's pool {new}, and the two overlap"),
        format!("take the [[pool]] {known} out of {path}: what is to be added replaces it"),
    )
}

/// Addresses of the pools that no Service can have, and no Service has.
pub(super) fn overlaps(
    drafts: &[Draft],
    config: &Config,
    cluster: &ClusterFacts,
    problems: &mut Vec<Problem>,
) {
    let has = |address: IpAddr| {
        let mut services = cluster.services.values();
        services.any(|service| service.assigned.contains(&address))
    };
    let is_in = |address: IpAddr| drafts.iter().any(|draft| draft.pool.contains(address));
    let statics = config.addresses.iter().map(|entry| entry.address);
    let statics = statics.map(|address| (address, "an [[address]] of the config".to_owned()));
    let nodes = cluster.nodes.iter();
    let nodes = nodes.flat_map(|(node, addresses)| {
        let of = format!("the node {node}'s own");
        addresses.iter().map(move |address| (*address, of.clone()))
    });
    for (address, whose) in statics.chain(nodes) {
        if is_in(address)
            && !has(address)
            && let Some(pool) = permit::pool_of(config, address)
        {
            let what = format!("{address}, which is of the pool {}, is {whose}", pool.name);
            problems.push(Problem::note(what, "no Service gets it: nothing to do"));
        }
    }
}
