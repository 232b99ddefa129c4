//! The approver: watches certificate requests, and answers those that are sovnet's.
//!
//! Owns the connection and its retries. Every request is judged by the core from what was read; it
//! keeps nothing of them: after any trouble it lists again, and what is still open comes again. It
//! never signs anything. Run by [`super::run`].

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, ResourceExt};
use sovnet_core::approve::{Verdict, judge};
use thiserror::Error;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::answer::{self, AnswerError};
use super::connect::{ConnectError, connect, sentence};
use super::report::{ApproverReport, Ration};
use super::request;
use crate::clock;

/// The first pause after trouble; each further one is twice as long.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// How long each part of the first list may take. Later silence is normal.
const LIST: Duration = Duration::from_secs(30);

/// Why a watch ended.
#[derive(Debug, Error)]
enum Trouble {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("failed to watch certificate requests at {server}")]
    Watch {
        server: String,
        #[source]
        source: watcher::Error,
    },
    #[error("{server} does not list certificate requests within {} s", LIST.as_secs())]
    Slow { server: String },
    #[error("the watch of certificate requests at {server} ended")]
    Ended { server: String },
    #[error(transparent)]
    Answer(#[from] AnswerError),
}

/// The task.
pub(super) struct Approver {
    kubeconfig: PathBuf,
    report: watch::Sender<Arc<ApproverReport>>,
    pause: Duration,
    ration: Ration,
}

impl Approver {
    /// An approver with the identity of `kubeconfig`.
    pub(super) fn new(kubeconfig: &Path, report: watch::Sender<Arc<ApproverReport>>) -> Approver {
        Approver {
            kubeconfig: kubeconfig.to_owned(),
            report,
            pause: PAUSE_MIN,
            ration: Ration::default(),
        }
    }

    /// Watches and answers until `stop`.
    ///
    /// # Errors
    ///
    /// Never: trouble is said, and tried again.
    pub(super) async fn run(mut self, stop: CancellationToken) -> Result<(), Infallible> {
        while let Some(trouble) = stop.run_until_cancelled(self.watch()).await {
            self.tell(&trouble);
            // Both outcomes lead to the same place: a cancelled token ends the next turn at once.
            let _stopped_or_due = tokio::time::timeout(self.pause, stop.cancelled()).await;
            self.pause = (self.pause * 2).min(PAUSE_MAX);
        }
        Ok(())
    }

    /// One connection, from the list of all requests until something fails.
    async fn watch(&mut self) -> Trouble {
        let (client, server) = match connect(&self.kubeconfig).await {
            Ok(connected) => connected,
            Err(error) => return error.into(),
        };
        self.change(|report| report.server = Some(server.clone()));
        let api: Api<CertificateSigningRequest> = Api::all(client);
        let mut events = pin!(watcher(api.clone(), watcher::Config::default()));
        let mut open: Option<AnswerError> = None;
        let mut is_complete = false;
        loop {
            let event = match next_event(&mut events, is_complete, &server).await {
                Ok(event) => event,
                Err(trouble) => return trouble,
            };
            match event {
                Event::Init => is_complete = false,
                Event::InitApply(object) | Event::Apply(object) => {
                    open = self.handle_request(&api, object).await.err().or(open);
                }
                Event::InitDone => {
                    is_complete = true;
                    self.handle_complete(&server);
                }
                Event::Delete(_) => {}
            }
            // The rest of the list is not kept waiting by one that failed.
            if is_complete && let Some(error) = open.take() {
                return error.into();
            }
        }
    }

    /// Judges one request and sends the verdict. A refusal by the API server is said and left: only
    /// its administrator can change that, and a node that still wants a certificate asks again.
    async fn handle_request(
        &mut self,
        api: &Api<CertificateSigningRequest>,
        object: CertificateSigningRequest,
    ) -> Result<(), AnswerError> {
        if answer::is_settled(&object) {
            return Ok(());
        }
        let name = object.name_any();
        let request = match request::read(&object) {
            Ok(request) => request,
            Err(error) => {
                log::debug!(request:% = name, error:% = sentence(&error); "left a request alone that is not read");
                return Ok(());
            }
        };
        let verdict = judge(&request);
        let condition = match &verdict {
            Verdict::NotOurs => return Ok(()),
            Verdict::Approve { .. } => answer::approval(),
            Verdict::Deny(denial) => answer::denial(denial),
        };
        match answer::send(api, object, condition).await {
            Ok(true) => self.tell_verdict(&name, &request.requester, &verdict),
            Ok(false) => log::debug!(request:% = name; "the request changed before the answer"),
            Err(error @ AnswerError::Refused { .. }) => {
                if self.ration.take(clock::now()) {
                    log::warn!(request:% = name, error:% = sentence(&error); "the API server refuses our answer to a certificate request");
                }
            }
            Err(error @ (AnswerError::Failed { .. } | AnswerError::Late { .. })) => {
                return Err(error);
            }
        }
        Ok(())
    }

    fn tell_verdict(&mut self, request: &str, requester: &str, verdict: &Verdict) {
        match verdict {
            Verdict::NotOurs => {}
            Verdict::Approve { node } => {
                // A node may ask as often as it likes.
                if self.ration.take(clock::now()) {
                    log::info!(request:% = request, node:% = node; "approved a node's certificate request");
                }
                self.change(|report| report.approved += 1);
            }
            Verdict::Deny(denial) => {
                if self.ration.take(clock::now()) {
                    log::warn!(request:% = request, requester:% = requester, reason:% = denial; "denied a certificate request");
                }
                self.change(|report| report.denied += 1);
            }
        }
    }

    fn handle_complete(&mut self, server: &str) {
        self.pause = PAUSE_MIN;
        if !self.report.borrow().is_watching {
            log::info!(server:% = server; "watching certificate requests");
        }
        self.change(|report| {
            report.is_watching = true;
            report.trouble = None;
        });
    }

    /// The same trouble is said once.
    fn tell(&mut self, trouble: &Trouble) {
        let text = sentence(trouble);
        if self.report.borrow().trouble.as_deref() != Some(text.as_str()) {
            log::warn!(error:% = text; "no certificate request is answered");
        }
        self.change(|report| {
            report.is_watching = false;
            report.trouble = Some(text);
        });
    }

    fn change(&self, change: impl FnOnce(&mut ApproverReport)) {
        self.report.send_if_modified(|report| {
            let mut next = ApproverReport::clone(report);
            change(&mut next);
            let is_new = **report != next;
            if is_new {
                *report = Arc::new(next);
            }
            is_new
        });
    }
}

type Events = watcher::Result<Event<CertificateSigningRequest>>;

/// The next event; cancel-safe, as the stream is.
async fn next_event(
    events: &mut (impl Stream<Item = Events> + Unpin),
    is_complete: bool,
    server: &str,
) -> Result<Event<CertificateSigningRequest>, Trouble> {
    let server = || server.to_owned();
    let event = if is_complete {
        events.next().await
    } else {
        let limited = tokio::time::timeout(LIST, events.next()).await;
        limited.map_err(|_late| Trouble::Slow { server: server() })?
    };
    let event = event.ok_or_else(|| Trouble::Ended { server: server() })?;
    let watch = |source| Trouble::Watch {
        server: server(),
        source,
    };
    event.map_err(watch)
}
