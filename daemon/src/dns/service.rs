//! From a message to what is to be done about it: the one path that UDP and TCP share.
//!
//! Owns the zones, the rules for clients, the queries in flight and the counters; never a socket.
//! Called by the loop in `dns`, which carries out the [`Effect`]s.

use std::collections::BTreeMap;

use hickory_proto::op::{Message, ResponseCode};
use sovnet_core::config;
use sovnet_core::facts::LinkFacts;
use sovnet_core::names::Subnet;
use sovnet_core::report::DnsReport;
use sovnet_core::time::Moment;
use sovnet_core::zones::{ServiceAddresses, Zones, answer};

use super::clients::Clients;
use super::entropy::Draw;
use super::forward::exchange::{Ask, Outcome};
use super::forward::{Client, Forwards, Full, Order, Step};
use super::message::{self, Incoming, Query};

/// Extended errors (RFC 8914 section 4).
const PROHIBITED: (u16, &str) = (
    18,
    "only names of this LAN are answered for clients outside of it",
);
const NO_UPSTREAM: (u16, &str) = (
    20,
    "no upstream is configured, so only own names are answered",
);

/// What the counters count, for the report.
const COUNTERS: [&str; 12] = [
    QUERIES_UDP,
    QUERIES_TCP,
    ANSWERED_LOCAL,
    FORWARDED,
    ANSWERED_UPSTREAM,
    REFUSED,
    MALFORMED,
    DROPPED_SOURCE,
    DROPPED_FULL,
    LOOPED,
    SEND_FAILED,
    TCP_REFUSED,
];
pub(super) const QUERIES_UDP: &str = "queries-udp";
pub(super) const QUERIES_TCP: &str = "queries-tcp";
const ANSWERED_LOCAL: &str = "answered-local";
const FORWARDED: &str = "forwarded";
const ANSWERED_UPSTREAM: &str = "answered-upstream";
const REFUSED: &str = "refused";
const MALFORMED: &str = "malformed";
const DROPPED_SOURCE: &str = "dropped-source";
const DROPPED_FULL: &str = "dropped-full";
const LOOPED: &str = "looped";
/// A reply that no longer had a way to the client.
pub(super) const SEND_FAILED: &str = "send-failed";
/// A connection over the limit.
pub(super) const TCP_REFUSED: &str = "tcp-refused";

/// Something to carry out.
#[derive(Debug)]
pub(super) enum Effect {
    /// Send a reply; over UDP of at most so many bytes.
    Send {
        client: Client,
        reply: Box<Message>,
        max_udp_bytes: u16,
    },
    /// Ask an upstream.
    Ask(Ask),
    /// Stop waiting for this attempt.
    Abort(u64),
}

/// The DNS service without its sockets.
pub(super) struct Service {
    config: config::Dns,
    zones: Zones,
    recursion_for: Vec<Subnet>,
    clients: Clients,
    forwards: Forwards,
    counters: BTreeMap<&'static str, u64>,
}

impl Service {
    pub(super) fn new(config: &config::Dns) -> Service {
        Service {
            config: config.clone(),
            zones: Zones::build(config, &ServiceAddresses::new()),
            recursion_for: config.recursion_for.clone(),
            clients: Clients::new(&LinkFacts::default(), &config.recursion_for),
            forwards: Forwards::new(&config.upstreams),
            counters: COUNTERS.iter().map(|&name| (name, 0)).collect(),
        }
    }

    /// The links changed.
    pub(super) fn handle_links(&mut self, links: &LinkFacts) {
        self.clients = Clients::new(links, &self.recursion_for);
    }

    /// The Services that give names changed.
    pub(super) fn handle_services(&mut self, services: &ServiceAddresses) {
        self.zones = Zones::build(&self.config, services);
    }

    /// The rules for clients, as of now.
    pub(super) fn clients(&self) -> &Clients {
        &self.clients
    }

