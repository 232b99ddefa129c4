//! What must hold on the simulated LAN, and what is remembered to judge it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use crate::decide::Ability;
use crate::report::{Holder, NodeState};
use crate::time::Moment;

use super::lan::{Lan, ms};
use super::verdict::play;

/// No ability is held back for longer, in seconds (R19).
const HOLD_UP: u64 = 65;

/// What became of one address since the last [`Lan::mark`].
#[derive(Debug, Clone, Default)]
pub(crate) struct Record {
    /// Hosts that speak for it now.
    pub(crate) speakers: BTreeSet<usize>,
    /// How often a host began to speak for it.
    pub(crate) claims: u32,
    /// The longest time without any speaker.
    pub(crate) unspoken: Duration,
    /// The longest time with two speakers.
    pub(crate) doubled: Duration,
    since: Moment,
}

impl Record {
    fn account(&mut self, now: Moment) {
        let length = now.since(self.since);
        match self.speakers.len() {
            0 => self.unspoken = self.unspoken.max(length),
            1 => {}
            _ => self.doubled = self.doubled.max(length),
        }
    }
}

impl Lan {
    /// Begins to count anew.
    pub(crate) fn mark(&mut self) {
        for record in self.records.values_mut() {
            *record = Record {
                speakers: record.speakers.clone(),
                since: self.now,
                ..Record::default()
            };
        }
    }

    /// Looks at what a host speaks for now.
    pub(crate) fn observe(&mut self, host: usize) {
        let is_powered = self.hosts[host].is_powered;
        let speaking = self.hosts[host].speaking();
        let mut speaking = speaking.filter(|_| is_powered).peekable();
        let mut lines = Vec::new();
        for (address, record) in &mut self.records {
            let speaks = speaking.next_if_eq(address).is_some();
            if speaks == record.speakers.contains(&host) {
                continue;
            }
            let was_doubled = record.speakers.len() > 1;
            record.account(self.now);
            if speaks {
                record.speakers.insert(host);
                record.claims += 1;
                lines.push(format!("SPEAKS for {address}"));
            } else {
                record.speakers.remove(&host);
                lines.push(format!("is silent for {address}"));
            }
            // A change of who they are does not end a time with two.
            if !(was_doubled && record.speakers.len() > 1) {
                record.since = self.now;
            }
        }
        let unknown = speaking.next();
        drop(speaking);
        for line in lines {
            self.note(host, &line);
        }
        if let Some(address) = unknown {
            self.fail(&format!("speaks for {address}, which is not announced"));
        }
    }

    /// Lets the lengths of what goes on now count.
    pub(crate) fn observe_time(&mut self) {
        let now = self.now;
        self.records
            .values_mut()
            .for_each(|record| record.account(now));
    }

    /// Fails unless this holds.
    pub(crate) fn check(&self, is_so: bool, what: &str) {
        if !is_so {
            self.fail(what);
        }
    }

    /// The one speaker of an address.
    pub(crate) fn speaker(&self, address: IpAddr) -> usize {
        let speakers = &self.records[&address].speakers;
        match speakers.first() {
            Some(host) if speakers.len() == 1 => *host,
            Some(_) | None => self.fail(&format!("speakers of {address} are {speakers:?}")),
        }
    }

    /// Who speaks for what.
    pub(crate) fn speakers(&self) -> BTreeMap<IpAddr, usize> {
        let addresses = self.records.keys();
        addresses
            .map(|address| (*address, self.speaker(*address)))
            .collect()
    }

    /// Fails if any address was unspoken for longer than this since the mark.
    pub(crate) fn check_unspoken(&mut self, limit: Duration) {
        self.observe_time();
        for (address, record) in &self.records {
            let (unspoken, is_short) = (record.unspoken, record.unspoken <= limit);
            self.check(
                is_short,
                &format!("nobody spoke for {address} for {unspoken:?}"),
            );
        }
    }

    /// Fails if any address had two speakers for longer than this since the mark.
    pub(crate) fn check_doubled(&mut self, limit: Duration) {
        self.observe_time();
        for (address, record) in &self.records {
            let (doubled, is_short) = (record.doubled, record.doubled <= limit);
            self.check(
                is_short,
                &format!("two spoke for {address} for {doubled:?}"),
            );
        }
    }

    /// A counter of a node's status.
    pub(crate) fn counter(&self, node: usize, name: &str) -> u64 {
        let report = self.hosts[node].report(self.now);
        let counters = report.map(|report| report.counters).unwrap_or_default();
        counters.get(name).copied().unwrap_or(0)
    }

    /// Fails unless a node's report names this problem.
    pub(crate) fn check_problem(&self, node: usize, code: &str) {
        let report = self.hosts[node].report(self.now);
        let problems = report.map(|report| report.problems).unwrap_or_default();
        let is_told = problems.iter().any(|problem| problem.code == code);
        let name = &self.hosts[node].name;
        self.check(
            is_told,
            &format!("{name} does not tell of {code}: {problems:?}"),
        );
    }

