//! Brings the kernel to what is wished, step by step, and knows what it holds.
//!
//! The state of `link`, and what each event does to it. Waits for nothing but the kernel's answers,
//! which have time limits; called by the loop of `link` alone.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use futures_util::future::join_all;
use futures_util::{FutureExt, StreamExt};
use netlink_packet_core::NetlinkPayload;
use sovnet_core::facts::{KernelWish, LinkFacts, LocalAddresses};
use sovnet_core::names::LinkIndex;
use sovnet_core::report::Problem;

use super::former::Formers;
use super::held::{Held, QUIET, Step};
use super::kernel::{Kernel, KernelError};
use super::removals::{Cause, Removals, process};
use super::table::{Effects, LinkTable};
use super::troubles::Troubles;
use super::{Events, Message, sysctls};
use crate::clock;

/// Each so many renewals, what the kernel tells no event of is looked at.
const AUDIT_EVERY: u32 = 5;

/// Requests that are under way together; the kernel's answers must fit into a socket's queue.
const AT_ONCE: usize = 64;

/// Events that are taken before anything is done about them.
const BATCH: usize = 512;

/// Whether the kernel could tell everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// Yes.
    All,
    /// Its queue was full.
    SomeLost,
}

/// What is known, what is held and what is wished.
pub(super) struct Keeper {
    kernel: Kernel,
    removals: Removals,
    table: LinkTable,
    wish: Arc<KernelWish>,
    held: Held,
    former: Formers,
    troubles: Troubles,
    renewals: u32,
    /// Events were lost, or reading failed: everything has to be read.
    is_stale: bool,
}

impl Keeper {
    /// Knows and holds nothing yet; `port` is the netlink port of `kernel`.
    pub(super) fn new(kernel: Kernel, port: u32, former: Formers) -> Keeper {
        Keeper {
            kernel,
            removals: Removals::new(port, clock::now()),
            table: LinkTable::default(),
            wish: Arc::default(),
            held: Held::default(),
            former,
            troubles: Troubles::default(),
            renewals: 0,
            is_stale: false,
        }
    }

    /// Something else is wished.
    pub(super) async fn handle_wish(&mut self, wish: Arc<KernelWish>) {
        self.wish = wish;
        if !self.wish.announcing.is_empty() {
            // Not before: until then nobody knows which links stay quiet.
            self.former.take_over(&mut self.held, &self.table);
        }
        self.converge(false).await;
    }

    /// Everything of ours goes out of the kernel, also what an earlier life left.
    pub(super) async fn handle_stop(&mut self) {
        self.former.take_over(&mut self.held, &self.table);
        self.handle_wish(Arc::default()).await;
    }

    /// The kernel has told something, and perhaps more of it waits. If something was lost, nothing
    /// is done yet: listen anew, then call [`Keeper::handle_lost_events`].
    pub(super) async fn handle_events(&mut self, first: Message, events: &mut Events) -> Told {
        let (mut next, mut are_routes_stale) = (Some(first), false);
        for turn in 1..=BATCH {
            let Some(message) = next else { break };
            let port = message.header.port_number;
            if let NetlinkPayload::InnerMessage(inner) = &message.payload {
                let effects = self.table.apply(inner);
                are_routes_stale |= effects.are_routes_stale;
                self.follow(effects, port);
            } else if matches!(message.payload, NetlinkPayload::Overrun(_)) {
                return Told::SomeLost;
            }
            // What is taken must be applied, so the last turn takes nothing.
            let is_last = turn == BATCH;
            next = if is_last {
                None
            } else {
                events.messages.next().now_or_never().flatten()
            };
        }
        self.refresh(are_routes_stale).await;
        self.converge(false).await;
        Told::All
    }

    /// Events were lost, and from now on they are listened to again.
    pub(super) async fn handle_lost_events(&mut self) {
        log::debug!("events were lost: reading everything again");
        self.removals.handle_lost_events();
        self.is_stale = true;
        self.refresh(false).await;
        self.converge(false).await;
    }

