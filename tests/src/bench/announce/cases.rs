//! The cases: what is done, and what it costs.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::field::{Field, Size};
use super::flood::{Flood, flood};
use super::sweep::new_answers;
use super::{Settings, Work};
use crate::bench::samples::Metric;
use crate::bench::usage::{per_second, processor_time, resident_mb, sent_bytes, softirq_time};
use crate::clock::{now, wait_for, wait_until};
use crate::lan::arp::{Mac, link_mac};
use crate::lan::sniff::Sniffer;

/// Requests per second in the case that counts answers: more than any LAN has, and less than would
/// fill a queue or reach the limit of what sovnet answers on a segment (10,000 per second).
pub(super) const ANSWER_RATE: u32 = 8_000;

/// Requests per second of a storm that concerns nobody.
pub(super) const STORM_RATE: u32 = 100_000;

/// How long programs are left alone before their rest is measured: what a start brings is over.
const CALM: Duration = Duration::from_secs(15);

/// How long a take-over may take at most.
const TAKE_OVER_WITHIN: Duration = Duration::from_secs(30);

/// How long the last announcement may come after the last first answer.
const ANNOUNCED_WITHIN: Duration = Duration::from_secs(5);

/// How often is looked whether it has come.
const LOOK_EVERY: Duration = Duration::from_millis(200);

const PROCESS: Metric = Metric::new("process-cpu", "ms/s");
const SOFTIRQ: Metric = Metric::new("softirq", "ms/s");
const ANSWERED: Metric = Metric::new("answered", "per s");
const PER_CPU: Metric = Metric::new("answered-per-cpu-second", "answers");
const SENT: Metric = Metric::new("sent", "per s");
const PER_STORM: Metric = Metric::new("process-cpu-per-100k", "ms");
const RESIDENT: Metric = Metric::new("resident", "MB");
const TRAFFIC: Metric = Metric::new("traffic", "bytes/s");
const TAKEN: Metric = Metric::new("taken-over", "addresses");
const UNANSWERED: Metric = Metric::new("unanswered", "addresses");
const FIRST_ANSWER: Metric = Metric::new("first-answer", "ms");
const ALL_ANSWERED: Metric = Metric::new("all-answered", "ms");
const ALL_ANNOUNCED: Metric = Metric::new("all-announced", "ms");

/// What is measured by a work.
pub(super) fn metrics(work: Work) -> Vec<Metric> {
    match work {
        Work::Answer => vec![PER_CPU, ANSWERED, PROCESS, SOFTIRQ],
        Work::Storm => vec![PER_STORM, PROCESS, SOFTIRQ, SENT],
        Work::Memory => vec![RESIDENT],
        Work::Rest => vec![PROCESS, TRAFFIC, RESIDENT],
        Work::TakeOver => vec![TAKEN, FIRST_ANSWER, ALL_ANSWERED, ALL_ANNOUNCED, UNANSWERED],
    }
}

/// What is done, and what the metrics mean.
pub(super) fn explained() -> Value {
    json!({
        "answer": format!("{ANSWER_RATE} requests per second for all addresses, which one node has, from 250 hosts"),
        "storm": format!("{STORM_RATE} requests per second for addresses that nobody has, from 250 hosts"),
        "memory-N": "one node with N addresses, all announced",
        "rest-MxN": "M nodes with N addresses in all, nobody asks; a figure for each node",
        "take-over-N": "the cable of the node with the most of N addresses is taken out",
        "process-cpu": "user and system time of all threads of the node's processes",
        "process-cpu-per-100k": "the same for 100,000 requests of the storm, however long they took",
        "softirq": "time of the whole machine in softirqs, which is also what the harness and the switch cause",
        "answered-per-cpu-second": "answers, for a second of process-cpu; none of a program whose \
            kernel answers",
        "resident": "resident memory of the node's processes",
        "traffic": "bytes that the node sends to the LAN",
        "first-answer": "from the cut to the first answer of the other node",
        "all-answered": "from the cut until every address was answered by the other node",
        "all-announced": "from the first announcement of the other node to the first one of the last address",
    })
}

