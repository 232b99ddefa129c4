//! What a member knows of one peer: its session, its liveness and the facts it stated last.
//!
//! Owned by the member's table of peers; nothing here sends or decides for an address.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use super::detector::Detector;
use super::placement::{DEFAULT_WEIGHT, Order, score};
use super::rules::{self, Rule};
use super::timers::{LASTING_BEATS, REPLIES_PER_SECOND};
use super::window::Window;
use super::wire::{
    AddressKey, ClaimKind, Datagram, Entry, Facts, Flags, ListedPeer, MAX_SEQUENCE, Observed,
};
use crate::names::{Mac, NodeId, NodeName};
use crate::report::{Liveness, NodeState};
use crate::time::Moment;

/// One peer.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    pub(crate) id: NodeId,
    pub(crate) address: IpAddr,
    pub(crate) mac: Option<Mac>,
    pub(crate) name: Option<NodeName>,
    pub(crate) version: Option<String>,
    pub(crate) session: Session,
    pub(crate) liveness: Liveness,
    pub(crate) since: Moment,
    pub(crate) reason: String,
    /// Ever believed in this life of ours: only such a peer counts as known.
    pub(crate) is_known: bool,
    pub(crate) detector: Detector,
    pub(crate) heard_at: Option<Moment>,
    pub(crate) probe: Probe,
    /// When its kernel last answered ARP for its own host address.
    pub(crate) kernel_at: Option<Moment>,
    /// When its MAC last spoke for its own host address, and for nothing else.
    pub(crate) host_at: Option<Moment>,
    /// When it last announced or answered for an address that it claims.
    pub(crate) speaks_at: Option<Moment>,
    pub(crate) stated: Stated,
    /// What it observed on the wire, and when it said so.
    pub(super) observed: (Vec<Observed>, Option<Moment>),
    /// Since when it is heard and does not say that it hears this node.
    unlisted_since: Option<Moment>,
    /// It has not heard this node for so long that no heal explains it (R12).
    pub(crate) is_deaf: bool,
    /// When it was last sent the facts while it is not heard.
    pub(crate) stated_to_at: Option<Moment>,
    /// Version of my facts that it has applied.
    pub(crate) acked: u32,
    /// Whether it waits for my acknowledgement.
    pub(crate) is_owed_ack: bool,
    /// Whether its key, version or name was wrong lately, for status.
    pub(crate) is_foreign_version: bool,
}

/// Session and challenge state (ELECTION section 3).
#[derive(Debug, Clone)]
pub(crate) struct Session {
    /// The session that is verified.
    pub(crate) verified: Option<u64>,
    /// The last one that was verified or seen, to address the peer with.
    pub(crate) last: u64,
    pub(crate) my_challenge: u64,
    pub(crate) challenged_at: Moment,
    pub(crate) its_challenge: u64,
    pub(crate) window: Window,
    sequence: u64,
    replies: u32,
    replies_at: Moment,
}

/// The questions that are being asked about a silent peer (R15).
#[derive(Debug, Clone, Default)]
pub(crate) struct Probe {
    /// When it became suspect.
    pub(crate) suspect_at: Option<Moment>,
    /// When it was last asked.
    pub(crate) asked_at: Option<Moment>,
    /// When the first of the present questions went out.
    pub(crate) asking_since: Option<Moment>,
    /// When it was last pinged.
    pub(crate) pinged_at: Option<Moment>,
    /// Its kernel refused a ping of this window.
    pub(crate) is_refused: bool,
    /// Until when its claims are held (R16).
    pub(crate) held_until: Option<Moment>,
}

/// What a peer stated last.
#[derive(Debug, Clone)]
pub(crate) struct Stated {
    pub(crate) version: u32,
    pub(crate) state: NodeState,
    pub(crate) flags: Flags,
    pub(crate) interval: Duration,
    pub(crate) default_level: u8,
    pub(crate) listed: Vec<ListedPeer>,
    pub(crate) entries: BTreeMap<AddressKey, Entry>,
    /// Its rendezvous scores for the addresses it stated, which would be costly to hash each time.
    pub(crate) scores: BTreeMap<AddressKey, u64>,
}

impl Stated {
    fn nothing() -> Stated {
        Stated {
            version: 0,
            state: NodeState::Joining,
            flags: Flags::default(),
            interval: Duration::from_millis(25),
            default_level: 0,
            listed: Vec::new(),
            entries: BTreeMap::new(),
            scores: BTreeMap::new(),
        }
    }
}

impl Peer {
    /// A peer that was never heard, with a first challenge for it.
    pub(crate) fn new(id: NodeId, address: IpAddr, challenge: u64, now: Moment) -> Peer {
        Peer {
            id,
            address,
            mac: None,
            name: None,
            version: None,
            session: Session {
                verified: None,
                last: 0,
                my_challenge: challenge,
                challenged_at: now,
                its_challenge: 0,
                window: Window::default(),
                sequence: 0,
                replies: 0,
                replies_at: now,
            },
            liveness: Liveness::Unknown,
            since: now,
            reason: "not heard yet".to_owned(),
            is_known: false,
            detector: Detector::new(Duration::ZERO, now),
            heard_at: None,
            probe: Probe::default(),
            kernel_at: None,
            host_at: None,
            observed: (Vec::new(), None),
            speaks_at: None,
            stated: Stated::nothing(),
            unlisted_since: None,
            is_deaf: false,
            stated_to_at: None,
            acked: 0,
            is_owed_ack: false,
            is_foreign_version: false,
        }
    }

