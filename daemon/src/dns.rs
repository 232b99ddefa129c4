//! DNS on the LAN: own names from core's zones, everything else from an upstream.
//!
//! One task owns everything: the listening sockets, the service with its zones and its queries in
//! flight, and the counters. Tasks of its own are only an exchange with an upstream and a TCP
//! connection; both are bounded in number and in time, and talk to it by value. `app` spawns
//! [`Dns::run`]; others see [`DnsReport`].

mod clients;
mod entropy;
mod forward;
mod listeners;
mod message;
mod service;
mod tcp;
#[cfg(test)]
mod tests;
mod udp;

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hickory_proto::op::Message;
use sovnet_core::config;
use sovnet_core::facts::LinkFacts;
use sovnet_core::report::DnsReport;
use sovnet_core::zones::ServiceAddresses;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use self::entropy::{Draw, Entropy};
use self::forward::Client;
use self::forward::exchange::{Outcome, exchange};
use self::listeners::{Listeners, Ready};
use self::service::{Effect, Service};
use self::tcp::{Connections, Job};
use crate::clock;

/// Counters are published, and paused sockets looked at again, this often.
const TICK_EVERY: Duration = Duration::from_secs(1);
/// Sockets that could not be bound are tried again this often.
const BIND_EVERY: Duration = Duration::from_secs(3);
/// A change of state is published at once, but not more often than this.
const PUBLISH_EVERY: Duration = Duration::from_millis(250);
/// Packets of one socket that are read before others get their turn.
const BATCH: usize = 64;
/// Messages of TCP connections that wait for their turn; more wait in their connections.
const MAX_JOBS: usize = 64;

/// Why DNS had to end.
#[derive(Debug, Error)]
pub(crate) enum DnsError {
    /// No randomness means guessable queries: nobody is served by that.
    #[error("failed to get random bytes for a DNS query")]
    Random {
        /// What the kernel said.
        #[source]
        source: getrandom::Error,
    },
}

/// What the server follows.
pub(crate) struct Facts {
    /// The kernel's links: who may ask for what is not ours.
    pub(crate) links: watch::Receiver<Arc<LinkFacts>>,
    /// Services that give names.
    pub(crate) services: watch::Receiver<Arc<ServiceAddresses>>,
}

/// The DNS server of this node.
pub(crate) struct Dns {
    service: Service,
    listeners: Listeners,
    connections: Connections,
    exchanges: JoinSet<(u64, Outcome)>,
    exchange_handles: BTreeMap<u64, AbortHandle>,
    jobs_rx: mpsc::Receiver<Job>,
    links: watch::Receiver<Arc<LinkFacts>>,
    services: watch::Receiver<Arc<ServiceAddresses>>,
    report_tx: watch::Sender<Arc<DnsReport>>,
    progress: Arc<AtomicU64>,
    entropy: Entropy,
    /// Changes of listeners and upstreams that the published report contains.
    published_revision: u64,
    publish_after: Instant,
    bind_at: Instant,
    tick_at: Instant,
}

/// What the loop wakes up for.
enum Event {
    Ready(Ready),
    Job(Job),
    /// None if the exchange was aborted.
    Outcome(Option<(u64, Outcome)>),
    ConnectionEnded,
    Links,
    Services,
    Deadline,
    Stop,
}

impl Dns {
    /// A server that does nothing yet. `progress` grows with every turn of the loop, at least once a
    /// second, for the watchdog.
    pub(crate) fn new(
        config: &config::Dns,
        facts: Facts,
        report_tx: watch::Sender<Arc<DnsReport>>,
        progress: Arc<AtomicU64>,
    ) -> Dns {
        let Facts { links, services } = facts;
        let (jobs_tx, jobs_rx) = mpsc::channel(MAX_JOBS);
        let now = Instant::now();
        Dns {
            service: Service::new(config),
            listeners: Listeners::new(&config.listen),
            connections: Connections::new(jobs_tx),
            exchanges: JoinSet::new(),
            exchange_handles: BTreeMap::new(),
            jobs_rx,
            links,
            services,
            report_tx,
            progress,
            entropy: Entropy::default(),
            published_revision: u64::MAX,
            publish_after: now,
            bind_at: now,
            tick_at: now,
        }
    }

    /// Serves until `stop`.
    ///
    /// # Errors
    /// The kernel gives no random bytes. Everything else is a problem in the report, and tried
    /// again.
    pub(crate) async fn run(mut self, stop: CancellationToken) -> Result<(), DnsError> {
        self.handle_links();
        self.handle_services();
        self.handle_deadlines()?;
        loop {
            let event = self.wait_for_event(&stop).await;
            self.progress.fetch_add(1, Ordering::Relaxed);
            match event {
                Event::Ready(Ready::Packets(number)) => self.handle_packets(number)?,
                Event::Ready(Ready::Connection(number, accepted)) => {
                    self.handle_connection(number, accepted);
                }
                Event::Job(job) => self.handle_job(job)?,
                Event::Outcome(Some((attempt, outcome))) => {
                    self.handle_outcome(attempt, outcome)?
                }
                Event::Outcome(None) | Event::ConnectionEnded | Event::Deadline => {}
                Event::Links => self.handle_links(),
                Event::Services => self.handle_services(),
                Event::Stop => return Ok(()),
            }
            self.handle_deadlines()?;
        }
    }

