//! The session with the API: which credentials and which address are in use, and when others take
//! their place.
//!
//! Credentials that are renewed are exchanged below the watches. An address that does not answer is
//! left for one that does, if the credentials are those of `sovnetctl k8s join`: a kubeconfig that
//! the config names is taken at its word. Part of [`Kube`]; decides nothing about addresses of
//! Services.

use std::sync::Arc;

use futures_util::FutureExt as _;
use sovnet_core::lease::Lease;
use sovnet_core::report::{ApiState, Problem, Severity};

use super::access::Access;
use super::certificate::Standing;
use super::lease::{self, Looked};
use super::watches::Watches;
use super::{Kube, LONG_AWAY, Wires, places};
use crate::clock;

/// Credentials that cannot be used are told when they are found so again: the first time they may
/// be half written.
const SPOILT_AFTER: u32 = 2;

/// Credentials in use, and the watches that go with them.
pub(super) struct Session {
    pub(super) access: Access,
    pub(super) watches: Watches,
}

/// What there is to know beside the session.
#[derive(Debug, Default)]
pub(super) struct Surroundings {
    /// The API servers as they said it themselves.
    servers: Vec<String>,
    /// Whether they were asked since the connection began.
    is_asked: bool,
    /// Why the credentials on disk cannot be used while former ones are in use, and how often in a
    /// row.
    spoilt: Option<(String, u32)>,
}

/// What a look at the API found.
pub(super) struct Found {
    lease: Lease,
    looked: Looked,
    /// Another address that answers where this one does not.
    elsewhere: Option<Access>,
    /// The API servers, if they were asked for.
    servers: Option<Vec<String>>,
}

impl Kube {
    /// Opens a session when there is none, or when the credentials have changed.
    pub(super) async fn renew_session(&mut self) {
        if let Some(session) = &self.session
            && !session.access.is_outdated()
        {
            self.surroundings.spoilt = None;
            return;
        }
        match Access::open(&self.wires.kubeconfig).await {
            Ok(access) => self.take(access),
            Err(trouble) if self.may_go_on() => self.note_spoilt(trouble.to_string()),
            Err(trouble) => {
                self.session = None;
                self.look = None;
                self.health.write_trouble = None;
                self.surroundings.spoilt = None;
                self.turn(ApiState::NoCredentials, trouble.to_string());
            }
        }
    }

    /// Whether there are credentials that the API has not refused.
    fn may_go_on(&self) -> bool {
        let is_accepted = match self.health.state {
            ApiState::Connected | ApiState::Connecting | ApiState::Unreachable => true,
            ApiState::Refused | ApiState::Expired | ApiState::NoCredentials => false,
        };
        is_accepted && self.session.is_some()
    }

    fn note_spoilt(&mut self, why: String) {
        let before = self.surroundings.spoilt.as_ref();
        let times = before.map_or(1, |(_, times)| times.saturating_add(1));
        if times == SPOILT_AFTER {
            log::warn!(reason:% = why; "the credentials for Kubernetes on disk can not be used");
        }
        self.surroundings.spoilt = Some((why, times));
    }

    /// Takes credentials that were just read.
    fn take(&mut self, access: Access) {
        self.surroundings.spoilt = None;
        let Some(session) = &mut self.session else {
            return self.follow(access);
        };
        let access = access.where_was(&session.access);
        let is_in_order = self.health.state == ApiState::Connected;
        if is_in_order && session.access.is_same_place(&access) {
            log::info!(credentials:% = access.file.display(); "uses the renewed credentials");
            session.access.renew(access);
        } else {
            self.follow(access);
        }
    }

    /// Begins anew with these credentials, there.
    fn follow(&mut self, access: Access) {
        log::info!(server:% = access.server, credentials:% = access.file.display(); "follows the Kubernetes API");
        let watches = new_watches(&self.wires, &access);
        // A request that is dropped counts as lost, as any other one may be.
        self.look = None;
        self.session = Some(Session { access, watches });
        self.surroundings.is_asked = false;
        self.health.failures = 0;
        self.turn(ApiState::Connecting, "no answer yet".to_owned());
    }

    /// Begins a look at the Lease. Where the address in use had no answer before, others are asked
    /// if it has none again; and where it has one, the API servers are asked once who they are.
    pub(super) fn begin_look(&mut self, is_able: bool) {
        let Some(session) = &self.session else { return };
        let access = &session.access;
        let gone = Arc::clone(&self.wires.gone.borrow_and_update());
        let look = lease::look(access.client.clone(), self.lease.clone(), is_able, gone);
        let is_free = self.wires.is_joined && access.is_proved();
        let others = if is_free && self.health.failures > 0 {
            access.others(&self.surroundings.servers)
        } else {
            Vec::new()
        };
        let to_ask = is_free && !self.surroundings.is_asked;
        let to_ask = to_ask.then(|| access.client.clone());
        let look = async move {
            let (lease, looked) = look.await;
            let mut found = Found {
                lease,
                looked,
                elsewhere: None,
                servers: None,
            };
            if matches!(found.looked, Looked::Unreachable(_)) {
                found.elsewhere = places::first_answering(others).await;
            } else if let Some(client) = to_ask {
                found.servers = Some(places::servers(client).await.unwrap_or_default());
            }
            found
        };
        self.look = Some(look.boxed());
    }

