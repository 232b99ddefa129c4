//! One announcing link: its member, its speaker and their sockets.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use sovnet_core::decide::{Ability, SegmentPlan};
use sovnet_core::dhcp::DhcpWatcher;
use sovnet_core::facts::KernelWish;
use sovnet_core::facts::occupants::Occupants;
use sovnet_core::frame::dhcp;
use sovnet_core::member::keys::KeyRing;
use sovnet_core::member::{
    Command, LogLine, Member, MoveOrder, MoveRefusal, Output, PinOrder, PinRefusal, Remembered,
    Settings, Wake,
};
use sovnet_core::names::{LinkIndex, LinkName};
use sovnet_core::report::{LanReport, Problem, Severity};
use sovnet_core::speaker::{Handled, Speaker, Surroundings};
use sovnet_core::time::Moment;

use super::AnnounceError;
use super::bell::Bell;
use super::heartbeat::HeartbeatSocket;
use super::wire::Wire;
use crate::tasks::error_chain;

/// What is read from one socket in one turn at most: beyond that a flood would keep deadlines from
/// being looked at, and what is left is read in the next turn.
const READS_PER_TURN: usize = 512;
/// Sockets that could not be opened are tried again after this.
const RETRY: Duration = Duration::from_secs(1);
/// Longer than any frame and datagram that is of interest; longer ones are cut and do not parse.
pub(super) const BUFFER: usize = 2048;

/// What one turn means for others.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Did {
    /// What the kernel shall hold has changed.
    pub(super) kernel_changed: bool,
    /// What the disk shall hold has changed.
    pub(super) remember: bool,
    /// Something happened that people are told of.
    pub(super) is_news: bool,
}

/// A segment; without sockets until they could be opened.
pub(super) struct Segment {
    index: LinkIndex,
    bell: Bell,
    plan: SegmentPlan,
    remembered: Remembered,
    running: Option<Running>,
    trouble: Option<String>,
    retry_at: Option<Moment>,
    is_finished: bool,
    /// The last order: it outlives the sockets, so that a drained node stays drained.
    order: Option<Command>,
}

struct Running {
    member: Member,
    speaker: Speaker,
    wire: Wire,
    dhcp: DhcpWatcher,
    heartbeats: HeartbeatSocket,
    /// When all heartbeats that had arrived were read.
    read_at: Moment,
    /// Addresses, gateway or peers may have changed since speaker and sockets were told.
    is_elsewise: bool,
    /// When to tell the sockets again, if the kernel refused.
    retry_at: Option<Moment>,
    send_faults: std::collections::BTreeMap<&'static str, u64>,
    speaking: BTreeSet<IpAddr>,
    /// What the kernel holds, as the member was told last.
    local: Arc<BTreeSet<IpAddr>>,
}

impl Segment {
    pub(super) fn new(
        index: LinkIndex,
        plan: SegmentPlan,
        remembered: Remembered,
        bell: Bell,
    ) -> Segment {
        Segment {
            index,
            bell,
            plan,
            remembered,
            running: None,
            trouble: None,
            retry_at: None,
            is_finished: false,
            order: None,
        }
    }

    pub(super) fn link(&self) -> &LinkName {
        &self.plan.link
    }

    /// Whether it has left after a stop or restart.
    pub(super) fn is_finished(&self) -> bool {
        self.is_finished || self.running.is_none()
    }

    /// How many addresses its report tells of.
    pub(super) fn addresses(&self) -> usize {
        self.plan.abilities.len()
    }

    pub(super) fn spoken_for(&self) -> usize {
        self.running
            .as_ref()
            .map_or(0, |running| running.speaking.len())
    }

    pub(super) fn next_timeout(&self) -> Option<Moment> {
        let Some(running) = &self.running else {
            return self.retry_at;
        };
        let member = running.member.next_timeout().map(|(at, _)| at);
        let speaker = running.speaker.next_timeout().map(|(at, _)| at);
        member.into_iter().chain(speaker).min()
    }