    /// The only wait. Every branch is cancel-safe: readiness, channels, `join_next` and timers lose
    /// nothing when another branch wins.
    async fn wait_for_event(&mut self, stop: &CancellationToken) -> Event {
        let is_unpublished = self.revision() != self.published_revision;
        let publish_at = if is_unpublished {
            self.publish_after
        } else {
            self.tick_at
        };
        let deadline = self.tick_at.min(self.bind_at).min(publish_at);
        tokio::select! {
            () = stop.cancelled() => Event::Stop,
            ready = poll_fn(|context| self.listeners.poll_ready(context)) => Event::Ready(ready),
            Some(job) = self.jobs_rx.recv() => Event::Job(job),
            Some(done) = self.exchanges.join_next() => Event::Outcome(done.ok()),
            Some(()) = self.connections.next_end() => Event::ConnectionEnded,
            Ok(()) = self.links.changed() => Event::Links,
            Ok(()) = self.services.changed() => Event::Services,
            () = sleep_until(deadline) => Event::Deadline,
        }
    }

    fn handle_packets(&mut self, number: usize) -> Result<(), DnsError> {
        let mut buffer = [0; udp::MAX_QUERY_BYTES];
        for _ in 0..BATCH {
            let Some(socket) = self.listeners.udp(number) else {
                return Ok(());
            };
            match udp::receive(socket, &mut buffer) {
                Ok(Some((length, source))) => {
                    self.service.count(service::QUERIES_UDP);
                    let client = Client::Udp {
                        listener: number,
                        source,
                    };
                    self.handle_message(&buffer[..length], client)?;
                }
                Ok(None) => return Ok(()),
                Err(error) => {
                    log::debug!(error:% = error; "failed to receive a DNS packet");
                    self.listeners.pause_udp(number);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn handle_connection(&mut self, number: usize, accepted: io::Result<(TcpStream, SocketAddr)>) {
        match accepted {
            Ok((stream, source)) => {
                let is_limited = !self.service.clients().is_gateway(source.ip());
                if self.connections.serve(stream, source, is_limited).is_err() {
                    self.service.count(service::TCP_REFUSED);
                }
            }
            // A client that went away before it was accepted: the next one is not touched by it.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                log::debug!(error:% = error; "failed to accept a DNS connection");
                self.listeners.pause_tcp(number);
            }
        }
    }

    fn handle_job(&mut self, job: Job) -> Result<(), DnsError> {
        self.service.count(service::QUERIES_TCP);
        let Job {
            bytes,
            source,
            reply_tx,
        } = job;
        self.handle_message(&bytes, Client::Tcp { source, reply_tx })
    }

    fn handle_message(&mut self, bytes: &[u8], client: Client) -> Result<(), DnsError> {
        let draw = self.draw()?;
        let effects = self
            .service
            .handle_message(bytes, client, draw, clock::now());
        self.carry_out(effects);
        Ok(())
    }

    fn handle_outcome(&mut self, attempt: u64, outcome: Outcome) -> Result<(), DnsError> {
        self.exchange_handles.remove(&attempt);
        let draw = self.draw()?;
        let effects = self
            .service
            .handle_outcome(attempt, outcome, draw, clock::now());
        self.carry_out(effects);
        Ok(())
    }

    fn handle_links(&mut self) {
        let links = self.links.borrow_and_update().clone();
        self.service.handle_links(&links);
    }

    fn handle_services(&mut self) {
        let services = self.services.borrow_and_update().clone();
        self.service.handle_services(&services);
    }

    /// What is due by now.
    fn handle_deadlines(&mut self) -> Result<(), DnsError> {
        let now = Instant::now();
        if now >= self.bind_at {
            self.bind_at = now + BIND_EVERY;
            self.listeners.bind_missing();
        }
        let is_tick = now >= self.tick_at;
        if is_tick {
            self.tick_at = now + TICK_EVERY;
            self.listeners.resume();
            let draw = self.draw()?;
            let effects = self.service.handle_tick(draw, clock::now());
            self.carry_out(effects);
        }
        let is_unpublished = self.revision() != self.published_revision;
        if is_tick || (is_unpublished && now >= self.publish_after) {
            self.publish_after = now + PUBLISH_EVERY;
            self.publish();
        }
        Ok(())
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Send {
                    client,
                    reply,
                    max_udp_bytes,
                } => {
                    self.send(client, *reply, max_udp_bytes);
                }
                Effect::Ask(ask) => {
                    let attempt = ask.attempt;
                    let handle = self.exchanges.spawn(exchange(ask));
                    self.exchange_handles.insert(attempt, handle);
                }
                Effect::Abort(attempt) => {
                    if let Some(handle) = self.exchange_handles.remove(&attempt) {
                        handle.abort();
                    }
                }
            }
        }
    }

    /// Sends without waiting: who can't take a reply now asks again.
    fn send(&mut self, client: Client, reply: Message, max_udp_bytes: u16) {
        let is_sent = match client {
            Client::Udp { listener, source } => {
                let bytes = message::encode(reply, max_udp_bytes);
                let socket = self.listeners.udp(listener);
                socket.is_some_and(|socket| socket.try_send_to(&bytes, source).is_ok())
            }
            Client::Tcp { reply_tx, .. } => reply_tx.send(reply).is_ok(),
        };
        if !is_sent {
            self.service.count(service::SEND_FAILED);
        }
    }

    fn draw(&mut self) -> Result<Draw, DnsError> {
        self.entropy
            .draw()
            .map_err(|source| DnsError::Random { source })
    }

    fn revision(&self) -> u64 {
        self.service.revision() + self.listeners.revision()
    }

    fn publish(&mut self) {
        self.published_revision = self.revision();
        let mut report = self.service.report();
        let (listeners, problems) = self.listeners.report();
        report.listeners = listeners;
        report.problems.splice(0..0, problems);
        self.report_tx.send_if_modified(|current| {
            let is_change = **current != report;
            if is_change {
                *current = Arc::new(report);
            }
            is_change
        });
    }
}
