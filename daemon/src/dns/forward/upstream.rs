//! The upstream servers: in which order they are asked, and what is known of each. Owned by
//! [`super::Forwards`]; says in the journal when a state changes, never per query.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use sovnet_core::report::{Problem, Severity, UpstreamReport};
use sovnet_core::time::Moment;

/// An upstream whose queries come back to us is not asked for so long.
const SKIPPED_WHEN_REDIRECTED: Duration = Duration::from_secs(60);

/// An upstream in trouble is asked by ourselves this often.
const PROBED_EVERY: Duration = Duration::from_secs(10);
/// Changes of an upstream's state are told at most this often.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// What was wrong with an attempt; completes "192.0.2.1:53 …".
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// No reply in time.
    Silent,
    /// The network or the host said no.
    Unreachable(String),
    /// It does not serve us.
    Said(ResponseCode),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Silent => f.write_str("does not answer"),
            Failure::Unreachable(error) => write!(f, "cannot be reached ({error})"),
            Failure::Said(code) => write!(f, "says {code}"),
        }
    }
}

/// The configured upstreams, in order of preference.
pub(super) struct Upstreams {
    list: Vec<Upstream>,
    revision: u64,
}

struct Upstream {
    address: SocketAddr,
    state: State,
    /// Whether it answers in another case than it was asked in.
    is_folding: bool,
    last_rtt: Option<Duration>,
    told_at: Option<Moment>,
    /// When it was last asked, by whomever.
    asked_at: Option<Moment>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Untried,
    Answering,
    Failing { failure: Failure },
    Redirected { until: Moment },
}