    /// It is time to renew what has a lifetime, and to try again what failed.
    pub(super) async fn handle_renewal(&mut self) {
        self.renewals = self.renewals.wrapping_add(1);
        let now = clock::now();
        self.troubles.forget_old(now);
        self.removals.handle_renewal(now);
        if self.renewals.is_multiple_of(AUDIT_EVERY) {
            self.audit().await;
        }
        self.refresh(false).await;
        self.converge(true).await;
    }

    /// The facts for everyone else.
    pub(super) fn facts(&self) -> LinkFacts {
        self.table.facts()
    }

    /// The wished addresses that are local, by whomever.
    pub(super) fn local(&self) -> LocalAddresses {
        let wished = self.wish.local.iter().copied();
        let lasting = wished.filter(|address| self.table.has_lasting_local(*address));
        LocalAddresses {
            addresses: self.held.local.iter().copied().chain(lasting).collect(),
            wish: self.wish.number,
        }
    }

    /// What stands in the way.
    pub(super) fn problems(&self) -> Vec<Problem> {
        self.troubles.problems()
    }

    /// Reads everything; also what is held is compared with it.
    pub(super) async fn read_all(&mut self) -> Result<(), KernelError> {
        let messages = self.kernel.links_and_addresses().await?;
        self.table.reread(&messages);
        self.table.set_conf_for_all(sysctls::conf_for_all());
        for index in self.table.indices() {
            self.look_for_radio(index);
        }
        let table = &self.table;
        self.held.local.retain(|address| table.has_local(*address));
        self.held.quiet.retain(|index, _| table.has_link(*index));
        self.held.neighbours = self.kernel.our_neighbours().await?;
        self.table.set_routes(&self.kernel.routes().await?);
        Ok(())
    }

    /// Reads again what is known to be out of date.
    async fn refresh(&mut self, are_routes_stale: bool) {
        let result = if self.is_stale {
            self.read_all().await
        } else if are_routes_stale {
            self.read_routes().await
        } else {
            Ok(())
        };
        // After a failure everything is read at the next renewal.
        self.is_stale = result.is_err();
        if let Err(error) = result {
            log::warn!(error:% = error; "failed to read the kernel's state; it is tried again");
        }
    }

    async fn read_routes(&mut self) -> Result<(), KernelError> {
        self.table.set_routes(&self.kernel.routes().await?);
        Ok(())
    }

    /// Takes an event's consequences over; [`Keeper::converge`] does something about them. The port
    /// is that of whoever caused it.
    fn follow(&mut self, effects: Effects, port: u32) {
        if let Some(index) = effects.new_link {
            self.held.quiet.remove(&index);
            self.look_for_radio(index);
        }
        if let Some(index) = effects.lost_neighbours {
            self.held.forget_neighbours(index);
        }
        if let Some(index) = effects.gone_link {
            self.held.quiet.remove(&index);
        }
        if let Some(address) = effects.gone_local {
            self.follow_removal(address, port);
        }
    }

    fn follow_removal(&mut self, address: IpAddr, port: u32) {
        let now = clock::now();
        let cause = self.removals.cause(address, port, now);
        if cause == Cause::Ours || !self.held.local.remove(&address) {
            return;
        }
        match cause {
            Cause::Other(pid) => self
                .troubles
                .address_removed(address, pid.map(process), now),
            Cause::Kernel => log::info!(address:% = address; "a local address has ended"),
            Cause::Ours => {}
        }
    }

    /// Carries out what is missing. What fails is a problem, and is tried again at each renewal.
    async fn converge(&mut self, is_renewal: bool) {
        let before = self.troubles.open();
        let steps = self.held.steps(&self.wish, &self.table, is_renewal);
        for alike in steps.chunk_by(Step::is_like) {
            for steps in alike.chunks(AT_ONCE) {
                let results = self.carry_out(steps).await;
                for (step, result) in steps.iter().zip(results) {
                    self.note(*step, result);
                }
            }
        }
        for address in &self.wish.local {
            if self.table.has_lasting_local(*address) {
                self.troubles.lasting_local(*address);
            }
        }
        self.former.publish(&self.held, &self.table);
        self.troubles.settle(&before);
    }