    /// Its name for people; its address while the name is not known.
    pub(crate) fn label(&self) -> String {
        self.name
            .as_ref()
            .map_or_else(|| self.address.to_string(), ToString::to_string)
    }

    /// The next sequence number of mine toward this peer.
    pub(crate) fn next_sequence(&mut self) -> u64 {
        self.session.sequence = (self.session.sequence + 1).min(MAX_SEQUENCE);
        self.session.sequence
    }

    /// Whether a reply to an unbelieved datagram may go out now (S3: 10 per second and source).
    pub(crate) fn may_reply(&mut self, now: Moment) -> bool {
        if now.since(self.session.replies_at) >= Duration::from_secs(1) {
            self.session.replies_at = now;
            self.session.replies = 0;
        }
        self.session.replies += 1;
        self.session.replies <= REPLIES_PER_SECOND
    }

    /// A session that is not mine to believe any more: after death, goodbye, or a new life of ours.
    pub(crate) fn forget_session(&mut self, challenge: u64, now: Moment) {
        self.session.verified = None;
        self.session.window = Window::default();
        self.session.my_challenge = challenge;
        self.session.challenged_at = now;
        self.acked = 0;
    }

    /// Changes the liveness and says why; nothing if it is the same.
    pub(crate) fn turn(&mut self, liveness: Liveness, reason: String, now: Moment) -> bool {
        if self.liveness == liveness {
            return false;
        }
        self.liveness = liveness;
        self.since = now;
        self.reason = reason;
        true
    }

    /// Whether its claims stand (ELECTION section 1).
    pub(crate) fn stands(&self) -> bool {
        match self.liveness {
            Liveness::Alive | Liveness::Suspect | Liveness::Hung | Liveness::Held => true,
            Liveness::Unknown | Liveness::Dead => false,
        }
    }

    /// Its standing entry for an address.
    pub(crate) fn entry(&self, key: AddressKey) -> Option<&Entry> {
        if self.stands() {
            self.stated.entries.get(&key)
        } else {
            None
        }
    }

    /// Its term for an address that it claims now.
    pub(crate) fn claim(&self, key: AddressKey) -> Option<u64> {
        let entry = self.entry(key)?;
        (entry.claim == ClaimKind::Active).then_some(entry.term)
    }

    /// The order of its claim or wish, if it stands.
    pub(crate) fn order(&self, entry: &Entry) -> Order {
        Order {
            term: entry.term,
            score: self.stated.scores.get(&entry.key).copied().unwrap_or(0),
            node: self.id,
            session: self.session.verified.unwrap_or(self.session.last),
        }
    }

    /// Its stated level for an address.
    pub(crate) fn level(&self, key: AddressKey) -> u8 {
        self.stated
            .entries
            .get(&key)
            .map_or(self.stated.default_level, |entry| entry.level)
    }

    /// Whether it says that it hears `id` directly.
    pub(crate) fn lists(&self, id: NodeId) -> bool {
        self.stated
            .listed
            .iter()
            .any(|listed| listed.id == id && listed.direct)
    }

    /// R12: follows for how long it is heard without hearing `me`. After a heal each side is
    /// unlisted for one beat; reacting at once would make both yield.
    pub(crate) fn watch_listing(&mut self, me: NodeId, now: Moment) {
        let is_one_way =
            self.liveness == Liveness::Alive && self.stated.version > 0 && !self.lists(me);
        self.unlisted_since = is_one_way.then(|| self.unlisted_since.unwrap_or(now));
        let lasting = self.stated.interval * LASTING_BEATS;
        self.is_deaf = self
            .unlisted_since
            .is_some_and(|since| now.since(since) >= lasting || !rules::applies(Rule::R12Delay));
    }

    /// Whether an address is on offer to `id`.
    pub(crate) fn offers(&self, key: AddressKey, id: NodeId) -> bool {
        let offer = self.entry(key).and_then(|entry| entry.offer);
        offer
            .and_then(|index| self.stated.listed.get(usize::from(index)))
            .is_some_and(|listed| listed.id == id)
    }

    /// Takes over a page of facts.
    pub(crate) fn apply(&mut self, version: u32, facts: Facts) {
        self.stated.version = version;
        self.stated.default_level = facts.default_level;
        self.stated.listed = facts.peers;
        self.stated.entries = facts
            .addresses
            .into_iter()
            .map(|entry| (entry.key, entry))
            .collect();
        let id = self.id;
        for key in self.stated.entries.keys() {
            self.stated
                .scores
                .entry(*key)
                .or_insert_with(|| score(*key, id, DEFAULT_WEIGHT));
        }
        self.is_owed_ack = true;
    }

    /// Takes over what every header says.
    pub(crate) fn apply_header(&mut self, datagram: &Datagram) {
        self.stated.state = datagram.state;
        self.stated.flags = datagram.flags;
        // Bounded on both sides: a stated interval of an hour must not make a peer immortal.
        let interval = Duration::from_millis(u64::from(datagram.interval_ms));
        self.stated.interval = interval.clamp(Duration::from_millis(5), Duration::from_millis(500));
    }

    /// Nothing of what it stated counts any more.
    pub(crate) fn forget_facts(&mut self) {
        let interval = self.stated.interval;
        self.stated = Stated {
            interval,
            ..Stated::nothing()
        };
    }
}
