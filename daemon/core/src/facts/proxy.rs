//! How it stands with the node's kube-proxy, whose rules take the packets of Services.
//!
//! A node without these rules loses what it is sent, so it takes the address of a Service only if no
//! other node can. The rules stay in the kernel when kube-proxy ends: who speaks for an address then
//! goes on for a while, in which kube-proxy may come back. Owns what follows from its answers; asks
//! nobody. Fed by the shell that asks.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use super::of_boot;
use crate::time::Moment;

/// Where kube-proxy says how it is, if the config says nothing: its own default.
pub const HEALTH_PORT: u16 = 10256;

/// So many questions in a row without a good answer, and it is gone.
const MISSES: u32 = 3;
/// It says that it is well as soon as it runs: after the machine's start, its rules are there so much
/// later.
const SETTLE: Duration = Duration::from_secs(2);
/// What is gone for so long has rules that may lead to endpoints of the past. k3s, which has
/// kube-proxy inside, is back from a restart by then.
const STALE: Duration = Duration::from_secs(60);
/// Between questions while all is as it was.
const CALM: Duration = Duration::from_secs(5);
/// Between questions while something may have changed.
const CLOSE: Duration = Duration::from_millis(500);

/// How it stands with kube-proxy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ProxyState {
    /// It was never seen on this node: the cluster may well do without it, so nothing follows.
    #[default]
    Unknown,
    /// It says that it is well.
    Ready,
    /// It was well before the machine started anew, and not since: its rules are not there.
    Awaited,
    /// It was well since the machine started and is not now: its rules are still there.
    Gone,
    /// It is gone for so long that its rules are old.
    Stale,
}

/// What is known of kube-proxy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProxyFacts {
    /// How it stands.
    pub state: ProxyState,
    /// Why it is not ready, one clause; else empty.
    pub reason: String,
}

impl ProxyFacts {
    /// Whether another node is better for the address of a Service, which this one keeps or not.
    pub fn bars(&self, is_kept: bool) -> bool {
        match self.state {
            ProxyState::Unknown | ProxyState::Ready => false,
            ProxyState::Awaited | ProxyState::Stale => true,
            ProxyState::Gone => !is_kept,
        }
    }

    /// What this node still speaks for of what it spoke for when kube-proxy went, by what was kept
    /// `before`: what it takes later is no ground to keep it. Everything while kube-proxy is there.
    pub fn kept(&self, before: &BTreeSet<IpAddr>, held: &BTreeSet<IpAddr>) -> BTreeSet<IpAddr> {
        match self.state {
            ProxyState::Gone => before.intersection(held).copied().collect(),
            ProxyState::Unknown | ProxyState::Ready | ProxyState::Awaited | ProxyState::Stale => {
                held.clone()
            }
        }
    }
}

/// What the disk remembers of kube-proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// It was never well here.
    Never,
    /// It was well before the machine started anew.
    Before,
    /// It was well since then.
    SinceBoot,
}

/// Follows kube-proxy by its answers.
#[derive(Debug)]
pub struct ProxyWatch {
    facts: ProxyFacts,
    misses: u32,
    /// Since when all answers are good.
    well_since: Option<Moment>,
    /// Since when none was.
    gone_since: Option<Moment>,
}

impl ProxyWatch {
    /// Before the first answer.
    pub fn new(seen: Seen) -> ProxyWatch {
        let (state, reason) = match seen {
            Seen::Never => (ProxyState::Unknown, ""),
            Seen::Before => (ProxyState::Awaited, "it was not asked yet"),
            Seen::SinceBoot => (ProxyState::Ready, ""),
        };
        ProxyWatch {
            facts: ProxyFacts {
                state,
                reason: reason.to_owned(),
            },
            misses: 0,
            well_since: None,
            gone_since: None,
        }
    }

    /// What is known now.
    pub fn facts(&self) -> &ProxyFacts {
        &self.facts
    }

    /// How long to wait before it is asked again.
    pub fn pause(&self) -> Duration {
        match self.facts.state {
            ProxyState::Ready if self.misses > 0 => CLOSE,
            ProxyState::Unknown | ProxyState::Ready => CALM,
            ProxyState::Awaited | ProxyState::Gone | ProxyState::Stale => CLOSE,
        }
    }

    /// Takes an answer: good, or why not, one clause.
    pub fn handle_answer(&mut self, answer: Result<(), String>, now: Moment) {
        match answer {
            Ok(()) => self.handle_well(now),
            Err(reason) => self.handle_trouble(reason, now),
        }
    }

    fn handle_well(&mut self, now: Moment) {
        self.misses = 0;
        self.gone_since = None;
        let well_since = *self.well_since.get_or_insert(now);
        let is_settled = now.since(well_since) >= SETTLE;
        if self.facts.state == ProxyState::Awaited && !is_settled {
            "it has just started".clone_into(&mut self.facts.reason);
            return;
        }
        self.facts = ProxyFacts {
            state: ProxyState::Ready,
            reason: String::new(),
        };
    }

    fn handle_trouble(&mut self, reason: String, now: Moment) {
        self.well_since = None;
        self.misses = self.misses.saturating_add(1);
        let gone_since = *self.gone_since.get_or_insert(now);
        let state = match self.facts.state {
            ProxyState::Unknown => return,
            ProxyState::Ready if self.misses < MISSES => return,
            ProxyState::Awaited => ProxyState::Awaited,
            ProxyState::Ready | ProxyState::Gone | ProxyState::Stale => {
                match now.since(gone_since) >= STALE {
                    true => ProxyState::Stale,
                    false => ProxyState::Gone,
                }
            }
        };
        self.facts = ProxyFacts { state, reason };
    }
}

/// The longest file that is read, in bytes.
pub const MAX_LENGTH: usize = 256;

/// The first line of the file: the form, and its version.
const FORM: &str = "sovnet-proxy/1";

/// In which boot of the machine kube-proxy was well last, as the disk remembers it; empty if in none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProxyMemory {
    /// The boot, as the kernel names it.
    pub boot: String,
}

impl ProxyMemory {
    /// What that means in this boot.
    pub fn seen(&self, boot: &str) -> Seen {
        match self.boot.as_str() {
            "" => Seen::Never,
            known if known == boot => Seen::SinceBoot,
            _ => Seen::Before,
        }
    }
}

/// The text of the file.
pub fn to_text(memory: &ProxyMemory) -> String {
    of_boot::write(FORM, &memory.boot)
}

/// The same read again.
///
/// # Errors
/// What is not of this form, one clause.
pub fn from_text(text: &str) -> Result<ProxyMemory, String> {
    let (boot, _rest) = of_boot::read(FORM, text)?;
    Ok(ProxyMemory {
        boot: boot.to_owned(),
    })
}

#[cfg(test)]
mod tests;
