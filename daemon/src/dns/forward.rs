//! Queries on their way to an upstream: which upstream next, what becomes of its reply, and which
//! incoming query is one of ours that a redirecting router sent back.
//!
//! A state machine without sockets: [`Forwards::start`] and the `handle_*` functions say in a
//! [`Step`] what to do, `service` passes it on, `exchange` carries it out. Time and randomness are
//! parameters.

pub(super) mod exchange;
#[cfg(test)]
mod tests;
mod upstream;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::Name;
use sovnet_core::report::{Problem, UpstreamReport};
use sovnet_core::time::Moment;
use tokio::sync::oneshot;

use self::exchange::{Ask, Outcome, Transport};
use self::upstream::{Failure, Upstreams};
use super::entropy::Draw;
use super::message::{self, Query};

/// Queries in flight at once; each has a socket, and a process has 1024 files unless told otherwise.
const MAX_IN_FLIGHT: usize = 512;
/// Of these for one client.
const MAX_PER_CLIENT: usize = 64;
/// Extended errors (RFC 8914 section 4).
const NO_REACHABLE_AUTHORITY: u16 = 22;
const NETWORK_ERROR: u16 = 23;

/// Where a reply goes.
#[derive(Debug)]
pub(super) enum Client {
    /// To an address, from the listening socket with this number.
    Udp { listener: usize, source: SocketAddr },
    /// To the connection that waits for it.
    Tcp {
        source: SocketAddr,
        reply_tx: oneshot::Sender<Message>,
    },
}

impl Client {
    pub(super) fn source(&self) -> SocketAddr {
        match self {
            Client::Udp { source, .. } | Client::Tcp { source, .. } => *source,
        }
    }
}

/// What to do next for a query.
#[derive(Debug)]
pub(super) enum Step {
    /// Ask an upstream, and hand the outcome to [`Forwards::handle_outcome`].
    Ask(Ask),
    /// Answer the client.
    Reply {
        client: Client,
        query: Query,
        reply: Box<Message>,
    },
    /// Nothing: it was a question of our own.
    Done,
}

/// The table has no place for one more query.
#[derive(Debug)]
pub(super) struct Full;

/// A query for an upstream, and who wants to know.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) query: Query,
    pub(super) client: Client,
    /// Whether the limit for one client applies.
    pub(super) is_limited: bool,
}

/// A query in flight.
struct Flight {
    waiting: Waiting,
    attempt: Attempt,
}

/// What stays of a query from attempt to attempt.
struct Waiting {
    query: Query,
    /// None for a question of our own.
    client: Option<Client>,
    /// Upstreams that were asked, by their number.
    tried: Vec<usize>,
    /// What went wrong so far, for the extended error.
    troubles: Vec<String>,
    /// SERVFAIL of an upstream, with its own explanation.
    failure: Option<Box<Message>>,
}

impl Waiting {
    fn new(query: Query, client: Option<Client>) -> Waiting {
        Waiting {
            query,
            client,
            tried: Vec::new(),
            troubles: Vec::new(),
            failure: None,
        }
    }
}

/// The current question to an upstream.
struct Attempt {
    upstream: usize,
    id: u16,
    name: Name,
    transport: Transport,
    started_at: Moment,
}

/// All queries in flight and the state of all upstreams.
pub(super) struct Forwards {
    upstreams: Upstreams,
    /// By attempt: an outcome that comes too late finds nothing.
    flights: BTreeMap<u64, Flight>,
    /// The ids of outgoing queries with their attempts.
    ids: BTreeSet<(u16, u64)>,
    per_client: BTreeMap<IpAddr, usize>,
    next_attempt: u64,
}

impl Forwards {
    pub(super) fn new(upstreams: &[SocketAddr]) -> Forwards {
        Forwards {
            upstreams: Upstreams::new(upstreams),
            flights: BTreeMap::new(),
            ids: BTreeSet::new(),
            per_client: BTreeMap::new(),
            next_attempt: 0,
        }
    }

