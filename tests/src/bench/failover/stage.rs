//! One LAN with one program on it, and the two clients that notice what happens to the address.
//!
//! The laptop pings it, and so knows it as a client that is in touch: from its neighbour entry. The
//! router asks for it by ARP, as a client does that knows nothing yet.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::bail;
use serde_json::{Value, json};

use super::cases::Boot;
use super::grounds::Grounds;
use super::leftover::Leftover;
use crate::bench::asker::{Asker, Verdict};
use crate::bench::peer::{Addresses, Cluster, Wanted, Who};
use crate::bench::samples::{Metric, Sample, phase, tenths};
use crate::clock::{now, wait_for};
use crate::lan::arp::{BROADCAST, Mac, link_mac};
use crate::lan::probe::{Prober, Question};
use crate::lan::sniff::Sniffer;
use crate::lan::{Lan, NODES};

/// The address that fails over.
pub(super) const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 168, 8, 240);

/// How often the laptop pings.
pub(super) const PROBE_EVERY: Duration = Duration::from_millis(2);

/// How often the router asks.
pub(super) const ASK_EVERY: Duration = Duration::from_millis(2);

/// How long a program may take until one node has the address.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// How long everything must have been well before something is done to it.
const CALM: Duration = Duration::from_secs(1);

/// The longest beat of the programs, over which the moments are spread at which something is done.
const BEAT: Duration = Duration::from_secs(1);

const GAP: Metric = Metric::new("longest-gap", "ms");
const LOST: Metric = Metric::new("lost", "probes");
const NONE: Metric = Metric::new("no-answer", "ms");
const BOTH: Metric = Metric::new("both-answer", "ms");

/// What is measured in every case.
pub(super) const METRICS: [Metric; 4] = [GAP, LOST, NONE, BOTH];

/// In a case where a daemon was killed.
pub(super) const LEFT: Metric = Metric::new("address-left", "ms");

/// In a case where another host takes the address.
pub(super) const DEFENDED: Metric = Metric::new("defended", "ms");

/// In a case where a node returns.
pub(super) const MOVED: Metric = Metric::new("moved", "addresses");

/// What the metrics mean.
pub(super) fn explained() -> Value {
    json!({
        "longest-gap": "a client in touch: the longest time in which no ping was answered",
        "lost": "a client in touch: pings that were never answered",
        "no-answer": "a client that asks by ARP: the longest time in which nobody answered",
        "both-answer": "a client that asks by ARP: the time in which two nodes answered, in total",
        "address-left": "how long the kernel of the killed node still had the address",
        "defended": "from the foreign frame to the first announcement of a node",
        "moved": "addresses that another node has after the node came back",
    })
}

/// The LAN, the program and the clients.
pub(super) struct Stage {
    who: Who,
    started_at: Instant,
    macs: Vec<(Mac, &'static str)>,
    echo: Prober,
    asker: Asker,
    ear: Sniffer,
    pub(super) cluster: Box<dyn Cluster>,
    /// Cases that the program cannot do.
    pub(super) skipped: Vec<&'static str>,
    // Last: everything else runs on it.
    pub(super) lan: Arc<Lan>,
}

impl Stage {
    /// Builds the LAN, unless it stays from an earlier boot, and starts everything.
    pub(super) fn set(grounds: &mut Grounds, who: Who, boot: &Boot) -> anyhow::Result<Stage> {
        let ground = grounds.give(who)?;
        let lan = Arc::clone(&ground.lan);
        let mut macs = Vec::new();
        for name in NODES {
            macs.push((link_mac(lan.node(name), "eth0")?, name));
        }
        let wanted = Wanted {
            addresses: Addresses::Shipped,
            fails_back: boot.fails_back,
        };
        let cluster = who.start(&ground, &wanted)?;
        let started_at = now();
        let echo = Prober::start(lan.node("laptop"), Question::Echo(ADDRESS), PROBE_EVERY)?;
        let asker = Asker::start(lan.node("router"), "lan0", ADDRESS, ASK_EVERY)?;
        let ear = Sniffer::start(&lan)?;
        Ok(Stage {
            who,
            started_at,
            macs,
            echo,
            asker,
            ear,
            cluster,
            skipped: Vec::new(),
            lan,
        })
    }

    /// Waits until one node has the address, the other one stands by, and both clients have been
    /// content for a while, which ends at another point of the programs' beat in each round.
    pub(super) fn wait_settled(&self, round: usize) -> anyhow::Result<()> {
        let what = format!("{} to be ready on both nodes", self.who.name());
        wait_for(&what, READY_WITHIN, || {
            self.cluster.is_ready().then_some(())
        })?;
        let since = now();
        let calm = CALM + phase(BEAT, round);
        wait_for("one node to answer both clients", READY_WITHIN, || {
            let is_time = now().duration_since(since) > calm;
            (is_time && self.sole_answerer().is_some() && self.is_calm()).then_some(())
        })?;
        Ok(())
    }