/// Does it.
pub(super) fn measure(
    work: Work,
    field: &Field,
    settings: &Settings,
) -> anyhow::Result<Vec<(Metric, f64)>> {
    let time = Duration::from_secs(settings.seconds);
    match work {
        Work::Answer => answer(field, time),
        Work::Storm => storm(field, time),
        Work::Memory => memory(field),
        Work::Rest => rest(field, time),
        Work::TakeOver => take_over(field),
    }
}

/// The name of a case in the table.
pub(super) fn name(work: Work, size: Size) -> String {
    let Size { nodes, addresses } = size;
    match work {
        Work::Answer => "answer".to_owned(),
        Work::Storm => "storm".to_owned(),
        Work::Memory => format!("memory-{addresses}"),
        Work::Rest => format!("rest-{nodes}x{addresses}"),
        Work::TakeOver => format!("take-over-{addresses}"),
    }
}

/// Cost of something: processor time of a node's processes, and softirqs of the machine.
fn cost<T>(
    pids: &[i32],
    work: impl FnOnce() -> anyhow::Result<T>,
) -> anyhow::Result<(T, Duration, Duration)> {
    let (process, softirq) = (processor_time(pids)?, softirq_time()?);
    let done = work()?;
    let process = processor_time(pids)?.saturating_sub(process);
    let softirq = softirq_time()?.saturating_sub(softirq);
    Ok((done, process, softirq))
}

fn answer(field: &Field, time: Duration) -> anyhow::Result<Vec<(Metric, f64)>> {
    let holder = Holdings::of(field)?.largest()?;
    let targets = holder.addresses;
    let laptop = field.lan.node("laptop");
    let pids = field.cluster.pids(&holder.node);
    let done = cost(&pids, || flood(laptop, &targets, ANSWER_RATE, time));
    let (Flood { answered, took, .. }, process, softirq) = done?;
    let answered = real(answered)?;
    ensure!(answered > 0.0, "nothing was answered");
    // Where the kernel answers, what the program spends is for something else.
    let is_own = field.answers_itself && !process.is_zero();
    let quotient = is_own.then(|| (PER_CPU, answered / process.as_secs_f64()));
    let figures = [
        (ANSWERED, answered / took.as_secs_f64()),
        (PROCESS, per_second(process, took)),
        (SOFTIRQ, per_second(softirq, took)),
    ];
    Ok(quotient.into_iter().chain(figures).collect())
}

fn storm(field: &Field, time: Duration) -> anyhow::Result<Vec<(Metric, f64)>> {
    let holder = Holdings::of(field)?.largest()?;
    let foreign: Vec<Ipv4Addr> = (0..=249).map(|last| [192, 168, 99, last].into()).collect();
    let laptop = field.lan.node("laptop");
    let pids = field.cluster.pids(&holder.node);
    let done = cost(&pids, || flood(laptop, &foreign, STORM_RATE, time));
    let (Flood { sent, took, .. }, process, softirq) = done?;
    // Also where the machine is too slow for the whole rate.
    let storms = real(sent)? / f64::from(STORM_RATE);
    Ok(vec![
        (PER_STORM, process.as_secs_f64() * 1000.0 / storms),
        (PROCESS, per_second(process, took)),
        (SOFTIRQ, per_second(softirq, took)),
        (SENT, real(sent)? / took.as_secs_f64()),
    ])
}

fn memory(field: &Field) -> anyhow::Result<Vec<(Metric, f64)>> {
    let holder = Holdings::of(field)?.largest()?;
    let pids = field.cluster.pids(&holder.node);
    Ok(vec![(RESIDENT, resident_mb(&pids)?)])
}

fn rest(field: &Field, time: Duration) -> anyhow::Result<Vec<(Metric, f64)>> {
    wait_over("the programs to be at rest", CALM)?;
    let read = |node: &String| {
        let pids = field.cluster.pids(node);
        let sent = sent_bytes(field.lan.node(node))?;
        anyhow::Ok((now(), processor_time(&pids)?, sent))
    };
    let before: Vec<_> = field.nodes.iter().map(read).collect::<Result<_, _>>()?;
    wait_over("the time of the measurement", time)?;
    let mut figures = Vec::new();
    for (node, (since, time_before, sent_before)) in field.nodes.iter().zip(before) {
        let (until, used, sent) = read(node)?;
        let took = until.duration_since(since);
        let used = used.saturating_sub(time_before);
        let sent = real(sent.saturating_sub(sent_before))?;
        figures.push((PROCESS, per_second(used, took)));
        figures.push((TRAFFIC, sent / took.as_secs_f64()));
        figures.push((RESIDENT, resident_mb(&field.cluster.pids(node))?));
    }
    Ok(figures)
}

