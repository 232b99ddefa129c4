//! Asks the node's kube-proxy how it is, at the port where it says so (`/healthz`).
//!
//! Owns the questions; what follows from the answers is the core's ([`ProxyWatch`]). One request for
//! a status line, on this machine: what a library for HTTP would bring is not needed. Run by `app`;
//! `brain` reads what comes of it, and `store` keeps it.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sovnet_core::facts::proxy::{ProxyFacts, ProxyMemory, ProxyState, ProxyWatch};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// A status line is no longer than this.
const LINE_MAX: u64 = 256;

/// Asks kube-proxy, again and again.
pub(crate) struct ProxyShell {
    at: SocketAddr,
    /// This boot of the machine.
    boot: String,
    watch: ProxyWatch,
    facts: watch::Sender<Arc<ProxyFacts>>,
    memory: watch::Sender<Arc<ProxyMemory>>,
}

impl ProxyShell {
    /// Before the first question; what is remembered is in force from here on.
    pub(crate) fn new(
        at: SocketAddr,
        boot: String,
        facts: watch::Sender<Arc<ProxyFacts>>,
        memory: watch::Sender<Arc<ProxyMemory>>,
    ) -> ProxyShell {
        let seen = memory.borrow().seen(&boot);
        let watch = ProxyWatch::new(seen);
        facts.send_replace(Arc::new(watch.facts().clone()));
        ProxyShell {
            at,
            boot,
            watch,
            facts,
            memory,
        }
    }

    /// Asks until `stop`.
    ///
    /// # Errors
    /// Never: no answer is an answer.
    pub(crate) async fn run(mut self, stop: CancellationToken) -> Result<(), Infallible> {
        let asking = async {
            loop {
                let answer = tokio::time::timeout(PATIENCE, is_well(self.at, "/healthz")).await;
                let answer = match answer {
                    Ok(answer) => answer,
                    Err(_late) => Err(format!("{} did not answer within a second", self.at)),
                };
                self.handle_answer(answer);
                tokio::time::sleep(self.watch.pause()).await;
            }
        };
        let _stopped: Option<Infallible> = stop.run_until_cancelled(asking).await;
        Ok(())
    }

    fn handle_answer(&mut self, answer: Result<(), String>) {
        self.watch.handle_answer(answer, clock::now());
        let now = self.watch.facts();
        let before = Arc::clone(&self.facts.borrow());
        if before.state != now.state {
            tell(now);
        }
        if *before != *now {
            self.facts.send_replace(Arc::new(now.clone()));
        }
        if now.state == ProxyState::Ready {
            self.memory.send_if_modified(|memory| {
                let is_news = memory.boot != self.boot;
                if is_news {
                    *memory = Arc::new(ProxyMemory {
                        boot: self.boot.clone(),
                    });
                }
                is_news
            });
        }
    }
}

fn tell(facts: &ProxyFacts) {
    let reason = &facts.reason;
    match facts.state {
        ProxyState::Unknown => {}
        ProxyState::Ready => log::info!("kube-proxy is ready"),
        ProxyState::Awaited => {
            log::info!(reason:% = reason; "kube-proxy is awaited");
        }
        ProxyState::Gone => {
            log::warn!(reason:% = reason; "kube-proxy does not say any more that it is well");
        }
        ProxyState::Stale => {
            log::warn!(reason:% = reason; "kube-proxy is gone for so long that its rules get old");
        }
    }
}

/// Whether who listens there says that all is well; else why not, one clause.
pub(super) async fn is_well(at: SocketAddr, path: &str) -> Result<(), String> {
    let line = status_line(at, path).await;
    let line = line.map_err(|error| format!("{at}: {error}"))?;
    // `HTTP/1.1 200 OK`
    let status = line.split_once(' ').map(|(_version, status)| status.trim());
    match status {
        Some(status) if line.starts_with("HTTP/") && status.starts_with("200") => Ok(()),
        Some(status) if line.starts_with("HTTP/") => Err(format!("{at} answers {status}")),
        Some(_) | None => Err(format!("{at} does not speak HTTP")),
    }
}

async fn status_line(at: SocketAddr, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(at).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(LINE_MAX).read_to_end(&mut answer).await?;
    let text = String::from_utf8_lossy(&answer);
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

#[cfg(test)]
pub(super) mod tests;