    /// Waits until both programs have run for `age`.
    pub(super) fn wait_age(&self, age: Duration) -> anyhow::Result<()> {
        wait_for("the programs to have run for a while", age * 2, || {
            (now().duration_since(self.started_at) >= age).then_some(())
        })?;
        Ok(())
    }

    /// The node that alone has answered ARP for a while.
    pub(super) fn holder(&self) -> anyhow::Result<&'static str> {
        let mac = wait_for("one node to answer", READY_WITHIN, || self.sole_answerer())?;
        match self.name_of(mac) {
            Some(name) => Ok(name),
            None => bail!("{ADDRESS} is answered by {mac}, which is no node"),
        }
    }

    /// The same without waiting for it.
    pub(super) fn sole_answerer_name(&self) -> Option<&'static str> {
        self.sole_answerer().and_then(|mac| self.name_of(mac))
    }

    fn name_of(&self, mac: Mac) -> Option<&'static str> {
        let found = self.macs.iter().find(|(of_node, _)| *of_node == mac);
        found.map(|(_, name)| *name)
    }

    fn sole_answerer(&self) -> Option<Mac> {
        self.asker.sole_answerer(now().checked_sub(CALM / 2)?)
    }

    /// Whether no ping of the recent past was lost; those on their way are left out.
    fn is_calm(&self) -> bool {
        let (Some(since), Some(until)) = (
            now().checked_sub(CALM),
            now().checked_sub(crate::lan::probe::SETTLE),
        ) else {
            return false;
        };
        let outcome = self.echo.outcome(since, until);
        outcome.sent > 0 && outcome.lost == 0
    }

    /// Looks on for `least`, and on until one node alone answers and the laptop is content again,
    /// but no longer than `most`; gives what the clients have noticed since.
    pub(super) fn watch(
        &self,
        case: &'static str,
        since: Instant,
        (least, most): (Duration, Duration),
    ) -> anyhow::Result<Vec<Sample>> {
        wait_for("the end of the watch", most * 2, || {
            let watched = now().duration_since(since);
            let is_over = || self.is_calm() && self.sole_answerer().is_some();
            (watched >= most || watched >= least && is_over()).then_some(())
        })?;
        let until = now();
        let echo = self.echo.outcome(since, until);
        let Verdict { nobody, several } = self.asker.verdict(since, until);
        let lost = f64::from(u32::try_from(echo.lost)?);
        let figures = [
            millis(echo.longest_gap),
            lost,
            millis(nobody),
            millis(several),
        ];
        let samples = METRICS.into_iter().zip(figures);
        Ok(samples
            .map(|(metric, value)| self.sample(case, metric, value))
            .collect())
    }

    /// One more figure of a case.
    pub(super) fn sample(&self, case: &'static str, metric: Metric, value: f64) -> Sample {
        Sample {
            round: 0,
            case,
            who: self.who.name(),
            metric,
            value: tenths(value),
        }
    }

    /// Begins to look whether the kernel of `node` has the address, for no longer than `most`.
    pub(super) fn leftover(&self, node: &str, most: Duration) -> anyhow::Result<Leftover> {
        Leftover::start(self.lan.node(node), ADDRESS, most)
    }

    /// The time from the frame with which `foreign` took the address to the first announcement of
    /// a node to all; `most` if there was none. A reply to the foreign host alone is none.
    pub(super) fn defended_after(&self, since: Instant, foreign: Mac, most: Duration) -> Duration {
        let heard = self.ear.heard();
        let mut gratuitous = heard.iter().filter(|one| {
            let arp = &one.arp;
            let is_to_all = arp.to == BROADCAST;
            one.at >= since && is_to_all && arp.sender == ADDRESS && arp.target == ADDRESS
        });
        let taken_at = gratuitous.find(|one| one.arp.sender_mac == foreign);
        let defence = gratuitous.find(|one| NODES.contains(&one.machine.as_str()));
        match (taken_at, defence) {
            (Some(taken), Some(defence)) => defence.at.duration_since(taken.at),
            (None, _) | (_, None) => most,
        }
    }

    /// The last lines of the programs' logs.
    pub(super) fn log(&self) -> Vec<String> {
        self.cluster.log()
    }
}

/// In milliseconds.
pub(super) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
