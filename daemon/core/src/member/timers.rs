//! The times of the protocol (ELECTION section 5), each with its reason, in three profiles.
//!
//! How soon a node is taken for dead follows from the interval that it states, never from the
//! observer's profile alone: so a node knows the shortest detection of itself (R2), whoever
//! observes it.

use std::time::Duration;

use crate::config::Detection;

/// All times of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Timers {
    /// Heartbeat interval up to 10 nodes; 2.5 ms per node above.
    pub beat: Duration,
    /// Silence from which a peer can be suspected: two lost beats, one of a fast node.
    pub floor: Duration,
    /// The same where a wireless end holds frames back.
    pub floor_wireless: Duration,
    /// How long a suspect is asked before it is dead (R15), and the wire before a claim (R11).
    pub confirm: Duration,
    /// The same where a wireless end holds frames back.
    pub confirm_wireless: Duration,
    /// Distance of two questions while asking.
    pub ask_step: Duration,
    /// Longest join (R4).
    pub join: Duration,
    /// After a join that ended by time, only own wishes are resumed (R4).
    pub grace: Duration,
    /// A daemon that hangs on a live host is given up after this (R15).
    pub hung: Duration,
    /// Longest time for which ARP answers alone vouch for a host (R15).
    /// A kernel that answered no ARP for this long does not answer any more.
    pub kernel_silent: Duration,
    /// How long peers keep a restarting node's claims (R16).
    pub hold: Duration,
    /// How long a restarting or leaving node waits for acknowledgements (R16, R17).
    pub leave: Duration,
    /// An offer that is not taken goes to the next (R8).
    pub offer: Duration,
    /// And not again to this one for so long (R8).
    pub exclusion: Duration,
    /// Longest stop (R17).
    pub stop: Duration,
    /// How long an address that was given up is still forwarded.
    pub linger: Duration,
    /// How long an address may take to become local before this node counts as unable.
    pub local: Duration,
    /// And for how long it does.
    pub unable: Duration,
    /// A vacancy that was answered on the wire is asked for again after this (R11).
    pub wire: Duration,
    /// A vacancy older than this is taken by whoever is able (R11).
    pub patience: Duration,
    /// Added to the patience for each place in the order of the hash (R11).
    pub patience_step: Duration,
    /// Bound of the patience's doubling (R11).
    pub patience_max: Duration,
    /// An address that is lost again within this time doubles the patience (R11).
    pub patience_memory: Duration,
    /// The gateway is asked this often.
    pub gateway_ask: Duration,
    /// A gateway that did not answer for so long is lost (R3).
    pub gateway_lost: Duration,
    /// Broadcast hello while joining or isolated, and unicast hello to peers never heard.
    pub hello_joining: Duration,
    /// Broadcast hello otherwise.
    pub hello: Duration,
    /// An announcement by a foreign MAC is answered at most this often (R14, RFC 5227 section 2.4).
    pub defend: Duration,
    /// A mute node joins again when its double was not heard for so long (S5).
    pub mute: Duration,
    /// A challenge of an unverified peer is replaced after this (S3).
    pub challenge: Duration,
}

/// The interval that a node may state: one of an hour must not make it immortal, and one of nothing
/// must not make it dead.
pub(super) const INTERVAL_MIN: Duration = Duration::from_millis(5);
/// See [`INTERVAL_MIN`].
pub(super) const INTERVAL_MAX: Duration = Duration::from_millis(500);
/// Whoever states at least this interval is asked for at least [`HASTIEST_CONFIRM`] before it is dead.
const DEFAULT_BEAT: Duration = Duration::from_millis(25);
/// The heartbeat of the fast profile, up to 10 nodes.
const FAST_BEAT: Duration = Duration::from_millis(20);
/// The confirmation of the default profile.
const HASTIEST_CONFIRM: Duration = Duration::from_millis(30);
/// Beats after which evidence counts as lasting (R12, R14).
pub(super) const LASTING_BEATS: u32 = 5;
/// Hellos, replies and refusals per second and source that are answered.
pub(super) const REPLIES_PER_SECOND: u32 = 10;
/// Peers that are kept at most; beyond, the longest dead goes, else the newcomer is dropped.
pub(super) const MAX_PEERS: usize = super::wire::MAX_PEERS;
/// LAN hosts that are kept as witnesses (R3).
pub(super) const MAX_WITNESSES: usize = 8;

