//! Paths that lose long datagrams: a link or a switch with a smaller MTU than the sender's, and no
//! word of it. Heartbeats arrive and facts do not, and without its peers' facts a node claims nothing.
//!
//! Owns the finding: a peer that answers short questions and does not acknowledge pages. From then on
//! all pages are short, until this process ends: a trial with long ones would hold back the facts
//! again.

use std::time::Duration;

use super::peer::Peer;
use super::wire::Kind;
use super::{LogLine, Member};
use crate::report::{Liveness, Problem, Severity};
use crate::time::Moment;

/// Every host takes a datagram so long, whatever is on the way (RFC 791 section 3.1: 576 bytes with
/// their headers; RFC 8200 section 5 gives more).
const SHORT: usize = 512;
/// A peer that acknowledges nothing for so long is asked whether it hears this node.
const ASK_AFTER: Duration = Duration::from_secs(1);
/// This often.
const ASK: Duration = Duration::from_millis(200);
/// And if it answers, pages are short from then on.
const BELIEVED_AFTER: Duration = Duration::from_secs(2);

/// How pages reach one peer.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Path {
    /// What it acknowledged last, and since when there is more to acknowledge.
    stuck: Option<(u32, Moment)>,
    asked_at: Option<Moment>,
    /// When it last answered a question.
    pong_at: Option<Moment>,
    /// Whether long datagrams to it are lost.
    pub(super) is_narrow: bool,
}

impl Path {
    /// The peer answers a ping.
    pub(super) fn handle_pong(&mut self, now: Moment) {
        self.pong_at = Some(now);
    }

    /// Whether the pages of the last beats may be lost for their length, and with them the beats.
    pub(super) fn is_lagging(&self, beat: Duration, now: Moment) -> bool {
        self.stuck
            .is_some_and(|(_, since)| now.since(since) >= beat * 3 / 2)
    }

    /// For how long the peer has acknowledged nothing, although there is something.
    fn stuck_for(&mut self, acked: u32, newest: u32, now: Moment) -> Duration {
        if acked >= newest {
            self.stuck = None;
            return Duration::ZERO;
        }
        match self.stuck {
            Some((before, since)) if before == acked => now.since(since),
            Some(_) | None => {
                self.stuck = Some((acked, now));
                Duration::ZERO
            }
        }
    }
}

impl Member {
    /// Looks whether a peer that is heard gets this node's pages.
    pub(super) fn watch_path(&mut self, peer: &mut Peer, now: Moment) {
        let is_there = matches!(peer.liveness, Liveness::Alive | Liveness::Suspect);
        let is_relayed = peer.relayed.via.is_some();
        if !is_there || is_relayed || peer.session.verified.is_none() {
            peer.path.stuck = None;
            return;
        }
        let stuck_for = peer.path.stuck_for(peer.acked, self.pages.version(), now);
        if stuck_for < ASK_AFTER || self.pages.limit() <= SHORT {
            return;
        }
        if peer.path.asked_at.is_none_or(|at| now.since(at) >= ASK) {
            peer.path.asked_at = Some(now);
            self.send_plain(peer, Kind::Ping);
        }
        let is_hearing = peer
            .path
            .pong_at
            .is_some_and(|at| now.since(at) < ASK_AFTER);
        if stuck_for >= BELIEVED_AFTER && is_hearing {
            peer.path.is_narrow = true;
            self.pages.shorten(SHORT);
            let text = format!(
                "long datagrams to {} are lost: sends short ones",
                peer.label()
            );
            self.log(LogLine {
                is_warning: true,
                address: None,
                peer: peer.name.clone(),
                text,
            });
        }
    }

    /// Peers that do not get long datagrams.
    pub(super) fn find_narrow(&self, problems: &mut Vec<Problem>) {
        for peer in self.peers.values().filter(|peer| peer.path.is_narrow) {
            problems.push(Problem {
                severity: Severity::Degraded,
                code: "long-datagrams-lost",
                what: format!(
                    "datagrams of more than {SHORT} bytes from {} to {} were lost, short ones \
                     arrive: sends its facts in short ones",
                    self.plan.link,
                    peer.label()
                ),
                remedy: "give the links of all nodes and the ports of the switch between them the \
                         same MTU, then restart sovnetd here"
                    .to_owned(),
            });
        }
    }
}

#[cfg(test)]
mod tests;