    /// Carries out steps that are alike. Their requests go out together: a thousand addresses are
    /// renewed before the first of them ends, whatever else this thread has to do between two
    /// answers.
    async fn carry_out(&mut self, steps: &[Step]) -> Vec<Result<(), KernelError>> {
        if let [Step::Quiet(link)] = steps {
            return vec![self.make_quiet(*link).await];
        }
        let loopback = self.table.loopback().unwrap_or(LinkIndex(1));
        let kernel = &self.kernel;
        let requests = steps.iter().map(|step| kernel.carry_out(*step, loopback));
        join_all(requests).await
    }

    async fn make_quiet(&mut self, link: LinkIndex) -> Result<(), KernelError> {
        let before = self.kernel.arp_modes(link).await?;
        self.held.quiet.entry(link).or_insert(before);
        // As early as can be: whoever is killed from here on owes the link these.
        self.former.publish(&self.held, &self.table);
        let result = self.kernel.set_arp_modes(link, QUIET).await;
        if result.is_err() {
            self.held.quiet.remove(&link);
        }
        result
    }

    fn note(&mut self, step: Step, result: Result<(), KernelError>) {
        match result {
            Ok(()) => self.note_done(step),
            Err(error) if error.is_gone() && !matches!(step, Step::AddLocal(_)) => {
                log::debug!(error:% = error; "nothing there for {step:?}");
                self.note_gone(step);
            }
            Err(error) => {
                let link = self.link_of(step);
                self.troubles.fail(step, &link, &error);
            }
        }
    }

    fn note_done(&mut self, step: Step) {
        match step {
            Step::AddLocal(address) => {
                if self.held.local.insert(address) {
                    log::info!(address:% = address; "address is local");
                }
            }
            Step::RemoveLocal(address) => {
                self.held.local.remove(&address);
                self.removals.handle_own(address);
                log::info!(address:% = address; "address is not local any more");
            }
            Step::Quiet(link) => {
                log::info!(link = self.table.name(link); "the kernel speaks ARP only for its own");
            }
            Step::PutNeighbour(link, address, mac) => {
                self.held.neighbours.insert((link, address), mac);
            }
            Step::Restore(..) | Step::RemoveNeighbour(..) => self.note_gone(step),
        }
    }

    fn note_gone(&mut self, step: Step) {
        match step {
            Step::RemoveLocal(address) => {
                self.held.local.remove(&address);
            }
            Step::Restore(link, _) => {
                self.held.quiet.remove(&link);
            }
            Step::RemoveNeighbour(link, address) => {
                self.held.neighbours.remove(&(link, address));
            }
            Step::AddLocal(_) | Step::Quiet(_) | Step::PutNeighbour(..) => {}
        }
    }

    /// Of settings and neighbours that others change there are no events.
    async fn audit(&mut self) {
        self.table.set_conf_for_all(sysctls::conf_for_all());
        match self.kernel.links().await {
            Ok(links) => links.iter().for_each(|link| self.table.apply_conf(link)),
            Err(error) => log::debug!(error:% = error; "failed to read the links' settings"),
        }
        let links: Vec<LinkIndex> = self.held.quiet.keys().copied().collect();
        for link in links {
            if self
                .table
                .arp_modes(link)
                .is_some_and(|modes| modes != QUIET)
            {
                self.make_quiet_again(link).await;
            }
        }
        if let Ok(neighbours) = self.kernel.our_neighbours().await {
            self.held.neighbours = neighbours;
        }
    }

    async fn make_quiet_again(&mut self, link: LinkIndex) {
        let result = self.kernel.set_arp_modes(link, QUIET).await;
        let name = self.table.name(link);
        match result {
            Ok(()) => self.troubles.arp_changed(&name, clock::now()),
            Err(error) => log::debug!(link = name, error:% = error; "failed to set ARP again"),
        }
    }

    fn look_for_radio(&mut self, index: LinkIndex) {
        let devices = Path::new("/sys/class/net").join(self.table.name(index));
        if devices.join("phy80211").exists() || devices.join("wireless").exists() {
            self.table.set_wireless(index);
        }
    }

    fn link_of(&self, step: Step) -> String {
        match step {
            Step::AddLocal(_) | Step::RemoveLocal(_) => "lo".to_owned(),
            Step::Quiet(link)
            | Step::Restore(link, _)
            | Step::PutNeighbour(link, _, _)
            | Step::RemoveNeighbour(link, _) => self.table.name(link),
        }
    }
}