    /// Fails if anyone began to speak since the mark.
    pub(crate) fn check_no_claims(&self, what: &str) {
        for (address, record) in &self.records {
            let claims = record.claims;
            self.check(
                claims == 0,
                &format!("{what}: {claims} claims on {address}"),
            );
        }
    }

    /// Whatever else is broken: two nodes that reach each other do not both speak for long.
    pub(crate) fn check_no_connected_pair_speaks(&self) {
        // A node that was taken for dead at this very moment is told so by the next datagrams.
        let long = self.records.iter().filter(|(_, record)| {
            record.speakers.len() > 1 && self.now.since(record.since) >= ms(1_000)
        });
        for (address, record) in long {
            for one in &record.speakers {
                for other in record.speakers.range(one + 1..) {
                    let is_whole = [(*one, *other), (*other, *one)].iter().all(|direction| {
                        !self.cut.contains(direction) && !self.filtered.contains(direction)
                    });
                    let have_carrier =
                        self.hosts[*one].has_carrier && self.hosts[*other].has_carrier;
                    self.check(
                        !(is_whole && have_carrier),
                        &format!("{one} and {other} both speak for {address}"),
                    );
                }
            }
        }
    }

    /// Lets the LAN come to rest, then looks at everything that must hold on a full mesh.
    pub(crate) fn settle(&mut self) {
        self.run(ms(15_000));
        for _second in 0..HOLD_UP {
            if !self.is_pin_held_back() {
                break;
            }
            self.run(ms(1_000));
        }
        self.mark();
        self.run(ms(700));
        self.check_rest();
    }

    /// The same, and looks again and again whether that is so already; each eighth schedule runs
    /// the whole time.
    pub(crate) fn settle_soon(&mut self) {
        if self.setup.seed.is_multiple_of(8) {
            return self.settle();
        }
        self.run(ms(700));
        for _round in 0..20 {
            self.mark();
            self.run(ms(700));
            let is_so = play(|| self.check_rest()).is_ok();
            if is_so {
                return;
            }
        }
        self.settle();
    }

    /// What must hold on a full mesh at rest.
    pub(crate) fn check_rest(&mut self) {
        self.check_no_claims("at rest");
        for address in self.addresses() {
            self.check_one_able_speaker(address);
        }
        for node in self.nodes() {
            self.check_view(node);
        }
        self.check_pins();
    }

    fn check_one_able_speaker(&self, address: IpAddr) {
        let best = self.nodes().map(|node| self.level(node, address)).max();
        let best = best.unwrap_or_default();
        let speakers = &self.records[&address].speakers;
        if best == Ability::Cannot {
            let what = format!("{speakers:?} speak for {address}, which nobody can serve");
            self.check(speakers.is_empty(), &what);
            return;
        }
        let speaker = self.speaker(address);
        let level = self.level(speaker, address);
        self.check(
            level == best,
            &format!("{speaker} speaks for {address} at {level:?}, {best:?} is there"),
        );
    }

    /// How able a node is, as far as the harness knows.
    pub(crate) fn level(&self, node: usize, address: IpAddr) -> Ability {
        let host = &self.hosts[node];
        let runs = host.daemon.as_ref().is_some_and(|daemon| !daemon.is_paused);
        if !runs || !host.is_powered || !host.has_carrier {
            return Ability::Cannot;
        }
        let own = host.abilities.get(&address).copied().unwrap_or_default();
        match host.is_drained {
            true => own.min(Ability::LastResort),
            false => own,
        }
    }

    /// A node's own report tells the truth, and it knows its peers' hardware addresses.
    fn check_view(&self, node: usize) {
        let host = &self.hosts[node];
        let runs = host.is_powered && host.has_carrier;
        let Some(daemon) = host.daemon.as_ref().filter(|one| runs && !one.is_paused) else {
            return;
        };
        let (name, neighbours) = (&host.name, daemon.member.neighbours());
        for other in self.nodes().filter(|other| *other != node) {
            let other = &self.hosts[other];
            let is_there = other.is_powered && other.has_carrier && other.daemon.is_some();
            let known = neighbours.get(&other.address).copied();
            self.check(
                !is_there || known == Some(other.mac),
                &format!("{name} thinks that {} has {known:?}", other.name),
            );
        }
        let Some(report) = host.report(self.now) else {
            self.fail(&format!("{name} has no report"));
        };
        let wanted = if host.is_drained {
            NodeState::Draining
        } else {
            NodeState::Active
        };
        self.check(
            report.state == wanted,
            &format!("{name} is {}", report.state),
        );
        for line in &report.addresses {
            let address = line.address;
            let speaker = self.records[&address].speakers.first().copied();
            let truth = match speaker {
                None => Holder::Nobody,
                Some(speaker) if speaker == node => Holder::This,
                Some(speaker) => Holder::Peer(self.hosts[speaker].id()),
            };
            let said = &line.holder;
            self.check(
                *said == truth,
                &format!("{name} reports {said:?} for {address}, it is {truth:?}"),
            );
        }
    }
}