    /// A look has ended.
    pub(super) fn handle_found(&mut self, found: Found) {
        self.look = None;
        self.lease = found.lease;
        let now = clock::now();
        if !self.is_able(now) {
            self.lease.let_go();
        }
        if let Some(servers) = found.servers {
            self.surroundings.is_asked = true;
            if !servers.is_empty() {
                self.surroundings.servers = servers;
            }
        }
        match found.elsewhere {
            Some(access) => {
                self.follow(access);
                self.look_at = now;
            }
            None => self.note_look(found.looked),
        }
    }

    fn note_look(&mut self, looked: Looked) {
        let now = clock::now();
        let Some(session) = &mut self.session else {
            return;
        };
        let health = &mut self.health;
        let former_trouble = health.write_trouble.take();
        match looked {
            Looked::Unreachable(reason) => {
                health.failures = health.failures.saturating_add(1);
                self.surroundings.is_asked = false;
                // One slow answer is no outage.
                if health.failures > 1 {
                    self.turn(ApiState::Unreachable, reason);
                }
                return;
            }
            Looked::Held | Looked::Other => {}
            Looked::Trouble(trouble) => health.write_trouble = Some(trouble),
        }
        health.failures = 0;
        let last_contact = health.last_contact.replace(now);
        let was_away = last_contact.is_some_and(|last| now.since(last) >= LONG_AWAY);
        // The rights are back: what was refused need not wait for its pause.
        let is_granted = former_trouble.is_some()
            && health.write_trouble.is_none()
            && health.state == ApiState::Refused;
        if was_away || is_granted || session.watches.is_stuck(now) {
            // The old connections may hang for minutes before anybody notices.
            session.watches = new_watches(&self.wires, &session.access);
        }
        let trouble = session.watches.trouble(now);
        let is_refusal = trouble.as_ref().is_some_and(|trouble| trouble.is_refusal);
        if (is_refusal || health.write_trouble.is_some())
            && let Some((Standing::Ended, until)) = standing(&session.access)
        {
            health.write_trouble = None;
            let file = session.access.file.display();
            let reason = format!("the one in {file} was valid until {until}");
            return self.turn(ApiState::Expired, reason);
        }
        match trouble {
            Some(trouble) if trouble.is_refusal => self.turn(ApiState::Refused, trouble.text),
            Some(trouble) => self.turn(ApiState::Connecting, trouble.text),
            None if !session.watches.is_complete() => {
                let reason = "it answers, and its objects are being read".to_owned();
                self.turn(ApiState::Connecting, reason);
            }
            None => self.turn(ApiState::Connected, "every watch is complete".to_owned()),
        }
    }

    /// What is wrong with the credentials while they are still good enough.
    pub(super) fn session_problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if let Some((why, times)) = &self.surroundings.spoilt
            && *times >= SPOILT_AFTER
        {
            problems.push(Problem {
                severity: Severity::Degraded,
                code: "kubernetes-credentials",
                what: format!(
                    "the credentials for Kubernetes on disk can not be used ({why}): those that \
                     were read before stay in use as long as the API takes them"
                ),
                remedy: "run `sovnetctl k8s join` on this node, or correct the file that \
                         [kubernetes] kubeconfig names"
                    .to_owned(),
            });
        }
        if let Some(session) = &self.session
            && let Some((Standing::Ending, until)) = standing(&session.access)
        {
            let file = session.access.file.display();
            problems.push(Problem {
                severity: Severity::Degraded,
                code: "kubernetes-certificate-ends",
                what: format!(
                    "the client certificate for the Kubernetes API in {file} is valid until \
                     {until} only, and was not renewed"
                ),
                remedy:
                    "`systemctl status sovnet-join` says why it was not renewed; a certificate \
                         that [kubernetes] kubeconfig names is its owner's to replace"
                        .to_owned(),
            });
        }
        problems
    }
}

/// Watches that have shown nothing yet.
fn new_watches(wires: &Wires, access: &Access) -> Watches {
    let has_memory = !wires.facts.borrow().pools.is_empty();
    Watches::new(&access.client, &wires.config, has_memory, clock::now())
}

/// How it stands with the certificate in use, and its end for people.
fn standing(access: &Access) -> Option<(Standing, String)> {
    let validity = access.certificate?;
    let now = clock::wall().as_second();
    Some((validity.standing(now), clock::utc(validity.until())))
}