    pub(super) fn handle_plan(&mut self, plan: &SegmentPlan, now: Moment) {
        if *plan == self.plan {
            return;
        }
        let is_up = |plan: &SegmentPlan| plan.abilities.values().any(|a| *a > Ability::Cannot);
        let is_back = is_up(plan) && !is_up(&self.plan);
        let is_elsewhere = plan.own != self.plan.own || plan.subnet != self.plan.subnet;
        let is_moved =
            is_elsewhere || plan.mac != self.plan.mac || plan.generation != self.plan.generation;
        self.plan.clone_from(plan);
        if is_elsewhere {
            // The sockets are bound to the old place; the member's peers and terms stay.
            self.reopen(now);
        }
        let Some(running) = &mut self.running else {
            return;
        };
        running.member.handle_plan(plan.clone(), now);
        running.is_elsewise = true;
        if is_back || is_moved {
            running.member.handle_link_up(now);
            running.speaker.set_link(plan.mac, plan.sources, now);
        }
    }

    pub(super) fn handle_command(&mut self, command: Command, now: Moment) {
        self.order = Some(command);
        if let Some(running) = &mut self.running {
            running.member.handle_command(command, now);
        }
    }

    /// An operator's order for one address.
    pub(super) fn handle_move(
        &mut self,
        order: &MoveOrder,
        now: Moment,
    ) -> Result<String, MoveRefusal> {
        match &mut self.running {
            Some(running) => running.member.handle_move(order, now),
            None => Err(MoveRefusal::Unknown(order.address)),
        }
    }

    /// An operator pins or unpins one address.
    pub(super) fn handle_pin(
        &mut self,
        order: &PinOrder,
        now: Moment,
    ) -> Result<String, PinRefusal> {
        match &mut self.running {
            Some(running) => running.member.handle_pin(order, now),
            None => Err(PinRefusal::Unknown(order.address)),
        }
    }

    /// The local time of day, in minutes.
    pub(super) fn handle_wall_clock(&mut self, day_minute: u16) {
        if let Some(running) = &mut self.running {
            running.member.handle_wall_clock(day_minute);
        }
    }

    /// What protects heartbeats from now on.
    pub(super) fn handle_keys(&mut self, keys: &KeyRing, now: Moment) {
        if let Some(running) = &mut self.running {
            running.member.handle_keys(keys, now);
        }
    }

    /// One turn (see the core's `member` for the order).
    pub(super) fn take_turn(
        &mut self,
        settings: &Settings,
        local: &Arc<BTreeSet<IpAddr>>,
        now: Moment,
    ) -> Result<Did, AnnounceError> {
        if self.running.is_none() {
            self.try_open(settings, now)?;
        }
        let Some(running) = &mut self.running else {
            return Ok(Did::default());
        };
        if running.is_elsewise {
            running.look_around(&self.plan, settings, now);
        }
        running.read(&self.plan, now);
        if !Arc::ptr_eq(&running.local, local) {
            running.local = Arc::clone(local);
            running.member.handle_local(local, now);
        }
        running.member.handle_timeout(now);
        let mut did = Did::default();
        while let Some(output) = running.member.next_output() {
            match output {
                Output::Send { to, bytes } => running.send(to, &bytes),
                Output::Ask { target, mac } => running.speaker.ask(target, mac),
                Output::Probe(address) => running.speaker.probe(address),
                Output::Announce(address) => running.speaker.announce_again(address, now),
                Output::ClaimsChanged => did.kernel_changed = true,
                Output::NeighboursChanged => {
                    did.kernel_changed = true;
                    running.is_elsewise = true;
                }
                Output::Remember => did.remember = true,
                Output::Log(line) => {
                    did.is_news = true;
                    write_log(&self.plan.link, &line);
                }
                Output::Finished => self.is_finished = true,
            }
        }
        running.speak(did.kernel_changed, now);
        running.heartbeats.let_lie(running.member.may_lie());
        Ok(did)
    }

    /// Adds what the kernel shall hold for this segment.
    pub(super) fn wish(&self, wish: &mut KernelWish) {
        let Some(running) = &self.running else { return };
        wish.local.extend(running.member.wanted_local());
        let neighbours = running.member.neighbours().into_iter();
        wish.neighbours
            .extend(neighbours.map(|(peer, mac)| ((self.index, peer), mac)));
    }