    /// Takes a query on.
    pub(super) fn start(&mut self, order: Order, draw: Draw, now: Moment) -> Result<Step, Full> {
        let Order {
            query,
            client,
            is_limited,
        } = order;
        let source = client.source().ip();
        let of_client = self.per_client.get(&source).copied().unwrap_or(0);
        let is_full = self.flights.len() >= MAX_IN_FLIGHT;
        if is_full || (is_limited && of_client >= MAX_PER_CLIENT) {
            return Err(Full);
        }
        self.per_client.insert(source, of_client + 1);
        let waiting = Waiting::new(query, Some(client));
        Ok(self.ask_next(waiting, draw, now))
    }

    /// A question of our own to an upstream that is in trouble, if one is due: so that its state is
    /// true even while nobody's questions get to it.
    pub(super) fn next_probe(&mut self, draw: Draw, now: Moment) -> Option<Step> {
        let upstream = self.upstreams.next_to_probe(now)?;
        let mut waiting = Waiting::new(Query::probe(), None);
        // Its outcome concerns no other upstream.
        waiting.tried = self.upstreams.all().collect();
        Some(self.ask(waiting, (upstream, Transport::Udp), draw, now))
    }

    /// What an upstream said, or that it said nothing.
    pub(super) fn handle_outcome(
        &mut self,
        attempt: u64,
        outcome: Outcome,
        draw: Draw,
        now: Moment,
    ) -> Option<Step> {
        let (mut waiting, last) = self.take(attempt)?;
        let failure = match outcome {
            Outcome::Answered(reply) => return Some(self.judge((waiting, last), reply, draw, now)),
            Outcome::CaseLost => {
                self.upstreams.set_folding(last.upstream);
                return Some(self.ask(waiting, (last.upstream, last.transport), draw, now));
            }
            Outcome::Silent => Failure::Silent,
            Outcome::Unreachable(error) => Failure::Unreachable(error),
            // Our own trouble is not the upstream's.
            Outcome::NoSocket(error) => {
                waiting.troubles.push(error);
                return Some(self.ask_next(waiting, draw, now));
            }
        };
        let address = self.upstreams.address(last.upstream);
        waiting.troubles.push(format!("{address} {failure}"));
        self.upstreams.set_failing(last.upstream, failure, now);
        Some(self.ask_next(waiting, draw, now))
    }

    /// Whether an incoming query is one of our own that came back: same id, same name in the same
    /// case, same type, still in flight. If so: the attempt that is over, and what to do instead.
    pub(super) fn handle_returned(
        &mut self,
        incoming: &Query,
        draw: Draw,
        now: Moment,
    ) -> Option<(u64, Step)> {
        let of_id = self.ids.range((incoming.id, 0)..=(incoming.id, u64::MAX));
        let attempt = of_id.map(|&(_, attempt)| attempt).find(|attempt| {
            self.flights.get(attempt).is_some_and(|flight| {
                let asked = &flight.waiting.query.question;
                asked.record_type == incoming.question.record_type
                    && asked.class == incoming.question.class
                    && flight
                        .attempt
                        .name
                        .eq_case(&message::wire_name(&incoming.question.name))
            })
        })?;
        let (mut waiting, last) = self.take(attempt)?;
        let address = self.upstreams.address(last.upstream);
        waiting
            .troubles
            .push(format!("queries to {address} are sent back to us"));
        self.upstreams.set_redirected(last.upstream, now);
        Some((attempt, self.ask_next(waiting, draw, now)))
    }

    /// How many are in flight.
    pub(super) fn in_flight(&self) -> usize {
        self.flights.len()
    }

    /// Whether there is anyone to ask at all.
    pub(super) fn has_upstreams(&self) -> bool {
        !self.upstreams.is_empty()
    }

    /// Grows with every change of an upstream's state.
    pub(super) fn revision(&self) -> u64 {
        self.upstreams.revision()
    }

    /// The upstreams as they are shown, and what is wrong with them.
    pub(super) fn report(&self) -> (Vec<UpstreamReport>, Vec<Problem>) {
        self.upstreams.report()
    }