impl Default for Timers {
    fn default() -> Timers {
        let ms = Duration::from_millis;
        Timers {
            beat: ms(25),
            floor: ms(60),
            floor_wireless: ms(500),
            confirm: ms(30),
            confirm_wireless: ms(200),
            ask_step: ms(10),
            join: ms(300),
            grace: ms(3_000),
            hung: ms(1_000),
            kernel_silent: ms(300),
            hold: ms(5_000),
            leave: ms(250),
            offer: ms(250),
            exclusion: ms(5_000),
            stop: ms(2_000),
            linger: ms(5_000),
            local: ms(250),
            unable: ms(10_000),
            wire: ms(1_000),
            patience: ms(1_000),
            patience_step: ms(50),
            patience_max: ms(60_000),
            patience_memory: ms(600_000),
            gateway_ask: ms(1_000),
            gateway_lost: ms(3_000),
            hello_joining: ms(200),
            hello: ms(10_000),
            defend: ms(10_000),
            mute: ms(10_000),
            challenge: ms(1_000),
        }
    }
}

impl Timers {
    /// The times of a profile.
    pub(super) fn profile(detection: Detection) -> Timers {
        let ms = Duration::from_millis;
        let default = Timers::default();
        match detection {
            Detection::Default => default,
            Detection::Fast => Timers {
                beat: FAST_BEAT,
                floor: ms(30),
                confirm: ms(12),
                ask_step: ms(4),
                ..default
            },
            // What is counted in beats grows with them.
            Detection::Slow => Timers {
                beat: ms(100),
                floor: ms(300),
                confirm: ms(100),
                ask_step: ms(33),
                join: ms(1_200),
                leave: ms(1_000),
                offer: ms(1_000),
                ..default
            },
        }
    }

    /// The heartbeat interval with so many nodes, this one included.
    pub(super) fn beat_for(&self, nodes: usize) -> Duration {
        let nodes = u32::try_from(nodes).unwrap_or(u32::MAX);
        if nodes <= 10 {
            self.beat
        } else {
            (self.beat.saturating_mul(nodes) / 10).min(INTERVAL_MAX)
        }
    }

    /// Silence from which a peer with this interval can be suspected: two lost beats, whatever its
    /// profile is, but one of a fast node: its next one is due while it is being asked for.
    pub(super) fn floor_for(&self, interval: Duration) -> Duration {
        let lost = if interval <= FAST_BEAT {
            interval * 3 / 2
        } else {
            interval * 12 / 5
        };
        self.floor.max(lost)
    }

    /// How long a suspect with this interval is asked: never shorter than its own profile asks, so
    /// that a fast node gives no other a shorter time than that one reckons with.
    pub(super) fn confirm_for(&self, interval: Duration) -> Duration {
        if interval < DEFAULT_BEAT {
            self.confirm
        } else {
            self.confirm.max(HASTIEST_CONFIRM)
        }
    }

    /// R2: after so long without being run, some peer may have taken this node for dead, if this node
    /// states the interval `beat` and the hastiest of its peers states `hastiest`.
    pub(super) fn shortest_detection(
        &self,
        beat: Duration,
        hastiest: Option<Duration>,
    ) -> Duration {
        let observer = if hastiest.is_none_or(|peer| peer >= beat) {
            *self
        } else {
            Timers::profile(Detection::Fast)
        };
        observer.floor_for(beat) + observer.confirm_for(beat)
    }
}

#[cfg(test)]
mod tests;