    pub(super) fn remembered(&self) -> Option<Remembered> {
        self.running
            .as_ref()
            .map(|running| running.member.remembered())
    }

    /// Hosts that are no nodes and use addresses of ours.
    pub(super) fn occupants(&self) -> Occupants {
        let running = self.running.as_ref();
        running
            .map(|running| running.member.occupants())
            .unwrap_or_default()
    }

    pub(super) fn report(&self, report: &mut LanReport, now: Moment) {
        if let Some(trouble) = &self.trouble {
            report.problems.push(Problem {
                severity: Severity::Unhealthy,
                code: "segment-without-sockets",
                what: format!("nothing is announced on {}: {trouble}", self.plan.link),
                remedy: "give the service CAP_NET_RAW and CAP_NET_ADMIN (its unit does), and look \
                         for another program on the heartbeat port; it is tried again each second"
                    .to_owned(),
            });
        }
        let Some(running) = &self.running else { return };
        let mut segment = running.member.report(now);
        segment.dhcp_servers = running.dhcp.report();
        segment
            .problems
            .extend(running.dhcp.problems(&self.plan, now));
        segment.counters.extend(running.speaker.counters());
        segment.counters.extend(
            running
                .send_faults
                .iter()
                .map(|(name, count)| (*name, *count)),
        );
        report.segments.push(segment);
    }

    fn try_open(&mut self, settings: &Settings, now: Moment) -> Result<(), AnnounceError> {
        let is_leaving = matches!(self.order, Some(Command::Stop | Command::Restart));
        if is_leaving || self.retry_at.is_some_and(|at| now < at) {
            return Ok(());
        }
        match self.open_sockets(settings, now) {
            Ok((wire, heartbeats)) => {
                let mut seed = [0; 32];
                getrandom::fill(&mut seed).map_err(AnnounceError::Randomness)?;
                let plan = self.plan.clone();
                let speaker = Speaker::new(plan.mac, plan.sources);
                let mut member = Member::new(settings.clone(), plan, &self.remembered, seed, now);
                if let Some(command) = self.order {
                    member.handle_command(command, now);
                }
                self.running = Some(Running {
                    member,
                    speaker,
                    wire,
                    dhcp: DhcpWatcher::default(),
                    heartbeats,
                    read_at: now,
                    is_elsewise: true,
                    retry_at: None,
                    send_faults: std::collections::BTreeMap::new(),
                    speaking: BTreeSet::new(),
                    local: Arc::default(),
                });
                self.trouble = None;
                self.retry_at = None;
                log::info!(link:% = self.plan.link, own:% = self.plan.own; "segment open");
            }
            Err(trouble) => {
                if self.trouble.as_ref() != Some(&trouble) {
                    log::warn!(link:% = self.plan.link, error:% = trouble; "segment does not open");
                }
                self.trouble = Some(trouble);
                self.retry_at = Some(now + RETRY);
            }
        }
        Ok(())
    }

    fn open_sockets(
        &self,
        settings: &Settings,
        now: Moment,
    ) -> Result<(Wire, HeartbeatSocket), String> {
        let around = surroundings(&self.plan, settings, None);
        let wire = Wire::open(self.index, &self.plan, &around, &self.bell, now)
            .map_err(|error| error_chain(&error))?;
        let heartbeats =
            HeartbeatSocket::open(&self.plan.link, self.plan.own, settings.port, &self.bell)
                .map_err(|error| error_chain(&error))?;
        Ok((wire, heartbeats))
    }

    /// The own address changed: a new life with what this one remembers.
    fn reopen(&mut self, now: Moment) {
        if let Some(running) = self.running.take() {
            self.remembered = running.member.remembered();
        }
        self.retry_at = Some(now);
    }
}

impl Running {
    /// Tells the speaker and the sockets which addresses matter.
    fn look_around(&mut self, plan: &SegmentPlan, settings: &Settings, now: Moment) {
        if self.retry_at.is_some_and(|at| now < at) {
            return;
        }
        let around = surroundings(plan, settings, Some(&self.member));
        if let Err(error) = self.wire.follow(plan, &around, now) {
            log::debug!(link:% = plan.link, error:% = error_chain(&error); "frames are filtered as before");
            *self.send_faults.entry("filter-not-replaced").or_default() += 1;
            self.retry_at = Some(now + RETRY);
        } else {
            self.is_elsewise = false;
            self.retry_at = None;
        }
        self.speaker.set_surroundings(around);
    }