    /// A message of a client. Nothing, one or two things are to be done.
    pub(super) fn handle_message(
        &mut self,
        bytes: &[u8],
        client: Client,
        draw: Draw,
        now: Moment,
    ) -> Vec<Effect> {
        if !self.clients.may_be_answered(client.source()) {
            self.count(DROPPED_SOURCE);
            return Vec::new();
        }
        match message::decode(bytes) {
            Incoming::Query(query) => self.handle_query(query, client, draw, now),
            Incoming::Rejected(reply) => {
                self.count(MALFORMED);
                let max_udp_bytes = message::MAX_UDP_BYTES;
                vec![Effect::Send {
                    client,
                    reply,
                    max_udp_bytes,
                }]
            }
            Incoming::Dropped => {
                self.count(MALFORMED);
                Vec::new()
            }
        }
    }

    /// What came of an [`Effect::Ask`].
    pub(super) fn handle_outcome(
        &mut self,
        attempt: u64,
        outcome: Outcome,
        draw: Draw,
        now: Moment,
    ) -> Vec<Effect> {
        let step = self.forwards.handle_outcome(attempt, outcome, draw, now);
        step.and_then(|step| self.effect(step))
            .into_iter()
            .collect()
    }

    /// Time has passed.
    pub(super) fn handle_tick(&mut self, draw: Draw, now: Moment) -> Vec<Effect> {
        let step = self.forwards.next_probe(draw, now);
        step.and_then(|step| self.effect(step))
            .into_iter()
            .collect()
    }

    /// Adds one to a counter.
    pub(super) fn count(&mut self, counter: &'static str) {
        *self.counters.entry(counter).or_default() += 1;
    }

    /// Grows whenever more than a counter of the report changed.
    pub(super) fn revision(&self) -> u64 {
        self.forwards.revision()
    }

    /// Its part of the report; the listeners are the loop's.
    pub(super) fn report(&self) -> DnsReport {
        let (upstreams, problems) = self.forwards.report();
        let mut counters = self.counters.clone();
        let in_flight = u64::try_from(self.forwards.in_flight()).unwrap_or(u64::MAX);
        counters.insert("in-flight", in_flight);
        DnsReport {
            listeners: Vec::new(),
            zones: self.zones.summary(),
            upstreams,
            counters,
            problems,
        }
    }

    fn handle_query(
        &mut self,
        query: Query,
        client: Client,
        draw: Draw,
        now: Moment,
    ) -> Vec<Effect> {
        if let Some((attempt, step)) = self.forwards.handle_returned(&query, draw, now) {
            // No reply: our own query waits for one from the upstream only.
            self.count(LOOPED);
            let mut effects = vec![Effect::Abort(attempt)];
            effects.extend(self.effect(step));
            return effects;
        }
        let found = answer(&self.zones, &query.question);
        log::trace!(source:% = client.source(), name:% = query.question.name; "query");
        if let Some(reply) = message::local(&query, found) {
            let is_refusal = reply.metadata.response_code == ResponseCode::Refused;
            self.count(if is_refusal { REFUSED } else { ANSWERED_LOCAL });
            return vec![send(client, &query, reply)];
        }
        let source = client.source().ip();
        let refusal = match () {
            () if !self.clients.may_recurse(source) => Some(PROHIBITED),
            () if !self.forwards.has_upstreams() => Some(NO_UPSTREAM),
            () => None,
        };
        if let Some(reason) = refusal {
            self.count(REFUSED);
            let reply = message::error(&query, ResponseCode::Refused, Some(reason));
            return vec![send(client, &query, reply)];
        }
        let is_limited = !self.clients.is_gateway(source);
        match self.forwards.start(
            Order {
                query,
                client,
                is_limited,
            },
            draw,
            now,
        ) {
            Ok(step) => {
                self.count(FORWARDED);
                self.effect(step).into_iter().collect()
            }
            Err(Full) => {
                self.count(DROPPED_FULL);
                Vec::new()
            }
        }
    }

    fn effect(&mut self, step: Step) -> Option<Effect> {
        match step {
            Step::Done => None,
            Step::Ask(ask) => Some(Effect::Ask(ask)),
            Step::Reply {
                client,
                query,
                reply,
            } => {
                self.count(ANSWERED_UPSTREAM);
                Some(send(client, &query, *reply))
            }
        }
    }
}

fn send(client: Client, query: &Query, reply: Message) -> Effect {
    Effect::Send {
        client,
        reply: Box::new(reply),
        max_udp_bytes: query.max_udp_reply(),
    }
}