fn take_over(field: &Field) -> anyhow::Result<Vec<(Metric, f64)>> {
    let holder = Holdings::of(field)?.largest()?;
    let ear = Sniffer::start(&field.lan)?;
    let cut_at = now();
    field.lan.cut(&holder.node)?;
    let old: BTreeMap<Ipv4Addr, Mac> = holder
        .addresses
        .iter()
        .map(|address| (*address, holder.mac))
        .collect();
    let taken = old.len();
    let answered = new_answers(field.lan.node("laptop"), old, TAKE_OVER_WITHIN)?;
    let after = |at: Option<&Instant>| {
        at.map_or(TAKE_OVER_WITHIN, |at| at.duration_since(cut_at))
            .as_secs_f64()
            * 1000.0
    };
    let announced = announced(&ear, &holder, cut_at);
    let is_all = answered.len() == taken;
    let last = answered.values().max().filter(|_| is_all);
    Ok(vec![
        (TAKEN, real(taken)?),
        (FIRST_ANSWER, after(answered.values().min())),
        (ALL_ANSWERED, after(last)),
        (ALL_ANNOUNCED, announced),
        (UNANSWERED, real(taken - answered.len())?),
    ])
}

/// From the first announcement of a new holder to the first one of the last address, in ms; of an
/// address that was never announced, up to the limit. Some announce after they have answered.
fn announced(ear: &Sniffer, old: &Held, since: Instant) -> f64 {
    let until = now() + ANNOUNCED_WITHIN;
    loop {
        if let Some(spread) = spread(ear, old, since) {
            return spread.as_secs_f64() * 1000.0;
        }
        if now() >= until {
            return TAKE_OVER_WITHIN.as_secs_f64() * 1000.0;
        }
        wait_until(now() + LOOK_EVERY);
    }
}

/// The same if all of them were announced.
fn spread(ear: &Sniffer, old: &Held, since: Instant) -> Option<Duration> {
    let mut first: BTreeMap<Ipv4Addr, Instant> = BTreeMap::new();
    for one in ear.heard() {
        let arp = one.arp;
        let is_announcement = arp.sender == arp.target && one.machine != old.node;
        if one.at >= since && is_announcement && old.addresses.binary_search(&arp.sender).is_ok() {
            first.entry(arp.sender).or_insert(one.at);
        }
    }
    let is_all = first.len() == old.addresses.len();
    let (begin, end) = (first.values().min()?, first.values().max()?);
    is_all.then(|| end.duration_since(*begin))
}

/// What one node has.
struct Held {
    node: String,
    mac: Mac,
    /// In ascending order.
    addresses: Vec<Ipv4Addr>,
}

/// What every node has, by asking.
struct Holdings(Vec<Held>);

impl Holdings {
    fn of(field: &Field) -> anyhow::Result<Holdings> {
        let answers = field.answers()?;
        let mut all = Vec::new();
        for node in &field.nodes {
            let mac = link_mac(field.lan.node(node), "eth0")?;
            let own = answers.iter().filter(|(_, macs)| macs.contains(&mac));
            all.push(Held {
                node: node.clone(),
                mac,
                addresses: own.map(|(address, _)| *address).collect(),
            });
        }
        Ok(Holdings(all))
    }

    /// The node that has the most.
    fn largest(self) -> anyhow::Result<Held> {
        let largest = self.0.into_iter().max_by_key(|held| held.addresses.len());
        largest
            .filter(|held| !held.addresses.is_empty())
            .context("no node has an address")
    }
}

fn wait_over(what: &str, time: Duration) -> anyhow::Result<()> {
    let since = now();
    wait_for(what, time * 2, || {
        (now().duration_since(since) >= time).then_some(())
    })?;
    Ok(())
}

/// A count as a figure.
fn real(count: impl TryInto<u32>) -> anyhow::Result<f64> {
    let small: Result<u32, _> = count.try_into();
    small.map(f64::from).ok().context("a count is small")
}