    /// R2, then everything that has arrived.
    fn read(&mut self, plan: &SegmentPlan, now: Moment) {
        if self.member.handle_wake(now) == Wake::ThrowQueuesAway {
            let thrown = self.wire.drain() + self.heartbeats.drain();
            self.speaker.reset();
            self.speaking.clear();
            log::warn!(thrown = thrown; "was not run for too long: starts over");
        }
        let (speaker, member) = (&mut self.speaker, &mut self.member);
        self.wire.read(READS_PER_TURN, now, |frame| {
            match speaker.handle_frame(frame, now) {
                Handled::Answered => true,
                Handled::Defended(heard) => {
                    member.handle_heard(heard, now);
                    true
                }
                Handled::Heard(heard) => {
                    member.handle_heard(heard, now);
                    false
                }
                Handled::Ignored("arp-own-frame" | "ndp-own-frame") => {
                    member.handle_own_frame(now);
                    false
                }
                Handled::Ignored(_) => false,
            }
        });
        let dhcp = &mut self.dhcp;
        self.wire.read_dhcp(READS_PER_TURN, |frame| {
            if let Ok(frame) = dhcp::parse(frame) {
                dhcp.handle_frame(&frame, plan, now);
            }
        });
        let mut buffer = [0; BUFFER];
        for _ in 0..READS_PER_TURN {
            let Some(received) = self.heartbeats.recv(&mut buffer) else {
                self.read_at = now;
                break;
            };
            // What was there at the last look would have been read then, whatever became of the
            // wall clock since.
            let arrived = (now - received.age).max(self.read_at);
            let bytes = &buffer[..received.length];
            self.member.handle_datagram(received.source, bytes, arrived);
        }
        for _ in 0..READS_PER_TURN {
            let Some((peer, length)) = self.heartbeats.next_refused(&mut buffer) else {
                break;
            };
            let quoted = buffer.get(..length).unwrap_or_default();
            self.member.handle_refusal(peer, quoted, now);
        }
    }

    fn send(&mut self, to: IpAddr, bytes: &[u8]) {
        if let Err(fault) = self.heartbeats.send(to, bytes) {
            *self.send_faults.entry(fault).or_default() += 1;
        }
    }

    /// The speaker learns what it speaks for, and its frames go out.
    fn speak(&mut self, is_changed: bool, now: Moment) {
        if is_changed {
            let speaking = self.member.speaking();
            self.speaker.set_speaking(&speaking, now);
            self.speaking = speaking;
        }
        self.speaker.handle_timeout(now);
        while let Some(frame) = self.speaker.next_frame() {
            if let Err(fault) = self.wire.send(&frame) {
                *self.send_faults.entry(fault).or_default() += 1;
            }
        }
    }
}

/// The peers of the config, and those whose hardware addresses are known.
fn surroundings(plan: &SegmentPlan, settings: &Settings, member: Option<&Member>) -> Surroundings {
    let known = member.map(Member::neighbours).unwrap_or_default();
    Surroundings {
        addresses: plan.addresses.iter().copied().collect(),
        gateway: plan.gateway,
        peers: settings
            .peers
            .iter()
            .copied()
            .chain(known.into_keys())
            .collect(),
    }
}

fn write_log(link: &LinkName, line: &LogLine) {
    let address = line
        .address
        .map(|address| address.to_string())
        .unwrap_or_default();
    let peer = line
        .peer
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    let level = if line.is_warning {
        log::Level::Warn
    } else {
        log::Level::Info
    };
    match (address.is_empty(), peer.is_empty()) {
        (true, true) => log::log!(level, link:% = link; "{}", line.text),
        (false, true) => log::log!(level, link:% = link, address = address; "{}", line.text),
        (true, false) => log::log!(level, link:% = link, peer = peer; "{}", line.text),
        (false, false) => {
            log::log!(level, link:% = link, address = address, peer = peer; "{}", line.text);
        }
    }
}

#[cfg(test)]
mod tests;