    fn judge(
        &mut self,
        (mut waiting, last): (Waiting, Attempt),
        reply: Box<Message>,
        draw: Draw,
        now: Moment,
    ) -> Step {
        let code = reply.metadata.response_code;
        let is_refusal = [
            ResponseCode::ServFail,
            ResponseCode::Refused,
            ResponseCode::NotImp,
            ResponseCode::FormErr,
        ]
        .contains(&code);
        if code == ResponseCode::Refused {
            // Without RD a resolver may refuse rightly: that says nothing of the server.
            if waiting.query.is_recursion_desired {
                self.upstreams
                    .set_failing(last.upstream, Failure::Said(code), now);
            }
        } else {
            self.upstreams
                .set_answering(last.upstream, now.since(last.started_at), now);
        }
        if is_refusal {
            let address = self.upstreams.address(last.upstream);
            waiting.troubles.push(format!("{address} says {code}"));
            if code == ResponseCode::ServFail {
                waiting.failure = Some(reply);
            }
            return self.ask_next(waiting, draw, now);
        }
        let came_by_tcp = matches!(waiting.client, Some(Client::Tcp { .. }));
        if reply.metadata.truncation && came_by_tcp && last.transport == Transport::Udp {
            return self.ask(waiting, (last.upstream, Transport::Tcp), draw, now);
        }
        self.finish(waiting, |query| message::forwarded(query, *reply))
    }

    fn ask_next(&mut self, waiting: Waiting, draw: Draw, now: Moment) -> Step {
        match self.upstreams.next(&waiting.tried, now) {
            Some(upstream) => self.ask(waiting, (upstream, Transport::Udp), draw, now),
            None => self.give_up(waiting),
        }
    }

    fn ask(
        &mut self,
        mut waiting: Waiting,
        (upstream, transport): (usize, Transport),
        draw: Draw,
        now: Moment,
    ) -> Step {
        self.upstreams.set_asked(upstream, now);
        if !waiting.tried.contains(&upstream) {
            waiting.tried.push(upstream);
        }
        let name = message::wire_name(&waiting.query.question.name);
        let is_case_exact = !self.upstreams.is_folding(upstream);
        let name = if is_case_exact {
            draw.shuffle_case(&name)
        } else {
            name
        };
        let id = draw.id();
        let attempt = self.next_attempt;
        self.next_attempt += 1;
        let ask = Ask {
            attempt,
            upstream: self.upstreams.address(upstream),
            transport,
            is_case_exact,
            message: message::upstream_query(&waiting.query, id, name.clone()),
        };
        self.ids.insert((id, attempt));
        let current = Attempt {
            upstream,
            id,
            name,
            transport,
            started_at: now,
        };
        self.flights.insert(
            attempt,
            Flight {
                waiting,
                attempt: current,
            },
        );
        Step::Ask(ask)
    }

    /// No upstream is left. A SERVFAIL that an upstream explained is passed on as it is.
    fn give_up(&mut self, mut waiting: Waiting) -> Step {
        if let Some(failure) = waiting.failure.take() {
            return self.finish(waiting, |query| message::forwarded(query, *failure));
        }
        let code = if waiting.tried.is_empty() {
            NO_REACHABLE_AUTHORITY
        } else {
            NETWORK_ERROR
        };
        let text = match waiting.troubles.is_empty() {
            true => "the router sends our queries to every upstream back to us".to_owned(),
            false => waiting.troubles.join("; "),
        };
        self.finish(waiting, |query| {
            message::error(query, ResponseCode::ServFail, Some((code, &text)))
        })
    }

    fn finish(&mut self, waiting: Waiting, reply: impl FnOnce(&Query) -> Message) -> Step {
        let Waiting { query, client, .. } = waiting;
        let Some(client) = client else {
            return Step::Done;
        };
        let source = client.source().ip();
        if let Some(count) = self.per_client.get_mut(&source) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.per_client.remove(&source);
            }
        }
        let reply = Box::new(reply(&query));
        Step::Reply {
            client,
            query,
            reply,
        }
    }

    fn take(&mut self, attempt: u64) -> Option<(Waiting, Attempt)> {
        let flight = self.flights.remove(&attempt)?;
        self.ids.remove(&(flight.attempt.id, attempt));
        Some((flight.waiting, flight.attempt))
    }
}