impl Upstreams {
    pub(super) fn new(addresses: &[SocketAddr]) -> Upstreams {
        let upstream = |&address: &SocketAddr| Upstream {
            address,
            state: State::Untried,
            is_folding: false,
            last_rtt: None,
            told_at: None,
            asked_at: None,
        };
        Upstreams {
            list: addresses.iter().map(upstream).collect(),
            revision: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    pub(super) fn address(&self, upstream: usize) -> SocketAddr {
        self.list[upstream].address
    }

    pub(super) fn is_folding(&self, upstream: usize) -> bool {
        self.list[upstream].is_folding
    }

    /// The next one to ask that is not among `tried`.
    pub(super) fn next(&self, tried: &[usize], now: Moment) -> Option<usize> {
        let is_candidate = |(number, upstream): &(usize, &Upstream)| {
            let is_skipped = matches!(upstream.state, State::Redirected { until } if now < until);
            !tried.contains(number) && !is_skipped
        };
        // One that failed is asked last until it answers: our own probes find that out.
        let is_avoided = |upstream: &Upstream| match upstream.state {
            State::Failing { .. } => true,
            State::Untried | State::Answering | State::Redirected { .. } => false,
        };
        let candidates = self.list.iter().enumerate().filter(is_candidate);
        let best = candidates.min_by_key(|(number, upstream)| (is_avoided(upstream), *number));
        best.map(|(number, _)| number)
    }

    /// The numbers of all upstreams.
    pub(super) fn all(&self) -> impl Iterator<Item = usize> {
        0..self.list.len()
    }

    /// An upstream whose trouble may be over, but that nobody has asked for a while.
    pub(super) fn next_to_probe(&self, now: Moment) -> Option<usize> {
        self.list.iter().position(|upstream| {
            let is_in_trouble = match upstream.state {
                State::Untried | State::Answering => false,
                State::Failing { .. } => true,
                State::Redirected { until } => now >= until,
            };
            let is_rested = |at| now.since(at) >= PROBED_EVERY;
            is_in_trouble && upstream.asked_at.is_none_or(is_rested)
        })
    }

    /// It is asked now.
    pub(super) fn set_asked(&mut self, upstream: usize, now: Moment) {
        self.list[upstream].asked_at = Some(now);
    }

    pub(super) fn set_answering(&mut self, upstream: usize, rtt: Duration, now: Moment) {
        self.list[upstream].last_rtt = Some(rtt);
        let before = self.change(upstream, State::Answering);
        let was_in_trouble = matches!(
            before,
            Some(State::Failing { .. } | State::Redirected { .. })
        );
        if was_in_trouble && self.may_tell(upstream, now) {
            log::info!(upstream:% = self.address(upstream); "upstream answers again");
        }
    }

    pub(super) fn set_failing(&mut self, upstream: usize, failure: Failure, now: Moment) {
        let state = State::Failing {
            failure: failure.clone(),
        };
        if self.change(upstream, state).is_some() && self.may_tell(upstream, now) {
            log::warn!(upstream:% = self.address(upstream), reason:% = failure; "upstream fails");
        }
    }

    pub(super) fn set_redirected(&mut self, upstream: usize, now: Moment) {
        let until = now + SKIPPED_WHEN_REDIRECTED;
        let before = self.change(upstream, State::Redirected { until });
        if before.is_some() && self.may_tell(upstream, now) {
            log::warn!(upstream:% = self.address(upstream);
                "the router sends queries to an upstream back to us");
        }
    }

    pub(super) fn set_folding(&mut self, upstream: usize) {
        self.list[upstream].is_folding = true;
        let address = self.address(upstream);
        log::debug!(upstream:% = address; "upstream does not keep the case of names");
    }

    pub(super) fn report(&self) -> (Vec<UpstreamReport>, Vec<Problem>) {
        let reports = self.list.iter().map(Upstream::report).collect();
        let problems = self.list.iter().filter_map(Upstream::problem).collect();
        (reports, problems)
    }

    /// Whether to tell a change: the journal grows with changes, not with a link that flaps.
    fn may_tell(&mut self, upstream: usize, now: Moment) -> bool {
        let told_at = &mut self.list[upstream].told_at;
        if told_at.is_some_and(|at| now.since(at) < TOLD_EVERY) {
            return false;
        }
        *told_at = Some(now);
        true
    }

    /// Sets a state; the state before, if what is shown changes by it.
    fn change(&mut self, upstream: usize, next: State) -> Option<State> {
        let upstream = &mut self.list[upstream];
        let before = upstream.report();
        let state = std::mem::replace(&mut upstream.state, next);
        let after = upstream.report();
        let is_change = (before.state, before.reason) != (after.state, after.reason);
        self.revision += u64::from(is_change);
        is_change.then_some(state)
    }
}

impl Upstream {
    fn report(&self) -> UpstreamReport {
        let (state, reason) = match &self.state {
            State::Untried => ("untried", "nothing was asked of it yet".to_owned()),
            State::Answering => ("ok", "it answers".to_owned()),
            State::Failing { failure, .. } => ("failing", format!("it {failure}")),
            State::Redirected { .. } => (
                "redirected",
                "the router sends our queries to it back to us".to_owned(),
            ),
        };
        UpstreamReport {
            address: self.address,
            state,
            reason,
            last_rtt: self.last_rtt,
        }
    }

    fn problem(&self) -> Option<Problem> {
        let address = self.address;
        match &self.state {
            State::Untried | State::Answering => None,
            State::Failing { failure, .. } => Some(Problem {
                severity: Severity::Degraded,
                code: "upstream-failing",
                what: format!("DNS upstream {address} {failure}."),
                remedy: "Check the network to it, or name another one under upstreams in [dns]."
                    .to_owned(),
            }),
            State::Redirected { .. } => Some(Problem {
                severity: Severity::Degraded,
                code: "upstream-redirected",
                what: format!(
                    "The router redirects our own queries to DNS upstream {address} back to us."
                ),
                remedy: "Exempt the nodes' addresses from the DNS redirection in the router, or \
                         name an upstream on another port than 53."
                    .to_owned(),
            }),
        }
    }
}
